"""The columns of a series: totals and bookings of some owners, added up by bucket. Pure.

A page of owners is added up at once, as arrays: of each owner one column, or one of each of its
atids. Owners are numbered as they stand on the page::

    columns = SeriesColumns((0, 100, 200), owners=2, by_atid=False)
    columns.add_records(...)                  bookings of both, +5 at second 150 of the other
    columns.of_owner(1, is_counted=True)      -> {None: Series([0, 5], [0, 1])}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from psd import arrays
from psd.engine.bucket_sums import BucketSums
from psd.engine.totals import FoundTotals
from psd.engine.unpacking import Records
from psd.engine.whole import SUM_MAX, checked_sum
from psd.slices import Stretch

if TYPE_CHECKING:
    from psd.arrays import Int64s

BUCKETS_A_ROW = 50
"""So many sums of a column are made a list while a row is made elsewhere, in 1 us."""


class Series(msgspec.Struct, frozen=True):
    """A number for each bucket; ``bookings`` is None where totals by atid do not tell it."""

    sums: list[int]
    bookings: list[int] | None


class SeriesColumns:
    """Columns of owners that are numbered from 0, of all atids together or of each."""

    def __init__(self, bounds: Sequence[int], owners: int, *, by_atid: bool) -> None:
        self._sums = BucketSums(bounds, owners)
        self._buckets = len(bounds) - 1
        self._by_atid = by_atid
        self._rows_of: dict[int, dict[int, int]] = defaultdict(dict)
        self._rows = 0

    def add_records(self, records: Records) -> None:
        """Add bookings, all within the boundaries."""
        rows = records.owners
        if self._by_atid:
            numpy = arrays.numpy
            kinds, kind_of = numpy.unique(records.atids, return_inverse=True)
            pairs, pair_of = numpy.unique(rows * len(kinds) + kind_of, return_inverse=True)
            owners, places = numpy.divmod(pairs, max(len(kinds), 1))
            rows = self._rows_for(owners.tolist(), kinds[places].tolist())[pair_of]
        buckets = self._sums.of_seconds(records.seconds)
        self._sums.add(rows, buckets, records.deltas, 1, records.most)

    def add_totals(self, found: FoundTotals) -> None:
        """Add totals that lie in one bucket each."""
        rows = self._rows_for(found.owners, found.atids) if self._by_atid else found.owners
        most = max(max(found.sums, default=0), -min(found.sums, default=0))
        self._sums.add(rows, found.buckets, found.sums, found.bookings, most)

    async def of_owner(self, owner: int, *, is_counted: bool) -> dict[int | None, Series]:
        """An owner's columns by atid; the one column None is there also when it is empty.

        Raises OutOfBoundsError for a sum past +-(2^53 - 1).
        """
        rows = self._rows_of[owner] if self._by_atid else {None: owner}
        found: dict[int | None, Series] = {}
        stretch = Stretch()
        for atid, row in rows.items():
            await stretch.after(1 + self._buckets // BUCKETS_A_ROW)
            sums, bookings = self._sums.row(row)
            if self._sums.most > SUM_MAX:
                checked_sum(max(sums, default=0))
                checked_sum(min(sums, default=0))
            found[atid] = Series(sums, bookings if is_counted else None)
        return found

    def _rows_for(self, owners: Iterable[int], atids: Iterable[int]) -> Int64s:
        """The rows of owners' atids; those that are not there yet are begun."""
        rows: list[int] = []
        for owner, atid in zip(owners, atids, strict=True):
            of_owner = self._rows_of[owner]
            if atid not in of_owner:
                of_owner[atid] = self._rows
                self._rows += 1
            rows.append(of_owner[atid])
        found: Int64s = arrays.numpy.array(rows, arrays.numpy.int64)
        return found
