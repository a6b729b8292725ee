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

from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.standings import Upper
from psd.queries.freshness import Exactly, Level, answered
from psd.queries.questions import LeaderboardQuestion
from psd.queries.sums import Sees, everybody
from psd.queries.user_sums import UserSums, sums_of

T = TypeVar("T")

Standings = list[tuple[int, int]]
"""(uid, sum) of users."""


class ComparedSums(msgspec.Struct, frozen=True):
    """The sums of a board, or the largest of them, and those of the board to compare it with."""

    now: Exactly[Upper]
    before: Exactly[Upper] | None

    def has(self, uid: int) -> bool:
        """Whether somebody is on the board, of which all sums are known."""
        return any(uid == standing[0] for standing in self.now.value.standings)


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

    async def _boards_of(self, uids: Sequence[int]) -> ComparedSums:
        """The boards of these; only of those who can be on the first page where that is asked."""
        question = self._question

        async def whole(range_: Range, _level: Level | None) -> Upper:
            standings = await self._standings(uids, range_)
            return Upper(len(standings), standings)

        async def upper(range_: Range, _level: Level | None) -> Upper:
            return await self._upper(uids, range_)

        is_first = question.cursor is None and question.around is None
        now = answered(question.range_, upper if is_first else whole)
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
        return [(uid, known.get(uid, 0)) for uid in uids]

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
        whole = before.value.together(other.before.value, limit)
        before = msgspec.structs.replace(before, value=whole)
    upper = one.now.value.together(other.now.value, limit)
    return ComparedSums(msgspec.structs.replace(one.now, value=upper), before)
