"""Leaves as Redis hands them over: packed bookings, read record by record.

lua/lib/leaf.lua says how they are packed. Of a leaf that begins at midnight, 373 steps of atid 0
and aid 7 in its second second::

    list(records([1_460_419_200, bytes.fromhex("41 000001 00 07 0175")]))
    -> [(1_460_419_201, 0, 7, 373)]

A record takes 0.2 us, so whoever reads many of them lets others run in between
(:class:`ReadingPace`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from struct import Struct

import msgspec

from psd.errors import TooLargeError
from psd.slices import Stretch

RECORDS_AT_ONCE = 5_000
"""Records after which the event loop has its turn: 1 to 2 ms."""

_WIDTHS = ("b", "h", "i", "q")
_CODES_START = 64
_CODES = range(_CODES_START, _CODES_START + 64)
_CROWD_CODE = _CODES[-1]

Parts = Sequence[int | bytes]
"""First second and records of each leaf by turns, in the order of time."""

Atids = frozenset[int] | None
"""The atids that count; None is all."""

Record = tuple[int, int, int, int]
"""(second, atid, aid, delta)."""


class Leaf(msgspec.Struct, frozen=True):
    """Some records of a leaf; a row is (high byte, low bytes, atid, aid, delta)."""

    start: int
    shape: Struct
    packed: memoryview

    def __len__(self) -> int:
        return len(self.packed) // self.shape.size

    def rows(self) -> Iterator[tuple[int, ...]]:
        """The records; the seconds from ``start`` on are 65,536 high + low."""
        return self.shape.iter_unpack(self.packed)

    def rows_of(self, atids: Atids) -> Iterable[tuple[int, ...]]:
        """Those of some atids."""
        rows = self.rows()
        return rows if atids is None else [row for row in rows if row[2] in atids]


class ReadingPace:
    """Counts the records that one question reads, and gives the event loop its turn in between."""

    def __init__(self, records_max: int, limit: str = "server.bookings_max") -> None:
        self._records_max = records_max
        self._limit = limit
        self._records = 0
        self._stretch = Stretch(RECORDS_AT_ONCE)

    async def take(self, records: int) -> None:
        """So many are read next; raises TooLargeError past what one question may read."""
        self._records += records
        if self._records > self._records_max:
            raise TooLargeError(
                f"range: more than {self._records_max} bookings in it ({self._limit}); "
                "name fewer users or a narrower range"
            )
        await self._stretch.after(records)

    async def spend(self, records: int) -> None:
        """What was done beside reading took as long as reading so many."""
        await self._stretch.after(records)


@lru_cache(maxsize=len(_CODES))
def shape_of(code: int) -> Struct:
    """How the records of a leaf with this first byte are packed."""
    atid, aid, delta = (_WIDTHS[(code - _CODES_START) // power % 4] for power in (16, 4, 1))
    return Struct(f">BH{atid}{aid}{delta}")


def leaves(parts: Parts) -> Iterator[Leaf]:
    """The leaves, long ones in pieces of at most RECORDS_AT_ONCE."""
    turns = iter(parts)
    for start, packed in zip(turns, turns, strict=True):
        assert isinstance(start, int), "first seconds and leaves come by turns"
        assert isinstance(packed, bytes), "first seconds and leaves come by turns"
        shape, whole = shape_of(packed[0]), memoryview(packed)[1:]
        step = shape.size * RECORDS_AT_ONCE
        if len(whole) <= step:
            yield Leaf(start, shape, whole)
            continue
        for at in range(0, len(whole), step):
            yield Leaf(start, shape, whole[at : at + step])


def crowd_records(fields: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """(atid, aid) of the records of a crowded second's fields (lua/lib/crowd.lua)."""
    for packed in fields:
        for _, _, atid, aid, _ in shape_of(_CROWD_CODE).iter_unpack(packed):
            yield atid, aid


def records(parts: Parts) -> Iterator[Record]:
    """All records; for few of them, or where nobody waits."""
    for leaf in leaves(parts):
        start = leaf.start
        for high, low, atid, aid, delta in leaf.rows():
            yield (start + (high << 16) + low, atid, aid, delta)
