"""What domains have that is dear: many meters, years of prices, a driver of many swaps, a site.

::

    await heavy_network(psd, objects=100, swaps=1_000)   # driver 1 has all of the swaps
    await heavy_meters(psd, meters=200, days=60)         # m-1 has each half-hour of them
    await heavy_site(psd, plugs=200, sessions=1_000)     # all sessions are u1's, of plug p1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from psd.charging.charging_changes import Announcement
from psd.charging.part import ChargingPart
from psd.energy.meter_events import POINTS_MAX
from psd.energy.part import EnergyPart
from psd.energy.plan_records import PlanSent
from psd.runtime import Runtime
from psd.tariffs.documents import PlanFields
from tests.support.charging.yard import FINISH_MS, SITE, ended, keep
from tests.support.engine import NOON_S

HALF_HOUR_S = 1_800
HOUR_S = 3_600
BATCH = 100

OBJECTS = 100
"""Of each kind, in tests: swaps are numbered behind all of them."""

FIRST_SWAP = 4 * OBJECTS + 1
BEFORE_S = NOON_S - 5_000 * HOUR_S
"""When everything of swaps is registered."""

_encode = msgspec.json.Encoder().encode


HEAVY_PLAN = PlanFields(plan="heavy", series="heavy")


async def heavy_network(psd: Runtime, objects: int, swaps: int) -> None:
    """Objects of each kind in the network ``main``; driver 1 swaps each hour, at station 1."""
    kinds: dict[str, Callable[[int], dict[str, Any]]] = {
        "station": lambda n: {"name": f"HS{n}"},
        "battery": lambda n: {"serial": f"HB{n}", "capacity": 200, "station": "HS0"},
        "vehicle": lambda n: {"vin": f"HV{n}"},
        "driver": lambda n: {"phone": f"HD{n}", "started": BEFORE_S, "vehicle": f"HV{n}"},
    }
    said: list[tuple[str, dict[str, Any]]] = [
        (kind, {**of(n), "date": BEFORE_S}) for kind, of in kinds.items() for n in range(objects)
    ]
    said += [("swap", heavy_swap(n)) for n in range(swaps)]
    await _take(psd, (_encode({"command": kind, kind: each}) for kind, each in said))


def heavy_swap(n: int) -> dict[str, Any]:
    """The n-th of driver HD0: two batteries, one for the other."""
    swap = {
        "id": f"heavy-{n}",
        "driver": "HD0",
        "station": "HS0",
        "battery_out": f"HB{n % 2}",
        "battery_in_energy": 20 if n else 0,
        "battery_out_energy": 180,
        "odometer": 40 * (n + 1),
        "date": BEFORE_S + (n + 1) * HOUR_S,
    }
    return swap | ({"battery_in": f"HB{(n - 1) % 2}"} if n else {})


async def heavy_meters(psd: Runtime, meters: int, days: int) -> None:
    """Many meters with a reading each; ``h-1`` has half-hours, as many as there are prices.

    By these bills the plan ``heavy``, and the carbon of GB is as long.
    """
    await psd.part(EnergyPart).plans.put("heavy", PlanSent([HEAVY_PLAN], is_all=True), "test")
    rows = days * 48
    start_s = NOON_S - rows * HALF_HOUR_S
    bodies: list[Any] = [
        _intervals(f"h-{n}", NOON_S - HALF_HOUR_S, [1]) for n in range(2, meters + 1)
    ]
    for first in range(0, rows, POINTS_MAX):
        at_s, count = start_s + first * HALF_HOUR_S, min(POINTS_MAX, rows - first)
        values = [1 + n % 7 for n in range(count)]
        bodies.append(_intervals("h-1", at_s, values))
        row = {
            "start": at_s,
            "every_s": HALF_HOUR_S,
            "values": [round(0.2 + n % 7 / 100, 2) for n in values],
        }
        for command, field, name in (("prices", "series", "heavy"), ("carbon", "region", "GB")):
            bodies.append({"command": command, command: {field: name, **row}})
    await _take(psd, map(_encode, bodies))


def _intervals(meter: str, start_s: int, values: list[int]) -> dict[str, Any]:
    said = {"meter": meter, "every_s": HALF_HOUR_S, "start": start_s, "values": values}
    return {"command": "intervals", "intervals": said}


async def heavy_site(psd: Runtime, plugs: int, sessions: int) -> None:
    """Plugs of ``s1`` beside those of the yard, and sessions of u1 at p1 that have ended."""
    services = psd.part(ChargingPart).services
    names = tuple(f"h{n}" for n in range(plugs))
    said = Announcement(psd.clock.now_ms() // 1000, SITE, names, ("f1",))
    await services.sites.announce(said)
    for n in range(sessions):
        await keep(psd, ended(f"heavy-{n}", "u1", FINISH_MS - (n + 2) * 3_600_000))


async def _take(psd: Runtime, bodies: Iterable[bytes]) -> None:
    """As a worker does, some at once; none may be refused."""
    for some in _batches(bodies):
        events = [e for body in some for e in psd.rules.events(body, psd.clock.now_s(), "")]
        for outcome in await psd.books.book(events):
            assert outcome.error is None, outcome


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    held: list[bytes] = []
    for body in bodies:
        held.append(body)
        if len(held) == BATCH:
            yield held
            held = []
    yield held
