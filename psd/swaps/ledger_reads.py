"""What the ledger is asked: transactions, days, stocktakes, the stream; its objects are below.

Nothing is stored of what is derived. What was corrected is told with what stands for it by now; a
day is a sum of the buckets::

    transaction 7, which 9 corrects    7 (rejected by 9), 9; live: 9
    days of driver 1                   one series of distances, one of energies, one of swaps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from psd.clock import Clock, utc_text
from psd.engine.plan import DAY_S, Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.errors import BadQueryError, NotFoundError, UnknownThingError
from psd.foreign_texts import shown
from psd.queries.calendar import bounds, bucket_of
from psd.swaps.answers import (
    DriverDay,
    NetworkState,
    StocktakeCheck,
    StreamedEvent,
    Transaction,
    TransactionChain,
    TransactionPage,
    transaction_of,
)
from psd.swaps.append import Member, Named
from psd.swaps.around_asks import END_S, newest
from psd.swaps.days import DaySums, day_rows
from psd.swaps.derivations import derivations
from psd.swaps.ledger_objects import INDEXES_OF, PAGE_MAX, ObjectReads
from psd.swaps.objects import KnownDriver
from psd.swaps.store import SwapsStore
from psd.swaps.swap_bookings import RIDE_DISTANCE, RIDE_ENERGY, SWAPS, owner_of
from psd.swaps.swap_events import Correction, Numbered, Stocktake

DAYS_MAX = 5_000

LISTED = 50
"""Stocktakes that are looked at together: each looks at every battery."""


class LedgerReads(ObjectReads):
    """Questions about one network; raises NotFoundError for what there is not."""

    def __init__(
        self,
        network: str,
        store: SwapsStore,
        engine: Reads,
        clock: Clock,
        things: Mapping[str, int],
    ) -> None:
        super().__init__(network, store)
        self._engine = engine
        self._clock = clock
        self._things = things

    async def transaction(self, number: int) -> TransactionChain:
        """A transaction, what it was before and what stands for it by now."""
        wanted = await self._chain(number)
        told = await self._told(wanted, await self._rejected(wanted))
        [one] = [each for each in told if each.n == number]
        return TransactionChain(one, tuple(told), told[-1].n)

    async def transactions(self, numbers: Sequence[int]) -> list[Transaction]:
        """These transactions, in the order of their numbers; those that there are not are left out.

        3 trips for 500.
        """
        found = await self._store.transactions(self.network, numbers)
        wanted = [found[n] for n in sorted(found)]
        return await self._told(wanted, await self._rejected(wanted))

    async def transactions_of(
        self,
        kind: str,
        number: int,
        *,
        limit: int = 50,
        before: str | None = None,
        include_rejected: bool = False,
        at: int | None = None,
    ) -> TransactionPage:
        """Transactions that name an object, newest first by place; ``before`` is of a page."""
        which = ("tx", "gone") if include_rejected else ("tx",)
        indexes = [(each, (index, number)) for each in which for index in INDEXES_OF[kind]]
        until = END_S if at is None else at
        bound: Member = (until, "~")
        if before is not None:
            second, _, member = before.partition(".")
            if not second.isdecimal():
                raise NotFoundError(f"before: {shown(before)} is of no page")
            bound = min(bound, (int(second), member))
        found = await self._members(indexes, bound, limit + 1)
        page = found[:limit]
        numbers = [int(member[-12:]) for _, member in page]
        events = await self._store.transactions(self.network, numbers)
        wanted = [events[n] for n in numbers]
        told = await self._told(wanted, await self._rejected(wanted))
        following = f"{page[-1][0]}.{page[-1][1]}" if len(found) > limit else None
        return TransactionPage(tuple(told), following)

    async def number_of(self, id_: str) -> int | None:
        """The number of the event that somebody sent under an id, None for none. 1 trip."""
        return await self._store.seen(self.network, id_)

    async def live(self, number: int) -> int:
        """The number of what stands for a transaction by now."""
        return (await self.transaction(number)).live

    async def days(
        self, driver: int, range_: Range | None, tz: ZoneInfo, at: int | None = None
    ) -> list[DriverDay]:
        """A driver's days in a time zone, those without transactions too, oldest first.

        Without a range from his first day (or first swap, if that is earlier) to today; of a range
        whole days are told. Those until ``at`` have what had happened by then.
        """
        known = cast("KnownDriver", await self._known("driver", driver, None))
        if range_ is None:
            range_ = await self._lifetime(known)
        return await self._with_last(driver, await self._days(driver, range_, tz, at), at)

    async def newest_days(
        self, driver: int, count: int, tz: ZoneInfo, at: int | None = None
    ) -> list[DriverDay]:
        """The last days of his life, or of it until a second, without the last transaction of each.

        What has come together by then counts what lies before them.
        """
        life = await self._lifetime(cast("KnownDriver", await self._known("driver", driver, None)))
        end = life.end if at is None else min(life.end, at + 1)
        # A day more, for one that is longer than 24 hours.
        start = max(life.start, end - (count + 1) * DAY_S)
        return (await self._days(driver, Range(start, end), tz, at))[-count:]

    async def _days(
        self, driver: int, range_: Range, tz: ZoneInfo, at: int | None
    ) -> list[DriverDay]:
        if at is not None:
            range_ = Range(range_.start, min(range_.end, at + 1))
        if range_.end <= range_.start:
            return []
        first, last = bucket_of(range_.start, "day", tz), bucket_of(range_.end - 1, "day", tz)
        if last.end - first.start > DAYS_MAX * DAY_S:
            raise BadQueryError(
                f"start: {utc_text(range_.start)} to {utc_text(range_.end)} is more than "
                f"{DAYS_MAX} days; ask for a part of them"
            )
        edges = bounds(Range(first.start, last.end), "day", tz, DAYS_MAX + 1)
        summed = edges if at is None else [*edges[:-1], min(edges[-1], at + 1)]
        return day_rows(edges, tz, await self._day_sums(driver, summed))

    async def events(self, after: int = 0, limit: int = PAGE_MAX) -> list[StreamedEvent]:
        """The stream itself, from behind a number on. 1 trip."""
        found = await self._store.stream(self.network, after, min(limit, PAGE_MAX))
        return [StreamedEvent(n, event) for n, event in found]

    async def network_state(self, limit: int) -> NetworkState:
        """The newest events, as many as asked for, and how much there is. 1 trip."""
        found, counts = await self._store.newest(self.network, limit)
        return NetworkState(tuple(StreamedEvent(n, event) for n, event in found), counts)

    async def stocktakes(self, limit: int = 50, start: int = 0) -> list[StocktakeCheck]:
        """The newest stocktakes, each against what the ledger says of its second now."""
        numbers = await self._store.noted(self.network, "stocktakes", limit, start)
        found = await self._store.events(self.network, numbers)
        return [
            await self._checked(n, event)
            for n in numbers
            if isinstance(event := found[n], Stocktake)
        ]

    async def disagreeing(self, limit: int = 50) -> list[StocktakeCheck]:
        """The newest stocktakes that disagree, however many that agree came after them."""
        found: list[StocktakeCheck] = []
        start = 0
        while len(found) < limit and (page := await self.stocktakes(LISTED, start)):
            found += [each for each in page if not each.agrees]
            start += len(page)
        return found[:limit]

    async def warned(self, limit: int = 50) -> list[Transaction]:
        """The newest transactions that were accepted with a warning and are live."""
        live: list[int] = []
        start = 0
        while len(live) < limit:
            numbers = await self._store.noted(self.network, "warned", PAGE_MAX, start)
            if not numbers:
                break
            rejected = await self._store.corrections(self.network, numbers)
            live += [n for n in numbers if n not in rejected]
            start += len(numbers)
        found = await self._store.transactions(self.network, live[:limit])
        return await self._told([found[n] for n in live[:limit]], {})

    async def _checked(self, n: int, event: Stocktake) -> StocktakeCheck:
        state = await self.station(event.station, event.second)
        there = {each.battery.id for each in state.batteries}
        counted = {*event.batteries}
        return StocktakeCheck(
            n,
            event.station,
            event.second,
            event.batteries,
            tuple(sorted(there - counted)),
            tuple(sorted(counted - there)),
        )

    async def _chain(self, number: int) -> list[Numbered]:
        """All that stood for one another, the first one first."""
        found = (await self._store.transactions(self.network, [number])).get(number)
        if found is None:
            raise NotFoundError(f"transaction: there is no transaction {number}")
        chain = [found]
        while isinstance(chain[0].swap, Correction):
            wrong = chain[0].swap.corrects
            chain.insert(0, (await self._store.transactions(self.network, [wrong]))[wrong])
        while by := (await self._store.corrections(self.network, [chain[-1].n])).get(chain[-1].n):
            chain.append((await self._store.transactions(self.network, [by]))[by])
        return chain

    async def _rejected(self, some: Sequence[Numbered]) -> dict[int, int]:
        return await self._store.corrections(self.network, [each.n for each in some])

    async def _told(
        self, some: Sequence[Numbered], rejected: Mapping[int, int]
    ) -> list[Transaction]:
        live = [each for each in some if each.n not in rejected]
        derived = dict(
            zip(
                (each.n for each in live),
                await derivations(self._store, self.network, live) if live else (),
                strict=True,
            )
        )
        return [transaction_of(each, rejected.get(each.n), derived.get(each.n)) for each in some]

    async def _members(
        self, indexes: Sequence[tuple[str, Named]], bound: Member, limit: int
    ) -> list[Member]:
        """So many of all these indexes before a bound, newest first, each once."""
        found: set[Member] = set()
        start = 0
        while True:
            pages = await self._store.members(self.network, indexes, bound[0], start, limit)
            found |= {each for page in pages for each in page if each < bound}
            start += limit
            # An index whose page was full may have more that lie before what others have told.
            ends = [page[-1] for page in pages if len(page) == limit]
            told = sorted(found, reverse=True)
            if not ends or (len(told) >= limit and told[limit - 1] >= max(ends)):
                return told[:limit]

    async def _lifetime(self, known: KnownDriver) -> Range:
        """From a driver's first second to now."""
        first = await self._store.first(self.network, ("driver", known.id))
        starts = [each for each in (known.started, first) if each is not None]
        return Range(min(starts), self._clock.now_s() + 1)

    async def _day_sums(self, driver: int, edges: Sequence[int]) -> DaySums:
        uid = owner_of(self.network, "driver", driver)
        cuts = [0, *edges] if edges[0] > 0 else [*edges]
        sums: dict[str, list[int]] = {}
        for name in (RIDE_DISTANCE, RIDE_ENERGY, SWAPS):
            thing = self._things.get(name)
            if thing is None:
                raise UnknownThingError(f"thing: {name!r}, which days are sums of, is unknown")
            [columns] = await self._engine.series([uid], BucketQuestion(thing, cuts))
            told = columns[None].sums if None in columns else [0] * (len(cuts) - 1)
            sums[name] = told if edges[0] > 0 else [0, *told]
        distances, energies, swaps = sums[RIDE_DISTANCE], sums[RIDE_ENERGY], sums[SWAPS]
        return DaySums(distances[1:], energies[1:], swaps[1:], distances[0], energies[0])

    async def _with_last(
        self, driver: int, rows: Sequence[DriverDay], at: int | None
    ) -> list[DriverDay]:
        """The rows with the last transaction of each day. 1 trip for 500 days with swaps."""
        until = END_S if at is None else at
        asks = [
            newest("driver", driver, min(row.end - 1, until)) for row in rows if row.transactions
        ]
        found = iter((await self._store.around(self.network, asks)).found if asks else ())
        return [
            msgspec.structs.replace(row, last_transaction=last.n)
            if row.transactions and (last := next(found)) is not None
            else row
            for row in rows
        ]
