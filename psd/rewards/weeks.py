"""Issuance weeks: week 0 begins on Monday 2022-01-31 at 05:00 UTC, each lasts 7 days. Pure.

Fixed UTC seconds, no zones and no daylight saving time::

    week_of(1644210000)   -> 1     (2022-02-07T05:00:00Z, the first second of week 1)
    bounds(1)             -> Range(1644210000, 1644814800)
    last_ended(1644209999)-> InvalidTimeError: week 0 is still open

The weeks are those of rewards-api. It counts the seven days before week 0 as week 0 too, and takes
the open week by default when it is run late in a week; psd does neither.
"""

from __future__ import annotations

from psd.engine.events import TIME_END_S
from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.errors import InvalidTimeError

WEEK_MAX = (TIME_END_S - ISSUANCE_START_S) // WEEK_S - 1
"""9282, the last week that ends before the year 2200, after which nothing can be booked."""


def week_of(second: int) -> int:
    """The week that holds a second; raises InvalidTimeError before week 0."""
    if second < ISSUANCE_START_S:
        raise InvalidTimeError(
            f"time: {second} is before issuance week 0, which began at {ISSUANCE_START_S}"
        )
    return (second - ISSUANCE_START_S) // WEEK_S


def bounds(week: int) -> Range:
    """The seconds of a week; the arithmetic holds for weeks before 0 too."""
    start = ISSUANCE_START_S + week * WEEK_S
    return Range(start, start + WEEK_S)


def last_ended(now_s: int) -> int:
    """The newest week that is over; raises InvalidTimeError until week 0 is."""
    week = week_of(now_s) - 1
    if week < 0:
        raise InvalidTimeError(
            f"week: none has ended yet; week 0 ends at {ISSUANCE_START_S + WEEK_S}"
        )
    return week


def check_week(week: int) -> int:
    """The week itself; raises InvalidTimeError for a number that no week has."""
    if not 0 <= week <= WEEK_MAX:
        raise InvalidTimeError(f"week: {week} must lie between 0 and {WEEK_MAX}")
    return week


def check_ended(week: int, now_s: int) -> int:
    """The week itself; raises InvalidTimeError while it is open, or for no week at all."""
    end_s = bounds(check_week(week)).end
    if now_s < end_s:
        raise InvalidTimeError(
            f"week: {week} has not ended; it ends at {end_s}, and the clock says {now_s}"
        )
    return week
