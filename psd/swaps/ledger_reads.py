"""What the ledger is asked: objects now or at any past second, transactions, days, events.

Nothing is stored of what is derived. A state is what the newest live transactions say, those until
``at``; a day is a sum of the buckets::

    battery 3 at NOON    newest that brought it in, newest that took it out, both until NOON
    days of driver 1     one series of distances, one of energies, one of swaps
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from psd.clock import Clock
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.errors import NotFoundError, UnknownThingError
from psd.foreign_texts import shown
from psd.queries.calendar import bounds, bucket_of
from psd.swaps.answers import (
    BatteryState,
    DriverDay,
    DriverState,
    NetworkState,
    StationState,
    StocktakeCheck,
    StreamedEvent,
    Transaction,
    TransactionChain,
    TransactionPage,
    VehicleState,
    transaction_of,
)
from psd.swaps.around_asks import END_S, newest
from psd.swaps.days import DaySums, day_rows
from psd.swaps.derivations import derivations
from psd.swaps.objects import (
    Known,
    KnownBattery,
    KnownDriver,
    KnownStation,
    KnownVehicle,
    known_of,
    known_then,
)
from psd.swaps.positions import whereabouts
from psd.swaps.store import Member, Named, SwapsStore
from psd.swaps.swap_bookings import RIDE_DISTANCE, RIDE_ENERGY, SWAPS, owner_of
from psd.swaps.swap_events import Correction, Numbered, Registered, Stocktake
from psd.swaps.swap_messages import Reference

PAGE_MAX = 1_000
"""Objects, transactions or events of one answer."""

DAYS_MAX = 5_000

INDEXES_OF = {
    "driver": ("driver",),
    "vehicle": ("vehicle",),
    "station": ("station",),
    "battery": ("battery_in", "battery_out"),
}
"""What the transactions of an object are found in."""


class LedgerReads:
    """Questions about one network; raises NotFoundError for what there is not."""

    def __init__(
        self,
        network: str,
        store: SwapsStore,
        engine: Reads,
        clock: Clock,
        things: Mapping[str, int],
    ) -> None:
        self.network = network
        self._store = store
        self._engine = engine
        self._clock = clock
        self._things = things

    async def find(self, kind: str, reference: Reference) -> int:
        """The id of an object by its number, or by its name, serial, VIN or phone. 1 trip."""
        if isinstance(reference, int):
            return reference
        found = await self._store.ids_of(self.network, [(kind, reference)])
        if number := found.get((kind, reference)):
            return number
        if reference.isascii() and reference.isdecimal() and len(reference) <= 15:
            return int(reference)
        raise NotFoundError(f"{kind}: {shown(reference)} is unknown in {self.network}")

    async def driver(self, number: int, at: int | None = None) -> DriverState:
        """A driver, his vehicle, and the battery in it."""
        driver = cast("KnownDriver", await self._known("driver", number, at))
        mine = newest("driver", number, at)
        asks = [mine] if driver.vehicle is None else [mine, newest("vehicle", driver.vehicle, at)]
        last, *of_vehicle = (await self._store.around(self.network, asks)).found
        if driver.vehicle is None:
            return DriverState(driver, None, None, last.n if last else None)
        vehicle = cast("KnownVehicle", await self._known("vehicle", driver.vehicle, at))
        [swap] = of_vehicle
        carried = swap.swap.battery_out if swap else None
        battery = None
        if carried is not None:
            battery = cast("KnownBattery", await self._known("battery", carried, at))
        return DriverState(driver, vehicle, battery, last.n if last else None)

    async def battery(self, number: int, at: int | None = None) -> BatteryState:
        """A battery: at which station or on whose vehicle it is, and with what energy."""
        battery = cast("KnownBattery", await self._known("battery", number, at))
        return (await self.whereabouts([battery], at))[0]

    async def vehicle(self, number: int, at: int | None = None) -> VehicleState:
        """A vehicle, and the battery in it."""
        vehicle = cast("KnownVehicle", await self._known("vehicle", number, at))
        [last] = (await self._store.around(self.network, [newest("vehicle", number, at)])).found
        if last is None:
            return VehicleState(vehicle, None, None, None)
        return VehicleState(vehicle, last.swap.battery_out, last.swap.driver, last.n)

    async def station(self, number: int, at: int | None = None) -> StationState:
        """A station, and the batteries there. Looks at each battery of the network, 20 us each."""
        station = cast("KnownStation", await self._known("station", number, at))
        there: list[BatteryState] = []
        for start in range(0, await self._store.count(self.network, "battery"), PAGE_MAX):
            states = await self.whereabouts(await self.batteries(start, at=at), at)
            there += [each for each in states if each.where.station == number]
        return StationState(station, tuple(there))

    async def whereabouts(
        self, batteries: Sequence[KnownBattery], at: int | None = None
    ) -> list[BatteryState]:
        """Where these batteries are, by position. 1 trip."""
        asks = [newest(index, each.id, at) for each in batteries for index in INDEXES_OF["battery"]]
        found = (await self._store.around(self.network, asks)).found if asks else []
        return [
            BatteryState(battery, whereabouts(came_in, went_out, battery.station))
            for battery, came_in, went_out in zip(batteries, found[::2], found[1::2], strict=True)
        ]

    async def drivers(
        self, after: int = 0, limit: int = PAGE_MAX, at: int | None = None
    ) -> list[KnownDriver]:
        """Drivers by id, from behind one on."""
        return cast("list[KnownDriver]", await self._page("driver", after, limit, at))

    async def stations(
        self, after: int = 0, limit: int = PAGE_MAX, at: int | None = None
    ) -> list[KnownStation]:
        """Stations by id, from behind one on."""
        return cast("list[KnownStation]", await self._page("station", after, limit, at))

    async def batteries(
        self, after: int = 0, limit: int = PAGE_MAX, at: int | None = None
    ) -> list[KnownBattery]:
        """Batteries by id, from behind one on; :meth:`whereabouts` tells where they are."""
        return cast("list[KnownBattery]", await self._page("battery", after, limit, at))

    async def vehicles(
        self, after: int = 0, limit: int = PAGE_MAX, at: int | None = None
    ) -> list[KnownVehicle]:
        """Vehicles by id, from behind one on."""
        return cast("list[KnownVehicle]", await self._page("vehicle", after, limit, at))

    async def labels(self, wanted: Iterable[Named]) -> dict[Named, str]:
        """What people call objects: names of stations, serials, VINs, names of drivers. 1 trip."""
        listed = sorted(set(wanted))
        held = await self._store.objects(self.network, listed)
        return {each: known_of(*each, held[each]).label for each in listed if each in held}

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

    async def days(self, driver: int, range_: Range | None, tz: ZoneInfo) -> list[DriverDay]:
        """A driver's days in a time zone, those without transactions too, oldest first.

        Without a range from his first day (or first swap, if that is earlier) to today; of a range
        whole days are told.
        """
        known = cast("KnownDriver", await self._known("driver", driver, None))
        if range_ is None:
            range_ = await self._lifetime(known)
        if range_.end <= range_.start:
            return []
        first, last = bucket_of(range_.start, "day", tz), bucket_of(range_.end - 1, "day", tz)
        edges = bounds(Range(first.start, last.end), "day", tz, DAYS_MAX)
        rows = day_rows(edges, tz, await self._day_sums(driver, edges))
        return await self._with_last(driver, rows)

    async def events(self, after: int = 0, limit: int = PAGE_MAX) -> list[StreamedEvent]:
        """The stream itself, from behind a number on. 1 trip."""
        found = await self._store.stream(self.network, after, min(limit, PAGE_MAX))
        return [StreamedEvent(n, event) for n, event in found]

    async def network_state(self, limit: int) -> NetworkState:
        """The newest events, as many as asked for, and how much there is. 1 trip."""
        found, counts = await self._store.newest(self.network, limit)
        return NetworkState(tuple(StreamedEvent(n, event) for n, event in found), counts)

    async def stocktakes(self, limit: int = 50) -> list[StocktakeCheck]:
        """The newest stocktakes, each against what the ledger says of its second now."""
        numbers = await self._store.noted(self.network, "stocktakes", limit)
        found = await self._store.events(self.network, numbers)
        return [
            await self._checked(n, event)
            for n in numbers
            if isinstance(event := found[n], Stocktake)
        ]

    async def warned(self, limit: int = 50) -> list[Transaction]:
        """The newest transactions that were accepted with a warning and are live."""
        numbers = await self._store.noted(self.network, "warned", limit)
        found = await self._store.transactions(self.network, numbers)
        rejected = await self._store.corrections(self.network, numbers)
        return await self._told([found[n] for n in numbers if n not in rejected], {})

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

    async def _known(self, kind: str, number: int, at: int | None) -> Known:
        [*found] = (await self._known_all([(kind, number)], at)).values()
        if not found:
            raise NotFoundError(f"{kind}: there is no {kind} {number} in {self.network}")
        return found[0]

    async def _known_all(self, wanted: Sequence[Named], at: int | None) -> dict[Named, Known]:
        """Objects as they are, or were; before it was registered one is as it was then."""
        held = await self._store.objects(self.network, wanted)
        now = {each: known_of(*each, held[each]) for each in wanted if each in held}
        if at is None:
            return now
        said = await self._store.changes(self.network, [*now], at)
        numbers = [n for each in said.values() for n in each]
        events = await self._store.events(self.network, numbers)
        return {
            each: _then(each, [(n, events[n]) for n in said[each]], known)
            for each, known in now.items()
        }

    async def _page(self, kind: str, after: int, limit: int, at: int | None) -> list[Known]:
        count = await self._store.count(self.network, kind)
        end = min(count, after + min(limit, PAGE_MAX))
        wanted = [(kind, number) for number in range(after + 1, end + 1)]
        return [*(await self._known_all(wanted, at)).values()]

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

    async def _with_last(self, driver: int, rows: Sequence[DriverDay]) -> list[DriverDay]:
        """The rows with the last transaction of each day. 1 trip for 500 days with swaps."""
        asks = [newest("driver", driver, row.end - 1) for row in rows if row.transactions]
        found = iter((await self._store.around(self.network, asks)).found if asks else ())
        return [
            msgspec.structs.replace(row, last_transaction=last.n)
            if row.transactions and (last := next(found)) is not None
            else row
            for row in rows
        ]


def _then(named: Named, said: Sequence[tuple[int, object]], now: Known) -> Known:
    """An object as it was; what was said of it later is left out."""
    told = [(event.second, n, event.fields) for n, event in said if isinstance(event, Registered)]
    if not told:
        if isinstance(now, KnownBattery):
            return msgspec.structs.replace(now, station=None)
        return now
    return known_then(*named, told)
