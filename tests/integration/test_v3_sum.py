"""GET and POST /v3/sum over a real store: fields, formats, refusals, freshness."""

from __future__ import annotations

import msgspec
import pytest

from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.engine import DAY_S, NOON_S, book, report

DAY = "2016-04-12T00:00:00Z"
NEXT_DAY = "2016-04-13T00:00:00Z"
WATERMARK = {"newest": "2016-04-13T12:00:00Z", "queue_depth": 0}


pytestmark = pytest.mark.psd(
    {"server.ids_max": 5, "server.things_max": 3},
    now_s=NOON_S + 30 * DAY_S,
    holds=[
        report(10, NOON_S, uid=1, atid=2, aid=3),
        report(5, NOON_S + 10, uid=1, atid=7, aid=4),
        report(30, NOON_S + DAY_S, uid=1, atid=2, aid=5),
        report(8, NOON_S, uid=2, atid=2, aid=6),
        report(90, NOON_S, uid=2, atid=2, aid=7, thing=2),
    ],
)


async def test_a_sum_tells_its_range_how_exact_it_is_and_how_fresh(client: HttpClient) -> None:
    answer = await client.get(f"/v3/sum?thing=steps&uid=1&start={DAY}&end={NEXT_DAY}")
    assert answer.status == 200
    assert answer.content_type == "application/json; charset=utf-8"
    assert answer.json() == {
        "data": [{"uid": "1", "thing": "steps", "sum": 15}],
        "exact": True,
        "range": {"start": DAY, "end": NEXT_DAY},
        "watermark": WATERMARK,
    }


async def test_rows_stand_by_user_then_by_thing_as_they_were_asked_for(client: HttpClient) -> None:
    answer = await client.get("/v3/sum?thing=calories&thing=steps&uid=2&uid=1,9")
    found = [(row["uid"], row["thing"], row["sum"]) for row in answer.json()["data"]]
    assert found == [
        ("2", "calories", 90),
        ("2", "steps", 8),
        ("1", "calories", 0),
        ("1", "steps", 45),
        ("9", "calories", 0),
        ("9", "steps", 0),
    ]


async def test_a_body_asks_the_same_as_parameters(client: HttpClient) -> None:
    asked = {"thing": ["steps"], "uid": ["1", 2], "atid": 2, "start": NOON_S, "end": NOON_S + 11}
    posted = await client.request("POST", "/v3/sum", msgspec.json.encode(asked))
    got = await client.get(
        f"/v3/sum?thing=steps&uid=1&uid=2&atid=2&start={NOON_S}&end={NOON_S + 11}"
    )
    assert posted.status == got.status == 200
    assert posted.text == got.text
    assert [row["sum"] for row in got.json()["data"]] == [10, 8]


async def test_several_atids_are_added_up(client: HttpClient) -> None:
    answer = await client.get("/v3/sum?thing=steps&uid=1&atid=7&atid=2")
    assert answer.json()["data"][0]["sum"] == 45
    answer = await client.get("/v3/sum?thing=steps&uid=1&atid=7&atid=8")
    assert answer.json()["data"][0]["sum"] == 5


async def test_aggregates_tell_activities_days_and_seconds(client: HttpClient) -> None:
    answer = await client.get(
        "/v3/sum?thing=steps&uid=1&uid=9&aggregates=count,min,max,avg,first,last"
        f"&start={DAY}&end=2016-04-15T00:00:00Z"
    )
    assert answer.json()["data"] == [
        {
            "uid": "1",
            "thing": "steps",
            "count": 3,
            "min": 0,
            "max": 30,
            "avg": 15.0,
            "first": "2016-04-12T12:00:00Z",
            "last": "2016-04-13T12:00:00Z",
        },
        {
            "uid": "9",
            "thing": "steps",
            "count": 0,
            "min": 0,
            "max": 0,
            "avg": 0.0,
            "first": None,
            "last": None,
        },
    ]


async def test_as_of_leaves_out_what_came_at_that_second_and_after(client: HttpClient) -> None:
    for as_of, expected in [(NOON_S, 0), (NOON_S + 1, 10), (NOON_S + 11, 15)]:
        answer = await client.get(f"/v3/sum?thing=steps&uid=1&as_of={as_of}")
        assert answer.json()["data"][0]["sum"] == expected


async def test_csv_has_the_rows_and_headers_what_stands_around_them(client: HttpClient) -> None:
    path = f"/v3/sum?thing=steps&uid=1&uid=2&start={DAY}&end={NEXT_DAY}"
    answer = await client.get(f"{path}&format=csv")
    assert answer.text == "uid,thing,sum\r\n1,steps,15\r\n2,steps,8\r\n"
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Psd-Exact"] == "true"
    assert answer.headers["Psd-Range"] == f"{DAY}/{NEXT_DAY}"
    assert answer.headers["Psd-Newest"] == "2016-04-13T12:00:00Z"
    assert answer.headers["Psd-Queue-Depth"] == "0"
    accepted = await client.request("GET", path, headers={"Accept": "text/csv"})
    assert accepted.text == answer.text


async def test_msgpack_holds_what_json_does(client: HttpClient) -> None:
    url = f"{client.url}/v3/sum?thing=steps&uid=1"
    async with client.session.get(url, headers={"Accept": "application/msgpack"}) as response:
        assert response.content_type == "application/msgpack"
        packed = msgspec.msgpack.decode(await response.read())
    assert packed == (await client.get("/v3/sum?thing=steps&uid=1")).json()


async def test_a_client_that_has_the_answer_already_is_told_so(
    client: HttpClient, runtime: Runtime
) -> None:
    path = f"/v3/sum?thing=steps&uid=1&start={DAY}&end={NEXT_DAY}"
    tag = (await client.get(path)).headers["Etag"]
    held = {"If-None-Match": f'"other", {tag}'}
    again = await client.request("GET", path, headers=held)
    assert (again.status, again.text, again.headers["Etag"]) == (304, "", tag)
    assert (await client.request("GET", f"{path}&format=csv", headers=held)).status == 200
    await book(runtime, [report(1, NOON_S + 5 * DAY_S, uid=1, aid=8)])
    assert (await client.request("GET", path, headers=held)).status == 304
    await book(runtime, [report(1, NOON_S + 1, uid=1, aid=9)])
    late = await client.request("GET", path, headers=held)
    assert (late.status, late.json()["data"][0]["sum"]) == (200, 16)


async def test_a_range_that_is_not_over_has_no_tag(client: HttpClient) -> None:
    answer = await client.get("/v3/sum?thing=steps&uid=1&end=2017-01-01T00:00:00Z")
    assert answer.status == 200
    assert "Etag" not in answer.headers


@pytest.mark.parametrize(
    ("parameters", "status", "detail"),
    [
        ("uid=1", 400, "thing: missing; it is needed"),
        ("thing=steps", 400, "uid: missing; it is needed"),
        (
            "thing=floors&uid=1",
            400,
            "thing: 'floors' is unknown; known are battery_charge, calories, ",
        ),
        ("thing=steps&uid=01", 400, "uid: '01' is not a 64-bit integer as psd writes it"),
        ("thing=steps&uid=9223372036854775808", 400, "is not a 64-bit integer"),
        ("thing=steps&uid=1&atid=x", 400, "atid: 'x' is not a 64-bit integer as psd writes it"),
        ("thing=steps&uid=1&start=soon", 400, "start: 'soon' is neither RFC 3339 nor whole"),
        ("thing=steps&uid=1&start=9&end=8", 400, "start: '9' must not be after end '8'"),
        ("thing=steps&uid=1&tz=Mars/Olympus", 400, "tz: 'Mars/Olympus' is no time zone"),
        ("thing=steps&uid=1&tz=right/UTC", 400, "tz: 'right/UTC' is no time zone"),
        ("thing=steps&uid=1&every=aeon", 400, "every: 'aeon': invalid enum value"),
        ("thing=steps&uid=1&aggregates=median", 400, "aggregates: 'median': invalid enum"),
        ("thing=steps&uid=1&end=1&end=2", 400, "end: ['1', '2']: expected"),
        ("thing=steps&uid=1&colour=red", 400, "colour: unknown; known are thing, uid, atid"),
        ("thing=steps&uid=1&format=xml", 400, "format: 'xml' is not one of json, csv, msgpack"),
        ("thing=steps&uid=1,2,3,4,5,6", 422, "uid: 6 asked, at most 5 are allowed"),
        ("thing=steps,steps,cb,points&uid=1", 422, "thing: 4 asked, at most 3 are allowed"),
        ("thing=steps&uid=1&aggregates=min&every=minute", 422, "every: 'minute' cuts this range"),
    ],
)
async def test_a_question_without_an_answer_is_refused_with_field_value_and_rule(
    client: HttpClient, parameters: str, status: int, detail: str
) -> None:
    answer = await client.get(f"/v3/sum?{parameters}")
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == {400: "bad_query", 422: "too_large"}[status]
    assert detail in problem["detail"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b'{"thing": "steps"', "malformed"),
        (b"[" * 100 + b"]" * 100, "too_large"),
        (b'{"thing": 5, "uid": "1"}', "bad_query"),
        (b'{"thing": "steps", "uid": [1.5]}', "bad_query"),
        (b'{"thing": "steps", "uid": []}', "bad_query"),
        (b'{"thing": [], "uid": "1"}', "bad_query"),
        (b'{"thing": "steps", "uid": true}', "bad_query"),
        (b'{"thing": "steps", "uid": "1", "start": null}', "bad_query"),
    ],
)
async def test_a_body_that_is_no_question_is_refused(
    client: HttpClient, body: bytes, code: str
) -> None:
    answer = await client.request("POST", "/v3/sum", body)
    assert answer.status in (400, 422)
    assert answer.json()["code"] == code


async def test_a_plus_sign_that_nobody_escaped_is_still_a_plus_sign(client: HttpClient) -> None:
    answer = await client.get(
        "/v3/sum?thing=steps&uid=1&start=2016-04-12T14:00:00+02:00&end=2016-04-12T14:00:01%2B02:00"
    )
    assert answer.json()["data"][0]["sum"] == 10
