"""Calendar units in a time zone, as ranges of seconds. Pure.

A range is cut into whole units of the zone's calendar; the first and the last are the parts that
lie in the range::

    buckets(Range(1490486400, 1490659200), "day", zone("Europe/Berlin"), 100)
    -> 26 March 2017 has 23 hours there, so the days are 1490486400 .. 1490565600 (the 26th from
       02:00 CEST), .. 1490652000 (the 27th), .. 1490659200 (the 28th until 02:00)

A day begins with the first second whose local date is its own or a later one: a date that a zone
left out (30 December 2011 in Pacific/Apia) has no bucket, and where clocks go back over midnight
the second midnight is inside of a day. Weeks begin on Monday 00:00. Hours and minutes are cut
where the local clock shows a whole one and where it jumps, so that the hour that comes twice is
two buckets. Issuance weeks begin on Monday 05:00 UTC in every zone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import count, islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from psd.engine.plan import DAY_S, ISSUANCE_START_S, WEEK_S, Range
from psd.errors import TooLargeError
from psd.queries.requests import Every
from psd.zones import STEADY_S, UTC, beginning_of, next_jump, offset_s

CLOCK_UNITS_S = {"minute": 60, "hour": 3600}

EVEN_UNITS = {"minute": (0, 60), "hour": (0, 3600), "day": (0, DAY_S), "week": (4 * DAY_S, WEEK_S)}
"""Where the first of 1970 begins and how long each is, of the units that UTC has of one length."""

SHORTEST_S = {
    **CLOCK_UNITS_S,
    "day": DAY_S,
    "week": WEEK_S,
    "month": 28 * DAY_S,
    "quarter": 90 * DAY_S,
    "year": 365 * DAY_S,
    "issuance_week": WEEK_S,
}
"""About the shortest of each unit, in seconds."""

LONGEST_S = {**SHORTEST_S, "month": 31 * DAY_S, "quarter": 92 * DAY_S, "year": 366 * DAY_S}


def bounds(range_: Range, every: Every, tz: ZoneInfo, count_max: int) -> list[int]:
    """Where the units of a range begin, and its end; nothing of an empty range.

    Raises TooLargeError for more than ``count_max`` units.
    """
    start, end = range_.start, range_.end
    if end <= start:
        return []
    if (end - start) // LONGEST_S[every] > count_max + 1:
        raise _too_many(every, count_max)
    inside = takewhile(end.__gt__, boundaries_after(start, every, tz))
    found = [start, *islice(inside, count_max)]
    if len(found) > count_max:
        raise _too_many(every, count_max)
    return [*found, end]


def buckets(range_: Range, every: Every, tz: ZoneInfo, count_max: int) -> list[Range]:
    """The same units as ranges, in order and without gaps."""
    return [Range(*unit) for unit in pairwise(bounds(range_, every, tz, count_max))]


def bucket_of(second: int, every: Every, tz: ZoneInfo) -> Range:
    """The whole unit that holds a second."""
    # Begins before the unit does: a unit is at most a day longer than the longest, where a clock
    # was moved.
    early = second - 2 * LONGEST_S[every] - (0 if every in CLOCK_UNITS_S else DAY_S)
    start = early
    for boundary in boundaries_after(early, every, tz):
        if boundary > second:
            return Range(start, boundary)
        start = boundary
    raise AssertionError("the calendar has no end")


def is_whole(unit: Range, every: Every, tz: ZoneInfo) -> bool:
    """Whether a unit of :func:`buckets` is one from its beginning to its end.

    >>> is_whole(Range(1460678400, 1460707200), "day", zone("Europe/Berlin"))
    False
    """
    begins = next(boundaries_after(unit.start - 1, every, tz)) == unit.start
    return begins and next(boundaries_after(unit.start, every, tz)) == unit.end


def boundaries_after(second: int, every: Every, tz: ZoneInfo) -> Iterator[int]:
    """Where units begin, strictly after a second, in order and for ever."""
    if every == "issuance_week":
        return _even_units(second, ISSUANCE_START_S, WEEK_S)
    if tz is UTC and every in EVEN_UNITS:
        return _even_units(second, *EVEN_UNITS[every])
    if every in CLOCK_UNITS_S:
        return _clock_units(second, CLOCK_UNITS_S[every], tz)
    return _date_units(second, _NEXT_DATE[every], _FIRST_DATE[every], tz)


def _even_units(second: int, first: int, unit_s: int) -> Iterator[int]:
    return count(second - (second - first) % unit_s + unit_s, unit_s)


def _clock_units(second: int, unit_s: int, tz: ZoneInfo) -> Iterator[int]:
    while True:
        ahead_s = offset_s(second, tz)
        landing = next_jump(second, tz)
        end = second + STEADY_S if landing is None else landing
        yield from range(second + unit_s - (second + ahead_s) % unit_s, end, unit_s)
        if landing is not None:
            yield landing
        second = end if landing is not None else end - 1


def _date_units(
    second: int,
    next_date: Callable[[dt.date], dt.date],
    first_date: Callable[[dt.date], dt.date],
    tz: ZoneInfo,
) -> Iterator[int]:
    # A clock that went back over midnight may show yesterday's date, and no later one than today's.
    date = first_date(dt.datetime.fromtimestamp(second, tz).date())
    while True:
        date = next_date(date)
        boundary = beginning_of(date, tz)
        if boundary > second:
            yield boundary
            second = boundary


def _add_months(date: dt.date, months: int) -> dt.date:
    years, month = divmod(date.month - 1 + months, 12)
    return dt.date(date.year + years, month + 1, 1)


_FIRST_DATE: dict[str, Callable[[dt.date], dt.date]] = {
    "day": lambda date: date,
    "week": lambda date: date - dt.timedelta(days=date.weekday()),
    "month": lambda date: date.replace(day=1),
    "quarter": lambda date: dt.date(date.year, date.month - (date.month - 1) % 3, 1),
    "year": lambda date: dt.date(date.year, 1, 1),
}

_NEXT_DATE: dict[str, Callable[[dt.date], dt.date]] = {
    "day": lambda date: date + dt.timedelta(days=1),
    "week": lambda date: date + dt.timedelta(days=7),
    "month": lambda date: _add_months(date, 1),
    "quarter": lambda date: _add_months(date, 3),
    "year": lambda date: _add_months(date, 12),
}


def _too_many(every: str, count_max: int) -> TooLargeError:
    return TooLargeError(
        f"every: {every!r} cuts this range into more than {count_max} points; "
        "ask for a shorter range or for longer units"
    )
