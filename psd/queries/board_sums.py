"""Which sums a leaderboard is made of: of those who were named, or of everybody.

::

    sums = BoardSums(engine, question, everybody)
    boards = await sums.boards()
    boards.now.value                        -> Upper(total=10, standings=[(22484408, 3200), ...])
    sums.newest.second                      -> 1460505599, of all who are on it

For a first page the largest sums alone leave Redis, for every other all of them do. Everybody are
those with bookings of the thing; the index knows who may have some, and the call that sums tells
who has. Who is named stands on the board whether anything is booked or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from psd.columns.vector import Vector
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.standings import Upper
from psd.queries.freshness import Exactly, Level, answered
from psd.queries.questions import LeaderboardQuestion
from psd.queries.sums import Sees, everybody
from psd.queries.user_sums import UserSums, sums_of
from psd.slices import in_slices

T = TypeVar("T")

Standings = list[tuple[int, int]]
"""(uid, sum) of users."""


class ComparedSums(msgspec.Struct, frozen=True):
    """The sums of a board, or the largest of them, and those of the board to compare it with."""

    now: Exactly[Upper | Vector]
    before: Exactly[Upper | Vector] | None

    def has(self, uid: int) -> bool:
        """Whether somebody is on the board, of which all sums are known."""
        value = self.now.value
        if isinstance(value, Vector):
            return bool((value.uids == uid).any())
        return any(uid == standing[0] for standing in value.standings)


class BoardSums:
    """One question's sums; ``newest`` takes the newest second of those who are asked about."""

    def __init__(
        self,
        engine: Reads,
        question: LeaderboardQuestion,
        sees: Sees,
        budget: UserSums,
    ) -> None:
        self._budget = budget
        self._engine = engine
        self._question = question
        self._sees = sees
        self.newest = Newest()

    async def boards(self) -> ComparedSums:
        """The sums of all who are on the board, or of all who can be on its first page."""
        question, budget = self._question, self._budget
        each = sums_of(question.range_)
        each += 0 if question.previous is None else sums_of(question.previous)
        if question.uids is not None:
            budget.spend("uid", len(question.uids), each)
            return await self._boards_of(question.uids)
        if question.atids is None and self._sees is everybody:
            told = await self._of_columns()
            if told is not None:
                return told
        asked: list[int] = []

        async def ask(uids: Sequence[int]) -> ComparedSums:
            asked.extend(uids)
            return await self._boards_of(uids)

        most = budget.users_max(each)
        found, *more = await self._engine.of_everybody(question.thing_number, ask, most)
        budget.spend("all", len(asked), each)
        for others in more:
            if _ranges(found) != _ranges(others):
                return await self._boards_of(asked)
            found = _together(found, others, question.limit)
        return found

    async def _of_columns(self) -> ComparedSums | None:
        """The boards of everybody as columns tell them, None where they do not."""
        thing, spend = self._question.thing_number, self._budget.spend_bytes
        ranges = [self._question.range_]
        if self._question.previous is not None:
            ranges.append(self._question.previous)
        found = await asyncio.gather(
            *(self._engine.everybody(thing, range_, spend) for range_ in ranges)
        )
        boards: list[Exactly[Upper | Vector]] = []
        for vector, range_ in zip(found, ranges, strict=True):
            if vector is None:
                return None
            self.newest.note(vector.newest_s)
            boards.append(Exactly(vector, range_))
        return ComparedSums(boards[0], boards[1] if len(boards) > 1 else None)

    async def _boards_of(self, uids: Sequence[int]) -> ComparedSums:
        """The boards of these; only of those who can be on the first page where that is asked."""
        question = self._question

        async def whole(range_: Range, _level: Level | None) -> Upper | Vector:
            standings = await self._standings(uids, range_)
            return Upper(len(standings), standings)

        async def upper(range_: Range, _level: Level | None) -> Upper | Vector:
            return await self._upper(uids, range_)

        now = answered(question.range_, upper if question.is_first_page else whole)
        if question.previous is None:
            return ComparedSums(await now, None)
        return ComparedSums(*await asyncio.gather(now, answered(question.previous, whole)))

    async def _standings(self, uids: Sequence[int], range_: Range) -> Standings:
        """The sums of whoever has bookings, or of those who were named: hidden ones have 0."""
        question, engine, seen = self._question, self._engine, self._seen(uids)
        thing, atids, newest = question.thing_number, question.atids, self.newest
        if question.uids is None:
            return await engine.booked_standings(seen, thing, range_, atids=atids, newest=newest)
        sums = await engine.standings(seen, thing, range_, atids=atids, newest=newest)
        known = dict(zip(seen, sums, strict=True))
        return await in_slices(uids, lambda some: [(uid, known.get(uid, 0)) for uid in some])

    async def _upper(self, uids: Sequence[int], range_: Range) -> Upper:
        """The largest of these sums; all, where some of those who were named are hidden."""
        question, engine, seen = self._question, self._engine, self._seen(uids)
        thing, atids, newest = question.thing_number, question.atids, self.newest
        if question.uids is None:
            return await engine.booked_top(
                seen, thing, range_, question.limit, atids=atids, newest=newest
            )
        if len(seen) < len(uids):
            standings = await self._standings(uids, range_)
            return Upper(len(standings), standings)
        found = await engine.top(
            thing, range_, question.limit, atids=atids, uids=seen, newest=newest
        )
        return Upper(len(seen), found)

    def _seen(self, uids: Sequence[int]) -> Sequence[int]:
        sees = self._sees
        return uids if sees is everybody else [uid for uid in uids if sees(uid)]


def _ranges(boards: ComparedSums) -> tuple[Range, Range | None]:
    """What the two boards are really about."""
    return boards.now.range_, None if boards.before is None else boards.before.range_


def _together(one: ComparedSums, other: ComparedSums, limit: int) -> ComparedSums:
    """The boards of two parts of everybody, over the same ranges."""
    before = one.before
    if before is not None and other.before is not None:
        before = _both(before, other.before, limit)
    return ComparedSums(_both(one.now, other.now, limit), before)


def _both(
    one: Exactly[Upper | Vector], other: Exactly[Upper | Vector], limit: int
) -> Exactly[Upper | Vector]:
    assert isinstance(one.value, Upper), "columns tell of everybody at once"
    assert isinstance(other.value, Upper), "columns tell of everybody at once"
    return msgspec.structs.replace(one, value=one.value.together(other.value, limit))
