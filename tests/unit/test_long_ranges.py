"""A PromQL range of many users and instants is worked out without holding the event loop.

The holds are told in lines of Python; in one piece the same work is 270,000 to 2,500,000.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.engine.series_columns import Series
from psd.prometheus.evaluated import EvaluatedSeries, added, largest
from psd.prometheus.reading import Counted, sums
from tests.support.loop_holds import loop_lines

USERS, INSTANTS = 900, 240
HOLD_LINES_MAX = 20_000
"""A slice is up to 8,200."""
WINDOWS = [Range(at * 3600, at * 3600 + 86_400) for at in range(INSTANTS)]


class PlainEngine:
    """Knows every series at once, so that all the time is spent on windows."""

    async def series(
        self, uids: Sequence[int], question: BucketQuestion
    ) -> list[dict[int | None, Series]]:
        buckets = len(question.bounds) - 1
        return [{None: Series([uid % 97] * buckets, [1] * buckets)} for uid in uids]


@pytest.mark.slow("900 users by 240 instants")
async def test_windows_of_many_users_hold_nobody_up() -> None:
    counted = Counted(range(USERS), 1, None, by_atid=False, merged=False)
    with loop_lines() as holds:
        found = await sums(PlainEngine(), counted, WINDOWS)  # type: ignore[arg-type]  (series alone)
    assert len(found) == USERS
    assert holds.longest < HOLD_LINES_MAX, holds.which


@pytest.mark.parametrize("by", [("uid",), ()])
@pytest.mark.slow("900 users by 240 instants")
async def test_adding_up_and_ranking_hold_nobody_up(by: tuple[str, ...]) -> None:
    rows = [
        EvaluatedSeries({"uid": str(uid), "atid": str(uid % 3)}, [uid * 7919 % 5021] * INSTANTS)
        for uid in range(USERS)
    ]
    with loop_lines() as holds:
        total = await added(rows, by)
        best = await largest(rows, 10)
    assert len(total) == (USERS if by else 1)
    assert len(best) == 10
    assert holds.longest < HOLD_LINES_MAX, holds.which
