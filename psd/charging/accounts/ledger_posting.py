"""Archives what is to be known of money for ever, and then writes it.

An entry that stands in the ledger already is not archived again, so a webhook that comes a hundred
times is one entry of the archive as well::

    await posting.post("u1", usage("id-2", 12, NOW_MS))       archived, posted, booked
    await posting.tell("u1", [topup_fact(wish, NOW_MS)])      archived, told
"""

from __future__ import annotations

from collections.abc import Sequence

from psd.archive.decisions import Decision, entry_of
from psd.archive.writer import Appends
from psd.charging.accounts.account_store import AccountStore, Posted
from psd.charging.accounts.customer_accounts import Fact
from psd.charging.accounts.ledger_booking import LedgerBooking
from psd.charging.accounts.ledger_entries import LedgerEntry, check_entry
from psd.charging.payments.payment_decisions import AccountTold, LedgerPosted, told
from psd.clock import Clock


class LedgerPosting:
    """What all that is about money goes through."""

    def __init__(
        self, accounts: AccountStore, booking: LedgerBooking, archive: Appends, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._booking = booking
        self._archive = archive
        self._clock = clock

    async def post(self, customer: str, entry: LedgerEntry) -> Posted:
        """Post an entry once for its id; raises an InputError for what no ledger takes."""
        check_entry(entry)
        if await self._accounts.number_of(customer, entry.id) is None:
            await self._archived(LedgerPosted(customer=customer, entry=entry))
        return await self._booking.post(customer, entry)

    async def tell(
        self,
        customer: str,
        facts: Sequence[Fact] = (),
        *,
        begins: bool = False,
        stripe_id: str = "",
    ) -> bool:
        """Put facts into an account; whether something changed."""
        decision = AccountTold(
            customer=customer, facts=tuple(facts), begins=begins, stripe_id=stripe_id
        )
        await self._archived(decision)
        return await told(self._accounts, decision)

    async def _archived(self, decision: Decision) -> None:
        await self._archive.append([entry_of(decision, self._clock.now_ms())])
