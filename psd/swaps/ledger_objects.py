"""What the ledger is asked of its objects: drivers, vehicles, batteries, stations, now or then.

Nothing is stored of what is derived. A state is what the newest live transactions say, those until
``at``::

    battery 3 at NOON    newest that brought it in, newest that took it out, both until NOON
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import cast

from psd.errors import NotFoundError
from psd.foreign_texts import shown
from psd.swaps.answers import (
    BatteryState,
    DriverState,
    StationState,
    VehicleState,
)
from psd.swaps.append import Named
from psd.swaps.around_asks import newest
from psd.swaps.objects import (
    Known,
    KnownBattery,
    KnownDriver,
    KnownStation,
    KnownVehicle,
    known_of,
)
from psd.swaps.past_objects import objects_at
from psd.swaps.positions import whereabouts
from psd.swaps.store import SwapsStore
from psd.swaps.swap_messages import Reference

PAGE_MAX = 1_000
"""Objects, transactions or events of one answer."""

INDEXES_OF = {
    "driver": ("driver",),
    "vehicle": ("vehicle",),
    "station": ("station",),
    "battery": ("battery_in", "battery_out"),
}
"""What the transactions of an object are found in."""


class ObjectReads:
    """Questions about the objects of one network; raises NotFoundError for what there is not."""

    def __init__(self, network: str, store: SwapsStore) -> None:
        self.network = network
        self._store = store

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
        """A vehicle, and the battery in it; its odometer is as it was registered until a swap."""
        vehicle = cast("KnownVehicle", await self._known("vehicle", number, at))
        [last] = (await self._store.around(self.network, [newest("vehicle", number, at)])).found
        if last is None:
            return VehicleState(vehicle, vehicle.odometer, None, None, None)
        swap = last.swap
        return VehicleState(vehicle, swap.odometer, swap.battery_out, swap.driver, last.n)

    async def station(self, number: int, at: int | None = None) -> StationState:
        """A station, and the batteries there. Looks at each battery of the network, 10 us each."""
        station = cast("KnownStation", await self._known("station", number, at))
        ids = (await self.batteries_by_station(at)).get(number, ())
        there: list[BatteryState] = []
        for start in range(0, len(ids), PAGE_MAX):
            states = await self.whereabouts(await self._batteries(ids[start:], at), at)
            # One may have been taken out meanwhile.
            there += [each for each in states if each.where.station == number]
        return StationState(station, tuple(there))

    async def batteries_by_station(self, at: int | None = None) -> dict[int, list[int]]:
        """Ids of the batteries at each station. 2 trips; of a past second some more."""
        count = await self._store.count(self.network, "battery")
        told = await self._store.stations_of(self.network, count, at)
        untold = [id_ for id_, where in enumerate(told, 1) if where is None]
        registered: dict[int, int | None] = {}
        for start in range(0, len(untold), PAGE_MAX):
            known = await self._batteries(untold[start:], at)
            registered |= {each.id: each.station for each in known}
        found: dict[int, list[int]] = defaultdict(list)
        for id_, where in enumerate(told, 1):
            station = registered.get(id_) if where is None else where
            if station:
                found[station].append(id_)
        return found

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

    async def _batteries(self, ids: Sequence[int], at: int | None) -> list[KnownBattery]:
        """The first PAGE_MAX of these that there are."""
        wanted = [("battery", each) for each in ids[:PAGE_MAX]]
        return cast("list[KnownBattery]", [*(await self._known_all(wanted, at)).values()])

    async def _known(self, kind: str, number: int, at: int | None) -> Known:
        [*found] = (await self._known_all([(kind, number)], at)).values()
        if not found:
            raise NotFoundError(f"{kind}: there is no {kind} {number} in {self.network}")
        return found[0]

    async def _known_all(self, wanted: Sequence[Named], at: int | None) -> dict[Named, Known]:
        return await objects_at(self._store, self.network, wanted, at)

    async def _page(self, kind: str, after: int, limit: int, at: int | None) -> list[Known]:
        count = await self._store.count(self.network, kind)
        end = min(count, after + min(limit, PAGE_MAX))
        wanted = [(kind, number) for number in range(after + 1, end + 1)]
        return [*(await self._known_all(wanted, at)).values()]
