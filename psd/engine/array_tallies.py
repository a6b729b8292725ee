"""What psd/engine/tallies.py makes of bookings, of so many that arrays are quicker.

A booking takes some 0.05 us here and 0.3 us there, but each question 0.1 ms more. Answers are the
same: a sum that passes 53 bits on its way or in the end is refused here too. ::

    +10 at 100, -4 at 200, +3 at 300, all in one leaf
    running           [10, 6, 9]
    reached 10        at 100
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from psd import arrays
from psd.engine.bucket_sums import BucketSums
from psd.engine.leaves import Atids, Parts, ReadingPace
from psd.engine.unpacking import Records, handed_of, read_in_turns
from psd.engine.whole import checked_sum

if TYPE_CHECKING:
    from psd.arrays import Int64s

MANY_BYTES = 4_000
"""From some 400 to 600 bookings on arrays are quicker."""

_INT64_END = 2**63

Group = tuple[int, int, int, int, int, int]
"""(number, atid of the first booking, sum, bookings, first second, last second)."""


def are_many(parts: Parts) -> bool:
    """Whether these leaves are worth arrays."""
    return sum(len(part) for part in parts if isinstance(part, bytes)) >= MANY_BYTES


def sum_of(records: Records) -> int:
    """What they add up to, exactly."""
    if records.most * len(records) < _INT64_END:
        return int(records.deltas.sum())
    return sum(records.deltas.tolist())


def firsts(numbers: Int64s) -> tuple[Int64s, Int64s]:
    """Each number once, in the order in which they first come, and where."""
    numpy = arrays.numpy
    found, at = numpy.unique(numbers, return_index=True)
    order = numpy.argsort(at)
    return found[order], at[order]


def groups_of(records: Records, numbers: Int64s) -> Iterator[Group]:
    """What the bookings of each number come to, in the order in which numbers first come.

    ``numbers`` are the aids or the atids of the records.
    """
    numpy = arrays.numpy
    order = numpy.argsort(numbers, kind="stable")
    there = numbers[order]
    # No number is its own complement, so the first begins a group, too.
    starts = numpy.flatnonzero(numpy.diff(there, prepend=~there[:1]))
    counts = numpy.diff(starts, append=len(there))
    is_exact = records.most * len(records) < _INT64_END
    deltas = records.deltas if is_exact else records.deltas.astype(object)
    sums = numpy.add.reduceat(deltas[order], starts)
    firsts_at, lasts_at = order[starts], order[starts + counts - 1]
    turns = numpy.argsort(firsts_at)
    at = firsts_at[turns]
    seconds = records.seconds
    columns = (
        numbers[at],
        records.atids[at],
        sums[turns],
        counts[turns],
        seconds[at],
        seconds[lasts_at[turns]],
    )
    return zip(*(column.tolist() for column in columns), strict=True)


class Bucketed:
    """Sums between ascending boundaries, if there are any."""

    def __init__(self, boundaries: Sequence[int]) -> None:
        self._sums = BucketSums(boundaries) if boundaries else None

    def add(self, records: Records) -> None:
        """Add bookings, all within the boundaries."""
        if self._sums is not None:
            rows: Int64s = arrays.numpy.zeros(len(records), arrays.numpy.int64)
            buckets = self._sums.of_seconds(records.seconds)
            self._sums.add(rows, buckets, records.deltas, 1, records.most)

    def told(self) -> list[int]:
        """The sums."""
        return [] if self._sums is None else self._sums.row(0)[0]


class Reaching:
    """Looks for the first second with a booking at whose end the running sum is a score or more."""

    def __init__(self, score: int) -> None:
        self._score = score
        self._total = 0
        self._second: int | None = None

    def take(self, records: Records) -> int | None:
        """The second, if what follows shows it; those of it that are here may not be all."""
        if not len(records):
            return None
        running, seconds = self._running(records), records.seconds
        if self._second not in (None, int(seconds[0])) and self._total >= self._score:
            return self._second
        is_end = arrays.numpy.diff(seconds) != 0
        reached = (running[:-1] >= self._score) & is_end
        at = int(reached.argmax()) if len(reached) else 0
        found = int(seconds[at]) if len(reached) and reached[at] else None
        checked = running if found is None else running[: at + 1]
        checked_sum(int(checked.max()))
        checked_sum(int(checked.min()))
        self._total, self._second = int(running[-1]), int(seconds[-1])
        return found

    def last(self) -> int | None:
        """The second, once nothing follows."""
        return self._second if self._total >= self._score else None

    def _running(self, records: Records) -> Int64s:
        numpy = arrays.numpy
        is_exact = records.most * len(records) + abs(self._total) < _INT64_END
        deltas = records.deltas if is_exact else records.deltas.astype(object)
        running: Int64s = numpy.cumsum(deltas) + self._total
        return running


async def reached(parts: Parts, score: int, atids: Atids, pace: ReadingPace) -> int | None:
    """As ``tallies.reached_at`` tells it."""
    reaching = Reaching(score)
    async for records in read_in_turns(handed_of(0, parts), pace):
        second = reaching.take(records.of(atids))
        if second is not None:
            return second
    return reaching.last()
