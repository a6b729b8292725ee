"""Boards: who stands where, pages of them, and what changed between two. Pure.

The highest value comes first. Scores that are equal are told apart by the mode of ``ties``; here
for the values 50, 40, 40, 30, of which the second 40 was reached first::

    competition        1  2  2  4    equal values share a rank, and the ranks they take up are lost
    dense              1  2  2  3    equal values share a rank, none is lost
    ordinal            1  2  3  4    the lower uid first
    first_to_reach     1  3  2  4    the earlier second first; equal seconds share a rank

A board is in one order, by which its pages are cut: value, then (first_to_reach only) the second,
then uid. Someone whose value was never reached, because nothing was booked, comes after those of
that value. A percentile is the share of the board that has less, in percent: of four users, 75
for the first above and 25 for both in the middle.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Self

import msgspec

from psd.errors import BadQueryError
from psd.queries.requests import Ties
from psd.slices import in_slices, sorted_in_slices

NEVER_S = 2**62
"""Orders those without a booking behind every second that a booking can have."""

PERCENT_DIGITS = 4


class Score(msgspec.Struct, frozen=True, gc=False):
    """What a user has, and the second at which it was first as much; None when not known."""

    uid: int
    value: int
    reached_s: int | None = None


class Place(msgspec.Struct, frozen=True, gc=False):
    """A user's rank on a board, and the share of it that has less."""

    rank: int
    uid: int
    value: int
    percentile: float


Order = tuple[int, int, int]
"""Ascending order of a board: minus the value, the second where it counts, the uid."""

_VALUE_OF, _UID_OF = itemgetter(0), itemgetter(2)
"""Of 100,000 orders in some ms, in which nobody is answered; in Python it would be twice that."""


class Ranking:
    """Users in order, each with a rank.

    ``standings`` are (uid, value) of the whole board, or of its upper part: then ``below`` more
    have less than all of these. With ``first_to_reach`` the seconds of those who share a value
    count; where they are not known, the order among these is by uid.
    """

    def __init__(
        self,
        standings: Iterable[tuple[int, int]],
        ties: Ties,
        reached_s: Mapping[int, int | None] | None = None,
        below: int = 0,
    ) -> None:
        self.ties = ties
        self._below = below
        seconds = (reached_s or {}) if ties == "first_to_reach" else {}
        self._orders: list[Order] = sorted(_orders(standings, seconds))
        self._distinct: list[int] | None = None

    @classmethod
    async def made(
        cls,
        standings: Sequence[tuple[int, int]],
        ties: Ties,
        reached_s: Mapping[int, int | None] | None = None,
        below: int = 0,
    ) -> Self:
        """The same board, ordered in slices where there are many on it."""
        seconds = (reached_s or {}) if ties == "first_to_reach" else {}
        orders = await in_slices(standings, lambda some: _orders(some, seconds))
        board = cls((), ties, below=below)
        board._orders = await sorted_in_slices(orders)
        return board

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def total(self) -> int:
        """Everybody on the board, also those who are not in the order here."""
        return len(self._orders) + self._below

    @property
    def ordered(self) -> list[tuple[int, int]]:
        """(uid, value) of all in the order here."""
        return [(uid, -negated) for negated, _, uid in self._orders]

    def after(self, cursor: str | None) -> int:
        """The position at which the page of a cursor begins; raises BadQueryError."""
        if cursor is None:
            return 0
        return bisect_right(self._orders, read_cursor(cursor, self.ties))

    def position(self, uid: int) -> int | None:
        """Where a user stands in the order, from 0; None for one who is not on the board."""
        uids = list(map(_UID_OF, self._orders))
        return uids.index(uid) if uid in uids else None

    def tied(self, start: int, stop: int) -> range:
        """The positions from ``start`` to ``stop`` and of all who share a value with one of them.

        To rank them by who was first, the seconds of these must be known.
        """
        start, stop = max(start, 0), min(stop, len(self))
        if start >= stop:
            return range(0)
        first, last = self._orders[start][0], self._orders[stop - 1][0]
        return range(self._first_of(first), self._first_of(last + 1))

    def sharing(self, positions: range) -> list[int]:
        """The uids at these positions who share their value with somebody."""
        # Who shares a value stands beside one who has it, perhaps just outside of these.
        around = self._orders[max(positions.start - 1, 0) : positions.stop + 1]
        having = Counter(map(_VALUE_OF, around))
        these = self._orders[positions.start : positions.stop]
        return [uid for negated, _, uid in these if having[negated] > 1]

    def page(self, start: int, stop: int) -> list[Place]:
        """The places from one position to before another."""
        return [self.place(at) for at in range(max(start, 0), min(stop, len(self)))]

    def place(self, position: int) -> Place:
        """The place at a position."""
        negated, _, uid = self._orders[position]
        below = self.total - self._first_of(negated + 1)
        return Place(self._rank(position), uid, -negated, percentile(below, self.total))

    async def places(self, uids: Iterable[int]) -> dict[int, Place]:
        """The places of those among these users who are on the board."""
        wanted = set(uids)

        def among(some: Sequence[int]) -> list[int]:
            return [at for at in some if self._orders[at][2] in wanted]

        found = await in_slices(range(len(self._orders)), among)
        placed = await in_slices(found, lambda some: [self.place(at) for at in some], 1000)
        return {place.uid: place for place in placed}

    def cursor(self, position: int) -> str:
        """What asks for the places behind a position."""
        return write_cursor(self._orders[position], self.ties)

    def at_value(self, value: int) -> range:
        """The positions of those who have this value; where they would be when nobody has."""
        return range(self._first_of(-value), self._first_of(-value + 1))

    def _rank(self, position: int) -> int:
        negated, second, _ = self._orders[position]
        if self.ties == "ordinal":
            return position + 1
        if self.ties == "first_to_reach":
            # A shorter tuple stands before every one that it begins.
            return bisect_left(self._orders, (negated, second)) + 1
        if self.ties == "dense":
            if self._distinct is None:
                self._distinct = list(dict.fromkeys(map(_VALUE_OF, self._orders)))
            return bisect_left(self._distinct, negated) + 1
        return self._first_of(negated) + 1

    def _first_of(self, negated: int) -> int:
        return bisect_left(self._orders, (negated,))


def _orders(standings: Iterable[tuple[int, int]], seconds: Mapping[int, int | None]) -> list[Order]:
    return [
        (-value, NEVER_S if (at := seconds.get(uid)) is None else at, uid)
        for uid, value in standings
    ]


def percentile(below: int, total: int) -> float:
    """Which share of a board of ``total`` users the ``below`` who have less are, in percent."""
    return round(100 * below / total, PERCENT_DIGITS)


def write_cursor(order: Order, ties: Ties) -> str:
    """An opaque text of a place in the order of a board."""
    packed = msgspec.msgpack.encode((ties[0], *order))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_cursor(text: str, ties: Ties) -> Order:
    """The place that a cursor stands for; raises BadQueryError for one of other ties."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, negated, second, uid = msgspec.msgpack.decode(packed, type=tuple[str, int, int, int])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as exc:
        raise BadQueryError(f"cursor: {text[:64]!r} is not one that an answer gave") from exc
    if mark != ties[0]:
        raise BadQueryError(f"cursor: {text[:64]!r} is of a board with other ties than {ties!r}")
    return (negated, second, uid)


class PlaceChange(msgspec.Struct, frozen=True, gc=False):
    """A place against that on an earlier board; None where the user was not on it."""

    previous_rank: int | None
    previous_value: int | None
    rank_change: int | None
    value_change: int | None


NOT_THERE = PlaceChange(None, None, None, None)


def compared(places: Iterable[Place], before: Mapping[int, Place]) -> list[PlaceChange]:
    """What changed for each of the places, by position; places that were won count positive."""
    return [
        NOT_THERE
        if (old := before.get(place.uid)) is None
        else PlaceChange(
            old.rank,
            old.value,
            old.rank - place.rank,
            place.value - old.value,
        )
        for place in places
    ]
