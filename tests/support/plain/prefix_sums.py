"""Sums over any range from a sorted list, with nothing of psd in it.

>>> sums = PrefixSums()
>>> sums.add(1, 8, 2, second=100, delta=5)
>>> sums.add(1, 8, 2, second=200, delta=7)
>>> sums.sum(1, 8, 0, 200), sums.sum(1, 8, 0, 201, atid=2)
(5, 12)
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate

Line = tuple[int, int, int | None]
"""(uid, thing, atid); atid None holds the bookings of every type."""


class PrefixSums:
    """Bookings by owner, thing and type; a line is sorted when it is first asked."""

    def __init__(self) -> None:
        self._bookings: dict[Line, list[tuple[int, int]]] = defaultdict(list)
        self._sorted: dict[Line, tuple[list[int], list[int]]] = {}

    def add(self, uid: int, thing: int, atid: int, second: int, delta: int) -> None:
        """One more booking; all of them come before the first question."""
        booking = (second, delta)
        self._bookings[uid, thing, None].append(booking)
        self._bookings[uid, thing, atid].append(booking)

    def sum(self, uid: int, thing: int, start: int, end: int, atid: int | None = None) -> int:
        """From ``start`` up to before ``end``."""
        line = (uid, thing, atid)
        if line not in self._sorted:
            bookings = sorted(self._bookings.pop(line, []))
            sums = [0, *accumulate(delta for _, delta in bookings)]
            self._sorted[line] = ([second for second, _ in bookings], sums)
        seconds, sums = self._sorted[line]
        if end <= start:
            return 0
        return sums[bisect_left(seconds, end)] - sums[bisect_left(seconds, start)]
