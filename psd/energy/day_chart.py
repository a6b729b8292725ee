"""A day's half-hours as bars, for pages: where each stands, and what it says. Pure.

::

    chart = day_chart([(1606608000, 0), (1606609800, 214000), ...], now_s, ZoneInfo("UTC"))
    chart.bars[1]   -> Bar(x=10, y=12, height=140, told="00:30 to 01:00: 0.214 kWh", is_now=False)
    chart.marks     -> [Mark(0, "00:00"), Mark(120, "06:00"), Mark(240, "12:00"), ...]

A day of 23 hours has 46 bars. The highest one is as high as the chart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

HALF_HOUR_S = 1_800
BAR_WIDTH = 10
HEIGHT = 140
"""Of the highest bar."""

TOP = 12
"""Above it, for what it comes to."""

BELOW = 20
MARK_EVERY_H = 6
MWH_PER_KWH = 10**6


class Bar(msgspec.Struct, frozen=True):
    """A half-hour; ``is_now`` of the one that is not over."""

    x: int
    y: int
    height: int
    told: str
    is_now: bool


class Mark(msgspec.Struct, frozen=True):
    """A time of day below the bars."""

    x: int
    text: str


class DayChart(msgspec.Struct, frozen=True):
    """The bars of a day, and the energy of the highest."""

    width: int
    height: int
    bars: list[Bar]
    marks: list[Mark]
    top: str


def kwh(mwh: int) -> str:
    """Energy for people: to the watt-hour.

    >>> kwh(214500)
    '0.214 kWh'
    """
    return f"{Decimal(mwh) / MWH_PER_KWH:.3f} kWh"


def day_chart(half_hours: Sequence[tuple[int, int]], now_s: int, tz: ZoneInfo) -> DayChart:
    """The chart of half-hours: (first second, mWh), in order."""
    most = max((mwh for _, mwh in half_hours), default=0)
    found = [_bar(at, each, most, now_s, tz) for at, each in enumerate(half_hours)]
    marks = [
        Mark(at * BAR_WIDTH, _clock(start, tz))
        for at, (start, _) in enumerate(half_hours)
        if _is_marked(start, tz)
    ]
    width = len(half_hours) * BAR_WIDTH
    return DayChart(width, TOP + HEIGHT + BELOW, found, marks, kwh(most))


def _bar(place: int, half_hour: tuple[int, int], most: int, now_s: int, tz: ZoneInfo) -> Bar:
    start, mwh = half_hour
    height = round(HEIGHT * max(mwh, 0) / most) if most > 0 else 0
    end = start + HALF_HOUR_S
    told = f"{_clock(start, tz)} to {_clock(end, tz)}: {kwh(mwh)}"
    return Bar(place * BAR_WIDTH, TOP + HEIGHT - height, height, told, start <= now_s < end)


def _is_marked(second: int, tz: ZoneInfo) -> bool:
    local = dt.datetime.fromtimestamp(second, tz)
    return local.minute == 0 and local.hour % MARK_EVERY_H == 0


def _clock(second: int, tz: ZoneInfo) -> str:
    return dt.datetime.fromtimestamp(second, tz).strftime("%H:%M")
