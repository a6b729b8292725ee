"""Days that clocks of a zone show within a range, as arrays that plans of a zone share. Pure.

A range of 2026-10-25 in London, whose clocks go back at 01:00 UTC, is two rows of one day::

    midnight    1761346800, 1761350400       the second that would be 00:00 by the row's clocks
    first       1761346800, 1761354000       [first, last) is the row's part of the range
    last        1761354000, 1761436800
    kind        month, weekday and whether it is among the holidays: as one number

Between two jumps of the clocks a zone's time is UTC and a constant, so a day of 23 hours needs
nothing of its own: what its clocks never show is in no row, and what they show twice is in two.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from psd import arrays
from psd.zones import DATE_S, STEADY_S, next_jump, offset_s

if TYPE_CHECKING:
    from psd.arrays import Int64s

DAYS_A_WEEK = 7
THURSDAY = 4
"""The weekday of 1970-01-01."""

MONTHS = 12
EPOCH_YEAR = 1970

REMEMBERED = 32
"""Ranges by zone; one of a year takes some 20 kB."""

KINDS = MONTHS * 8 * 2
"""How many numbers of kinds there are."""

_EPOCH = dt.date(1970, 1, 1)

DayKind = tuple[int, int, bool]
"""Month, weekday from 1 Monday on, and whether it is a holiday."""


class LocalDays(msgspec.Struct, frozen=True):
    """Days of a range by position, in order; ``months`` count from January 1970 on.

    ``kinds`` and ``kinds_before`` are those of the day and of the day before it, holidays aside.
    """

    days: Int64s
    midnight: Int64s
    first: Int64s
    last: Int64s
    months: Int64s
    kinds: Int64s
    kinds_before: Int64s


@lru_cache(maxsize=REMEMBERED)
def local_days(start: int, end: int, tz: ZoneInfo) -> LocalDays:
    """The days of a range; nobody changes what is answered."""
    np = arrays.numpy
    days, midnight, first, last = [], [], [], []
    for opens, closes, ahead_s in _steady(start, end, tz):
        own = np.arange((opens + ahead_s) // DATE_S, (closes - 1 + ahead_s) // DATE_S + 1)
        begins = own * DATE_S - ahead_s
        days.append(own)
        midnight.append(begins)
        first.append(np.maximum(begins, opens))
        last.append(np.minimum(begins + DATE_S, closes))
    listed = np.concatenate(days)
    months = _months(listed)
    return LocalDays(
        days=listed,
        midnight=np.concatenate(midnight),
        first=np.concatenate(first),
        last=np.concatenate(last),
        months=months,
        kinds=_kinds(listed, months),
        kinds_before=_kinds(listed - 1, _months(listed - 1)),
    )


def day_number(date: dt.date) -> int:
    """Days since 1970."""
    return (date - _EPOCH).days


def date_of(day: int) -> dt.date:
    """The date of a day's number."""
    return _EPOCH + dt.timedelta(days=day)


def month_of(month: int) -> tuple[int, int]:
    """Year and month of a month's number."""
    years, rest = divmod(month, MONTHS)
    return EPOCH_YEAR + years, rest + 1


def day_kind(kind: int) -> DayKind:
    """What a kind's number says."""
    rest, is_holiday = divmod(kind, 2)
    month, weekday = divmod(rest, 8)
    return month + 1, weekday, is_holiday == 1


def _months(days: Int64s) -> Int64s:
    found: Int64s = days.astype("datetime64[D]").astype("datetime64[M]").astype("int64")
    return found


def _kinds(days: Int64s, months: Int64s) -> Int64s:
    weekdays = (days + THURSDAY - 1) % DAYS_A_WEEK + 1
    found: Int64s = (months % MONTHS * 8 + weekdays) * 2
    return found


def _steady(start: int, end: int, tz: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Parts of a range within which the clocks do not jump, and how far they are ahead of UTC."""
    begins, at = start, start
    while at < end:
        jump = next_jump(at, tz)
        at = jump if jump is not None else at + STEADY_S
        if jump is not None or at >= end:
            yield begins, min(at, end), offset_s(begins, tz)
            begins = at
