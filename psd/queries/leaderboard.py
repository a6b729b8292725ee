"""Leaderboards at any instant: pages, surroundings of a user, and who overtook whom.

A board is everybody's sum over its range. Where columns tell it, numpy adds them up. Else owners
are asked: for a first page the largest sums alone leave Redis, for every other question all of them
do, 8 bytes a user. When a value was first reached is asked for those who are shown, and where it
decides who is ahead, for all who share such a value::

    {"data": [{"rank": 1, "uid": "22484408", "value": 3200,
               "reached_at": "2016-04-12T21:00:00Z", "percentile": 90.0,
               "previous_rank": 3, "previous_value": 1800, "rank_change": 2,
               "value_change": 1400}], "next": "lqFj...", "total": 10, ...}

Everybody is whoever has a booking of the thing, of whatever time and atid; who has none in the
range has 0. A report of 0 books nothing, and what is withdrawn is no booking any more. A board that
is compared with another ranks the same users.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from psd.clock import utc_text
from psd.columns.vector import Vector
from psd.engine.activities import ScoreQuestion
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.standings import Upper
from psd.errors import DetailExpiredError, NotFoundError
from psd.queries.board_rankings import AnyRanking, ranking_of
from psd.queries.board_sums import BoardSums, ComparedSums
from psd.queries.freshness import Exactly, QueueDepth, coarsest, watermark, with_depth
from psd.queries.questions import LeaderboardQuestion
from psd.queries.ranking import Place, PlaceChange, compared, read_cursor
from psd.queries.results import AnsweredRange, LeaderboardAnswer, Standing
from psd.queries.shown import NO_NAMES, NameSource, beside
from psd.queries.sums import Sees, everybody
from psd.queries.user_sums import REACHED, UserSums


class Seconds(msgspec.Struct, frozen=True):
    """When users reached their values; ``resolution`` is set where that has expired."""

    by_uid: dict[int, int | None]
    resolution: str | None = None


class LeaderboardPage(msgspec.Struct, frozen=True):
    """Part of a board in its order, its seconds, and what asks for the page after it."""

    places: list[Place]
    seconds: Seconds
    cursor: str | None
    total: int


async def answer_leaderboard(
    engine: Reads,
    question: LeaderboardQuestion,
    depth: QueueDepth,
    sees: Sees = everybody,
    budget: UserSums | None = None,
    names: NameSource = NO_NAMES,
) -> LeaderboardAnswer:
    """A page of the board. Raises NotFoundError for an ``around`` that is not on it.

    Past the ``budget`` it raises TooLargeError, before it has read what is too much.

    The ``names`` of those who are shown are asked for beside their seconds, to be remembered.

    Two trips: the sums, then when those who are shown had theirs. A third before them tells who
    everybody is, the first time that a process asks for a thing.
    """
    budget = budget or UserSums()
    sums = BoardSums(engine, question, sees, budget)
    boards, waiting = await with_depth(sums.boards(), depth)
    if question.around is not None and not boards.has(question.around):
        raise NotFoundError(f"around: {question.around_text} is not on this board")
    pages = _LeaderboardPages(engine, question, sees, budget, names)
    page = await pages.page(boards)
    changes: Sequence[PlaceChange | None] = [None] * len(page.places)
    resolutions = [boards.now.resolution, page.seconds.resolution]
    if boards.before is not None:
        shown = [place.uid for place in page.places]
        old = await pages.places_of(shown, boards.before)
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
        watermark=watermark(sums.newest.second, waiting),
    )


class _LeaderboardPages:
    """Pages of one question's board, and when those on them had their values."""

    def __init__(
        self,
        engine: Reads,
        question: LeaderboardQuestion,
        sees: Sees,
        budget: UserSums,
        names: NameSource,
    ) -> None:
        self._budget = budget
        self._names = names
        self._engine = engine
        self._question = question
        self._sees = sees

    async def page(self, boards: ComparedSums) -> LeaderboardPage:
        """The page that was asked for."""
        question, found = self._question, boards.now
        first = question.limit if question.is_first_page else None
        deciding = Seconds({})
        if question.ties == "first_to_reach":
            board = await ranking_of(found.value, "competition", first=first)
            sharing = board.sharing(_region(board, question))
            deciding = await self._deciding(board, sharing, found.range_)
        board = await ranking_of(found.value, question.ties, deciding.by_uid, first)
        start, stop = _bounds(board, question)
        places = board.page(start, stop)
        missing = [place for place in places if place.uid not in deciding.by_uid]
        asking = self._seconds(missing, found.range_)
        shown, _ = await beside(asking, self._names, (place.uid for place in places), {})
        seconds = Seconds(
            {**deciding.by_uid, **shown.by_uid}, deciding.resolution or shown.resolution
        )
        has_more = question.around is None and bool(places) and stop < board.total
        return LeaderboardPage(
            places, seconds, board.cursor(stop - 1) if has_more else None, board.total
        )

    async def places_of(
        self, uids: Sequence[int], before: Exactly[Upper | Vector]
    ) -> Exactly[dict[int, Place]]:
        """Where these users stood on the board to compare with."""
        ties = self._question.ties
        deciding = Seconds({})
        if ties == "first_to_reach":
            board = await ranking_of(before.value, "competition")
            there = await board.places(uids)
            at = {board.at_value(place.value) for place in there.values()}
            sharing = [uid for positions in at for uid in board.sharing(positions)]
            deciding = await self._deciding(board, sharing, before.range_)
        whole = await ranking_of(before.value, ties, deciding.by_uid)
        places = await whole.places(uids)
        resolution = coarsest([before.resolution, deciding.resolution])
        known = None if isinstance(resolution, UnsetType) else resolution
        return Exactly(places, before.range_, known)

    async def _deciding(self, board: AnyRanking, uids: Sequence[int], range_: Range) -> Seconds:
        """When those who share a value had it, which puts them in their order."""
        self._budget.spend("ties", len(uids), REACHED)
        return await self._seconds((await board.places(uids)).values(), range_)

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


def _region(board: AnyRanking, question: LeaderboardQuestion) -> range:
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


def _bounds(board: AnyRanking, question: LeaderboardQuestion) -> tuple[int, int]:
    """The first position of the page, and the one after its last."""
    if question.around is not None:
        position = board.position(question.around)
        assert position is not None, "it was looked for before"
        return max(position - question.span, 0), min(position + question.span + 1, len(board))
    start = board.after(question.cursor)
    return start, min(start + question.limit, len(board))


def _standing(
    place: Place, seconds: Mapping[int, int | None], change: PlaceChange | None
) -> Standing:
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
