"""Adds up ledgers, balances and bookings of money, for ``psd verify``.

The ledger is believed: it is only ever appended to. Held against it are the balance, the number
of entries, the ids that are seen, each booking of the thing ``ledger``, and its sum::

    psd:charging:{c:u1}:account balance_cents: 4988, should be 4976 by the ledger
    bookings of customer u1 use/id-2: nothing, should be -12 by the ledger

While somebody posts, a customer is read again, up to ATTEMPTS times; then what was different is
told as changing. A repair writes what follows from the ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from psd.audit.examine import NOTHING, Discrepancy
from psd.audit.sweep import Audited
from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.ledger_booking import LedgerBooking
from psd.charging.accounts.ledger_entries import NumberedEntry, customer_uid, report_of_entry
from psd.charging.accounts.whole_accounts import WholeAccounts
from psd.charging.keys import account_key, entries_seen_key
from psd.engine.engine import Engine
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.engine.windows import Window
from psd.store.redis import Store

ATTEMPTS = 8
PAGE = 500
SOURCE = "the ledger"

Ledger = Sequence[NumberedEntry]


class LedgerAudit:
    """Audits customers."""

    def __init__(
        self,
        store: Store,
        accounts: AccountStore,
        booking: LedgerBooking,
        engine: Engine,
        thing: int | None,
    ) -> None:
        self._accounts = accounts
        self._whole = WholeAccounts(store)
        self._booking = booking
        self._engine = engine
        self._thing = thing

    async def every(self, *, repair: bool) -> AsyncIterator[Audited]:
        """All customers: what is kept of each, and what is booked."""
        for customer in await self._whole.customers():
            yield await self._kept(customer, repair=repair)
            if self._thing is not None:
                yield await self._booked(customer, self._thing, repair=repair)

    async def ledger(self, customer: str) -> Ledger:
        """All entries of a customer."""
        found: list[NumberedEntry] = []
        while page := await self._accounts.ledger(customer, found[-1].n if found else 0, PAGE):
            found += page
        return found

    async def _kept(self, customer: str, *, repair: bool) -> Audited:
        key = account_key(customer)
        found: list[Discrepancy] = []
        for _ in range(ATTEMPTS):
            ledger = await self.ledger(customer)
            last = ledger[-1].n if ledger else 0
            found = await self._differences(customer, ledger)
            if not found:
                return Audited(key, "clean", found)
            if await self._last(customer) != last:
                continue
            if not repair:
                return Audited(key, "found", found)
            ids = {each.entry.id: each.n for each in ledger}
            stale = [each.field for each in found if each.key != key]
            balance = sum(each.entry.cents for each in ledger)
            changes = {id_: ids.get(id_, 0) for id_ in stale}
            if await self._whole.restore(customer, last, balance, changes):
                return Audited(key, "repaired", found)
        return Audited(key, "busy", found)

    async def _last(self, customer: str) -> int:
        newest = await self._accounts.newest(customer, 0, 1)
        return newest[0].n if newest else 0

    async def _differences(self, customer: str, ledger: Ledger) -> list[Discrepancy]:
        account = await self._accounts.account(customer)
        seen = await self._whole.seen(customer)
        expected = sum(each.entry.cents for each in ledger)
        numbers = (
            ("balance_cents", expected, account.balance_cents),
            ("entries", ledger[-1].n if ledger else 0, account.entries),
        )
        found = [
            Discrepancy(account_key(customer), field, str(wanted), str(held), SOURCE)
            for field, wanted, held in numbers
            if wanted != held
        ]
        ids = {each.entry.id: each.n for each in ledger}
        key = entries_seen_key(customer)
        return found + [
            Discrepancy(key, id_, _number(ids.get(id_)), _number(seen.get(id_)), SOURCE)
            for id_ in sorted({*ids, *seen})
            if ids.get(id_) != seen.get(id_)
        ]

    async def _booked(self, customer: str, thing: int, *, repair: bool) -> Audited:
        key = f"bookings of customer {customer}"
        found: list[Discrepancy] = []
        for _ in range(ATTEMPTS):
            ledger = await self.ledger(customer)
            found = await self._wrong_bookings(customer, thing, ledger)
            if not found:
                return Audited(key, "clean", found)
            last = ledger[-1].n if ledger else 0
            if await self._last(customer) != last:
                continue
            if not repair:
                return Audited(key, "found", found)
            await self._booking.book_entries(customer, [each.entry for each in ledger])
            if not await self._wrong_bookings(customer, thing, ledger):
                return Audited(key, "repaired", found)
            if await self._last(customer) == last:
                return Audited(key, "found", found)
        return Audited(key, "busy", found)

    async def _wrong_bookings(self, customer: str, thing: int, ledger: Ledger) -> list[Discrepancy]:
        entries = [each.entry for each in ledger if each.entry.cents]
        reports = [report_of_entry(thing, customer, each) for each in entries]
        windows = [Window(each.thing, each.uid, each.aid, each.ts1, each.ts2) for each in reports]
        key = f"bookings of customer {customer}"
        found = []
        standing = await self._engine.reported(windows) if windows else []
        for entry, stands in zip(entries, standing, strict=True):
            if stands.value != entry.cents:
                held = str(stands.value) if stands.status == "booked" else NOTHING
                found.append(Discrepancy(key, entry.id, str(entry.cents), held, SOURCE))
        uid, expected = customer_uid(customer), sum(each.cents for each in entries)
        [sums] = await self._engine.sums([uid], [thing], [Range(0, TIME_END_S)])
        if not found and sums.sums[thing] != expected:
            held = str(sums.sums[thing])
            found.append(Discrepancy(key, "sum", str(expected), held, SOURCE))
        return found


def _number(n: int | None) -> str:
    return NOTHING if n is None else str(n)
