"""Who has all that is dear: owner 1, and the owner of as many vehicles as one may be told of.

::

    await book(psd, heavy_owner(20_000))   # a crowded second, many types, a long activity
    await heavy_weeks(psd, 8)              # vehicles of HEAVY_OWNER, each with a row in each week
"""

from __future__ import annotations

from collections.abc import Iterator

from psd.engine.events import Event, Report
from psd.rewards.accounts import OWNER_VEHICLES_MAX
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.engine import DAY_S, NOON_S
from tests.support.rewards.reward_job import Fleet

FIRST_VEHICLE = 10**6
HEAVY_OWNER = "fleet"


def heavy_owner(bookings: int) -> Iterator[Event]:
    """Of owner 1: a third in one second, a third of a type each, a third of one activity."""
    third = bookings // 3
    for n in range(third):
        yield Report(1, 1, 2, n * 7919 % 65_536, 1 + n % 7, NOON_S, NOON_S)
        yield Report(1, 1, n, 10**9 + n, 1 << n % 36, NOON_S - n * 600, NOON_S - n * 600)
        at = NOON_S - DAY_S + n * 2_000
        yield Report(1, 1, 2, 5 * 10**12, n + 1, NOON_S - DAY_S, at)


async def heavy_weeks(psd: Runtime, weeks: int) -> None:
    """Computed weeks of as many vehicles as an owner may be told of, all of HEAVY_OWNER."""
    fleet = Fleet(psd)
    vehicles = range(FIRST_VEHICLE, FIRST_VEHICLE + OWNER_VEHICLES_MAX)
    before_s = bounds(0).start
    said = [
        {
            "vehicle": each,
            "owner": HEAVY_OWNER,
            "integrations": ["Tesla", "AutoPi"],
            "time": before_s,
        }
        for each in vehicles
    ]
    await fleet.send_all("vehicles", said)
    for week in range(weeks):
        at_s = bounds(week).start + 3600
        driven = [{"vehicle": each, "integration": "Tesla", "time": at_s} for each in vehicles]
        await fleet.send_all("activities", driven)
    await fleet.calculate(weeks - 1, 0)
