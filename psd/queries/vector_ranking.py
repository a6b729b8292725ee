"""Boards of everybody, ordered by numpy: what psd/queries/ranking.py is for those of a few. Pure.

A million users are two columns of 8 MB here and no rows, but for those that are shown. The order is
the same, and so are ranks, percentiles and cursors::

    board = await VectorRanking.made(vector, "competition", first=10)
    board.page(0, 10)                    -> [Place(1, 22484408, 3200, 90.0), ...]
    board.total                          -> 1000000

Of a board whose first are asked for alone, only these are ordered, and all who tie with the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Self

import msgspec

from psd import arrays
from psd.columns.vector import Vector
from psd.queries.ranking import NEVER_S, Order, Place, percentile, read_cursor, write_cursor
from psd.queries.requests import Ties
from psd.slices import beside_the_loop

if TYPE_CHECKING:
    from psd.arrays import Int64s


class Ordered(msgspec.Struct, frozen=True):
    """Users in the order of a board; ``negated`` is minus what each has."""

    uids: Int64s
    negated: Int64s
    seconds: Int64s | None
    below: int

    @classmethod
    def of(cls, vector: Vector, seconds: Int64s | None, first: int | None) -> Self:
        """All of a board, or its first and all who tie with the last of them."""
        numpy = arrays.numpy
        uids, values = vector.uids, vector.values
        if first is not None and first < vector.total:
            # A board of a thing that hardly anybody has in the range ties nearly everybody.
            upper = vector.upper(first)
            uids, values = uids[upper], values[upper]
            seconds = None if seconds is None else seconds[upper]
        negated = -values
        keys = (uids, negated) if seconds is None else (uids, seconds, negated)
        order = numpy.lexsort(keys)
        below = vector.total - len(order)
        return cls(uids[order], negated[order], None if seconds is None else seconds[order], below)


class VectorRanking:
    """Users in order, each with a rank, as :class:`~psd.queries.ranking.Ranking` has them."""

    def __init__(self, ordered: Ordered, ties: Ties) -> None:
        self.ties = ties
        self._ordered = ordered

    @classmethod
    async def made(
        cls,
        vector: Vector,
        ties: Ties,
        reached_s: Mapping[int, int | None] | None = None,
        first: int | None = None,
    ) -> Self:
        """The board of these; of its ``first`` alone where no more is asked for."""

        def ordered() -> Ordered:
            seconds = _seconds(vector.uids, reached_s) if ties == "first_to_reach" else None
            return Ordered.of(vector, seconds, first)

        return cls(await beside_the_loop(vector.total, ordered), ties)

    def __len__(self) -> int:
        return len(self._ordered.uids)

    @property
    def total(self) -> int:
        """Everybody on the board, also those who are not in the order here."""
        return len(self) + self._ordered.below

    def after(self, cursor: str | None) -> int:
        """The position at which the page of a cursor begins; raises BadQueryError."""
        if cursor is None:
            return 0
        negated, second, uid = read_cursor(cursor, self.ties)
        group = self._group(negated)
        if self._ordered.seconds is not None:
            group = _within(self._ordered.seconds, group, second)
        elif second != NEVER_S:
            return group.start if second < NEVER_S else group.stop
        uids = self._ordered.uids[group.start : group.stop]
        return group.start + int(uids.searchsorted(uid, "right"))

    def position(self, uid: int) -> int | None:
        """Where a user stands in the order, from 0; None for one who is not on the board."""
        found = (self._ordered.uids == uid).nonzero()[0]
        return int(found[0]) if len(found) else None

    def tied(self, start: int, stop: int) -> range:
        """The positions from ``start`` to ``stop`` and of all who share a value with one of them.

        To rank them by who was first, the seconds of these must be known.
        """
        start, stop = max(start, 0), min(stop, len(self))
        if start >= stop:
            return range(0)
        negated = self._ordered.negated
        return range(
            self._group(int(negated[start])).start, self._group(int(negated[stop - 1])).stop
        )

    def sharing(self, positions: range) -> list[int]:
        """The uids at these positions who share their value with somebody."""
        if not positions:
            return []
        first, stop = max(positions.start - 1, 0), min(positions.stop + 1, len(self))
        is_even = arrays.numpy.diff(self._ordered.negated[first:stop]) == 0
        shares = arrays.numpy.zeros(stop - first, bool)
        shares[1:] |= is_even
        shares[:-1] |= is_even
        asked = slice(positions.start - first, positions.stop - first)
        uids = self._ordered.uids[positions.start : positions.stop][shares[asked]]
        found: list[int] = uids.tolist()
        return found

    def page(self, start: int, stop: int) -> list[Place]:
        """The places from one position to before another."""
        return [self.place(at) for at in range(max(start, 0), min(stop, len(self)))]

    def place(self, position: int) -> Place:
        """The place at a position."""
        negated = int(self._ordered.negated[position])
        group = self._group(negated)
        return Place(
            rank=self._rank(position, group),
            uid=int(self._ordered.uids[position]),
            value=-negated,
            percentile=percentile(self.total - group.stop, self.total),
        )

    async def places(self, uids: Iterable[int]) -> dict[int, Place]:
        """The places of those among these users who are on the board."""
        wanted = arrays.numpy.array(list(uids), "i8")
        found = partial(arrays.numpy.isin, self._ordered.uids, wanted)
        positions = (await beside_the_loop(len(self), found)).nonzero()[0]
        placed = [self.place(int(at)) for at in positions]
        return {place.uid: place for place in placed}

    def cursor(self, position: int) -> str:
        """What asks for the places behind a position."""
        seconds = self._ordered.seconds
        order: Order = (
            int(self._ordered.negated[position]),
            NEVER_S if seconds is None else int(seconds[position]),
            int(self._ordered.uids[position]),
        )
        return write_cursor(order, self.ties)

    def at_value(self, value: int) -> range:
        """The positions of those who have this value; where they would be when nobody has."""
        return self._group(-value)

    def _rank(self, position: int, group: range) -> int:
        if self.ties == "ordinal":
            return position + 1
        if self.ties == "first_to_reach" and self._ordered.seconds is not None:
            second = int(self._ordered.seconds[position])
            return _within(self._ordered.seconds, group, second).start + 1
        if self.ties == "dense":
            ahead = self._ordered.negated[: group.start + 1]
            return 1 + int(arrays.numpy.count_nonzero(ahead[1:] != ahead[:-1]))
        return group.start + 1

    def _group(self, negated: int) -> range:
        return _within(self._ordered.negated, range(len(self)), negated)


def _within(ascending: Int64s, positions: range, number: int) -> range:
    """Where a number stands among those at some positions."""
    part = ascending[positions.start : positions.stop]
    start, stop = (int(part.searchsorted(number, side)) for side in ("left", "right"))
    return range(positions.start + start, positions.start + stop)


def _seconds(uids: Int64s, reached_s: Mapping[int, int | None] | None) -> Int64s:
    """When each reached what he has; behind everybody where that is not known."""
    numpy = arrays.numpy
    seconds: Int64s = numpy.full(len(uids), NEVER_S, "i8")
    known = {uid: at for uid, at in (reached_s or {}).items() if at is not None}
    if known:
        wanted = numpy.array(sorted(known), "i8")
        at = wanted.searchsorted(uids)
        at[at == len(wanted)] = 0
        there = wanted[at] == uids
        seconds[there] = numpy.array([known[uid] for uid in wanted.tolist()], "i8")[at[there]]
    return seconds
