"""Sums by the buckets between ascending seconds: days of any zone, weeks, whatever is cut.

Boundaries ``[b0, b1, ..., bn]`` make n buckets, each from its boundary up to before the next.
With bookings of 5 at second 100 and -5 at 150, boundaries 0, 100, 200 and 300 give::

    Series(sums=[0, 0, 0], bookings=[0, 2, 0])

The middle bucket's bookings cancel out, the others have none. Buckets that are whole years, months,
days or (in dense days) hours and minutes are read from totals; only where a boundary cuts a
day, its bookings are read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
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
from psd.engine.series_columns import Series, SeriesColumns
from psd.engine.sums import packed_atids
from psd.engine.totals import Buckets, FoundTotals, pieces
from psd.engine.unpacking import handed_of, read_in_turns
from psd.engine.whole import check_levels
from psd.store.scripts import Script

BUCKETS_MAX = 10_000

PAGE_OWNERS_MAX = 100
PAGE_BUCKETS_MAX = 20_000
"""Buckets of all owners of one call together, so that it holds Redis for some 20 ms."""

NUMBER_RECORDS = 3
"""A part of a total takes as long as to read so many bookings."""

EVEN_BOUNDS_MIN = 16

BUCKETS_A_RECORD = 10
"""So many sums of a column are made while a booking is read."""

Page = Callable[[Sequence[int | None], SeriesColumns], Awaitable[None]]
"""Adds what was told of a page of owners to columns, each under a number of its own or of all
together, or not at all (None)."""

Take = Callable[[Sequence[int], Page], Awaitable[None]]
"""Takes a page: the positions of its owners, and how to add them up."""


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
    def bounds(self) -> Sequence[int]:
        """The boundaries, cut to where anything can be booked."""
        bounds = self.boundaries
        if bounds[0] >= 0 and bounds[-1] <= TIME_END_S:
            return bounds
        return [min(max(bound, 0), TIME_END_S) for bound in bounds]

    def weeks(self, levels: Levels) -> list[list[Any]]:
        """Hashes and fields of weeks whose own totals answer it, else []."""
        return [] if levels.weeks_expire else weeks_of(self.bounds)

    def columns(self, owners: int) -> SeriesColumns:
        """Where the answers about so many owners are added up."""
        return SeriesColumns(self.bounds, owners, by_atid=self.by_atid)

    def arguments(self, weeks: Sequence[Sequence[Any]]) -> tuple[bytes | str | int, ...]:
        """What lua/engine/series.lua takes, up to whether it tells the newest second."""
        return (
            packed_bounds(self.bounds, weeks),
            self.thing,
            packed_atids(self.atids),
            "atid" if self.by_atid else "",
        )


class SeriesReader:
    """The script that reads series, and what is read from bookings instead."""

    def __init__(self, reader: OwnerReader, bookings: BookingsReader) -> None:
        self._reader = reader
        self._bookings = bookings
        self._script = Script("engine.series")

    async def of_owners(
        self,
        uids: Sequence[int],
        question: BucketQuestion,
        levels: Levels,
        newest: Newest | None = None,
    ) -> list[dict[int | None, Series]]:
        """Each owner's columns, by position: by atid, or one column None."""
        found: list[dict[int | None, Series]] = [{} for _ in uids]
        is_counted = question.is_counted

        async def take(places: Sequence[int], page: Page) -> None:
            columns = question.columns(len(places))
            await page(range(len(places)), columns)
            for owner, place in enumerate(places):
                found[place] = await columns.of_owner(owner, is_counted=is_counted)

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
        total = question.columns(1)

        async def take(places: Sequence[int], page: Page) -> None:
            # Whoever has been told of twice counts once: the read may begin anew.
            owners = [None if place in told else 0 for place in places]
            told.update(places)
            await page(owners, total)

        await self._read(uids, question, levels, newest, take)
        return await total.of_owner(0, is_counted=question.is_counted)

    async def _read(
        self,
        uids: Sequence[int],
        question: BucketQuestion,
        levels: Levels,
        newest: Newest | None,
        take: Take,
    ) -> None:
        roots = await self._reader.roots(uids)
        bounds = question.bounds
        if question.reads_all:

            async def take_held(held: Mapping[int, Held], pace: ReadingPace) -> None:
                parts = [each.parts[question.thing] for each in held.values()]
                await take([*held], partial(_add_bookings, question, parts, pace))

            ranges = [Range(bounds[0], bounds[-1])] * len(roots)
            await self._bookings.read(roots, [question.thing], ranges, take_held, newest)
            return
        page_max = max(1, min(PAGE_OWNERS_MAX, PAGE_BUCKETS_MAX // len(bounds)))
        weeks = question.weeks(levels)
        buckets = Buckets(bounds, weeks)
        arguments = (*question.arguments(weeks), asks(newest))
        asked = OwnerCall(self._script, arguments, page_max)

        async def read() -> None:
            pace = self._bookings.pace()

            async def taken(places: list[int], rest: list[Any]) -> None:
                await take(places, partial(_add_answers, question, buckets, rest, pace))

            pages = self._reader.pages(asked, range(len(roots)), roots)
            await self._reader.take_pages(pages, taken, newest)

        await read()


async def _add_answers(
    question: BucketQuestion,
    buckets: Buckets,
    answers: Sequence[Any],
    pace: ReadingPace,
    owners: Sequence[int | None],
    columns: SeriesColumns,
) -> None:
    """Add what lua/engine/series.lua tells of a page of owners."""
    totals = FoundTotals(buckets, question.atids, by_atid=question.by_atid)
    parts: list[Parts] = []
    for owner, (levels, owner_parts) in zip(owners, answers, strict=True):
        await pace.spend(len(question.boundaries) // BUCKETS_A_RECORD)
        if owner is not None:
            for piece in pieces(levels):
                await pace.spend(len(piece[3]) + NUMBER_RECORDS * len(piece[4]))
                totals.take(owner, piece)
            check_levels(totals.lost)
        parts.append(owner_parts)
    columns.add_totals(totals)
    await _add_bookings(question, parts, pace, owners, columns)


async def _add_bookings(
    question: BucketQuestion,
    parts: Sequence[Parts],
    pace: ReadingPace,
    owners: Sequence[int | None],
    columns: SeriesColumns,
) -> None:
    """Add bookings of a page of owners."""
    handed = [
        leaf
        for owner, owner_parts in zip(owners, parts, strict=True)
        if owner is not None
        for leaf in handed_of(owner, owner_parts)
    ]
    async for records in read_in_turns(handed, pace):
        columns.add_records(records.of(question.atids))


def packed_bounds(bounds: Sequence[int], weeks: Sequence[Sequence[Any]]) -> bytes:
    """Boundaries and weeks as lua/engine/series.lua takes them.

    Many that are even apart, but for the first and the last, travel as five numbers: Redis takes
    0.1 us to unpack a boundary.
    """
    plan: list[Any] = [list(bounds), weeks]
    if len(bounds) >= EVEN_BOUNDS_MIN and bounds[1] < bounds[2]:
        inner = range(bounds[1], bounds[-1], bounds[2] - bounds[1])
        if bounds[1:-1] == [*inner]:
            even = (bounds[0], bounds[1], inner.step, len(bounds), bounds[-1])
            plan = [[], weeks, even]
    packed: bytes = msgpack.packb(plan, use_bin_type=False)
    return packed


def weeks_of(bounds: Sequence[int]) -> list[list[Any]]:
    """Hashes and fields when every bucket is one calendar week of the same kind, else []."""
    if any(end - start != WEEK_S for start, end in pairwise(bounds)):
        return []
    blocks: list[list[Any]] = []
    for at in range(0, len(bounds) - 1, WEEKS_MAX):
        last = min(at + WEEKS_MAX, len(bounds) - 1)
        blocks += week_blocks(bounds[at], bounds[last])
    return blocks
