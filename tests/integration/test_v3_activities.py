"""The activities of a user over HTTP: what they have in a range, page by page."""

from __future__ import annotations

import pytest

from psd.runtime import Runtime
from tests.support.clients.activities import NOON, listed
from tests.support.clients.http import HttpClient
from tests.support.engine import NOON_S, book, report


async def test_activities_are_told_with_what_they_have_in_the_range(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(25, NOON_S + 60, NOON_S), report(4, thing=2)])
    await book(runtime, [report(7, NOON_S + 30, aid=2**62, atid=9)])
    answer = await client.get(f"/v3/users/1/activities?start={NOON}&end={NOON_S + 61}")
    assert answer.json() == {
        "data": [
            {
                "aid": "3",
                "atid": "2",
                "sums": {"steps": 25, "calories": 4},
                "bookings": 3,
                "first": NOON,
                "last": "2016-04-12T12:01:00Z",
            },
            {
                "aid": str(2**62),
                "atid": "9",
                "sums": {"steps": 7},
                "bookings": 1,
                "first": "2016-04-12T12:00:30Z",
                "last": "2016-04-12T12:00:30Z",
            },
        ],
        "next": None,
        "exact": True,
        "range": {"start": NOON, "end": "2016-04-12T12:01:01Z"},
        "watermark": {"newest": "2016-04-12T12:01:00Z", "queue_depth": 0},
    }
    assert await listed(client, f"?start={NOON_S + 1}&end={NOON_S + 31}") == [str(2**62)]
    assert await listed(client, f"?end={NOON_S}") == []
    assert await listed(client, "?thing=calories") == ["3"]
    assert await listed(client, "?atid=9&atid=5") == [str(2**62)]


async def test_a_table_has_a_row_for_each_activity_and_thing(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(4, thing=2), report(7, NOON_S + 1, aid=4)])
    answer = await client.get("/v3/users/1/activities?format=csv&limit=1")
    assert answer.text.splitlines() == [
        "aid,atid,thing,sum,bookings,first,last",
        f"3,2,steps,10,2,{NOON},{NOON}",
        f"3,2,calories,4,2,{NOON},{NOON}",
    ]
    assert answer.headers["Psd-Next"]
    assert (await client.get("/v3/users/1/activities?format=xml")).json()["code"] == "bad_query"


async def test_a_closed_range_is_not_sent_twice(client: HttpClient, runtime: Runtime) -> None:
    await book(runtime, [report(10)])
    path = f"/v3/users/1/activities?end={NOON_S + 60}"
    tag = (await client.get(path)).headers["Etag"]
    assert (await client.request("GET", path, headers={"If-None-Match": tag})).status == 304
    await book(runtime, [report(3, NOON_S + 5, aid=4)])
    assert (await client.request("GET", path, headers={"If-None-Match": tag})).status == 200
    assert "Etag" not in (await client.get("/v3/users/1/activities")).headers


async def test_pages_are_in_the_order_of_first_bookings_and_join_without_a_gap(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(1, NOON_S + n // 3, aid=100 - n) for n in range(20)])
    expected = sorted(range(20), key=lambda n: (n // 3, 100 - n))
    found: list[str] = []
    following = ""
    for _ in range(7):
        answer = (await client.get(f"/v3/users/1/activities?limit=3{following}")).json()
        found += [row["aid"] for row in answer["data"]]
        following = f"&cursor={answer['next']}"
        await book(runtime, [report(5, NOON_S - 60, aid=500)])
    assert found == [str(100 - n) for n in expected]
    assert answer["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        *("thing=floors", "start=never", "limit=0", "limit=1001", "limit=x", "cursor=x", "atid=01"),
        *(f"start={NOON_S + 1}&end={NOON_S}", "cursor=MTQ2MDQ2MjcwMA", "other=1", "thing=signals"),
    ],
)
async def test_a_question_that_breaks_a_rule_is_refused(client: HttpClient, query: str) -> None:
    answer = await client.get(f"/v3/users/1/activities?{query}")
    assert answer.json()["code"] == "bad_query"
    assert answer.json()["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "path", ["/v3/users/+5/activities", "/v3/users/01/audit", "/v3/users/1/audit?cursor=MTIy"]
)
async def test_a_path_or_cursor_that_is_none_is_refused(client: HttpClient, path: str) -> None:
    assert (await client.get(path)).json()["code"] == "bad_query"
