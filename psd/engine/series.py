"""Sums by the buckets between ascending seconds: days of any zone, weeks, whatever is cut.

Boundaries ``[b0, b1, ..., bn]`` make n buckets, each from its boundary up to before the next.
With bookings of 5 at second 100 and -5 at 150, boundaries 0, 100, 200 and 300 give::

    Series(sums=[0, 0, 0], bookings=[0, 2, 0])

The middle bucket's bookings cancel out, the others have none. Buckets that are whole years, months,
days or (in dense days) hours and minutes are read from totals; only where a boundary cuts a
day, its bookings are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgpack
import msgspec

from psd.engine.events import TIME_END_S
from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerReader, Reply
from psd.engine.plan import WEEK_S, WEEKS_MAX, Levels, week_blocks
from psd.engine.sums import packed_atids
from psd.store.scripts import load_script

BUCKETS_MAX = 10_000

PAGE_OWNERS_MAX = 100
PAGE_BUCKETS_MAX = 20_000
"""Buckets of all owners of one call together, so that it holds Redis for some 20 ms."""

SUM_MAX = 2**53 - 1


class Series(msgspec.Struct, frozen=True):
    """A number for each bucket; ``bookings`` is None where totals by atid do not tell it."""

    sums: list[int]
    bookings: list[int] | None


class SeriesQuestion(msgspec.Struct, frozen=True):
    """What is asked of each owner.

    ``counts`` asks for bookings also where they have to be read one by one, 0.2 us each: with
    ``atids`` or by atid. Without either they are always told.
    """

    thing: int
    boundaries: Sequence[int]
    atids: frozenset[int] | None = None
    by_atid: bool = False
    counts: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether the reply tells bookings."""
        return self.counts or (self.atids is None and not self.by_atid)

    def arguments(self, levels: Levels, *, adds_owners: bool) -> tuple[bytes | str | int, ...]:
        """What lua/engine/series.lua takes, up to whether it tells the newest second."""
        reads_all = self.is_counted and (self.atids is not None or self.by_atid)
        bounds = [min(max(bound, 0), TIME_END_S) for bound in self.boundaries]
        weeks = [] if levels.weeks_expire or reads_all else weeks_of(bounds)
        return (
            msgpack.packb([bounds, weeks], use_bin_type=False),
            self.thing,
            packed_atids(self.atids),
            "atid" if self.by_atid else "",
            "1" if reads_all else "",
            "1" if adds_owners else "",
        )


class SeriesReader:
    """The script that reads series."""

    def __init__(self, reader: OwnerReader) -> None:
        self._reader = reader
        self._script = load_script("engine.series")

    async def of_owners(
        self,
        uids: Sequence[int],
        question: SeriesQuestion,
        levels: Levels,
        newest: Newest | None = None,
    ) -> list[dict[int | None, Series]]:
        """Each owner's columns, by position: by atid, or one column None."""
        found: list[dict[int | None, Series]] = [{} for _ in uids]
        replies = await self._replies(uids, question, levels, newest, adds_owners=False)
        for places, columns in replies:
            for place, packed in zip(places, columns, strict=True):
                found[place] = columns_of(packed, question)
        return found

    async def of_all(
        self,
        uids: Sequence[int],
        question: SeriesQuestion,
        levels: Levels,
        newest: Newest | None = None,
    ) -> dict[int | None, Series]:
        """The columns of all owners added up."""
        pages = await self._replies(uids, question, levels, newest, adds_owners=True)
        return added_columns([columns_of(packed, question) for _, [packed] in pages], question)

    async def _replies(
        self,
        uids: Sequence[int],
        question: SeriesQuestion,
        levels: Levels,
        newest: Newest | None,
        *,
        adds_owners: bool,
    ) -> list[Reply]:
        arguments = (*question.arguments(levels, adds_owners=adds_owners), asks(newest))
        by_buckets = PAGE_BUCKETS_MAX // len(question.boundaries)
        page_max = PAGE_OWNERS_MAX if adds_owners else max(1, min(PAGE_OWNERS_MAX, by_buckets))
        return await self._reader.of_owners(self._script, uids, arguments, page_max, newest)


def weeks_of(bounds: Sequence[int]) -> list[list[Any]]:
    """Hashes and fields when every bucket is one calendar week of the same kind, else []."""
    if any(end - start != WEEK_S for start, end in pairwise(bounds)):
        return []
    blocks: list[list[Any]] = []
    for at in range(0, len(bounds) - 1, WEEKS_MAX):
        last = min(at + WEEKS_MAX, len(bounds) - 1)
        blocks += week_blocks(bounds[at], bounds[last])
    return blocks


def columns_of(packed: bytes, question: SeriesQuestion) -> dict[int | None, Series]:
    """The columns of one reply, gaps filled with 0; the one column is there also when empty."""
    columns: dict[int | None, Series] = {} if question.by_atid else {None: _empty(question)}
    for label, flat in msgspec.msgpack.decode(packed):
        series = _empty(question)
        for at in range(0, len(flat), 3):
            series.sums[flat[at]] = flat[at + 1]
            if series.bookings is not None:
                series.bookings[flat[at]] = flat[at + 2]
        columns[int(label) if label else None] = series
    return columns


def added_columns(
    pages: Sequence[dict[int | None, Series]], question: SeriesQuestion
) -> dict[int | None, Series]:
    """Columns of several pages added up, column by column."""
    total: dict[int | None, Series] = {} if question.by_atid else {None: _empty(question)}
    for columns in pages:
        for atid, series in columns.items():
            before = total.get(atid)
            total[atid] = series if before is None else _added(before, series)
    return total


def _added(left: Series, right: Series) -> Series:
    sums = [a + b for a, b in zip(left.sums, right.sums, strict=True)]
    if left.bookings is None or right.bookings is None:
        return Series(sums, None)
    return Series(sums, [a + b for a, b in zip(left.bookings, right.bookings, strict=True)])


def _empty(question: SeriesQuestion) -> Series:
    buckets = len(question.boundaries) - 1
    return Series([0] * buckets, [0] * buckets if question.is_counted else None)
