"""The newest second with a booking: kept while bookings come and go, told by whatever reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.engine.events import Report, Withdrawal
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.errors import StoreError
from psd.runtime import Runtime
from tests.support.engine import (
    DAY_S,
    NOON_S,
    book,
    dense_day,
    engine_on,
    forget,
    report,
    second,
)
from tests.support.servers.redis_server import RedisServer

YEARS = "psd:{p0}:1:1:y"
LAST_YEAR_S = second("2015-11-30 08:00:00")
EARLY = Range(0, 1)


async def field(psd: Runtime) -> int | None:
    """What the hash of years has."""
    held = await psd.store.client.hget(YEARS, "newest")
    return None if held is None else int(held)


async def told(psd: Runtime, uids: Sequence[int], things: Sequence[int]) -> list[int | None]:
    """What each of the readings tells, whatever its range is; each must say the same."""
    engine, found = psd.engine, [Newest() for _ in range(6)]
    sums, all_standings, top, series, together, activities = found
    await engine.sums(uids, things, [EARLY] * len(uids), newest=sums)
    for thing in things:
        question = BucketQuestion(thing, [0, 1, 2])
        await engine.standings(uids, thing, EARLY, newest=all_standings)
        await engine.top(thing, EARLY, 1, uids=uids, newest=top)
        await engine.series(uids, question, newest=series)
        await engine.series_of_all(uids, question, newest=together)
    for uid in uids:
        await engine.activities(uid, things, EARLY, newest=activities)
    alone = await engine.newest(uids, things)
    return sorted({alone, *(each.second for each in found)}, key=str)


def withdrawal(aid: int) -> Withdrawal:
    return Withdrawal(1, aid, (1,), "", "ops", NOON_S + 9 * DAY_S)


@pytest.mark.parametrize("reports", [[report(5)], dense_day()], ids=["sparse", "dense"])
async def test_every_reading_tells_the_newest_second(psd: Runtime, reports: list[Report]) -> None:
    last = max(each.ts2 for each in reports)
    await book(psd, reports)
    await book(psd, [report(4, last - 7, uid=2), report(1, last + 3, uid=2, thing=2)])
    assert await told(psd, [1, 2], [1]) == [last]
    assert await told(psd, [2], [1]) == [last - 7]
    assert await told(psd, [3, 2, 1], [1, 2]) == [last + 3]
    assert await told(psd, [3], [1, 2]) == [None]


async def test_what_comes_late_does_not_replace_it(psd: Runtime) -> None:
    for at in (NOON_S, LAST_YEAR_S, NOON_S - 5, NOON_S + 1, NOON_S):
        await book(psd, [report(3, at, aid=at)])
    assert await field(psd) == NOON_S + 1
    assert await told(psd, [1], [1]) == [NOON_S + 1]


async def test_an_activity_that_books_nothing_does_not_count(psd: Runtime) -> None:
    await book(psd, [report(0, NOON_S + 60, aid=1)])
    assert await field(psd) is None
    assert await told(psd, [1], [1]) == [None]
    await book(psd, [report(3, NOON_S, aid=2), report(0, NOON_S + 90, aid=3)])
    assert await field(psd) == NOON_S
    assert await told(psd, [1], [1]) == [NOON_S]


async def test_the_newest_that_is_taken_back_leaves_the_one_before(psd: Runtime) -> None:
    await book(psd, [report(3, at, aid=at) for at in (LAST_YEAR_S, NOON_S, NOON_S + DAY_S)])
    assert await book(psd, [report(0, NOON_S + DAY_S, aid=NOON_S + DAY_S)]) == ["booked"]
    assert await field(psd) == NOON_S
    assert await book(psd, [withdrawal(NOON_S)]) == ["booked"]
    assert await field(psd) == LAST_YEAR_S
    assert await told(psd, [1], [1]) == [LAST_YEAR_S]
    assert await book(psd, [withdrawal(LAST_YEAR_S)]) == ["booked"]
    assert await field(psd) is None
    assert await told(psd, [1], [1]) == [None]
    await book(psd, [report(8, NOON_S - 4)])
    assert await field(psd) == NOON_S - 4


async def test_it_is_taken_back_and_booked_in_one_call(psd: Runtime) -> None:
    await book(psd, [report(3, NOON_S, aid=1), report(4, NOON_S + 9, aid=2)])
    await book(psd, [report(0, NOON_S + 9, aid=2), report(4, NOON_S + 5, aid=3)])
    assert await field(psd) == NOON_S + 5
    await book(psd, [report(0, NOON_S + 5, aid=3), report(4, NOON_S + 8, aid=4)])
    assert await field(psd) == NOON_S + 8
    await book(psd, [report(4, NOON_S + 20, aid=5), report(0, NOON_S + 20, aid=5)])
    assert await field(psd) == NOON_S + 8


@pytest.mark.parametrize("reports", [[report(5)], dense_day()], ids=["sparse", "dense"])
async def test_a_store_from_before_it_was_kept_tells_it_and_gets_it(
    psd: Runtime, reports: list[Report]
) -> None:
    last = max(each.ts2 for each in reports)
    await book(psd, reports)
    await psd.store.client.hdel(YEARS, "newest")
    assert await told(psd, [1, 2], [1]) == [last]
    assert await field(psd) is None
    await book(psd, [report(2, LAST_YEAR_S, aid=9000)])
    assert await field(psd) == last


async def test_it_outlives_the_detail_that_told_it(engine_server: RedisServer) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.second_s": 60}) as psd:
        await book(psd, [report(5), report(6, NOON_S + DAY_S, aid=4)])
        await forget(psd.store.client, "second")
        assert await told(psd, [1], [1]) == [NOON_S + DAY_S]
        await book(psd, [report(0, NOON_S + DAY_S, aid=4)])
        assert await field(psd) is None, "the second before it has expired"
        assert await told(psd, [1], [1]) == [None]
        await book(psd, [report(6, NOON_S + 31 * DAY_S, aid=5)])
        assert await told(psd, [1], [1]) == [NOON_S + 31 * DAY_S]


async def test_a_key_that_cannot_be_read_costs_no_booking(psd: Runtime) -> None:
    await book(psd, [report(3, LAST_YEAR_S, aid=1), report(3, NOON_S, aid=2)])
    await psd.store.client.set("psd:{p0}:1:1:m:2015", "foreign")
    assert await book(psd, [report(0, NOON_S, aid=2)]) == ["booked"]
    assert await field(psd) is None
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await psd.engine.newest([1], [1])
