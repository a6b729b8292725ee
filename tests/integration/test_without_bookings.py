"""Whoever has no booking of a thing is nobody of everybody, whatever was sent about them.

Users 1 and 2 have -5 and -9 calories, 3 and 4 have +5 and -5 of them, which is a booking each.
About all others something was sent that leaves no booking: with 0 they would be ahead of 1 and 2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from psd.clock import ManualClock
from psd.engine.events import VALUE_MAX, Withdrawal
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.prometheus_asking import data, vector
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    dense_day,
    engine_on,
    forget,
    increment,
    report,
)
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified
from tests.support.stored.placements import owner_key

CALORIES = 2
NOW_S = NOON_S + 30 * DAY_S
EXPECTED = [(1, "3", 0), (2, "1", -5), (3, "2", -9)]
EVERYBODY = ["1", "2", "3"]


def withdrawal(uid: int, aid: int = 3) -> Withdrawal:
    return Withdrawal(uid, aid, (1, CALORIES), "", "ops", NOW_S)


async def send_what_leaves_no_booking(psd: Runtime) -> None:
    """By every way that there is, one user each from 11 on, of calories and of steps."""
    for thing in (1, CALORIES):
        booked = [report(7, uid=uid, aid=3, thing=thing) for uid in (11, 14, 15, 18)]
        assert await book(psd, booked) == ["booked"] * 4
        long = [report(n, NOON_S + n, NOON_S, uid=16, aid=3, thing=thing) for n in range(1, 9)]
        dense = [report(each.value, each.ts2, uid=17, aid=3, thing=thing) for each in dense_day()]
        assert set(await book(psd, [*long, *dense])) == {"booked"}
        assert await book(psd, [report(0, uid=13, thing=thing)]) == ["unchanged"]
        assert await book(psd, [report(0, uid=14, aid=3, thing=thing)]) == ["booked"]
        assert await book(psd, [increment("none", 0, uid=19, thing=thing)]) == ["unchanged"]
        over = [report(VALUE_MAX, uid=20, aid=aid, thing=thing) for aid in (3, 4)]
        assert await book(psd, over) == ["booked", "refused"]
    gone = [withdrawal(uid) for uid in (11, 12, 15, 16, 17, 18, 20)]
    assert set(await book(psd, gone)) == {"booked"}
    for thing in (1, CALORIES):
        assert await book(psd, [report(7, uid=15, aid=3, thing=thing)]) == ["withdrawn"]
        again = [report(7, uid=18, aid=4, thing=thing), report(0, uid=18, aid=4, thing=thing)]
        assert await book(psd, again) == ["booked", "booked"]


pytestmark = pytest.mark.psd(
    now_s=NOW_S,
    holds=[
        report(-5, uid=1, thing=CALORIES),
        report(-9, uid=2, thing=CALORIES),
        report(5, uid=3, thing=CALORIES, aid=1),
        report(-5, NOON_S + 9, uid=3, thing=CALORIES, aid=2),
    ],
)


@pytest.fixture
async def psd(psd: Runtime) -> Runtime:
    """After everything that leaves no booking."""
    await send_what_leaves_no_booking(psd)
    return psd


@pytest.fixture
async def client(psd: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(psd) as client:
        yield client


async def board(client: HttpClient, parameters: str = "") -> tuple[list[Any], int]:
    """Rank, uid and value of each row, and how many there are in all."""
    answer = await client.get(f"/v3/leaderboard?thing=calories{parameters}")
    assert answer.status == 200, answer.text
    found = answer.json()
    return [(row["rank"], row["uid"], row["value"]) for row in found["data"]], found["total"]


async def test_only_who_has_a_booking_is_ranked_on_any_page(client: HttpClient) -> None:
    assert await board(client) == (EXPECTED, 3)
    assert await board(client, "&all=true&ties=first_to_reach") == (EXPECTED, 3)
    assert await board(client, "&limit=1") == (EXPECTED[:1], 3)
    assert await board(client, "&around=1&span=1") == (EXPECTED, 3)
    first = (await client.get("/v3/leaderboard?thing=calories&limit=2")).json()
    assert await board(client, f"&limit=2&cursor={first['next']}") == (EXPECTED[2:], 3)
    assert (await board(client, f"&compare_to={NOON_S + 5}")) == (EXPECTED, 3)


async def test_percentiles_are_shares_of_those_who_have_bookings(client: HttpClient) -> None:
    answer = (await client.get("/v3/leaderboard?thing=calories")).json()
    assert [row["percentile"] for row in answer["data"]] == [66.6667, 33.3333, 0.0]


async def test_a_comparison_ranks_the_same_users(client: HttpClient) -> None:
    answer = await client.get(f"/v3/leaderboard?thing=calories&compare_to={NOON_S + 5}")
    assert [
        (row["uid"], row["previous_rank"], row["previous_value"]) for row in answer.json()["data"]
    ] == [("3", 1, 5), ("1", 2, -5), ("2", 3, -9)]


async def test_who_has_no_booking_has_no_surroundings(client: HttpClient) -> None:
    for uid in (11, 12, 13, 14):
        answer = await client.get(f"/v3/leaderboard?thing=calories&around={uid}")
        assert answer.status == 404, answer.text


async def test_before_and_beside_all_bookings_everybody_has_0(client: HttpClient) -> None:
    """Of whatever time and atid the bookings are: who is on a board does not hang on its range."""
    nothing = [(1, uid, 0) for uid in EVERYBODY]
    assert await board(client, f"&as_of={NOON_S - DAY_S}") == (nothing, 3)
    assert await board(client, "&atid=77") == (nothing, 3)
    assert await board(client, f"&start={NOON_S + DAY_S}&around=3&span=9") == (nothing, 3)


async def test_nobody_has_bookings_of_a_thing_that_was_only_taken_back(
    client: HttpClient,
) -> None:
    answer = (await client.get("/v3/leaderboard?thing=steps&compare_to=0")).json()
    assert (answer["data"], answer["total"], answer["next"]) == ([], 0, None)
    assert answer["watermark"]["newest"] is None
    assert await vector(client, "topk(3, steps)") == []
    assert await data(client, "label/uid/values", {"match[]": "steps"}) == []


async def test_who_is_named_stands_on_a_board_all_the_same(
    client: HttpClient, psd: Runtime
) -> None:
    named = [(1, "3", 0), (1, "11", 0), (1, "999", 0), (4, "1", -5)]
    assert await board(client, "&uid=1&uid=3&uid=11&uid=999") == (named, 4)
    definition = Definition(thing="calories", window=RollingWindow(seconds=90 * DAY_S))
    await psd.boards.put("cup", definition, "test", members=[1, 3, 11, 999])
    answer = (await client.get("/v3/leaderboard?board=cup")).json()
    assert [(row["rank"], row["uid"], row["value"]) for row in answer["data"]] == named
    series = await vector(client, 'topk(9, calories{board="cup"})')
    assert [labels["uid"] for labels, _ in series] == ["3", "11", "999", "1"]


async def test_expressions_and_labels_know_the_same_users(client: HttpClient) -> None:
    series = await vector(client, "topk(9, calories)")
    assert [labels["uid"] for labels, _ in series] == ["3", "1", "2"]
    summed = await vector(client, "sum by (uid) (calories)")
    assert sorted(labels["uid"] for labels, _ in summed) == EVERYBODY
    assert await data(client, "label/uid/values", {"match[]": "calories"}) == EVERYBODY
    assert await data(client, "label/uid/values") == EVERYBODY
    series = await data(client, "series", {"match[]": "calories"})
    assert [each["uid"] for each in series] == EVERYBODY


async def test_who_is_indexed_without_bookings_may_have_some_at_any_time(
    psd: Runtime, client: HttpClient
) -> None:
    assert await board(client) == (EXPECTED, 3)
    assert await book(psd, [report(1, uid=12, aid=9, thing=CALORIES)]) == ["booked"]
    assert await board(client) == ([(1, "12", 1), *[(n + 1, u, v) for n, u, v in EXPECTED]], 4)
    assert await book(psd, [withdrawal(12, 9), withdrawal(2)]) == ["booked", "booked"]
    assert await board(client) == (EXPECTED[:2], 2)


async def test_a_store_from_before_the_newest_second_was_kept_has_the_same_board(
    psd: Runtime, client: HttpClient
) -> None:
    for uid in (1, 2, 3):
        await psd.store.client.hdel(owner_key(uid, f"{CALORIES}:y"), "newest")
    assert await board(client) == (EXPECTED, 3)
    assert await board(client, "&around=3&span=9") == (EXPECTED, 3)
    assert await psd.engine.population(CALORIES) == [1, 2, 3]


async def test_the_store_is_what_it_should_be(psd: Runtime, redis_url: str) -> None:
    found = await verified(redis_url)
    assert (found.exit_code, "different" in found.output) == (0, False), found.output


async def test_detail_that_expired_was_booked_and_totals_that_expired_were_not(
    own_redis: RedisServer,
) -> None:
    """The years are the last that goes: then the owner's thing begins anew."""
    keep = dict.fromkeys(("year", "month", "week", "day", "second", "activity"), 90 * DAY_S)
    flags = {f"retention.{level}_s": seconds for level, seconds in keep.items()}
    async with engine_on(own_redis.url, flags, ManualClock(NOW_S)) as psd:
        await book(psd, [report(-5, uid=1), report(-9, NOON_S + DAY_S, uid=2, aid=8)])
        await book(psd, [report(0, NOON_S + DAY_S, uid=3), withdrawal(4)])
        for level in ("second", "activity", "day", "week", "month"):
            await forget(psd.store.client, level)
            assert await psd.engine.top(1, EVER, 9) == [(1, -5), (2, -9)], level
            assert await psd.engine.population(1) == [1, 2], level
        await forget(psd.store.client, "year")
        assert await psd.engine.top(1, EVER, 9) == []
        assert await psd.engine.population(1) == []
