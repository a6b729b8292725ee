"""An owner with very many activities: listed page by page, refused elsewhere, and no one waits."""

from __future__ import annotations

import asyncio

import pytest

from psd.runtime import Runtime
from tests.support.clients.activities import NOON
from tests.support.clients.http import HttpClient, total
from tests.support.engine import NOON_S, book, report

ACTIVITIES = 6_000
BOOKINGS_MAX = 2_000


# Few bookings are read for one question.
pytestmark = pytest.mark.psd({"server.bookings_max": BOOKINGS_MAX})


@pytest.fixture
async def heavy(runtime: Runtime) -> list[str]:
    """The aids of user 1 in the order in which they are listed: some begin in one second."""
    events = [report(2, NOON_S + n // 4, aid=n * 7919 % ACTIVITIES) for n in range(ACTIVITIES)]
    for at in range(0, ACTIVITIES, 500):
        await book(runtime, events[at : at + 500])
    return [str(each.aid) for each in sorted(events, key=lambda each: (each.ts2, each.aid))]


async def test_all_its_activities_are_listed_page_by_page(
    client: HttpClient, heavy: list[str]
) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        answer = await client.get(f"/v3/users/1/activities?limit=1000{cursor}")
        assert answer.status == 200, answer.text
        rows = answer.json()["data"]
        assert all(row["sums"] == {"steps": 2} and row["bookings"] == 1 for row in rows)
        found += [row["aid"] for row in rows]
        if answer.json()["next"] is None:
            break
        cursor = f"&cursor={answer.json()['next']}"
    assert found == heavy


@pytest.mark.usefixtures("heavy")
async def test_what_reads_every_booking_is_refused_with_the_number_and_the_limit(
    client: HttpClient,
) -> None:
    span = f"{NOON_S - 86_400}/{NOON_S + 86_400}"
    told = [
        await client.get("/v3/sum?thing=steps&uid=1&aggregates=count"),
        await client.get("/v3/series?thing=steps&uid=1&by=atid&every=day&start=2016-04-12"),
        await client.post(f"/v1/mu_query/steps/all/{span}", {"ids": "1"}),
        await client.post(f"/v1/mumt_query/all/{span}", {"ids": "1", "things": "steps"}),
    ]
    for answer in told:
        assert answer.status == 422, answer.text
        assert f"{ACTIVITIES} bookings of one user" in answer.text
        assert f"at most {BOOKINGS_MAX}" in answer.text
    assert (await client.get("/v3/sum?thing=steps&uid=1")).json()["data"][0]["sum"] == 12_000
    narrow = await client.get(
        f"/v3/sum?thing=steps&uid=1&aggregates=count&start={NOON}&end={NOON_S + 100}"
    )
    assert narrow.json()["data"] == [{"uid": "1", "thing": "steps", "count": 400}]


@pytest.mark.usefixtures("heavy")
async def test_a_board_is_told_whatever_somebody_on_it_has(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(5, uid=2)])
    answer = await client.get("/v3/leaderboard?thing=steps&uid=1&uid=2&ties=first_to_reach")
    assert [(row["uid"], row["value"], row["reached_at"]) for row in answer.json()["data"]] == [
        ("1", 12_000, None),
        ("2", 5, NOON),
    ]


@pytest.mark.usefixtures("heavy")
async def test_more_users_together_are_refused_than_the_setting_allows(
    client: HttpClient, runtime: Runtime
) -> None:
    for uid in (2, 3):
        await book(runtime, [report(1, NOON_S + n, uid=uid, aid=n) for n in range(1_200)])
    answer = await client.get("/v3/sum?thing=steps&uid=2&uid=3&aggregates=count")
    assert answer.status == 422
    assert "server.bookings_max" in answer.json()["detail"]
    assert (await client.get("/v3/sum?thing=steps&uid=2&aggregates=count")).status == 200


async def test_all_numbers_of_a_row_are_of_one_moment(client: HttpClient, runtime: Runtime) -> None:
    """Each activity brings 2: whatever is told of them agrees, while four write."""
    is_over = False

    async def write(writer: int) -> None:
        number = 0
        while not is_over:
            number += 1
            await book(runtime, [report(2, NOON_S + number, aid=number * 4 + writer)])

    async def ask() -> None:
        for _ in range(60):
            answer = await client.get(
                "/v3/sum?thing=steps&uid=1&aggregates=sum&aggregates=count&aggregates=min"
                f"&aggregates=max&every=year&start={NOON_S}&end={NOON_S + 900}"
            )
            [row] = answer.json()["data"]
            assert row["sum"] == 2 * row["count"] == row["max"] == row["min"], row
            spread = await client.get(
                "/v3/sum?thing=steps&uid=1&aggregates=sum&aggregates=avg&aggregates=max"
                f"&every=year&start={NOON_S}&end={NOON_S + 900}"
            )
            [row] = spread.json()["data"]
            assert row["sum"] == row["max"] == row["avg"], row

    writers = [asyncio.create_task(write(writer)) for writer in range(4)]
    try:
        await ask()
    finally:
        is_over = True
        await asyncio.gather(*writers)
    assert await total(client) > 0
