"""Posts entries and books them: the ledger first, then the engine.

An account notes up to which entry everything is booked. Whoever posts books what is missing before
his own too, so what somebody left who was killed in between is booked by the next entry of the
customer, and by a worker (psd/charging/payments/payment_desk.py)::

    post 7 ── booked is 5 ── book 6 and 7 as reports of the thing "ledger" ── booked = 7

Two who do that at once book the same reports, which changes nothing.
"""

from __future__ import annotations

from psd.charging.accounts.account_store import AccountStore, Posted
from psd.charging.accounts.ledger_entries import LedgerEntry, check_entry, report_of_entry
from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.clock import Clock
from psd.engine.engine import Engine
from psd.errors import IdempotencyMismatchError
from psd.failpoints import reach

AT_ONCE = 500


class LedgerBooking:
    """Posts to ledgers and keeps the bookings of the thing ``ledger`` up with them."""

    def __init__(
        self,
        accounts: AccountStore,
        engine: Engine,
        clock: Clock,
        thing: int | None,
        metrics: PaymentMetrics,
    ) -> None:
        self._accounts = accounts
        self._engine = engine
        self._clock = clock
        self._thing = thing
        self._metrics = metrics

    async def post(self, customer: str, entry: LedgerEntry) -> Posted:
        """Post an entry, once for its id, and book it. Safe to repeat.

        Raises an InputError for what no ledger takes, and IdempotencyMismatchError where the id
        stands there with other cents.
        """
        check_entry(entry)
        posted = await self._accounts.post(customer, entry, self._clock.now_ms())
        if (posted.entry.cents, posted.entry.kind) != (entry.cents, entry.kind):
            raise IdempotencyMismatchError(
                f"id: {entry.id} stands in the ledger of {customer} with {posted.entry.cents} cents"
            )
        if posted.is_new:
            self._metrics.ledger_cents.labels(entry.kind).inc(abs(entry.cents))
        reach("charging_posted")
        if posted.booked < posted.n:
            await self.book(customer, posted.booked)
        return posted

    async def book(self, customer: str, after: int) -> None:
        """Book the entries of a customer behind a number."""
        while entries := await self._accounts.ledger(customer, after, AT_ONCE):
            await self.book_entries(customer, [each.entry for each in entries])
            after = entries[-1].n
            await self._accounts.booked(customer, after)

    async def book_entries(self, customer: str, entries: list[LedgerEntry]) -> None:
        """Book these; one without cents is no booking."""
        if self._thing is None:
            return
        reports = [report_of_entry(self._thing, customer, each) for each in entries if each.cents]
        for outcome in await self._engine.book(reports) if reports else ():
            if outcome.error is not None:
                raise outcome.error

    async def book_left(self, customer: str) -> None:
        """Book what somebody left who was killed."""
        account = await self._accounts.account(customer)
        if account.booked < account.entries:
            await self.book(customer, account.booked)
