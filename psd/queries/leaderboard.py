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
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.engine.activities import ScoreQuestion
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, NotFoundError
from psd.queries.freshness import (
    EverybodyReader,
    Exactly,
    Level,
    QueueDepth,
    answered,
    coarsest,
    watermark,
    watermark_of_everybody,
)
from psd.queries.questions import LeaderboardQuestion
from psd.queries.ranking import Board, Change, Place, compared, read_cursor
from psd.queries.results import AnsweredRange, LeaderboardAnswer, Standing, Watermark
from psd.queries.sums import Sees, everybody


class LeaderboardEngine(EverybodyReader, Protocol):
    """What leaderboards ask of the engine."""

    async def population(self, thing: int) -> list[int]:
        """Everybody who may have bookings of a thing."""
        ...

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
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
    ) -> list[tuple[int, int]]:
        """(uid, sum) of the largest sums, and of all who tie with the last of them."""
        ...

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        """When each running sum first was its score or more."""
        ...


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
    """A page of the board. Raises NotFoundError for an ``around`` that is not on it."""
    uids = question.uids
    if uids is None:
        uids = await engine.population(question.thing_number)
    if question.around is not None and question.around not in uids:
        raise NotFoundError(f"around: {question.around} is not on this board")
    reader = _Reader(engine, question, uids, sees)
    now, before, mark = await asyncio.gather(
        reader.page(),
        reader.previous(),
        _mark(engine, question, reader.seen, depth),
    )
    page = now.value
    changes: Sequence[Change | None] = [None] * len(page.places)
    resolutions = [now.resolution, page.seconds.resolution]
    if before is not None:
        shown = [place.uid for place in page.places]
        old = await reader.places_of(shown, before)
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
        range=AnsweredRange.of(now.range_),
        previous_range=UNSET if before is None else AnsweredRange.of(before.range_),
        watermark=mark,
    )


async def _mark(
    engine: LeaderboardEngine,
    question: LeaderboardQuestion,
    seen: Sequence[int],
    depth: QueueDepth,
) -> Watermark:
    if question.uids is None and seen:
        return await watermark_of_everybody(engine, seen, question.thing_number, depth)
    return await watermark(engine, seen, [question.thing_number], depth)


class _Reader:
    """One question's calls."""

    def __init__(
        self,
        engine: LeaderboardEngine,
        question: LeaderboardQuestion,
        uids: Sequence[int],
        sees: Sees,
    ) -> None:
        self._engine = engine
        self._question = question
        self._uids = uids
        self.seen = uids if sees is everybody else [uid for uid in uids if sees(uid)]
        self._seen_set = frozenset(self.seen)

    async def page(self) -> Exactly[Page]:
        """The page that was asked for."""
        question = self._question
        found = await answered(question.range_, self._upper if self._is_first() else self._all)
        below = len(self._uids) - len(found.value)
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
        cursor = board.cursor(stop - 1) if has_more else None
        return Exactly(Page(places, seconds, cursor, board.total), found.range_, found.resolution)

    async def previous(self) -> Exactly[list[tuple[int, int]]] | None:
        """Everybody's standing on the board to compare with."""
        if self._question.previous is None:
            return None
        return await answered(self._question.previous, self._all)

    async def places_of(
        self, uids: Sequence[int], before: Exactly[list[tuple[int, int]]]
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

    def _is_first(self) -> bool:
        """Whether nothing but the largest sums is needed."""
        question = self._question
        is_whole = len(self.seen) == len(self._uids)
        return is_whole and question.cursor is None and question.around is None

    async def _upper(self, range_: Range, _level: Level | None) -> list[tuple[int, int]]:
        if not self.seen:
            return []
        question = self._question
        return await self._engine.top(
            question.thing_number, range_, question.limit, atids=question.atids, uids=self.seen
        )

    async def _all(self, range_: Range, _level: Level | None) -> list[tuple[int, int]]:
        question = self._question
        sums: Sequence[int] = []
        if self.seen:
            sums = await self._engine.standings(
                self.seen, question.thing_number, range_, atids=question.atids
            )
        if len(self.seen) == len(self._uids):
            return list(zip(self.seen, sums, strict=True))
        known = dict(zip(self.seen, sums, strict=True))
        return [(uid, known.get(uid, 0)) for uid in self._uids]

    async def _seconds(self, places: Iterable[Place], range_: Range) -> Seconds:
        """When these users first had their values; nothing where the detail has expired."""
        question = self._question
        asked = [
            ScoreQuestion(place.uid, question.thing_number, range_, place.value, question.atids)
            for place in places
            if place.uid in self._seen_set
        ]
        if not asked:
            return Seconds({})
        try:
            found = await self._engine.reached(asked)
        except DetailExpiredError as error:
            return Seconds(dict.fromkeys(each.uid for each in asked), error.resolution)
        return Seconds({each.uid: at for each, at in zip(asked, found, strict=True)})


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
