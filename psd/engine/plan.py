"""From a range of seconds to the buckets that answer it. Pure; cached by range.

A range is cut at years, months and days: whole units are one field each, the two days where
it begins and ends are read to the second. Where less lies outside the range than inside, a
year or month is taken whole and what lies outside is taken off. A range of whole ISO weeks
(Monday 00:00) or issuance weeks (Monday 05:00) is read from their own buckets instead.

``plan_range(Range(1459468800, 1462060800))`` (April 2016) is one field of one hash; from
2 April 00:00:30 it is April minus 1 April minus 30 seconds of 2 April.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import msgpack
import msgspec

from psd.engine.events import TIME_END_S

DAY_S = 86_400
WEEK_S = 604_800
ISO_MONDAY_S = 345_600
"""Monday 1970-01-05 00:00:00 UTC: an ISO week begins every WEEK_S from here."""

ISSUANCE_START_S = 1_643_605_200
"""Monday 2022-01-31 05:00:00 UTC: issuance week 0 (rewards-api)."""

WEEKS_PER_KEY = 13
NUMBERS = tuple(str(number) for number in range(32))
"""Fields of months and days."""
WEEKS_MAX = 26
"""Longer ranges need fewer fields by month."""


class Range(msgspec.Struct, frozen=True, gc=False):
    """Seconds from ``start`` up to but not including ``end``; empty when ``end <= start``."""

    start: int
    end: int

    def clamped(self) -> Range:
        """The part of the range in which anything can be booked."""
        return Range(max(self.start, 0), min(self.end, TIME_END_S))


class Levels(msgspec.Struct, frozen=True, gc=False):
    """Which levels have a lifetime, so that their hashes may have lost fields.

    Of single things the numbers of those whose reports or columns have one, where not all have.
    """

    months_expire: bool = False
    weeks_expire: bool = False
    days_expire: bool = False
    activities_expire: bool = False
    columns_expire: bool = False
    activities_of: frozenset[int] = frozenset()
    columns_of: frozenset[int] = frozenset()

    def activities_end(self, things: Iterable[int]) -> bool:
        """Whether reports of any of these things may have ended."""
        return self.activities_expire or not self.activities_of.isdisjoint(things)

    def columns_end(self, thing: int) -> bool:
        """Whether columns of a thing may lack something."""
        return self.columns_expire or thing in self.columns_of


@lru_cache(maxsize=4096)
def plan_range(range_: Range, levels: Levels = Levels()) -> bytes:
    """The packed plan of a range, as lua/engine/sum.lua reads it."""
    start, end = range_.start, range_.end
    weeks = [] if levels.weeks_expire else week_blocks(start, end)
    whole: list[str] = []
    parts: list[Any] = []
    if not weeks and start < end:
        whole, parts = _years(start, end)
    plan = [weeks, whole, parts, levels.months_expire, levels.days_expire]
    packed: bytes = msgpack.packb(plan, use_bin_type=False)
    return packed


def week_blocks(start: int, end: int) -> list[list[Any]]:
    """Key suffixes and fields when the range is 1 to 26 whole weeks of either kind, else []."""
    count, rest = divmod(end - start, WEEK_S)
    if rest or not 0 < count <= WEEKS_MAX:
        return []
    blocks: dict[str, list[str]] = {}
    if (start - ISSUANCE_START_S) % WEEK_S == 0:
        mark = "i"
    elif (start - ISO_MONDAY_S) % WEEK_S == 0:
        mark = ""
    else:
        return []
    for monday in range(start, end, WEEK_S):
        year, week, _ = _date(monday).isocalendar()
        suffix = f"w:{year}:{(week - 1) // WEEKS_PER_KEY}"
        blocks.setdefault(suffix, []).append(f"{mark}{week}")
    return [[suffix, fields] for suffix, fields in blocks.items()]


def _years(start: int, end: int) -> tuple[list[str], list[Any]]:
    """Whole years, and the months of the one or two in which the range begins and ends."""
    parts: list[Any] = []
    first, last = _date(start).year, _date(end - 1).year
    whole_from, whole_to = first, last
    if start > first_second(first, 1) or (first == last and end < first_second(first + 1, 1)):
        parts.append(_part_year(first, start, end))
        whole_from += 1
    if whole_from <= last and end < first_second(last + 1, 1):
        parts.append(_part_year(last, start, end))
        whole_to -= 1
    return [str(year) for year in range(whole_from, whole_to + 1)], parts


def _part_year(year: int, start: int, end: int) -> list[Any]:
    low, high = first_second(year, 1), first_second(year + 1, 1)
    is_total, covers = _cheaper(low, high, max(start, low), min(end, high))
    months: list[str] = []
    part_months: list[Any] = []
    for cover_start, cover_end in covers:
        _add_months(year, cover_start, cover_end, months, part_months)
    return [str(year), f"m:{year}", is_total, months, part_months]


def _add_months(year: int, start: int, end: int, whole: list[str], parts: list[Any]) -> None:
    """Whole months of a year, and the days of the one or two that are not."""
    first, last = _date(start).month, _date(end - 1).month
    whole_from, whole_to = first, last
    if start > first_second(year, first) or (first == last and end < first_second(year, first + 1)):
        parts.append(_part_month(year, first, start, end))
        whole_from += 1
    if whole_from <= last and end < first_second(year, last + 1):
        parts.append(_part_month(year, last, start, end))
        whole_to -= 1
    whole.extend(NUMBERS[whole_from : whole_to + 1])


def _part_month(year: int, month: int, start: int, end: int) -> list[Any]:
    low, high = first_second(year, month), first_second(year, month + 1)
    is_total, covers = _cheaper(low, high, max(start, low), min(end, high))
    days: list[str] = []
    part_days: list[Any] = []
    for cover_start, cover_end in covers:
        _add_days(cover_start, cover_end, days, part_days)
    return [NUMBERS[month], _label(low), low, is_total, days, part_days]


def _add_days(start: int, end: int, whole: list[str], parts: list[Any]) -> None:
    """Whole days of a month, and the one or two of which a part is read to the second."""
    first, last = _date(start), _date(end - 1)
    start_in_day, end_in_day = start % DAY_S, end % DAY_S
    whole_from, whole_to = first.day, last.day
    if first == last and end - start < DAY_S:
        parts.append(_part_day(whole_from, start - start_in_day, start, end))
        return
    if start_in_day:
        midnight = start - start_in_day
        parts.append(_part_day(whole_from, midnight, start, midnight + DAY_S))
        whole_from += 1
    if end_in_day:
        midnight = end - end_in_day
        parts.append(_part_day(whole_to, midnight, midnight, end))
        whole_to -= 1
    whole.extend(NUMBERS[whole_from : whole_to + 1])


def _part_day(day: int, midnight: int, start: int, end: int) -> list[Any]:
    return [NUMBERS[day], _label(midnight, is_day=True), midnight, start, end]


def _cheaper(low: int, high: int, start: int, end: int) -> tuple[bool, list[tuple[int, int]]]:
    """Whether the unit's total minus the outside is less to read, and the covers to read."""
    if 2 * (end - start) <= high - low:
        return False, [(start, end)]
    return True, [cover for cover in ((low, start), (end, high)) if cover[0] < cover[1]]


EPOCH_DAY = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=16_384)
def _day(number: int) -> date:
    return date.fromordinal(EPOCH_DAY + number)


def _date(second: int) -> date:
    return _day(second // DAY_S)


@lru_cache(maxsize=16_384)
def _label(midnight: int, *, is_day: bool = False) -> str:
    """What a key calls a month or a day: 201604 or 20160412."""
    day = _date(midnight)
    return f"{day.year:04d}{day.month:02d}" + (f"{day.day:02d}" if is_day else "")


@lru_cache(maxsize=4096)
def first_second(year: int, month: int) -> int:
    """When a month begins; month 13 is the first of the year after."""
    carried, index = divmod(month - 1, 12)
    return (date(year + carried, index + 1, 1).toordinal() - EPOCH_DAY) * DAY_S
