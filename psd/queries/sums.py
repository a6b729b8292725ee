"""Sums of things over one range, and what else is told of the same bookings.

``count`` is the number of activities with a booking in the range, ``first`` and ``last`` are the
seconds of its first and last booking; they read every booking, and then all else is told from the
same. ``min``, ``max`` and ``avg`` are of the sums of the calendar units of the range, its two ends
included as far as they go, empty ones as 0. Three days of 10, 0 and 20 steps have::

    sum 30, min 0, max 20, avg 10.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BucketQuestion
from psd.engine.tallies import Tally
from psd.errors import DetailExpiredError, TooLargeError
from psd.queries.calendar import buckets
from psd.queries.freshness import Level, QueueDepth, answered, coarsest, watermark, with_depth
from psd.queries.questions import SumQuestion
from psd.queries.requests import POINTS_MAX
from psd.queries.results import AnsweredRange, SumAnswer, SumRow
from psd.slices import ROWS_AT_ONCE, in_slices

SPREAD = frozenset({"min", "max", "avg"})
DETAILS = frozenset({"count", "first", "last"})

USERS_AT_ONCE = 200
"""Users whose rows are made together: with a few things each, 1 to 2 ms."""

SPREAD_BUCKETS_MAX = 200_000
"""Buckets of all rows together: 1,000 users and 200 days, some 0.2 s."""

Sees = Callable[[int], bool]
"""Whether whoever asks may see this owner; the others are told of as users without data."""

RowKey = tuple[int, int]
"""(uid, number of the thing)."""


class Spread(msgspec.Struct, frozen=True):
    """The smallest, the largest and the mean of the sums of buckets."""

    min: int
    max: int
    avg: float


class Details(msgspec.Struct, frozen=True):
    """What single bookings tell."""

    count: int
    first: str | None
    last: str | None


class Reading(msgspec.Struct, frozen=True):
    """What was read of the rows, of each at one moment; ``resolution`` says what had expired."""

    sums: dict[RowKey, int]
    spreads: dict[RowKey, Spread]
    details: dict[RowKey, Details]
    resolution: str | None = None


def everybody(_uid: int) -> bool:
    """Whoever asks may see all."""
    return True


async def answer_sum(
    engine: Reads, question: SumQuestion, depth: QueueDepth, sees: Sees = everybody
) -> SumAnswer:
    """One row for each user and thing; a few script calls a page of users, in one trip.

    All numbers of a row are of one moment: they are made of what one call has read.
    """
    seen = [uid for uid in question.uids if sees(uid)]
    _check_cost(question, len(seen))
    reader = _SumReader(engine, question, seen)
    found, waiting = await with_depth(answered(question.range_, reader.read), depth)
    resolution = coarsest([found.resolution, found.value.resolution])

    def rows(uids: Sequence[int]) -> list[SumRow]:
        return [_row(question, uid, name, found.value) for uid in uids for name in question.things]

    return SumAnswer(
        data=await in_slices(question.uids, rows, USERS_AT_ONCE),
        exact=resolution is UNSET,
        resolution=resolution,
        range=AnsweredRange.of(found.range_),
        watermark=watermark(reader.newest.second, waiting),
    )


def _check_cost(question: SumQuestion, users: int) -> None:
    rows = users * len(question.things)
    if question.aggregates & SPREAD:
        units = len(buckets(question.range_, question.every, question.tz, POINTS_MAX))
        if units * rows > SPREAD_BUCKETS_MAX:
            raise TooLargeError(
                f"every: {units} units for each of {rows} rows asked, "
                f"at most {SPREAD_BUCKETS_MAX} in all are allowed"
            )


class _SumReader:
    """One question's calls; ``newest`` takes the newest second of those who are asked."""

    def __init__(self, engine: Reads, question: SumQuestion, seen: Sequence[int]) -> None:
        self._engine = engine
        self._question = question
        self._seen = seen
        self._numbers = list(question.things.values())
        self.newest = Newest()

    async def read(self, range_: Range, _level: Level | None) -> Reading:
        """All that is asked, from whatever tells most of it and is still there.

        Raises DetailExpiredError where not even the sums are.
        """
        if not self._seen:
            return Reading({}, {}, {})
        asked, expired = self._question.aggregates, None
        if asked & DETAILS:
            try:
                return await self._from_bookings(range_)
            except DetailExpiredError as error:
                expired = error.resolution
        units = self._units(range_) if asked & SPREAD else []
        if units:
            try:
                return await self._from_series(range_, units, expired)
            except DetailExpiredError as error:
                found = coarsest([expired, error.resolution])
                expired = None if isinstance(found, UnsetType) else found
        return await self._from_totals(range_, expired)

    async def _from_bookings(self, range_: Range) -> Reading:
        units = self._units(range_) if self._question.aggregates & SPREAD else []
        boundaries = [*(unit.start for unit in units), range_.end] if units else []
        found = await self._engine.tallies(
            self._seen,
            self._numbers,
            range_,
            boundaries,
            atids=self._question.atids,
            newest=self.newest,
        )
        tallies = {
            (uid, number): tally
            for uid, things in zip(self._seen, found, strict=True)
            for number, tally in things.items()
        }

        def details(some: Sequence[tuple[RowKey, Tally]]) -> list[tuple[RowKey, Details]]:
            return [(row, _details(tally)) for row, tally in some]

        return Reading(
            {row: tally.sum for row, tally in tallies.items()},
            await _spreads({row: tally.buckets for row, tally in tallies.items() if units}),
            dict(await in_slices([*tallies.items()], details)),
        )

    async def _from_series(
        self, range_: Range, units: Sequence[Range], expired: str | None
    ) -> Reading:
        boundaries = [*(unit.start for unit in units), range_.end]
        atids, newest = self._question.atids, self.newest
        asked = [BucketQuestion(number, boundaries, atids) for number in self._numbers]
        found = await asyncio.gather(
            *(self._engine.series(self._seen, each, newest=newest) for each in asked)
        )
        buckets_of = {
            (uid, number): columns[None].sums
            for number, owners in zip(self._numbers, found, strict=True)
            for uid, columns in zip(self._seen, owners, strict=True)
        }
        return Reading(
            {row: sum(sums) for row, sums in buckets_of.items()},
            await _spreads(buckets_of),
            {},
            expired,
        )

    async def _from_totals(self, range_: Range, expired: str | None) -> Reading:
        if "sum" not in self._question.aggregates:
            self.newest.note(await self._engine.newest(self._seen, self._numbers))
            return Reading({}, {}, {}, expired)
        found = await self._engine.sums(
            self._seen,
            self._numbers,
            [range_] * len(self._seen),
            atids=self._question.atids,
            newest=self.newest,
        )
        sums = {
            (uid, number): total
            for uid, owner in zip(self._seen, found, strict=True)
            for number, total in owner.sums.items()
        }
        return Reading(sums, {}, {}, expired)

    def _units(self, range_: Range) -> list[Range]:
        return buckets(range_, self._question.every, self._question.tz, POINTS_MAX)


async def _spreads(buckets_of: Mapping[RowKey, Sequence[int]]) -> dict[RowKey, Spread]:
    """The spread of each row's buckets, which are as many for each."""

    def spreads(some: Sequence[tuple[RowKey, Sequence[int]]]) -> list[tuple[RowKey, Spread]]:
        return [(row, _spread(sums)) for row, sums in some]

    rows = [*buckets_of.items()]
    at_once = max(1, 10 * ROWS_AT_ONCE // (20 + len(rows[0][1]))) if rows else 1
    return dict(await in_slices(rows, spreads, at_once))


def _spread(sums: Sequence[int]) -> Spread:
    return Spread(min(sums), max(sums), sum(sums) / len(sums))


def _details(tally: Tally) -> Details:
    first_s, last_s = tally.first_s, tally.last_s
    return Details(
        tally.activities,
        None if first_s is None else utc_text(first_s),
        None if last_s is None else utc_text(last_s),
    )


def _row(question: SumQuestion, uid: int, name: str, found: Reading) -> SumRow:
    """A user whom nobody may see, or with nothing booked, has the row of an empty range."""
    row, asked = (uid, question.things[name]), question.aggregates
    spread = found.spreads.get(row)
    nothing = Details(0, None, None) if found.resolution is None else None
    details = found.details.get(row, nothing)
    return SumRow(
        uid=str(uid),
        thing=name,
        sum=found.sums.get(row, 0) if "sum" in asked else UNSET,
        count=(details.count if details else None) if "count" in asked else UNSET,
        min=(spread.min if spread else None) if "min" in asked else UNSET,
        max=(spread.max if spread else None) if "max" in asked else UNSET,
        avg=(spread.avg if spread else None) if "avg" in asked else UNSET,
        first=(details.first if details else None) if "first" in asked else UNSET,
        last=(details.last if details else None) if "last" in asked else UNSET,
    )
