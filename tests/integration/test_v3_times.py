"""Times in questions over HTTP: what is a date, what is a mistake, what v1 goes on taking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from psd.engine.events import TIME_END_S
from psd.runtime import Runtime
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.engine import DAY_S, NOON_S, report

MIDNIGHT_S = NOON_S - DAY_S // 2
FOREVER_S = 253_402_300_799
MILLISECONDS = MIDNIGHT_S * 1000
BERLIN = "tz=Europe/Berlin"


pytestmark = pytest.mark.psd(
    now_s=NOON_S + DAY_S + 60,
    holds=[
        report(1, MIDNIGHT_S - 2 * 3600, uid=7, aid=1),
        report(2, MIDNIGHT_S - 1, uid=7, aid=2),
        report(4, NOON_S, uid=7, aid=3),
        report(8, NOON_S + DAY_S, uid=7, aid=4),
    ],
)


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(runtime) as http:
        yield http


async def sent(client: HttpClient, method: str, path: str, body: Mapping[str, Any]) -> Answer:
    """A request with a JSON object."""
    return await client.request(method, path, msgspec.json.encode(body), "application/json")


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        ("start=20160412", 12),
        ("start=2016", 15),
        ("start=2016-04&end=2016-05", 15),
        ("start=2016-05", 0),
        ("start=2016-04-12&end=2016-04-13", 4),
        (f"start=2016-04-12&end=2016-04-13&{BERLIN}", 7),
        ("start=2016-04-12t00:00:00z&end=2016-04-12T23:59:60.5+00:00", None),
        ("start=2016-04-12T02:00:00%2B02:00&end=2016-04-12T14:00:00.9+02:00", 0),
        ("start=-1d", 8),
        ("start=-36h&end=now", 12),
        ("start=yesterday&end=today", 4),
        (f"start=yesterday&end=today&{BERLIN}", 7),
        ("start=-7", 15),
        (f"start=0&end={FOREVER_S}", 15),
        ("start=0001-01-01&end=9999-12-31", 15),
        (f"start={MIDNIGHT_S}.75&end={NOON_S}.25", 0),
        (f"start={MILLISECONDS}", None),
        (f"start=0&end={MILLISECONDS}", None),
        ("start=2200-01-01", None),
        (f"start={NOON_S}&end={NOON_S}", None),
        ("start=2016-04-13&end=2016-04-12", None),
        ("start=42472.25", None),
        ("start=20161340", None),
        ("start=2016-04-12T24:00:00Z", None),
    ],
)
async def test_a_range_is_read_the_same_from_a_url_and_a_body(
    client: HttpClient, asked: str, total: int | None
) -> None:
    got = await client.get(f"/v3/sum?thing=steps&uid=7&{asked}")
    fields = dict(pair.split("=") for pair in asked.replace("%2B", "+").split("&"))
    posted = await sent(client, "POST", "/v3/sum", {"thing": "steps", "uid": "7", **fields})
    if total is None:
        assert (got.status, posted.status) == (400, 400), got.text
        assert got.json()["code"] == "bad_query"
        return
    assert (got.status, got.text) == (200, posted.text)
    assert got.json()["data"][0]["sum"] == total


@pytest.mark.parametrize(
    "path",
    [
        "/v3/sum?thing=steps&uid=7&",
        "/v3/series?thing=steps&uid=7&every=day&",
        "/v3/leaderboard?thing=steps&",
        "/v3/users/7/activities?",
    ],
)
async def test_every_route_with_a_range_refuses_one_that_can_hold_nothing(
    client: HttpClient, path: str
) -> None:
    for asked, rule in (
        (f"start={MILLISECONDS}&end={MILLISECONDS + 1}", "looks like milliseconds"),
        ("start=2016-04-13&end=2016-04-12", "must not be after end"),
        ("start=2016-04-12&end=2016-04-12", "holds no second"),
        ("start=2200&end=2201", "lies past 2199"),
    ):
        answer = await client.get(path + asked)
        assert (answer.status, rule in answer.text) == (400, True), answer.text


async def test_numbers_in_json_are_what_they_are_in_a_url(client: HttpClient) -> None:
    for start, total in ((20160412, 12), (2016, 15), (MIDNIGHT_S, 12), (0, 15), (-7, 15)):
        fields = {"thing": "steps", "uid": "7", "start": start}
        answer = await sent(client, "POST", "/v3/sum", fields)
        assert answer.json()["data"][0]["sum"] == total


async def test_dates_of_a_standing_are_of_the_board(client: HttpClient) -> None:
    window = {"kind": "calendar", "every": "month", "tz": "Europe/Berlin"}
    board = {"thing": "steps", "window": window, "members": ["7"]}
    assert (await sent(client, "PUT", "/v3/boards/a", board)).status == 201
    path = "/v3/boards/a/standing?as_of=2016-04-12"
    for zone, total in (("", 0), ("&tz=UTC", 3), ("&tz=Asia/Tokyo", 0)):
        answer = await client.get(path + zone)
        assert answer.json()["data"][0]["value"] == total
    yesterday = await client.get("/v3/boards/a/standing?as_of=yesterday&compare_to=-7d")
    assert yesterday.json()["range"]["end"] == "2016-04-11T22:00:00Z"


async def test_what_is_kept_of_a_board_stands_still(client: HttpClient) -> None:
    window = {"kind": "fixed", "start": "-7d", "end": "2016-05-01"}
    answer = await sent(client, "PUT", "/v3/boards/a", {"thing": "steps", "window": window})
    assert (answer.status, "window.start: '-7d' moves with the clock" in answer.text) == (400, True)


async def test_v1_and_v2_take_unix_seconds_alone_as_ever(client: HttpClient) -> None:
    for start, end, total in (
        (0, FOREVER_S, "15"),
        (0, 2**63 - 1, "15"),
        (20160412, NOON_S, "7"),
        (NOON_S, NOON_S - 1, "0"),
        (MILLISECONDS, MILLISECONDS, "0"),
        (TIME_END_S, TIME_END_S + 9, "0"),
    ):
        answer = await client.get(f"/v1/query/7/steps/all/{start}/{end}")
        assert (answer.status, answer.text) == (200, total)


async def test_one_instant_has_one_answer_in_prometheus(client: HttpClient) -> None:
    query = 'steps{uid="7"}'
    answers = set()
    for time in (f"{NOON_S + 1}.500", "2016-04-12T12:00:01.500Z", "2016-04-12T14:00:01.5+02:00"):
        answer = await client.get("/api/v1/query?" + urlencode({"query": query, "time": time}))
        answers.add(answer.text)
    [text] = answers
    assert f'[{NOON_S + 1}.5,"7"]' in text
    ends = [(f"{NOON_S}.25", f"{NOON_S + 1}.25"), ("2016-04-12T12:00:00.25Z", f"{NOON_S + 1}.25")]
    ranged = set()
    for start, end in ends:
        fields = {"query": query, "start": start, "end": end, "step": "1"}
        ranged.add((await client.get("/api/v1/query_range?" + urlencode(fields))).text)
    [text] = ranged
    assert f'[{NOON_S}.25,"3"],[{NOON_S + 1}.25,"7"]' in text
