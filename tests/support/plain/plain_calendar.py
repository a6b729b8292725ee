"""Calendar units by walking through local time, with nothing of psd in it.

The beginning of a date is found by looking at the local clock every 15 minutes until it shows the
date or a later one, then by halving the last 15 minutes; hours and minutes by looking at every
whole minute::

    cut(1490486400, 1490659200, "day", "Europe/Berlin")
    -> [(1490486400, 1490565600), (1490565600, 1490652000), (1490652000, 1490659200)]
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from itertools import count, pairwise
from zoneinfo import ZoneInfo

DAY_S = 86_400
LOOK_S = 900
FURTHEST_AHEAD_S = 15 * 3600
"""No zone was ever further ahead of UTC."""

FIRST_MONDAY_5_S = 4 * DAY_S + 5 * 3600
"""Monday 5 January 1970, 05:00 UTC: issuance weeks begin seven days apart from it."""

CLOCKS = {"minute": 60, "hour": 3600}
MONTHS = {"month": 1, "quarter": 3, "year": 12}

Piece = tuple[int, int]


def cut(start: int, end: int, every: str, tz: str) -> list[Piece]:
    """The units of [start, end), the first and the last as far as they lie in it."""
    if end <= start:
        return []
    boundaries = [start]
    for boundary in _after(start, every, tz):
        boundaries.append(min(boundary, end))
        if boundary >= end:
            break
    return list(pairwise(boundaries))


def unit_start(second: int, every: str, tz: str) -> int:
    """Where the unit begins that a second is in."""
    back_s = {**CLOCKS, "day": 3 * DAY_S, "week": 9 * DAY_S, "issuance_week": 9 * DAY_S}
    before = second - back_s.get(every, 32 * DAY_S * MONTHS.get(every, 0)) - 1
    found = before
    for boundary in _after(before, every, tz):
        if boundary > second:
            return found
        found = boundary
    raise AssertionError("time has no end")


def _after(second: int, every: str, tz: str) -> Iterator[int]:
    """Beginnings of units, each later than the second."""
    if every == "issuance_week":
        weeks = (second - FIRST_MONDAY_5_S) // (7 * DAY_S) + 1
        yield from (FIRST_MONDAY_5_S + 7 * DAY_S * week for week in count(weeks))
    elif every in CLOCKS:
        yield from _clock_units(second, CLOCKS[every], tz)
    else:
        yield from _date_units(second, every, tz)


def _clock_units(second: int, unit_s: int, tz: str) -> Iterator[int]:
    """Where the local clock shows a whole unit, and where it jumps."""
    # Liberia was 44:30 behind until 1972; everywhere else jumps come at whole minutes of UTC.
    step_s = 30 if tz == "Africa/Monrovia" else 60
    before_s = offset_s(second, tz)
    for moment in count(second - second % step_s + step_s, step_s):
        now_s = offset_s(moment, tz)
        if now_s != before_s or (moment + now_s) % unit_s == 0:
            yield moment
        before_s = now_s


def _date_units(second: int, every: str, tz: str) -> Iterator[int]:
    local = dt.datetime.fromtimestamp(second, ZoneInfo(tz)).date()
    date = _first_date(local, every)
    last = second
    while True:
        begins = beginning(date, tz)
        if begins > last:
            yield begins
            last = begins
        date = _next_date(date, every)


def _first_date(date: dt.date, every: str) -> dt.date:
    while not _is_first(date, every):
        date -= dt.timedelta(days=1)
    return date


def _next_date(date: dt.date, every: str) -> dt.date:
    date += dt.timedelta(days=1)
    while not _is_first(date, every):
        date += dt.timedelta(days=1)
    return date


def _is_first(date: dt.date, every: str) -> bool:
    if every == "day":
        return True
    if every == "week":
        return date.isoweekday() == 1
    return date.day == 1 and (date.month - 1) % MONTHS[every] == 0


@cache
def beginning(date: dt.date, tz: str) -> int:
    """The first second at which the local clock shows the date, or a later one."""
    midnight = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    late = int(midnight.timestamp()) - FURTHEST_AHEAD_S
    while _date(late, tz) < date:
        late += LOOK_S
    early = late - LOOK_S
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if _date(middle, tz) >= date else (middle, late)
    return late


def _date(second: int, tz: str) -> dt.date:
    return dt.datetime.fromtimestamp(second, ZoneInfo(tz)).date()


def offset_s(second: int, tz: str) -> int:
    """How far the clocks of a zone are ahead of UTC at a second."""
    offset = dt.datetime.fromtimestamp(second, ZoneInfo(tz)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
