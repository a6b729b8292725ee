"""Whose place is which in the columns of a thing, as this process knows it. Pure.

Positions only grow, so what was read stays true and the rest alone is asked for. Who is erased
leaves a gap that nobody fills: whoever still knows the uid there finds no bookings for it. ::

    places = OwnerPlaces(16)
    places.add(7, 0, packed)             the uids at the first places of partition 7
    places.given(7)                      -> 625
    places.uids([610, ..., 625, ...])    array([1503960366, ...]), partition behind partition
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psd import arrays

if TYPE_CHECKING:
    from psd.arrays import Int64s

CELL = ">i8"
"""A number of a column, and a uid."""


class OwnerPlaces:
    """The uids of one thing, by partition and position; of a store as it was at an ``epoch``."""

    def __init__(self, partitions: int, epoch: int) -> None:
        self.epoch = epoch
        self._parts: list[Int64s] = [arrays.numpy.empty(0, "i8")] * partitions
        self._joined: Int64s = arrays.numpy.empty(0, "i8")

    def given(self, partition: int) -> int:
        """How many positions of a partition are known."""
        return len(self._parts[partition])

    def add(self, partition: int, first: int, packed: Sequence[bytes]) -> None:
        """Uids as they stand from a position on, where they are not known yet."""
        known = self._parts[partition]
        found = [arrays.numpy.frombuffer(each, CELL) for each in packed]
        if first <= len(known) < first + sum(len(each) for each in found):
            self._parts[partition] = arrays.numpy.concatenate([known[:first], *found]).astype("i8")

    def uids(self, given: Sequence[int]) -> Int64s:
        """The uids at the first so many positions of each partition; it is not to be changed."""
        if list(given) == [len(part) for part in self._parts]:
            if len(self._joined) != sum(given):
                self._joined = self._all(given)
            return self._joined
        return self._all(given)

    def _all(self, given: Sequence[int]) -> Int64s:
        parts = [part[:stop] for part, stop in zip(self._parts, given, strict=True)]
        return parts[0] if len(parts) == 1 else arrays.numpy.concatenate(parts)
