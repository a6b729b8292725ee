"""Days and months of a zone, and which part of them a range covers. Pure.

::

    shares(start, end, ZoneInfo("Europe/London"))    of 2026-03-29 00:00 to 2026-04-01 12:00
    -> {(2026, 3): 3, (2026, 4): Fraction(12, 24)}   days; that of 23 hours is one

What a day costs is paid for the part of it that is in the range, so that ranges beside each other
cost as much as both in one.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from psd.zones import beginning_of

Period = Literal["day", "month"]
Month = tuple[int, int]

ONE_DAY = dt.timedelta(days=1)


def date_at(second: int, tz: ZoneInfo) -> dt.date:
    """The date that clocks of a zone show."""
    return dt.datetime.fromtimestamp(second, tz).date()


@lru_cache(maxsize=1_024)
def shares(start: int, end: int, tz: ZoneInfo) -> Mapping[Month, Fraction]:
    """Days of [start, end) by month; parts of days are counted by their seconds."""
    whole: Counter[Month] = Counter()
    parts: dict[Month, Fraction] = {}
    date = date_at(start, tz)
    begins = beginning_of(date, tz)
    while begins < end:
        following = date + ONE_DAY
        ends = beginning_of(following, tz)
        if ends > begins:
            covered = min(end, ends) - max(start, begins)
            month = (date.year, date.month)
            if covered == ends - begins:
                whole[month] += 1
            else:
                part = Fraction(covered, ends - begins)
                parts[month] = parts.get(month, Fraction(0)) + part
        date, begins = following, ends
    months = sorted({*whole, *parts})
    return {month: whole[month] + parts.get(month, Fraction(0)) for month in months}


def times_charged(days: Mapping[Month, Fraction], per: Period) -> dict[Month, Fraction]:
    """How many times a charge is due in each month, of the days of it that are covered."""
    if per == "day":
        return {**days}
    return {month: share / monthrange(*month)[1] for month, share in days.items()}
