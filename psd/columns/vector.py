"""A board of everybody as numpy has it: who is on it, and what each has. Pure.

A :class:`Vector` holds those with bookings of a thing, in no order. :class:`Adding` makes it of
columns and logs as they come, a stretch of positions at a time::

    adding = Adding([625, 610])
    adding.columns(0, 0, {":count": packed, ":newest": packed, ":m:201604": packed}, plan)
    adding.records(0, 0, 625, records_of(log), start_s, cuts)
    adding.vector(uids)                  -> Vector(uids=..., values=..., newest_s=1460505599)

What is added up are whole numbers of 64 bits, in any order; an owner's sum is within 53.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from psd import arrays
from psd.columns.column_owners import CELL
from psd.columns.column_plan import ColumnPlan, LogCut
from psd.slices import beside_the_loop, give_way

if TYPE_CHECKING:
    from psd.arrays import Int64s, Mask, Rows

COUNT, NEWEST = ":count", ":newest"

RECORDS_AT_ONCE = 65_536
"""Rows of a log that are added before others have their turn: 1 to 2 ms."""


class Vector(msgspec.Struct, frozen=True):
    """Everybody with bookings of a thing, the sum of each, and the newest second of all."""

    uids: Int64s
    values: Int64s
    newest_s: int | None

    @property
    def total(self) -> int:
        """How many they are."""
        return len(self.uids)

    def upper(self, limit: int) -> Mask:
        """Who has one of the ``limit`` largest sums, or ties with the last of them."""
        stop = self.total - limit
        if stop <= 0:
            return arrays.numpy.ones(self.total, bool)
        upper: Mask = self.values >= arrays.numpy.partition(self.values, stop)[stop]
        return upper

    def largest(self, limit: int) -> list[tuple[int, int]]:
        """(uid, sum) of these: largest first, at equal sums by uid."""
        upper = self.upper(limit)
        uids, negated = self.uids[upper], -self.values[upper]
        order = arrays.numpy.lexsort((uids, negated))
        return list(zip(uids[order].tolist(), (-negated[order]).tolist(), strict=True))


class Adding:
    """The sums of all positions, of which each partition has so many."""

    def __init__(self, given: Sequence[int]) -> None:
        self._starts = list(accumulate(given, initial=0))
        self._sums: Int64s = arrays.numpy.zeros(self._starts[-1], "i8")
        self._counts: Int64s = arrays.numpy.zeros(self._starts[-1], "i8")
        self._newest_s: int | None = None

    def columns(
        self, partition: int, first: int, texts: Mapping[str, bytes | None], plan: ColumnPlan
    ) -> None:
        """Columns from a position of a partition on; what they lack at their ends is 0."""
        start = self._starts[partition] + first
        counts = _cells(texts.get(COUNT))
        self._counts[start : start + len(counts)] = counts
        newest = _cells(texts.get(NEWEST))
        booked = newest[counts[: len(newest)] > 0]
        if len(booked):
            second = int(booked.max())
            self._newest_s = second if self._newest_s is None else max(self._newest_s, second)
        for suffix, sign in plan.columns.items():
            cells = _cells(texts.get(suffix))
            sums = self._sums[start : start + len(cells)]
            if sign > 0:
                sums += cells
            else:
                sums -= cells

    def given(self, partition: int) -> int:
        """How many positions a partition has."""
        return self._starts[partition + 1] - self._starts[partition]

    async def records(
        self,
        partition: int,
        positions: range,
        records: Rows,
        unit_start: int,
        cuts: Iterable[LogCut],
    ) -> None:
        """What a log holds of these positions between the cuts."""
        numpy = arrays.numpy
        start, stop = self._starts[partition], self._starts[partition + 1]
        sums = self._sums[start:stop]
        of_all = positions == range(stop - start)
        for at in range(0, len(records), RECORDS_AT_ONCE):
            if at:
                await give_way()
            some = records[at : at + RECORDS_AT_ONCE]
            if of_all:
                some = some[some["position"] < positions.stop]
            else:
                place = some["position"]
                some = some[(place >= positions.start) & (place < positions.stop)]
            for cut in cuts:
                second = some["second"]
                within = some[(second >= cut.start - unit_start) & (second < cut.end - unit_start)]
                numpy.add.at(sums, within["position"], cut.sign * within["delta"])

    async def vector(self, uids: Int64s) -> Vector:
        """Those who have bookings."""

        def booked() -> Vector:
            there = self._counts > 0
            if there.all():
                return Vector(uids, self._sums, self._newest_s)
            return Vector(uids[there], self._sums[there], self._newest_s)

        return await beside_the_loop(len(uids), booked)


def _cells(text: bytes | None) -> Int64s:
    cells: Int64s = arrays.numpy.frombuffer(text or b"", CELL)
    return cells
