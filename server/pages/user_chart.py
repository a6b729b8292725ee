"""A chart of any range, from years down to minutes: its unit, its bars, and where it leads. Pure.

The unit follows from the length, so that zooming in is asking for less::

    11 years  months        a year  days        a week  hours        an hour  minutes

Bars are drawn as one path in a box of 800 by 200. With script the same numbers are drawn by uPlot,
in which a range is dragged over (user_scripts/user.js).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.clock import utc_text
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.queries.requests import Every
from psd.zones import DATE_S

WIDTH, HEIGHT = 800, 200
POINTS_MAX = 1_000
SHORTEST_S = 60
YEAR_S = 366 * DATE_S

UNITS: tuple[tuple[int, Every], ...] = (
    (80 * YEAR_S, "year"),
    (10 * YEAR_S, "month"),
    (800 * DATE_S, "week"),
    (14 * DATE_S, "day"),
    (12 * 3_600, "hour"),
    (0, "minute"),
)
"""Ranges longer than so many seconds are shown by such units, the first that fits."""

STEPS = (3_600, DATE_S, 7 * DATE_S, 31 * DATE_S, YEAR_S, 5 * YEAR_S, 25 * YEAR_S, TIME_END_S)
"""Lengths that one zooms out to, up to all time."""


class ChartAnswer(msgspec.Struct, frozen=True):
    """Sums of units by their first second, as the script draws them."""

    start: int
    end: int
    every: Every
    tz: str
    times: Sequence[int]
    values: Sequence[int]


class Bars(msgspec.Struct, frozen=True):
    """One path of all bars, and the values of its top and bottom."""

    path: str
    top: str
    bottom: str


def unit_of(length_s: int) -> Every:
    """The unit by which so many seconds are shown."""
    return next(unit for longer_s, unit in UNITS if length_s > longer_s)


def held(start: int, end: int) -> Range:
    """A range that is long enough to be shown, within the calendar."""
    start = min(max(start, 0), TIME_END_S - SHORTEST_S)
    return Range(start, min(max(end, start + SHORTEST_S), TIME_END_S))


def wider(shown: Range) -> Range:
    """The next wider range around the middle of one."""
    length_s = shown.end - shown.start
    wanted = next((step for step in STEPS if step > length_s), TIME_END_S)
    start = min(max((shown.start + shown.end - wanted) // 2, 0), TIME_END_S - wanted)
    return Range(start, start + wanted)


def bars_of(chart: ChartAnswer) -> Bars:
    """Bars from 0 up, or down for what is taken away."""
    top, bottom = max([0, *chart.values]), min([0, *chart.values])
    span = max(top - bottom, 1)
    zero = round(top * HEIGHT / span)
    width = WIDTH / max(len(chart.values), 1)
    parts = [
        f"M{place * width:.1f} {zero}v{-round(value * HEIGHT / span)}h{width * 0.8:.1f}V{zero}z"
        for place, value in enumerate(chart.values)
        if value
    ]
    return Bars("".join(parts), f"{top:,}", f"{bottom:,}")


def links_of(shown: Range, now_s: int) -> list[tuple[str, str, str]]:
    """Where a chart leads without script: texts, and the ranges that they stand for."""
    length_s = shown.end - shown.start
    middle = (shown.start + shown.end) // 2
    near = Range(middle - length_s // 8, middle + length_s // 8)
    earlier = max(shown.start - length_s, 0)
    later = min(shown.end, TIME_END_S - length_s)
    found = [
        ("Earlier", Range(earlier, earlier + length_s)),
        ("Later", Range(later, later + length_s)),
        ("Zoom in", held(near.start, near.end)),
        ("Zoom out", wider(shown)),
        ("Last hour", Range(now_s - 3_600, now_s)),
        ("Last week", Range(now_s - 7 * DATE_S, now_s)),
    ]
    return [(text, utc_text(each.start), utc_text(each.end)) for text, each in found]
