"""The number that the JOI system takes for energy, as it documents and computes it. Pure.

It is the average power in kW, divided by the hours from the first to the last reading. That is no
energy: 1 kW for two hours is 2 kWh, and 0.5 here. It stands because people know the README's::

    number([[(1606636800, 0.0503), (1606636860, 0.0621), ..., (1606637040, 0.0191)]])  -> 0.588
    costs(0.588, {"price-plan-0": 10, "price-plan-1": 2, "price-plan-2": 1})
    -> [{"price-plan-2": 0.588}, {"price-plan-1": 1.176}, {"price-plan-0": 5.88}]

Floats are added from left to right, one by one: ``sum()`` makes up for what is lost on the way from
Python 3.12 on, and the last digit is another. :func:`true_kwh` is the energy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from psd.energy.meter_events import POWER_MAX_MW
from psd.engine.events import TIME_END_S
from psd.measures.curve import HOUR_S, cells
from psd.measures.units import POWER, power_of, scaled

JoiReading = tuple[int, float]
"""(second, kW) as it was sent: any second, and any number that is finite."""

KW_POWER = power_of("kW", POWER)
MW_PER_KW = 10**KW_POWER
MWH_PER_KWH = 10**6


def number(batches: Iterable[Sequence[JoiReading]]) -> float | None:
    """The number of batches, the newest first; None where no time passes."""
    total, count = 0.0, 0
    seconds: list[int] = []
    for batch in batches:
        for second, kw in batch:
            total += kw
            count += 1
            seconds.append(second)
    if not count:
        return None
    try:
        hours = (max(seconds) - min(seconds)) / HOUR_S
    except OverflowError:
        return None
    return total / count / hours if hours else None


def costs(number: float, rates: Mapping[str, float]) -> list[dict[str, float | None]]:
    """What plans take for the number, that of the lowest rate first; by each plan's name.

    A cost that is too large for a number is None.
    """
    in_order = sorted(rates.items(), key=lambda pair: pair[1])
    return [{plan: _finite(number * rate)} for plan, rate in in_order]


def true_kwh(batches: Iterable[Sequence[JoiReading]], gap_max_s: int) -> float | None:
    """The energy of batches, the newest first, as it is booked; None where no time passes."""
    points: dict[int, int] = {}
    seconds: set[int] = set()
    for batch in reversed(list(batches)):
        seconds.update(second for second, _ in batch)
        points.update(power_points(batch))
    if len(seconds) < 2:
        return None
    by_hour = cells(sorted(points.items()), HOUR_S, gap_max_s)
    return sum(by_hour.values()) / MWH_PER_KWH


def power_points(batch: Sequence[JoiReading]) -> dict[int, int]:
    """MW by second of the readings that energy can be made of; of one second the last stands."""
    found = {}
    for second, kw in batch:
        if 0 <= second < TIME_END_S and 0 <= kw <= POWER_MAX_MW / MW_PER_KW:
            found[second] = scaled(kw, KW_POWER)
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
