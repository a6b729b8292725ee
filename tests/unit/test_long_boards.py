"""A board of 100,000 users is put in order without holding the event loop.

The holds are told in lines of Python; in one piece the same work is some 700,000 of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from psd.columns.vector import Vector
from psd.engine.activities import ScoreQuestion
from psd.engine.plan import Range
from psd.engine.standings import Upper
from psd.errors import TooLargeError
from psd.queries.boards.scores import BoardScores, Scoring
from psd.queries.freshness import unknown_depth
from psd.queries.leaderboard import answer_leaderboard
from psd.queries.questions import LeaderboardQuestion, QueryRules, leaderboard_question
from psd.queries.requests import LeaderboardQuery
from psd.queries.user_sums import USER_SUMS_MAX, UserSums, sums_of
from tests.support.loop_holds import loop_cpu_s, loop_lines

USERS = 100_000
MANY = 1_000_000
HOLD_LINES_MAX = 20_000
"""Of some slices, whose lines are thousands."""
HOLD_MAX_S, TRIES = 0.1, 3
"""Five times what the longest call takes on a machine that does nothing else."""

UIDS = range(1, USERS + 1)
DAY = Range(1_460_419_200, 1_460_505_600)


def value_of(uid: int) -> int:
    """Users' values in no order, many of them shared."""
    return uid * 7919 % 50_021


class PlainEngine:
    """Knows every value at once, so that all the time is spent on putting them in order."""

    async def of_everybody(
        self,
        thing: int,
        ask: Callable[[Sequence[int]], Awaitable[Any]],
        most: int | None = None,
    ) -> list[Any]:
        """One part."""
        return [await ask(UIDS)]

    async def everybody(self, *_: Any) -> Vector | None:
        """No columns."""
        return None

    async def standings(self, uids: Sequence[int], *_: Any, **__: Any) -> list[int]:
        return VALUES[: len(uids)]

    async def booked_standings(self, uids: Sequence[int], *_: Any, **__: Any) -> Any:
        return PAIRS[: len(uids)]

    async def booked_top(self, uids: Sequence[int], *_: Any, **__: Any) -> Upper:
        return Upper(USERS, PAIRS)

    async def top(self, *_: Any, **__: Any) -> Any:
        return PAIRS

    async def reached(self, questions: Sequence[ScoreQuestion]) -> list[int | None]:
        return [DAY.start + question.uid % 9 for question in questions]

    async def newest(self, *_: Any) -> int | None:
        return None


VALUES = [value_of(uid) for uid in UIDS]
PAIRS = list(zip(UIDS, VALUES, strict=True))


def question(**fields: Any) -> LeaderboardQuestion:
    query = LeaderboardQuery(thing="steps", start="2016-04-12", end="2016-04-13", **fields)
    return leaderboard_question(query, QueryRules({"steps": 1}), DAY.end)


@pytest.mark.parametrize("ties", ["competition", "dense", "ordinal", "first_to_reach"])
@pytest.mark.slow("100,000 users")
async def test_everybody_around_one_and_compared_holds_nobody_up(ties: Any) -> None:
    asked = question(ties=ties, around="500", compare_to="2016-04-11/2016-04-12")
    with loop_lines() as holds:
        answer = await answer_leaderboard(
            PlainEngine(), asked, unknown_depth, budget=UserSums(3 * USERS)
        )
    assert (answer.total, len(answer.data)) == (USERS, 11)
    assert holds.longest < HOLD_LINES_MAX, holds.which


class ColumnEngine(PlainEngine):
    """Knows what a million have as columns tell it."""

    vector = Vector(np.arange(1, MANY + 1), np.arange(1, MANY + 1) * 7919 % 500_021, None)

    async def everybody(self, *_: Any) -> Vector:
        return self.vector


@pytest.mark.parametrize("ties", ["competition", "dense", "ordinal", "first_to_reach"])
@pytest.mark.timed("none of numpy's calls on the loop is long; in one piece they take a second")
async def test_a_million_in_columns_hold_nobody_up(ties: Any) -> None:
    around = question(ties=ties, around="500", compare_to="2016-04-11/2016-04-12")
    for asked in (question(ties=ties), around):
        longest_s = []
        for _ in range(TRIES):
            with loop_cpu_s() as holds:
                answer = await answer_leaderboard(ColumnEngine(), asked, unknown_depth)
            assert answer.total == MANY
            longest_s.append(holds.longest)
        assert min(longest_s) < HOLD_MAX_S, holds.which


@pytest.mark.slow("100,000 users")
async def test_a_ranking_for_a_final_holds_nobody_up() -> None:
    scores = BoardScores(PlainEngine(), 9 * USERS)
    with loop_lines() as holds:
        found = await scores.ranked(UIDS, Scoring(1, None), DAY, "competition")
    assert found.value.uids[0] == max(UIDS, key=lambda uid: (value_of(uid), -uid))
    assert holds.longest < HOLD_LINES_MAX, holds.which


@pytest.mark.parametrize(
    ("start", "end", "sums"),
    [
        (0, 86_400, 1),
        (0, 2**40, 1),
        (86_400, 86_400 * 9 + 1, 2),
        (86_401, 86_400 * 9, 2),
        (1, 2, 3),
    ],
)
def test_an_end_within_a_day_is_a_sum_more(start: int, end: int, sums: int) -> None:
    assert sums_of(Range(start, end)) == sums


@pytest.mark.slow("100,000 users")
async def test_what_is_too_much_is_refused_before_it_is_read() -> None:
    budget = UserSums()
    budget.spend("uid", USER_SUMS_MAX, 1)
    with pytest.raises(TooLargeError, match=r"uid: 100001 sums of users .*(server.user_sums_max)"):
        budget.spend("uid", 1, 1)
    scores = BoardScores(PlainEngine(), USERS)
    with pytest.raises(TooLargeError, match=r"members: 200000 sums of users"):
        await scores.ranked(UIDS, Scoring(1, None), Range(DAY.start, DAY.end - 1), "competition")
    with pytest.raises(TooLargeError, match=r"ties: "):
        await scores.ranked(UIDS, Scoring(1, None), DAY, "first_to_reach")


def test_bytes_of_columns_count_as_sums() -> None:
    budget = UserSums(1_000)
    budget.spend_bytes(4_990_001)
    assert budget.users_max(1) == 1
    with pytest.raises(TooLargeError, match=r"all: 5001 bytes .* at most 5000000 "):
        budget.spend_bytes(5_001)
