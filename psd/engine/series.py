"""Sums by the buckets between ascending seconds: days of any zone, weeks, whatever is cut.

Boundaries ``[b0, b1, ..., bn]`` make n buckets, each from its boundary up to before the next.
With bookings of 5 at second 100 and -5 at 150, boundaries 0, 100, 200 and 300 give::

    Series(sums=[0, 0, 0], bookings=[0, 2, 0])

The middle bucket's bookings cancel out, the others have none. Buckets that are whole years, months,
days or (in dense days) hours and minutes are read from totals; only where a boundary cuts a
day, its bookings are read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

import msgpack
import msgspec

from psd.engine.bookings import BookingsReader, Held
from psd.engine.events import TIME_END_S
from psd.engine.leaves import Parts, ReadingPace
from psd.engine.newest import Newest, asks
from psd.engine.owner_reads import OwnerCall, OwnerReader
from psd.engine.plan import WEEK_S, WEEKS_MAX, Levels, Range, week_blocks
from psd.engine.sums import packed_atids
from psd.engine.tallies import add_to_columns, new_column
from psd.engine.totals import Buckets, Columns, add_totals, pieces
from psd.engine.whole import check_levels, checked_sum
from psd.slices import Stretch
from psd.store.scripts import load_script

BUCKETS_MAX = 10_000

PAGE_OWNERS_MAX = 100
PAGE_BUCKETS_MAX = 20_000
"""Buckets of all owners of one call together, so that it holds Redis for some 20 ms."""

NUMBER_RECORDS = 3
"""A part of a total takes as long as to read so many bookings."""

BUCKETS_A_ROW = 10
"""So many sums of a column are added up while a row is made elsewhere, in 1 us."""


class Series(msgspec.Struct, frozen=True):
    """A number for each bucket; ``bookings`` is None where totals by atid do not tell it."""

    sums: list[int]
    bookings: list[int] | None


class BucketQuestion(msgspec.Struct, frozen=True):
    """What is asked of each owner.

    ``counts`` asks for bookings also where they have to be read one by one: with ``atids`` or by
    atid. Without either they are always told.
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

    @property
    def reads_all(self) -> bool:
        """Whether totals do not tell it, so that every booking is read."""
        return self.is_counted and (self.atids is not None or self.by_atid)

    @property
    def bounds(self) -> list[int]:
        """The boundaries, cut to where anything can be booked."""
        return [min(max(bound, 0), TIME_END_S) for bound in self.boundaries]

    def weeks(self, levels: Levels) -> list[list[Any]]:
        """Hashes and fields of weeks whose own totals answer it, else []."""
        return [] if levels.weeks_expire else weeks_of(self.bounds)

    def arguments(self, levels: Levels) -> tuple[bytes | str | int, ...]:
        """What lua/engine/series.lua takes, up to whether it tells the newest second."""
        return (
            msgpack.packb([self.bounds, self.weeks(levels)], use_bin_type=False),
            self.thing,
            packed_atids(self.atids),
            "atid" if self.by_atid else "",
        )


class SeriesReader:
    """The script that reads series, and what is read from bookings instead."""

    def __init__(self, reader: OwnerReader, bookings: BookingsReader) -> None:
        self._reader = reader
        self._bookings = bookings
        self._script = load_script("engine.series")

    async def of_owners(
        self,
        uids: Sequence[int],
        question: BucketQuestion,
        levels: Levels,
        newest: Newest | None = None,
    ) -> list[dict[int | None, Series]]:
        """Each owner's columns, by position: by atid, or one column None."""
        found: list[dict[int | None, Series]] = [{} for _ in uids]

        async def take(place: int, columns: Columns) -> None:
            found[place] = await series_of(columns, question)

        await self._read(uids, question, levels, newest, take)
        return found

    async def of_all(
        self,
        uids: Sequence[int],
        question: BucketQuestion,
        levels: Levels,
        newest: Newest | None = None,
    ) -> dict[int | None, Series]:
        """The columns of all owners added up."""
        told: set[int] = set()
        total: Columns = {}

        async def take(place: int, columns: Columns) -> None:
            # Whoever has been told of twice counts once: the read may begin anew.
            if place not in told:
                told.add(place)
                await add_columns(total, columns)

        await self._read(uids, question, levels, newest, take)
        return await series_of(total, question)

    async def _read(
        self,
        uids: Sequence[int],
        question: BucketQuestion,
        levels: Levels,
        newest: Newest | None,
        take: Callable[[int, Columns], Awaitable[None]],
    ) -> None:
        roots = await self._reader.roots(uids)
        bounds = question.bounds
        if question.reads_all:

            async def take_held(place: int, held: Held, pace: ReadingPace) -> None:
                columns: Columns = {}
                await _add(held.parts[question.thing], question, columns, pace)
                await take(place, columns)

            ranges = [Range(bounds[0], bounds[-1])] * len(roots)
            await self._bookings.read(roots, [question.thing], ranges, take_held, newest)
            return
        page_max = max(1, min(PAGE_OWNERS_MAX, PAGE_BUCKETS_MAX // len(bounds)))
        buckets = Buckets(bounds, question.weeks(levels))
        asked = OwnerCall(self._script, (*question.arguments(levels), asks(newest)), page_max)

        async def read() -> None:
            pace = self._bookings.pace()

            async def taken(places: list[int], rest: list[Any]) -> None:
                for place, (totals, parts) in zip(places, rest, strict=True):
                    columns: Columns = {}
                    await pace.spend(len(bounds))
                    for piece in pieces(totals):
                        await pace.spend(len(piece[3]) + NUMBER_RECORDS * len(piece[4]))
                        lost = add_totals(
                            [piece], buckets, columns, question.atids, by_atid=question.by_atid
                        )
                        check_levels(lost)
                    await _add(parts, question, columns, pace)
                    await take(place, columns)

            pages = self._reader.pages(asked, range(len(roots)), roots)
            await self._reader.take_pages(pages, taken, newest)

        await read()


async def _add(parts: Parts, question: BucketQuestion, columns: Columns, pace: ReadingPace) -> None:
    """Add bookings to the columns of their owner."""
    await add_to_columns(
        parts, question.bounds, question.atids, columns, pace, by_atid=question.by_atid
    )


def weeks_of(bounds: Sequence[int]) -> list[list[Any]]:
    """Hashes and fields when every bucket is one calendar week of the same kind, else []."""
    if any(end - start != WEEK_S for start, end in pairwise(bounds)):
        return []
    blocks: list[list[Any]] = []
    for at in range(0, len(bounds) - 1, WEEKS_MAX):
        last = min(at + WEEKS_MAX, len(bounds) - 1)
        blocks += week_blocks(bounds[at], bounds[last])
    return blocks


async def add_columns(total: Columns, columns: Columns) -> None:
    """Add an owner's columns to those of others."""
    stretch = Stretch()
    for atid, column in columns.items():
        await stretch.after(1 + len(column.sums) // BUCKETS_A_ROW)
        before = total.get(atid)
        if before is None:
            total[atid] = column
        else:
            before.sums = [a + b for a, b in zip(before.sums, column.sums, strict=True)]
            before.bookings = [a + b for a, b in zip(before.bookings, column.bookings, strict=True)]


async def series_of(columns: Columns, question: BucketQuestion) -> dict[int | None, Series]:
    """What is answered; the one column is there also when it is empty.

    Raises OutOfBoundsError for a sum past +-(2^53 - 1).
    """
    found = columns
    if not question.by_atid and None not in columns:
        found = {None: new_column(len(question.boundaries) - 1)}
    stretch = Stretch()
    for column in found.values():
        await stretch.after(1 + len(column.sums) // BUCKETS_A_ROW)
        checked_sum(max(column.sums, default=0))
        checked_sum(min(column.sums, default=0))
    is_counted = question.is_counted
    return {
        atid: Series(column.sums, column.bookings if is_counted else None)
        for atid, column in found.items()
    }
