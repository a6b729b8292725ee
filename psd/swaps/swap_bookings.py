"""What the engine is told of transactions, so that days, weeks and lives are sums. Pure.

Transaction 4 (root 2) of driver 1 at station 1, who takes battery 3 out::

    ride_distance, ride_energy, swaps    of driver 1     atid station 1   aid 2   40, 60, 1
    swaps, battery_charge                of station 1    atid battery 3   aid 2   1, 100
    swaps, battery_charge                of battery 3    atid station 1   aid 2   1, 100

All at the transaction's second. A correction that keeps place and owners has the same windows, so
that the engine books the difference; what was booked elsewhere for a wrong one becomes 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from psd.engine.events import Report
from psd.swaps.derived import Derived
from psd.swaps.swap_events import Numbered, Swap
from psd.users import uid_of

RIDE_DISTANCE, RIDE_ENERGY = "ride_distance", "ride_energy"
SWAPS, BATTERY_CHARGE = "swaps", "battery_charge"
THINGS = (RIDE_DISTANCE, RIDE_ENERGY, SWAPS, BATTERY_CHARGE)

FENCE = "swaps"
"""The name of fences: the number of the newest event that was read."""


def owner_of(network: str, kind: str, number: int) -> int:
    """The uid of a driver, battery or station: the same for every process and after a replay."""
    return uid_of(kind, f"{network}/{number}")


class Bookkeeper(msgspec.Struct, frozen=True):
    """Makes reports of a network's transactions; ``things`` are numbers by name."""

    network: str
    things: Mapping[str, int]

    def reports(
        self, live: Iterable[tuple[Numbered, Derived]], rejected: Iterable[Numbered]
    ) -> list[Report]:
        """One report a window: what is live, and 0 where a rejected one alone was booked."""
        found: dict[bytes | None, Report] = {}
        for each in rejected:
            for report in self._of(each, None):
                found[report.identity()] = report
        for each, derived in live:
            for report in self._of(each, derived):
                found[report.identity()] = report
        return list(found.values())

    def _of(self, each: Numbered, derived: Derived | None) -> Iterable[Report]:
        swap = each.swap
        count = 0 if derived is None else 1
        distance = derived.ride_distance if derived else 0
        energy = derived.energy_used if derived else 0
        charge = (derived.charge_amount or 0) if derived else 0
        driver = owner_of(self.network, "driver", swap.driver)
        station = owner_of(self.network, "station", swap.station)
        told = [
            (RIDE_DISTANCE, driver, station, distance),
            (RIDE_ENERGY, driver, station, energy),
            (SWAPS, driver, station, count),
        ]
        battery = self._battery(swap)
        told += [(SWAPS, station, battery, count), (BATTERY_CHARGE, station, battery, charge)]
        if swap.battery_out is not None:
            told += [(SWAPS, battery, station, count), (BATTERY_CHARGE, battery, station, charge)]
        for thing, uid, atid, value in told:
            number = self.things.get(thing)
            if number is not None:
                yield Report(number, uid, atid, each.root, value, swap.second, swap.second)

    def _battery(self, swap: Swap) -> int:
        """The one that goes out, or else comes in."""
        number = swap.battery_out if swap.battery_out is not None else swap.battery_in
        assert number is not None, "a swap has one of them"
        return owner_of(self.network, "battery", number)
