"""What the members of a board have over a range, and in which order that puts them.

::

    scores = BoardScores(engine)
    ranked = await scores.ranked([11, 22, 33], Scoring(1, None), Range(0, 9), "first_to_reach")
    ranked.value.uids                       -> [22, 11, 33]
    ranked.value.seconds[11]                -> 7: 11 and 22 have as much, 22 had it earlier

Where fine detail of the range has expired, the answer is about the nearest range that is still
exact, and says so (psd/queries/freshness.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from psd.engine.activities import ScoreQuestion
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.errors import DetailExpiredError
from psd.queries.freshness import Exactly, Level, answered
from psd.queries.ranking import Ranking, Score
from psd.queries.requests import Ties
from psd.queries.user_sums import REACHED, USER_SUMS_MAX, UserSums, sums_of


class Scoring(msgspec.Struct, frozen=True):
    """What counts: a thing by its number, and the atids, None for all."""

    thing: int
    atids: frozenset[int] | None


class Ranked(msgspec.Struct, frozen=True):
    """Members in order, with the seconds that decide who is ahead."""

    standings: list[tuple[int, int]]
    board: Ranking
    seconds: dict[int, int | None]

    @property
    def ordered(self) -> list[tuple[int, int]]:
        """The standings in the order of the board, without the cost of each one's rank."""
        return self.board.ordered

    @property
    def uids(self) -> list[int]:
        """The members, the best first."""
        return [uid for uid, _ in self.ordered]


class BoardScores:
    """Sums of members and when they were reached."""

    def __init__(self, engine: Reads, user_sums_max: int = USER_SUMS_MAX) -> None:
        self._engine = engine
        self._user_sums_max = user_sums_max

    async def ranked(
        self, uids: Sequence[int], scoring: Scoring, range_: Range, ties: Ties
    ) -> Exactly[Ranked]:
        """Members by what they have; raises DetailExpiredError where nothing of it is kept.

        Raises TooLargeError past ``server.user_sums_max``.
        """
        budget = UserSums(self._user_sums_max)
        budget.spend("members", len(uids), sums_of(range_))

        async def ask(nearest: Range, _level: Level | None) -> list[tuple[int, int]]:
            return await self.standings(uids, scoring, nearest)

        found = await answered(range_, ask)
        if ties != "first_to_reach":
            ranked = Ranked(found.value, await Ranking.made(found.value, ties), {})
            return Exactly(ranked, found.range_, found.resolution)
        plain = await Ranking.made(found.value, "competition")
        sharing = frozenset(plain.sharing(range(len(plain))))
        asked = [pair for pair in found.value if pair[0] in sharing]
        budget.spend("ties", len(asked), REACHED)
        seconds, resolution = await self.seconds(asked, scoring, found.range_)
        ranked = Ranked(found.value, await Ranking.made(found.value, ties, seconds), seconds)
        return Exactly(ranked, found.range_, found.resolution or resolution)

    async def standings(
        self, uids: Sequence[int], scoring: Scoring, range_: Range
    ) -> list[tuple[int, int]]:
        """(uid, sum) of each, exact or DetailExpiredError; an empty range asks nobody."""
        if not uids or range_.end <= range_.start:
            return [(uid, 0) for uid in uids]
        sums = await self._engine.standings(uids, scoring.thing, range_, atids=scoring.atids)
        return list(zip(uids, sums, strict=True))

    async def seconds(
        self, standings: Sequence[tuple[int, int]], scoring: Scoring, range_: Range
    ) -> tuple[dict[int, int | None], str | None]:
        """When each first had its sum; unknown, with what is exact, where that has expired."""
        asked = [
            ScoreQuestion(uid, scoring.thing, range_, value, scoring.atids)
            for uid, value in standings
        ]
        if not asked or range_.end <= range_.start:
            return {each.uid: None for each in asked}, None
        try:
            found = await self._engine.reached(asked)
        except DetailExpiredError as error:
            return {each.uid: None for each in asked}, error.resolution
        return {each.uid: at for each, at in zip(asked, found, strict=True)}, None

    async def of_pairs(
        self, pairs: Collection[tuple[int, int]], scoring: Scoring, range_: Range
    ) -> Exactly[Mapping[int, Score]]:
        """The scores of those who meet, with the seconds of those who have the same."""

        async def ask(nearest: Range, _level: Level | None) -> list[tuple[int, int]]:
            uids = [uid for pair in pairs for uid in pair]
            return await self.standings(uids, scoring, nearest)

        found = await answered(range_, ask)
        values = dict(found.value)
        even = [(uid, values[uid]) for a, b in pairs if values[a] == values[b] for uid in (a, b)]
        seconds, resolution = await self.seconds(even, scoring, found.range_)
        scores = {uid: Score(uid, value, seconds.get(uid)) for uid, value in values.items()}
        return Exactly(scores, found.range_, found.resolution or resolution)
