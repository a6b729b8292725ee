"""Where a battery was: what each of its transactions did with it, newest first. Pure.

::

    15:00 B1 came in at S1 with 120, 40 km      09:00 Ann took it out with 180
    -> {"date":"...T15:00:00Z","owner":"S1","energy":120,"distance":40,"efficiency":0.67,...},
       {"date":"...T09:00:00Z","owner":"Ann","energy":180,"charge_amount":60,...}

A distance belongs to what came in, a charge to what went out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from psd.clock import utc_text
from psd.swaps.answers import Transaction
from psd.swaps.append import Named
from psd.swaps.ledger_rows import BatteryRow

HISTORY_MAX = 50


class HistoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction did: the owner is a station where it came in, else a driver."""

    n: int
    date: str
    owner: str
    station: int | None
    driver: int | None
    energy: int
    distance: int | None
    efficiency: float | None
    charge_amount: int | None


class ShownBattery(BatteryRow, frozen=True, kw_only=True):
    """A battery, and its newest live transactions, newest first."""

    history: list[HistoryRow]


def owner_of_battery(battery: int, each: Transaction) -> Named:
    """Where it came in, or who took it out."""
    if each.battery_in == battery:
        return "station", each.station
    return "driver", each.driver


def history_row(battery: int, each: Transaction, labels: Mapping[Named, str]) -> HistoryRow:
    """What a live transaction did with a battery; ``labels`` are what people call owners."""
    derived, owner = each.derived, owner_of_battery(battery, each)
    came_in = owner[0] == "station"
    return HistoryRow(
        n=each.n,
        date=utc_text(each.second),
        owner=labels.get(owner, ""),
        station=each.station if came_in else None,
        driver=None if came_in else each.driver,
        energy=each.battery_in_energy if came_in else each.battery_out_energy,
        distance=derived.ride_distance if came_in and derived else None,
        efficiency=derived.efficiency if came_in and derived else None,
        charge_amount=derived.charge_amount if not came_in and derived else None,
    )


def shown_battery(
    row: BatteryRow, some: Sequence[Transaction], labels: Mapping[Named, str]
) -> ShownBattery:
    """A battery with what these transactions did with it."""
    history = [history_row(row.id, each, labels) for each in some]
    return ShownBattery(**msgspec.structs.asdict(row), history=history)
