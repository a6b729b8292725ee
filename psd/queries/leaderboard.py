"""Leaderboards at any instant: pages, surroundings of a user, and who overtook whom.

A board is everybody's sum over its range. For its first page the largest sums alone leave Redis,
for every other question all of them do, 8 bytes a user. When a value was first reached is asked
for those who are shown, and where it decides who is ahead, for all who share such a value::

    {"data": [{"rank": 1, "uid": "22484408", "value": 3200,
               "reached_at": "2016-04-12T21:00:00Z", "percentile": 90.0,
               "previous_rank": 3, "previous_value": 1800, "rank_change": 2,
               "value_change": 1400}], "next": "lqFj...", "total": 10, ...}

Everybody is whoever has booked of the thing at any time; who has nothing in the range has 0. A
board that is compared with another ranks the same users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.activities import ScoreQuestion
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.standings import largest
from psd.errors import DetailExpiredError, NotFoundError
from psd.queries.freshness import (
    Exactly,
    Level,
    QueueDepth,
    answered,
    coarsest,
    watermark,
    with_depth,
)
from psd.queries.questions import LeaderboardQuestion
from psd.queries.ranking import Board, Change, Place, compared, read_cursor
from psd.queries.results import AnsweredRange, LeaderboardAnswer, Standing
from psd.queries.sums import Sees, everybody

T = TypeVar("T")

Standings = list[tuple[int, int]]
"""(uid, sum) of users."""


class LeaderboardEngine(Protocol):
    """What leaderboards ask of the engine."""

    async def population(self, thing: int) -> list[int]:
        """Everybody who may have bookings of a thing."""
        ...

    async def of_everybody(
        self, thing: int, ask: Callable[[Sequence[int]], Awaitable[T]]
    ) -> list[T]:
        """What is answered about everybody, in one part or two."""
        ...

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> Sequence[int]:
        """Each owner's sum, by position."""
        ...

    async def top(
        self,
        thing: int,
        range_: Range,
        limit: int,
        *,
        atids: frozenset[int] | None = None,
        uids: Sequence[int] | None = None,
        newest: Newest | None = None,
    ) -> list[tuple[int, int]]:
        """(uid, sum) of the largest sums, and of all who tie with the last of them."""
        ...

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        """When each running sum first was its score or more."""
        ...


class Boards(msgspec.Struct, frozen=True):
    """The sums of a board, or the largest of them, and those of the board to compare it with.

    ``uids`` are all of both boards.
    """

    uids: Sequence[int]
    now: Exactly[Standings]
    before: Exactly[Standings] | None


class Seconds(msgspec.Struct, frozen=True):
    """When users reached their values; ``resolution`` is set where that has expired."""

    by_uid: dict[int, int | None]
    resolution: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Part of a board in its order, its seconds, and what asks for the page after it."""

    places: list[Place]
    seconds: Seconds
    cursor: str | None
    total: int


async def answer_leaderboard(
    engine: LeaderboardEngine,
    question: LeaderboardQuestion,
    depth: QueueDepth,
    sees: Sees = everybody,
) -> LeaderboardAnswer:
    """A page of the board. Raises NotFoundError for an ``around`` that is not on it.

    Two trips: the sums, then when those who are shown had theirs. A third before them tells who
    everybody is, the first time that a process asks for a thing.
    """
    reader = _Reader(engine, question, sees)
    boards, waiting = await with_depth(reader.boards(), depth)
    if question.around is not None and question.around not in boards.uids:
        raise NotFoundError(f"around: {question.around} is not on this board")
    page = await reader.page(boards)
    changes: Sequence[Change | None] = [None] * len(page.places)
    resolutions = [boards.now.resolution, page.seconds.resolution]
    if boards.before is not None:
        shown = [place.uid for place in page.places]
        old = await reader.places_of(shown, boards.before)
        changes = compared(page.places, old.value)
        resolutions += [old.resolution]
    resolution = coarsest(resolutions)
    return LeaderboardAnswer(
        data=[
            _standing(place, page.seconds.by_uid, change)
            for place, change in zip(page.places, changes, strict=True)
        ],
        next=page.cursor,
        total=page.total,
        exact=resolution is UNSET,
        resolution=resolution,
        range=AnsweredRange.of(boards.now.range_),
        previous_range=UNSET if boards.before is None else AnsweredRange.of(boards.before.range_),
        watermark=watermark(reader.newest.second, waiting),
    )


class _Reader:
    """One question's calls; ``newest`` takes the newest second of those who are asked."""

    def __init__(
        self, engine: LeaderboardEngine, question: LeaderboardQuestion, sees: Sees
    ) -> None:
        self._engine = engine
        self._question = question
        self._sees = sees
        self.newest = Newest()

    async def boards(self) -> Boards:
        """The sums of all who are on the board, or of all who can be on its first page."""
        thing = self._question.thing_number
        if self._question.uids is not None:
            return await self._boards_of(self._question.uids)
        if self._sees is not everybody:
            return await self._boards_of(await self._engine.population(thing))
        found, *more = await self._engine.of_everybody(thing, self._boards_of)
        for others in more:
            found = await self._together(found, others)
        return found

    async def page(self, boards: Boards) -> Page:
        """The page that was asked for."""
        question, found = self._question, boards.now
        below = len(boards.uids) - len(found.value)
        deciding = Seconds({})
        if question.ties == "first_to_reach":
            board = Board(found.value, "competition", below=below)
            sharing = board.sharing(_region(board, question))
            deciding = await self._seconds(board.places(sharing).values(), found.range_)
        board = Board(found.value, question.ties, deciding.by_uid, below)
        start, stop = _bounds(board, question)
        places = board.page(start, stop)
        missing = [place for place in places if place.uid not in deciding.by_uid]
        shown = await self._seconds(missing, found.range_)
        seconds = Seconds(
            {**deciding.by_uid, **shown.by_uid}, deciding.resolution or shown.resolution
        )
        has_more = question.around is None and bool(places) and stop < board.total
        return Page(places, seconds, board.cursor(stop - 1) if has_more else None, board.total)

    async def places_of(
        self, uids: Sequence[int], before: Exactly[Standings]
    ) -> Exactly[dict[int, Place]]:
        """Where these users stood on the board to compare with."""
        ties = self._question.ties
        deciding = Seconds({})
        if ties == "first_to_reach":
            board = Board(before.value, "competition")
            at = {board.at_value(place.value) for place in board.places(uids).values()}
            sharing = [uid for positions in at for uid in board.sharing(positions)]
            deciding = await self._seconds(board.places(sharing).values(), before.range_)
        places = Board(before.value, ties, deciding.by_uid).places(uids)
        resolution = coarsest([before.resolution, deciding.resolution])
        known = None if isinstance(resolution, UnsetType) else resolution
        return Exactly(places, before.range_, known)

    async def _boards_of(self, uids: Sequence[int]) -> Boards:
        """The sums of these; only of those who can be on the first page where that is asked."""
        question, sees = self._question, self._sees
        seen = uids if sees is everybody else [uid for uid in uids if sees(uid)]

        async def all_of(range_: Range, _level: Level | None) -> Standings:
            sums: Sequence[int] = []
            if seen:
                sums = await self._engine.standings(
                    seen,
                    question.thing_number,
                    range_,
                    atids=question.atids,
                    newest=self.newest,
                )
            if len(seen) == len(uids):
                return list(zip(seen, sums, strict=True))
            known = dict(zip(seen, sums, strict=True))
            return [(uid, known.get(uid, 0)) for uid in uids]

        async def upper_of(range_: Range, _level: Level | None) -> Standings:
            if not seen:
                return []
            return await self._engine.top(
                question.thing_number,
                range_,
                question.limit,
                atids=question.atids,
                uids=seen,
                newest=self.newest,
            )

        is_first = question.cursor is None and question.around is None and len(seen) == len(uids)
        now = answered(question.range_, upper_of if is_first else all_of)
        if question.previous is None:
            return Boards(uids, await now, None)
        return Boards(uids, *await asyncio.gather(now, answered(question.previous, all_of)))

    async def _together(self, one: Boards, other: Boards) -> Boards:
        """The board of two parts of everybody; asked again where they are of different ranges."""
        uids = [*one.uids, *other.uids]
        if _ranges(one) != _ranges(other):
            return await self._boards_of(uids)
        now = [*one.now.value, *other.now.value]
        if len(now) < len(uids):
            now = largest(now, self._question.limit)
        before = one.before
        if before is not None and other.before is not None:
            everything = [*before.value, *other.before.value]
            before = msgspec.structs.replace(before, value=everything)
        return Boards(uids, msgspec.structs.replace(one.now, value=now), before)

    async def _seconds(self, places: Iterable[Place], range_: Range) -> Seconds:
        """When these users first had their values; nothing where the detail has expired."""
        question = self._question
        asked = [
            ScoreQuestion(place.uid, question.thing_number, range_, place.value, question.atids)
            for place in places
            if self._sees(place.uid)
        ]
        if not asked:
            return Seconds({})
        try:
            found = await self._engine.reached(asked)
        except DetailExpiredError as error:
            return Seconds(dict.fromkeys(each.uid for each in asked), error.resolution)
        return Seconds({each.uid: at for each, at in zip(asked, found, strict=True)})


def _ranges(boards: Boards) -> tuple[Range, Range | None]:
    """What the two boards are really about."""
    return boards.now.range_, None if boards.before is None else boards.before.range_


def _region(board: Board, question: LeaderboardQuestion) -> range:
    """The positions among which the page lies, whoever is ahead among those of one value."""
    if question.around is not None:
        position = board.position(question.around)
        assert position is not None, "it was looked for before"
        group = board.tied(position, position + 1)
        return board.tied(group.start - question.span, group.stop + question.span)
    if question.cursor is not None:
        value = -read_cursor(question.cursor, question.ties)[0]
        group = board.at_value(value)
        return board.tied(group.start, group.stop + question.limit)
    return board.tied(0, question.limit)


def _bounds(board: Board, question: LeaderboardQuestion) -> tuple[int, int]:
    """The first position of the page, and the one after its last."""
    if question.around is not None:
        position = board.position(question.around)
        assert position is not None, "it was looked for before"
        return max(position - question.span, 0), min(position + question.span + 1, len(board))
    start = board.after(question.cursor)
    return start, min(start + question.limit, len(board))


def _standing(place: Place, seconds: Mapping[int, int | None], change: Change | None) -> Standing:
    reached_s = seconds.get(place.uid)
    return Standing(
        rank=place.rank,
        uid=str(place.uid),
        value=place.value,
        reached_at=None if reached_s is None else utc_text(reached_s),
        percentile=place.percentile,
        previous_rank=change.previous_rank if change else UNSET,
        previous_value=change.previous_value if change else UNSET,
        rank_change=change.rank_change if change else UNSET,
        value_change=change.value_change if change else UNSET,
    )
