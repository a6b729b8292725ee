"""A user's year at a glance: a calendar of days, its months, and streaks. Pure.

Days are those of the viewer's zone. A week is a column from Monday on, a day's shade is its quarter
of the best day of the year::

    days {2026-03-02: 8000, 2026-03-03: 0, 2026-03-04: 2000}, best 8000
    -> squares  column 9 row 0 shade 4,  row 1 shade 0,  row 2 shade 1

A streak are days in a row that reach a goal. One that reached yesterday goes on: today is not over.
"""

from __future__ import annotations

import datetime as dt
from calendar import month_abbr
from collections.abc import Mapping, Sequence

import msgspec

SHADES = 4

HALF_COLUMNS = 27
"""Of the 53 weeks or 54 of a year: a phone has the halves one below the other, each 324 wide."""

ONE_DAY = dt.timedelta(days=1)

Days = Mapping[dt.date, int]


class Square(msgspec.Struct, frozen=True):
    """A day of the calendar: its column and row, its shade from 0 to 4, and what to say of it."""

    column: int
    row: int
    shade: int
    date: str
    value: str


class MonthOfYear(msgspec.Struct, frozen=True):
    """A month of the calendar: its column, its name, and the sum of its days."""

    column: int
    name: str
    first: str
    following: str
    value: str


class HalfOfYear(msgspec.Struct, frozen=True):
    """Half of a calendar: from which column on, and the months and days that are drawn there."""

    first: int
    months: Sequence[MonthOfYear]
    squares: Sequence[Square]


class DaysInARow(msgspec.Struct, frozen=True):
    """Days in a row, from the first to the last; none of them are 0 days."""

    days: int
    first: dt.date | None = None
    last: dt.date | None = None


def squares_of(year: int, days: Days) -> list[Square]:
    """Each day of a year; one of which nothing is known is empty."""
    first = dt.date(year, 1, 1)
    best = max((days.get(date, 0) for date in dates_of(year)), default=0)
    found = []
    for date in dates_of(year):
        value = days.get(date, 0)
        place = (date - first).days + first.weekday()
        shade = 0 if value <= 0 or best <= 0 else -(-value * SHADES // best)
        found.append(Square(place // 7, place % 7, shade, date.isoformat(), f"{value:,}"))
    return found


def months_of(year: int, days: Days) -> list[MonthOfYear]:
    """The twelve months of a year."""
    first, found = dt.date(year, 1, 1), []
    for month in range(1, 13):
        begins = dt.date(year, month, 1)
        following = (begins + 31 * ONE_DAY).replace(day=1)
        column = ((begins - first).days + first.weekday()) // 7
        value = sum(value for date, value in days.items() if begins <= date < following)
        told = begins.isoformat(), following.isoformat(), f"{value:,}"
        found.append(MonthOfYear(column, month_abbr[month], *told))
    return found


def halves_of(squares: Sequence[Square], months: Sequence[MonthOfYear]) -> list[HalfOfYear]:
    """Both halves of a year's columns; a month is named where it begins."""
    found = []
    for first in (0, HALF_COLUMNS):
        columns = range(first, first + HALF_COLUMNS)
        found.append(
            HalfOfYear(
                first,
                [month for month in months if month.column in columns],
                [square for square in squares if square.column in columns],
            )
        )
    return found


def dates_of(year: int) -> list[dt.date]:
    """The dates of a year, in order."""
    first = dt.date(year, 1, 1)
    return [first + at * ONE_DAY for at in range((dt.date(year + 1, 1, 1) - first).days)]


def streaks_of(days: Days, goal: int, today: dt.date) -> tuple[DaysInARow, DaysInARow]:
    """The streak that goes on, and the longest one, of those the newest.

    >>> day = dt.date(2026, 3, 2)
    >>> streaks_of({day: 9, day + ONE_DAY: 7}, 5, day + 2 * ONE_DAY)[0].days
    2
    """
    runs: list[list[dt.date]] = []
    for date in sorted(date for date, value in days.items() if value >= goal and date <= today):
        if runs and runs[-1][-1] + ONE_DAY == date:
            runs[-1].append(date)
        else:
            runs.append([date])
    longest = max(runs, key=lambda run: (len(run), run[-1]), default=[])
    goes_on = bool(runs) and runs[-1][-1] >= today - ONE_DAY
    return _streak(runs[-1] if goes_on else []), _streak(longest)


def _streak(run: Sequence[dt.date]) -> DaysInARow:
    return DaysInARow(len(run), run[0], run[-1]) if run else DaysInARow(0)
