"""The JOI face: every recorded request, and what differs from the recording on purpose."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from psd.archive.replay import AcceptedTimes, Replay
from psd.clock import ManualClock
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import Answer
from tests.support.energy.joi_site import GOLDEN, JoiSite, joi_site
from tests.support.engine import emptied
from tests.support.servers.redis_server import RedisServer

RECORDED: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))

README = [
    (1606636800, 0.0503),
    (1606636860, 0.0621),
    (1606636920, 0.0222),
    (1606636980, 0.0423),
    (1606637040, 0.0191),
]


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[JoiSite]:
    redis_server.flush()
    async with joi_site(redis_server.url) as found:
        yield found


def refused(answer: Answer) -> str:
    """What was told of a request that is wrong."""
    assert answer.status == 422, answer
    told = answer.json()
    assert list(told) == ["message", "data"]
    assert told["data"] is None
    return str(told["message"])


def is_other(row: dict[str, Any]) -> bool:
    """Whether the face answers otherwise on purpose: it has no ``limit`` below 0."""
    return "limit=-" in row["path"]


async def test_every_recorded_request_is_answered_as_it_was(site: JoiSite) -> None:
    for row in RECORDED["requests"]:
        body = (row["body"] or "").encode()
        answer = await site.face.request(
            row["method"], row["path"], body, row["content_type"] or ""
        )
        told = f"{row['method']} {row['path']}"
        if is_other(row) or row["status"] == 422:
            refused(answer)
            continue
        assert (answer.status, answer.text) == (row["status"], row["resp"]), told
        assert answer.headers.get("Allow") == row.get("allow"), told
        if row["resp_content_type"]:
            assert answer.content_type == row["resp_content_type"], told
        if row.get("location"):
            assert answer.headers["Location"] == site.face.url + urlsplit(row["location"]).path
    assert len(RECORDED["requests"]) > 30


async def test_the_example_of_the_readme_is_equal_to_its_last_digit(site: JoiSite) -> None:
    [older] = [each for each in RECORDED["physics"] if each["name"] == "README ten"]
    await site.store("smart-meter-0", *older["readings"][5:])
    await site.store("smart-meter-0", *README)
    answer = await site.face.get("/price-plans/compare-all/smart-meter-0")
    assert answer.text == (
        '{"pricePlanId":"price-plan-0","pricePlanComparisons":'
        '[{"price-plan-2":1.8573933524727018e-06},{"price-plan-1":3.7147867049454036e-06},'
        '{"price-plan-0":1.8573933524727016e-05}]}'
    )


async def test_a_meter_without_an_account_is_compared_and_has_no_plan(site: JoiSite) -> None:
    await site.store("smart-meter-9", (0, 1), (3600, 1))
    answer = await site.face.get("/price-plans/compare-all/smart-meter-9")
    costs = '[{"price-plan-2":1.0},{"price-plan-1":2.0},{"price-plan-0":10.0}]'
    assert answer.text == f'{{"pricePlanId":null,"pricePlanComparisons":{costs}}}'


async def test_of_one_instant_nothing_is_recommended_and_nothing_compared(site: JoiSite) -> None:
    await site.store("m", (5, 1), (5, 2))
    answer = await site.face.get("/price-plans/recommend/m")
    assert (answer.status, answer.text) == (200, "[]")
    answer = await site.face.get("/price-plans/compare-all/m")
    assert (answer.status, answer.text) == (404, '{"detail":"Not Found"}')
    assert (await site.face.get("/readings/read/m")).json() == [
        {"time": 5, "reading": 1.0},
        {"time": 5, "reading": 2.0},
    ]


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity", '"inf"'])
async def test_of_a_number_that_is_not_finite_nothing_is_stored(site: JoiSite, number: str) -> None:
    good = '{"time":1,"reading":1}'
    body = f'{{"smartMeterId":"m","electricityReadings":[{good},{{"time":2,"reading":{number}}}]}}'
    assert refused(await site.send(body.encode())).startswith("electricityReadings[1].reading: ")
    assert (await site.face.get("/readings/read/m")).status == 404
    assert (await site.face.get("/price-plans/recommend/m")).text == "[]"


@pytest.mark.parametrize("limit", ["-1", "-100", "-1.0", "abc", "", "1.5", "null", "%201"])
async def test_a_limit_that_is_no_count_is_refused(site: JoiSite, limit: str) -> None:
    assert refused(await site.face.get(f"/price-plans/recommend/m?limit={limit}"))


async def test_bytes_that_are_no_text_are_told_as_the_original_does(site: JoiSite) -> None:
    answer = await site.send(b'{"smartMeterId":"\xff"}')
    assert (answer.status, answer.text) == (
        400,
        '{"detail":"There was an error parsing the body"}',
    )


@pytest.mark.parametrize(
    ("method", "path", "moved"),
    [
        ("GET", "/readings/read/m/", "/readings/read/m"),
        ("GET", "/readings/read/a%2F?q=1&z", "/readings/read/a?q=1&z"),
        ("POST", "/health/", "/health"),
        ("GET", "/health//", "/health"),
        ("GET", "/readings/read/%C3%A9/", "/readings/read/%C3%A9"),
    ],
)
async def test_slashes_too_many_lead_to_the_path_without(
    site: JoiSite, method: str, path: str, moved: str
) -> None:
    answer = await site.face.request(method, path)
    assert (answer.status, answer.headers["Location"]) == (307, site.face.url + moved)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/readings/read/a%2Fb", 404),
        ("GET", "//health", 404),
        ("GET", "//", 404),
        ("GET", "/HEALTH", 404),
        ("GET", "/v3/energy/meters", 404),
        ("GET", "/energy/", 404),
        ("HEAD", "/", 405),
        ("OPTIONS", "/readings/store", 405),
        ("DELETE", "/readings/read/m", 405),
        ("GET", "/%68ealth", 200),
        ("HEAD", "/docs", 200),
        ("GET", "/redoc", 200),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_paths_are_those_of_the_original(
    site: JoiSite, method: str, path: str, status: int
) -> None:
    answer = await site.face.request(method, path)
    assert answer.status == status
    if status >= 400 and method != "HEAD":
        assert answer.json() == {"detail": "Not Found" if status == 404 else "Method Not Allowed"}


@pytest.mark.parametrize(
    "meter",
    ["", "a/b", "a b", "{x}", "\u00e9", "e\u0301", "%41", "a?b#c", "\n", "\0", "x" * 256, "😀"],
)
async def test_any_text_is_a_meter_and_those_without_a_slash_can_be_read(
    site: JoiSite, meter: str
) -> None:
    answer = await site.store(meter, (0, 1), (3600, 3))
    assert answer.json()["smartMeterId"] == meter
    if not meter:
        return
    read = await site.face.get(f"/readings/read/{quote(meter, safe='')}")
    assert read.status == (404 if "/" in meter else 200)
    if read.status == 200:
        assert [each["reading"] for each in read.json()] == [1.0, 3.0]


async def test_true_energy_is_booked_once_however_often_a_batch_comes(site: JoiSite) -> None:
    for _ in range(2):
        await site.store("m-1", (1606636800, 1), (1606644000, 1), (1606640400, -7), (-5, 9))
    assert len((await site.face.get("/readings/read/m-1")).json()) == 8
    answer = await site.main.get("/v3/energy/meters/m-1/usage?start=1606636800&end=1606644000")
    assert answer.json()["total"]["kwh"] == "2"


async def test_a_setting_answers_energy_in_place_of_the_number(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with joi_site(redis_server.url, {"energy.joi_number": "true"}) as site:
        await site.store("smart-meter-0", (0, 1), (7200, 1))
        answer = await site.face.get("/price-plans/recommend/smart-meter-0")
        assert answer.json() == [{"price-plan-2": 2.0}, {"price-plan-1": 4.0}, {"price-plan-0": 20}]
        for path in ("recommend", "compare-all"):
            answer = await site.face.get(f"/price-plans/{path}/nobody")
            assert answer.status == (200 if path == "recommend" else 404)


async def test_the_newest_batches_alone_are_kept(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with joi_site(redis_server.url, {"energy.batches_max": 3}) as site:
        for second in range(5):
            await site.store("m", (second, second))
        read = (await site.face.get("/readings/read/m")).json()
        assert [each["time"] for each in read] == [4, 3, 2]


async def test_a_replay_brings_batches_back_in_their_order_and_adds_none(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    clock = ManualClock(1_764_327_600)
    settings = {"energy.batches_max": 3}
    async with joi_site(redis_server.url, settings, clock, tmp_path) as site:
        for at in range(5):
            await site.store("m", (1_764_320_000 + 60 * at, at), (1_764_320_060 + 60 * at, at))
        kept = (await site.face.get("/readings/read/m")).text
        assert [each["reading"] for each in json.loads(kept)] == [4, 4, 3, 3, 2, 2]
        for is_lost in (False, True):
            if is_lost:
                await emptied(site.runtime)
            runtime = site.runtime
            replay = Replay(tmp_path, runtime.books, runtime.rules, clock, 0, forgotten=True)
            assert (await replay.run(AcceptedTimes(0))).is_whole
            assert (await site.face.get("/readings/read/m")).text == kept
        usage = await site.main.get(
            "/v3/energy/meters/m/usage?start=2025-11-28T08:50:00Z&end=2025-11-28T09:00:00Z"
        )
        assert usage.json()["total"]["mwh"] > 0


async def test_whoever_asks_needs_a_token_where_there_are_tokens(redis_server: RedisServer) -> None:
    redis_server.flush()
    reader = token_for("reader", "read")
    async with joi_site(redis_server.url, asked_of(reader)) as site:
        assert (await site.face.get("/health")).text == "true"
        answer = await site.face.get("/readings/read/m")
        assert answer.status == 401
        assert answer.json()["detail"].startswith("Authorization: ")
        assert (await site.store("m", (1, 1))).status == 401
        answer = await site.face.request("GET", "/readings/read/m", headers=bearer(reader.secret))
        assert answer.text == '{"detail":"No readings found"}'
