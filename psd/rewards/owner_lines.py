"""What is told of an owner's vehicles and weeks, and of a vehicle's. Pure.

::

    GET /v3/rewards/vehicles?owner=42
    {"owner":"42","week":10,"data":[{"vehicle":"7","connection_streak":5,"disconnection_streak":0,
     "level":2,"points":24000,"tokens":"5525000000000000000000000","paired":["Smartcar","AutoPi"],
     "active":["Smartcar"],"connected":true}]}

Tokens are in 10^-18, as texts: they are longer than 64 bits.
"""

from __future__ import annotations

from psd.clock import utc_text
from psd.rewards.accounts import Account, Device, WeekSum
from psd.rewards.levels import level_of
from psd.rewards.listings import OwnerVehicle, OwnerVehicles, WeekEntry
from psd.rewards.tables import Tables
from psd.rewards.weeks import bounds


def owner_vehicle(device: Device, tables: Tables) -> OwnerVehicle:
    """A vehicle as it is told."""
    vehicle, newest = device.vehicle, device.newest
    streak = newest.connection_streak if newest else 0
    is_known = vehicle.integrations is not None
    return OwnerVehicle(
        vehicle=str(vehicle.vehicle),
        connection_streak=streak,
        disconnection_streak=newest.disconnection_streak if newest else 0,
        level=level_of(streak, tables.levels),
        points=device.points,
        tokens=str(device.tokens),
        paired=tables.names(vehicle.paired_mask) if is_known else None,
        active=tables.names(device.live),
        connected=vehicle.may_earn and bool(device.live & vehicle.paired_mask),
    )


def owner_vehicles(owner: str, account: Account | None, tables: Tables) -> OwnerVehicles:
    """An owner's vehicles; one who has none has no open week either."""
    if account is None:
        return OwnerVehicles(owner, None, [])
    return OwnerVehicles(
        owner, account.week, [owner_vehicle(each, tables) for each in account.devices]
    )


def week_entries(sums: list[WeekSum]) -> list[WeekEntry]:
    """Weeks as they are told."""
    return [
        WeekEntry(
            each.week,
            utc_text(bounds(each.week).start),
            utc_text(bounds(each.week).end),
            each.points,
            str(each.tokens),
        )
        for each in sums
    ]
