"""Which columns and logs make up a range. Pure.

A year and a month have columns of all that is in them. What comes first of a month stands in its
log; the rest stands in the logs of its days and of their hours, and the column of a day sums that
rest (psd/columns/column_keys.py). So the part of a unit that a range cuts is made of the units
below, or of its column less what lies outside, whichever names fewer. From 12 April to 3 July 2016,
08:00::

    plan_columns(1460419200, 1467532800)
    columns  :m:201604 +   :d:20160401 - ... :d:20160411 -   :m:201605 +   :m:201606 +
             :d:20160701 +   :d:20160702 +
    logs     201604 - until 12 April   201607 + until 3 July, 08:00
             20160703 +, 2016070300 + ... 2016070307 +

Every booking is in one column or log of each way, so nothing is counted twice and nothing missed.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

import msgspec

DAY_S = 86_400
HOUR_S = 3_600
EPOCH = date(1970, 1, 1)


class LogCut(msgspec.Struct, frozen=True):
    """Bookings of a log from ``start`` to before ``end`` count with ``sign``."""

    sign: int
    start: int
    end: int


class ColumnPlan(msgspec.Struct):
    """Columns by suffix, each with its sign, and logs by label, each with its cuts."""

    columns: dict[str, int]
    logs: dict[str, list[LogCut]]


class _Unit(msgspec.Struct, frozen=True):
    """A calendar unit; ``level`` is the letter of its column, and an hour has none."""

    level: str
    label: str
    start: int
    end: int


def _units_below(unit: _Unit) -> Iterator[_Unit]:
    if unit.level == "y":
        yield from (_month(int(unit.label), month) for month in range(1, 13))
        return
    level, size, first = ("d", DAY_S, 1) if unit.level == "m" else ("h", HOUR_S, 0)
    for number, start in enumerate(range(unit.start, unit.end, size), first):
        yield _Unit(level, f"{unit.label}{number:02d}", start, start + size)


@lru_cache(maxsize=2_048)
def _below(unit: _Unit) -> tuple[_Unit, ...]:
    """The units of the next level."""
    return tuple(_units_below(unit))


def plan_columns(start: int, end: int) -> ColumnPlan:
    """What to add up for the bookings from ``start`` to before ``end``."""
    plan = ColumnPlan({}, {})
    if start < end:
        for year in range(_year_of(start), _year_of(end - 1) + 1):
            unit = _Unit("y", f"{year:04d}", _second(date(year, 1, 1)), _second_after(year, 12))
            _take(plan, unit, max(start, unit.start), min(end, unit.end), 1)
    return plan


def _take(plan: ColumnPlan, unit: _Unit, start: int, end: int, sign: int) -> None:
    """A part of a unit, or all of it."""
    if unit.level == "h":
        _cut(plan, unit, start, end, sign)
    elif (start, end) == (unit.start, unit.end):
        _add(plan, unit, sign)
    else:
        before, behind = (unit.start, start), (end, unit.end)
        outside = sum(len(_touched(unit, *part)) for part in (before, behind))
        if len(_touched(unit, start, end)) <= outside + 1:
            _take_below(plan, unit, start, end, sign)
            return
        _add(plan, unit, sign)
        for part in (before, behind):
            _take_below(plan, unit, *part, -sign)


def _take_below(plan: ColumnPlan, unit: _Unit, start: int, end: int, sign: int) -> None:
    """A part of a unit from its own log and from the units below."""
    if start == end:
        return
    if unit.level != "y":
        _cut(plan, unit, start, end, sign)
    for below in _touched(unit, start, end):
        _take(plan, below, max(start, below.start), min(end, below.end), sign)


def _add(plan: ColumnPlan, unit: _Unit, sign: int) -> None:
    suffix = f":{unit.level}:{unit.label}"
    plan.columns[suffix] = plan.columns.get(suffix, 0) + sign


def _cut(plan: ColumnPlan, unit: _Unit, start: int, end: int, sign: int) -> None:
    plan.logs.setdefault(unit.label, []).append(LogCut(sign, start, end))


def _touched(unit: _Unit, start: int, end: int) -> list[_Unit]:
    if start >= end:
        return []
    return [each for each in _below(unit) if each.start < end and each.end > start]


def _month(year: int, month: int) -> _Unit:
    return _Unit(
        "m", f"{year:04d}{month:02d}", _second(date(year, month, 1)), _second_after(year, month)
    )


def _second(day: date) -> int:
    return (day - EPOCH).days * DAY_S


def _second_after(year: int, month: int) -> int:
    return _second(date(year, month, 1)) + monthrange(year, month)[1] * DAY_S


def _year_of(second: int) -> int:
    return (EPOCH + timedelta(days=second // DAY_S)).year
