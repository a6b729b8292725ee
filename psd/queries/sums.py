"""Sums of things over one range, and what else is told of the same bookings.

``count`` is the number of activities with a booking in the range, ``first`` and ``last`` are the
seconds of its first and last booking; they read every booking. ``min``, ``max`` and ``avg`` are of
the sums of the calendar units of the range, its two ends included as far as they go, empty ones
as 0. Three days of 10, 0 and 20 steps have::

    sum 30, min 0, max 20, avg 10.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.activities import ActivitySum
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.series import Series
from psd.engine.series import SeriesQuestion as BucketQuestion
from psd.engine.sums import OwnerSums
from psd.errors import DetailExpiredError, TooLargeError
from psd.queries.calendar import buckets
from psd.queries.freshness import (
    Exactly,
    Level,
    NewestReader,
    QueueDepth,
    answered,
    coarsest,
    watermark,
    with_depth,
)
from psd.queries.questions import SumQuestion
from psd.queries.requests import POINTS_MAX
from psd.queries.results import AnsweredRange, SumAnswer, SumRow

SPREAD = frozenset({"min", "max", "avg"})
DETAILS = frozenset({"count", "first", "last"})

DETAIL_ROWS_MAX = 1000
"""Rows whose bookings are read one by one: 1,000 rows of 1,000 bookings take some 0.4 s."""

SPREAD_BUCKETS_MAX = 200_000
"""Buckets of all rows together: 1,000 users and 200 days, some 0.2 s."""

T = TypeVar("T")

Sees = Callable[[int], bool]
"""Whether whoever asks may see this owner; the others are told of as users without data."""

Row = tuple[int, int]
"""(uid, number of the thing)."""


class SumEngine(NewestReader, Protocol):
    """What sums ask of the engine."""

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> list[OwnerSums]:
        """Sums of each thing for each owner, by position."""
        ...

    async def series(
        self, uids: Sequence[int], question: BucketQuestion, *, newest: Newest | None = None
    ) -> list[dict[int | None, Series]]:
        """Each owner's sums by bucket, by position."""
        ...

    async def activities(
        self,
        uid: int,
        things: Sequence[int],
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
    ) -> list[ActivitySum]:
        """One owner's activities with bookings in the range."""
        ...


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


class Parts(msgspec.Struct, frozen=True):
    """What stands beside the sums, by row; ``resolution`` is set where some has expired."""

    spreads: dict[Row, Spread]
    details: dict[Row, Details]
    resolution: str | None


def everybody(_uid: int) -> bool:
    """Whoever asks may see all."""
    return True


async def answer_sum(
    engine: SumEngine, question: SumQuestion, depth: QueueDepth, sees: Sees = everybody
) -> SumAnswer:
    """One row for each user and thing; a few script calls a page of users, in one trip."""
    seen = [uid for uid in question.uids if sees(uid)]
    _check_cost(question, len(seen))
    numbers, newest = list(question.things.values()), Newest()

    async def totals(range_: Range, _level: Level | None) -> dict[int, OwnerSums]:
        if not seen:
            return {}
        if "sum" not in question.aggregates:
            newest.note(await engine.newest(seen, numbers))
            return {}
        ranges = [range_] * len(seen)
        found = await engine.sums(seen, numbers, ranges, atids=question.atids, newest=newest)
        return dict(zip(seen, found, strict=True))

    async def sums_and_parts() -> tuple[Exactly[dict[int, OwnerSums]], Parts]:
        asked = answered(question.range_, totals)
        if not seen or not question.aggregates & (SPREAD | DETAILS):
            return await asked, Parts({}, {}, None)
        return await asyncio.gather(asked, _parts(engine, question, question.range_, seen))

    (found, parts), waiting = await with_depth(sums_and_parts(), depth)
    if found.range_ != question.range_ and seen:
        parts = await _parts(engine, question, found.range_, seen)
    resolution = coarsest([found.resolution, parts.resolution])
    return SumAnswer(
        data=[
            _row(question, uid, name, found.value.get(uid), parts)
            for uid in question.uids
            for name in question.things
        ],
        exact=resolution is UNSET,
        resolution=resolution,
        range=AnsweredRange.of(found.range_),
        watermark=watermark(newest.second, waiting),
    )


def _check_cost(question: SumQuestion, users: int) -> None:
    rows = users * len(question.things)
    if question.aggregates & DETAILS and rows > DETAIL_ROWS_MAX:
        raise TooLargeError(
            f"aggregates: count, first and last of {rows} rows asked, "
            f"at most {DETAIL_ROWS_MAX} are allowed"
        )
    if question.aggregates & SPREAD:
        units = len(buckets(question.range_, question.every, question.tz, POINTS_MAX))
        if units * rows > SPREAD_BUCKETS_MAX:
            raise TooLargeError(
                f"every: {units} units for each of {rows} rows asked, "
                f"at most {SPREAD_BUCKETS_MAX} in all are allowed"
            )


async def _parts(
    engine: SumEngine, question: SumQuestion, range_: Range, seen: Sequence[int]
) -> Parts:
    """What stands beside the sums of a range; nothing where its detail has expired."""
    asks_spreads = bool(question.aggregates & SPREAD)
    asks_details = bool(question.aggregates & DETAILS)
    spreads, details = await asyncio.gather(
        _unless_expired(_spreads(engine, question, range_, seen) if asks_spreads else None),
        _unless_expired(_details(engine, question, range_, seen) if asks_details else None),
    )
    resolution = coarsest([spreads[1], details[1]])
    known = None if isinstance(resolution, UnsetType) else resolution
    return Parts(spreads[0], details[0], known)


async def _unless_expired(
    asking: Awaitable[dict[Row, T]] | None,
) -> tuple[dict[Row, T], str | None]:
    """What is found, or nothing and what is still exact; nobody asks None."""
    try:
        return ({} if asking is None else await asking), None
    except DetailExpiredError as error:
        return {}, error.resolution


async def _spreads(
    engine: SumEngine, question: SumQuestion, range_: Range, seen: Sequence[int]
) -> dict[Row, Spread]:
    units = buckets(range_, question.every, question.tz, POINTS_MAX)
    if not units:
        return {}
    boundaries = [*(unit.start for unit in units), range_.end]
    numbers = list(question.things.values())
    asked = [BucketQuestion(number, boundaries, question.atids) for number in numbers]
    found = await asyncio.gather(*(engine.series(seen, each) for each in asked))
    return {
        (uid, number): _spread(columns[None].sums)
        for number, owners in zip(numbers, found, strict=True)
        for uid, columns in zip(seen, owners, strict=True)
    }


async def _details(
    engine: SumEngine, question: SumQuestion, range_: Range, seen: Sequence[int]
) -> dict[Row, Details]:
    rows = [(uid, number) for uid in seen for number in question.things.values()]
    found = await asyncio.gather(
        *(engine.activities(uid, [number], range_, atids=question.atids) for uid, number in rows)
    )
    return {row: _detail(activities) for row, activities in zip(rows, found, strict=True)}


def _spread(sums: Sequence[int]) -> Spread:
    return Spread(min(sums), max(sums), sum(sums) / len(sums))


def _detail(activities: Sequence[ActivitySum]) -> Details:
    if not activities:
        return Details(0, None, None)
    first_s = min(activity.first_s for activity in activities)
    last_s = max(activity.last_s for activity in activities)
    return Details(len(activities), utc_text(first_s), utc_text(last_s))


def _row(
    question: SumQuestion, uid: int, name: str, owner: OwnerSums | None, parts: Parts
) -> SumRow:
    """A user whom nobody may see, or with nothing booked, has the row of an empty range."""
    number, asked = question.things[name], question.aggregates
    spread = parts.spreads.get((uid, number))
    details = parts.details.get((uid, number))
    nothing = Details(0, None, None) if parts.resolution is None else None
    details = details or nothing
    return SumRow(
        uid=str(uid),
        thing=name,
        sum=(owner.sums.get(number, 0) if owner else 0) if "sum" in asked else UNSET,
        count=(details.count if details else None) if "count" in asked else UNSET,
        min=(spread.min if spread else None) if "min" in asked else UNSET,
        max=(spread.max if spread else None) if "max" in asked else UNSET,
        avg=(spread.avg if spread else None) if "avg" in asked else UNSET,
        first=(details.first if details else None) if "first" in asked else UNSET,
        last=(details.last if details else None) if "last" in asked else UNSET,
    )
