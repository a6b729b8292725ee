"""How often a question waits for Redis: whatever it asks of however many users travels together."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from psd.engine.named import NamedUsers
from psd.queries.queries import Queries
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime
from psd.store.lane import Lane
from psd.users import user_of
from tests.support.engine import NOON_S, book, report

UIDS = [*range(1, 61)]
RANGE: dict[str, Any] = {"start": NOON_S - 3600, "end": NOON_S + 40}
EVERY_AGGREGATE = ["sum", "count", "min", "max", "avg", "first", "last"]


class Waits:
    """Counts the times that something is sent to Redis while no other reply is waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._under_way = self._begun = 0
        take = Lane._take

        async def counted(*trip: Any) -> None:
            self._begun += not self._under_way
            self._under_way += 1
            try:
                await take(*trip)
            finally:
                self._under_way -= 1

        monkeypatch.setattr(Lane, "_take", counted)

    async def of(self, asking: Awaitable[object]) -> int:
        """How often one question waits."""
        before = self._begun
        await asking
        return self._begun - before


HELD = [report(uid, NOON_S + uid, uid=uid) for uid in UIDS]

# A depth that is read from a stream of the store would be a trip beside the others. Of several
# partitions the calls that read bookings may be too much for one trip to a node, by their estimate.
pytestmark = pytest.mark.psd({"queue.kind": "nsq", "redis.partitions": 1}, holds=HELD)


@pytest.fixture
async def queries(psd: Runtime) -> Queries:
    """After a question for everybody on each connection: then the process knows who they are."""
    for _ in range(3):
        await psd.queries.leaderboard(LeaderboardQuery(thing="steps"))
    return psd.queries


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    return Waits(monkeypatch)


async def test_sums_and_series_of_many_users_wait_once(queries: Queries, waits: Waits) -> None:
    for uids in ([1], UIDS):
        plain = SumQuery(thing=["steps", "calories"], uid=uids, **RANGE)
        whole = SumQuery(thing="steps", uid=uids, aggregates=EVERY_AGGREGATE, **RANGE)
        series = SeriesQuery(thing=["steps", "calories"], uid=uids, every="minute", **RANGE)
        assert await waits.of(queries.sum(plain)) == 1
        assert await waits.of(queries.sum(whole)) == 1
        assert await waits.of(queries.series(series)) == 1


@pytest.mark.psd({"queue.kind": "nsq", "redis.partitions": 16}, holds=HELD)
async def test_totals_of_users_in_many_partitions_are_waited_for_once(
    queries: Queries, waits: Waits
) -> None:
    plain = SumQuery(thing=["steps", "calories"], uid=UIDS, **RANGE)
    assert await waits.of(queries.sum(plain)) == 1


@pytest.mark.parametrize("who", [{}, {"uid": UIDS}], ids=["everybody", "some"])
async def test_boards_wait_for_the_sums_and_for_when_they_were_reached(
    queries: Queries, waits: Waits, who: dict[str, Any]
) -> None:
    for asked in ({}, {"around": 7}, {"compare_to": NOON_S}, {"as_of": NOON_S + 20}):
        query = LeaderboardQuery(thing="steps", **who, **asked, **RANGE)
        assert await waits.of(queries.leaderboard(query)) == 2, asked


async def test_somebody_new_is_asked_for_by_himself(
    psd: Runtime, queries: Queries, waits: Waits
) -> None:
    await book(psd, [report(1000, NOON_S + 30, uid=99), report(5, NOON_S, uid=100)])
    query = LeaderboardQuery(thing="steps", limit=2, **RANGE)
    before = await psd.queries.leaderboard(
        LeaderboardQuery(thing="steps", uid=[*UIDS, 99, 100], limit=2, **RANGE)
    )
    answer = await queries.leaderboard(query)
    assert answer == before
    assert [row.uid for row in answer.data] == ["99", "39"]
    assert await waits.of(queries.leaderboard(query)) == 2


async def test_the_names_of_a_page_take_no_trip_of_their_own(
    psd: Runtime, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [
        msgspec.structs.replace(report(9 + at, NOON_S, uid=user_of(name)), name=name)
        for at, name in enumerate(("al", "bo"))
    ]
    await psd.engine.book(named)
    board = LeaderboardQuery(thing="steps", uid=[str(each.uid) for each in named], **RANGE)
    sums = SumQuery(thing="steps", uid=[str(each.uid) for each in named], **RANGE)
    waits = Waits(monkeypatch)
    for question, most in ((queries.sum(sums), 1), (queries.leaderboard(board), 2)):
        # As a process that never saw them: it knows nobody by name.
        monkeypatch.setattr(psd.engine, "names", NamedUsers(psd.store))
        monkeypatch.setattr(queries, "_names", psd.engine.names)
        assert await waits.of(question) == most
    answer = await queries.leaderboard(board)
    assert [row.uid for row in answer.data] == ["bo", "al"]
