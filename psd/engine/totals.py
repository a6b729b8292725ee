"""Totals as Redis hands them over, put into the buckets of a series. Pure.

A hash of totals comes as [level, first, count, values, parts] (lua/lib/descent.lua): values by
position, such as ``b"4730:12"`` (twelve bookings that add up to 4730) or ``b"373"`` (one), and
parts by atid as field and value by turns. A unit counts in the bucket that it lies in as a whole;
units that a boundary cuts are told of below. April 2016 by months and boundaries at its ends::

    [b"year", 1451606400, 900, [None, None, None, b"4730:12", b"20:888", ...], []]
    -> bucket 0: sum 4730, 12 bookings
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from psd.engine.plan import DAY_S, first_second
from psd.engine.tallies import Column, new_column

Columns = dict[int | None, Column]
"""Numbers by atid, or of all in the column None."""

PARTS_AT_ONCE = 2_000
"""Fields and values of parts: 1,000 atids, each of which takes 1 to 2 us."""

_SIZES = {"month": DAY_S, "day": 3600, "hour": 60, "minute": 1}
_FIRST_NUMBERS = {"year": 1, "month": 1}
_RESOLUTIONS = {"year": "year", "month": "month"}

Level = tuple[bytes, int, int, Sequence[bytes | None], Sequence[bytes]]


class Buckets:
    """Where units lie among ascending boundaries."""

    def __init__(self, bounds: Sequence[int], weeks: Sequence[Sequence[Any]]) -> None:
        self.bounds = bounds
        self._weeks = [list(fields) for _, fields in weeks]

    def count(self) -> int:
        """How many there are."""
        return len(self.bounds) - 1

    def of_unit(self, start: int, stop: int) -> int | None:
        """The bucket that a unit lies in as a whole, None where there is none."""
        if start < self.bounds[0] or stop > self.bounds[-1]:
            return None
        bucket = bisect_right(self.bounds, start) - 1
        return bucket if stop <= self.bounds[bucket + 1] else None

    def of_level(self, level: str, first: int, values: int) -> Callable[[int], int | None]:
        """The bucket of each unit of a level by its position."""
        if level == "weeks":
            before = sum(len(fields) for fields in self._weeks[:first])
            return lambda at: before + at
        starts = _starts(level, first, values)
        return lambda at: self.of_unit(starts[at], starts[at + 1])

    def positions(self, level: str, first: int, units: int) -> dict[str, int]:
        """The positions of a level's units by how their fields begin."""
        if level == "weeks":
            return {field: at for at, field in enumerate(self._weeks[first])}
        number = first if level == "years" else _FIRST_NUMBERS.get(level, 0)
        return {str(number + at): at for at in range(units)}


def pieces(levels: Sequence[Level]) -> Iterator[Level]:
    """The same levels with PARTS_AT_ONCE parts each at most; values stand in the first piece."""
    for name, first, count, values, parts in levels:
        yield name, first, count, values, parts[:PARTS_AT_ONCE]
        for at in range(PARTS_AT_ONCE, len(parts), PARTS_AT_ONCE):
            yield name, first, 0, [None] * len(values), parts[at : at + PARTS_AT_ONCE]


def add_totals(
    levels: Sequence[Level],
    buckets: Buckets,
    columns: Columns,
    atids: frozenset[int] | None,
    *,
    by_atid: bool,
) -> list[str]:
    """Put totals into columns; tells the levels that have lost what those above them count."""
    lost: list[str] = []
    for packed_level, first, count, values, parts in levels:
        level = packed_level.decode()
        totals = [(at, *_total(value)) for at, value in enumerate(values) if value is not None]
        if sum(bookings for _, _, bookings in totals) < count:
            lost.append(_RESOLUTIONS.get(level, "day"))
        bucket_of = buckets.of_level(level, first, len(values))
        if atids is None and not by_atid:
            for at, total, bookings in totals:
                _add(columns, None, buckets, bucket_of(at), total, bookings)
            continue
        positions = buckets.positions(level, first, len(values))
        for field, value in zip(parts[::2], parts[1::2], strict=True):
            text, _, kind = field.decode().partition(":")
            place = positions.get(text) if kind else None
            if place is not None and (atids is None or int(kind) in atids):
                label = int(kind) if by_atid else None
                _add(columns, label, buckets, bucket_of(place), int(value), 0)
    return lost


def _add(
    columns: Columns,
    label: int | None,
    buckets: Buckets,
    bucket: int | None,
    total: int,
    bookings: int,
) -> None:
    if bucket is None:
        return
    column = columns.get(label)
    if column is None:
        column = columns[label] = new_column(buckets.count())
    column.sums[bucket] += total
    column.bookings[bucket] += bookings


def _total(value: bytes) -> tuple[int, int]:
    """Sum and number of bookings of a total (lua/lib/totals.lua)."""
    total, _, bookings = value.partition(b":")
    return int(total), int(bookings) if bookings else 1


@lru_cache(maxsize=1024)
def _starts(level: str, first: int, units: int) -> Sequence[int]:
    """First seconds of the units of a level, and the end of the last."""
    if level == "years":
        return [first_second(first + at, 1) for at in range(units + 1)]
    if level == "year":
        year = 1970 + first // (365 * DAY_S + DAY_S // 4)
        year += first_second(year + 1, 1) <= first
        return [first_second(year, 1 + at) for at in range(units + 1)]
    size = _SIZES[level]
    return range(first, first + (units + 1) * size, size)
