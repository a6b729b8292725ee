"""Sums and numbers of bookings by bucket, row by row, as arrays. Pure.

What a row is, an owner or one of its atids, says whoever adds. With boundaries 0, 100 and 200, +5
at second 150 in row 0, and a total of 7 over 2 bookings in its first bucket::

    sums = BucketSums([0, 100, 200])
    sums.add(rows=[0], buckets=sums.of_seconds([150]), sums=[5], bookings=[1], most=5)
    sums.add(rows=[0], buckets=[0], sums=[7], bookings=[2], most=7)
    sums.row(0)    -> ([7, 5], [2, 1])

Sums are exact however large: int64 as long as the numbers that were added could not pass it even if
all had fallen into one bucket, else Python's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psd import arrays

if TYPE_CHECKING:
    from psd.arrays import Int64s, Numbers

_INT64_END = 2**63


class BucketSums:
    """A table of buckets with as many rows as were added to; no sum is further from 0 than most."""

    def __init__(self, bounds: Sequence[int], rows: int = 1) -> None:
        numpy = arrays.numpy
        self.most = 0
        self._bounds: Int64s = numpy.array(bounds, numpy.int64)
        self._buckets = len(bounds) - 1
        self._sums: Any = numpy.zeros((rows, self._buckets), numpy.int64)
        self._bookings: Int64s = numpy.zeros((rows, self._buckets), numpy.int64)

    def of_seconds(self, seconds: Numbers) -> Int64s:
        """The buckets of seconds that lie between the first and the last boundary."""
        return arrays.numpy.searchsorted(self._bounds, seconds, side="right") - 1

    def add(
        self,
        rows: Int64s | Sequence[int],
        buckets: Int64s | Sequence[int],
        sums: Int64s | Sequence[int],
        bookings: Numbers,
        most: int,
    ) -> None:
        """Add each number to its bucket in its row; none is further from 0 than ``most``."""
        if not len(sums):
            return
        numpy = arrays.numpy
        at = numpy.asarray(rows, numpy.int64)
        while len(self._sums) <= at.max():
            self._sums, self._bookings = _doubled(self._sums), _doubled(self._bookings)
        self.most += most * len(sums)
        if self.most >= _INT64_END:
            self._sums = self._sums.astype(object)
        at = at * self._buckets + numpy.asarray(buckets, numpy.int64)
        numpy.add.at(self._sums.reshape(-1), at, numpy.asarray(sums, self._sums.dtype))
        numpy.add.at(self._bookings.reshape(-1), at, bookings)

    def row(self, row: int) -> tuple[list[int], list[int]]:
        """Sums and numbers of bookings by bucket."""
        return self._sums[row].tolist(), self._bookings[row].tolist()


def _doubled(table: Any) -> Any:
    return arrays.numpy.concatenate([table, arrays.numpy.zeros_like(table)])
