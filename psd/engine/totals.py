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
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from psd.engine.plan import DAY_S, first_second

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
        self._of_levels: dict[tuple[str, int, int], Sequence[int | None]] = {}

    def of_level(self, level: str, first: int, units: int) -> Sequence[int | None]:
        """The bucket of each unit of a level by its position."""
        asked = (level, first, units)
        if asked not in self._of_levels:
            self._of_levels[asked] = self._found(*asked)
        return self._of_levels[asked]

    def positions(self, level: str, first: int, units: int) -> dict[str, int]:
        """The positions of a level's units by how their fields begin."""
        if level == "weeks":
            return {field: at for at, field in enumerate(self._weeks[first])}
        number = first if level == "years" else _FIRST_NUMBERS.get(level, 0)
        return {str(number + at): at for at in range(units)}

    def _found(self, level: str, first: int, units: int) -> Sequence[int | None]:
        if level == "weeks":
            before = sum(len(fields) for fields in self._weeks[:first])
            return range(before, before + units)
        starts = _starts(level, first, units)
        return [self._of_unit(starts[at], starts[at + 1]) for at in range(units)]

    def _of_unit(self, start: int, stop: int) -> int | None:
        """The bucket that a unit lies in as a whole, None where there is none."""
        if start < self.bounds[0] or stop > self.bounds[-1]:
            return None
        bucket = bisect_right(self.bounds, start) - 1
        return bucket if stop <= self.bounds[bucket + 1] else None


class FoundTotals:
    """Totals of any number of owners, side by side; ``atids`` only where each atid is asked."""

    def __init__(self, buckets: Buckets, atids: frozenset[int] | None, *, by_atid: bool) -> None:
        self.owners: list[int] = []
        self.atids: list[int] = []
        self.buckets: list[int] = []
        self.sums: list[int] = []
        self.bookings: list[int] = []
        self.lost: list[str] = []
        self._among = buckets
        self._wanted = atids
        self._has_parts = by_atid or atids is not None

    def take(self, owner: int, level: Level) -> None:
        """Read a level of an owner; ``lost`` tells of it where it has less than is counted."""
        packed_level, first, count, values, parts = level
        name = packed_level.decode()
        whole = self._among.of_level(name, first, len(values))
        has_parts = self._has_parts
        counted = 0
        for bucket, value in zip(whole, values, strict=True):
            if value is None:
                continue
            total, _, bookings = value.partition(b":")
            found = int(bookings) if bookings else 1
            counted += found
            if bucket is not None and not has_parts:
                self._add(owner, bucket, int(total), found)
        if counted < count:
            self.lost.append(_RESOLUTIONS.get(name, "day"))
        if has_parts:
            self._take_parts(owner, self._among.positions(name, first, len(values)), whole, parts)

    def _take_parts(
        self,
        owner: int,
        positions: dict[str, int],
        whole: Sequence[int | None],
        parts: Sequence[bytes],
    ) -> None:
        for field, value in zip(parts[::2], parts[1::2], strict=True):
            text, _, kind = field.decode().partition(":")
            place = positions.get(text) if kind else None
            bucket = None if place is None else whole[place]
            if bucket is not None and (self._wanted is None or int(kind) in self._wanted):
                self._add(owner, bucket, int(value), 0)
                self.atids.append(int(kind))

    def _add(self, owner: int, bucket: int, total: int, bookings: int) -> None:
        self.owners.append(owner)
        self.buckets.append(bucket)
        self.sums.append(total)
        self.bookings.append(bookings)


def pieces(levels: Sequence[Level]) -> Iterator[Level]:
    """The same levels with PARTS_AT_ONCE parts each at most; values stand in the first piece."""
    for name, first, count, values, parts in levels:
        yield name, first, count, values, parts[:PARTS_AT_ONCE]
        for at in range(PARTS_AT_ONCE, len(parts), PARTS_AT_ONCE):
            yield name, first, 0, [None] * len(values), parts[at : at + PARTS_AT_ONCE]


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
