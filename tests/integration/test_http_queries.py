"""The query routes over a real store, beyond what the recording shows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from psd.clock import ManualClock
from psd.config import RedisSettings, ServerSettings, Settings
from psd.engine.events import TIME_END_S
from psd.errors import DetailExpiredError
from psd.runtime import Runtime, open_runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.stored.placements import owner_key

MAX = 2**63 - 1
MIN = -(2**63)
T = 1458061000


pytestmark = pytest.mark.psd({"server.ids_max": 5, "server.things_max": 3})


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(runtime) as client:
        for uid, atid, aid, value, second in [
            (1, 2, 3, 10, T),
            (1, 7, 4, 5, T + 10),
            (2, 2, 5, 8, T),
        ]:
            answer = await client.write(
                {
                    "thing": "steps",
                    "uid": uid,
                    "atid": atid,
                    "aid": aid,
                    "value": value,
                    "ts1": second,
                    "ts2": second,
                }
            )
            assert answer.text == "ok"
        yield client


async def test_both_ends_of_a_range_count(client: HttpClient) -> None:
    assert (await client.get(f"/v1/query/1/steps/all/{T}/{T + 10}")).text == "15"
    assert (await client.get(f"/v1/query/1/steps/all/{T + 1}/{T + 10}")).text == "5"
    assert (await client.get(f"/v1/query/1/steps/all/{T}/{T + 9}")).text == "10"


@pytest.mark.parametrize(
    ("atid", "total"), [("all", 15), ("7", 5), ("07", 0), ("ALL", 0), ("0", 0)]
)
async def test_a_type_is_compared_as_it_is_written(
    client: HttpClient, atid: str, total: int
) -> None:
    assert (await client.get(f"/v1/query/1/steps/{atid}/0/{MAX}")).text == str(total)


async def test_the_widest_range_costs_no_more_than_another(client: HttpClient) -> None:
    started = time.perf_counter()
    assert (await client.get(f"/v1/query/1/steps/all/{MIN}/{MAX}")).text == "15"
    assert (await client.get(f"/v1/query/1/steps/all/{MAX}/{MIN}")).text == "0"
    answer = await client.post(
        f"/v2/mumt_query/all/{MIN}/{MAX}",
        {"ids": "1,2", "things": "steps", "offsets": f"{MAX},{MIN}"},
    )
    assert answer.json()["data"] == {"1": {"_atids": [2, 7], "steps": 15}}
    assert time.perf_counter() - started < 30


async def test_an_event_in_the_last_second_of_2199_is_found(redis_url: str) -> None:
    last = TIME_END_S - 1
    settings = Settings(redis=RedisSettings(url=redis_url), server=ServerSettings(port=0))
    runtime = await open_runtime(settings, ManualClock(last))
    async with serving(runtime) as client:
        report = {"thing": "steps", "uid": 1, "value": 4, "ts1": last, "ts2": last}
        assert (await client.write(report)).text == "ok"
        assert (await client.get(f"/v1/query/1/steps/all/{last}/{last}")).text == "4"
        assert (await client.get(f"/v1/query/1/steps/all/{last}/{MAX}")).text == "4"
    await runtime.close()


async def test_each_position_has_its_own_offset(client: HttpClient) -> None:
    form = {"ids": "1,2", "things": "steps", "offsets": "10,0"}
    answer = await client.post(f"/v2/mumt_query/all/{T}/{T}", form)
    assert answer.text == '{"data":{"1":{"_atids":[7],"steps":5},"2":{"_atids":[2],"steps":8}}}'


@pytest.mark.parametrize(("offsets", "steps"), [("0,10", 5), ("10,0", 10), ("0,0", 10)])
async def test_of_a_repeated_user_the_last_position_counts(
    client: HttpClient, offsets: str, steps: int
) -> None:
    form = {"ids": "1,1", "things": "steps", "offsets": offsets}
    answer = await client.post(f"/v2/mumt_query/all/{T}/{T}", form)
    assert answer.json()["data"]["1"]["steps"] == steps


async def test_repeated_offsets_do_not_multiply(client: HttpClient) -> None:
    form = {"ids": "1,2", "things": "steps", "offsets": "0,0"}
    answer = await client.post(f"/v2/mumt_query/all/{T}/{T}", form)
    assert {uid: row["steps"] for uid, row in answer.json()["data"].items()} == {"1": 10, "2": 8}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"/v1/query_ids/steps/all/0/{T}", {"ids": "1,2,3,4,5,6"}),
        (f"/v1/mu_query/steps/all/0/{T}", {"ids": "1,2,3,4,5,6"}),
        (f"/v1/mumt_query/all/0/{T}", {"ids": "1,2,3,4,5,6", "things": "steps"}),
        (f"/v1/mumt_query/all/0/{T}", {"ids": "1", "things": "steps,cb,points,steps"}),
        (f"/v2/mumt_query/all/0/{T}", {"ids": "1,2,3,4,5,6", "offsets": "0,0,0,0,0,0"}),
        (f"/v1/readcount_with_ids/hifive/0/{T}", {"ids": "1,2,3,4,5,6"}),
    ],
)
async def test_a_list_past_its_limit_is_refused(
    client: HttpClient, path: str, form: dict[str, str]
) -> None:
    answer = await client.post(path, form)
    assert answer.status == 422
    assert answer.content_type == "application/json; charset=utf-8"
    assert "allowed" in answer.json()["error"]


async def test_what_cannot_exist_is_not_asked_for(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: Any, **__: Any) -> Any:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(runtime.engine, "sums", asked)
    monkeypatch.setattr(runtime.engine, "counts", asked)
    for uid, thing, atid in [("01", "steps", "all"), ("1", "floors", "all"), ("1", "steps", "x")]:
        assert (await client.get(f"/v1/query/{uid}/{thing}/{atid}/0/9")).text == "0"
    assert (await client.post("/v1/mu_query/floors/all/0/9", {"ids": "1"})).json() == {
        "values": {"1": 0},
        "atids": {"1": []},
    }
    assert (await client.get("/v1/readcount/x/0/9")).text == "0"
    assert (await client.get(f"/v1/readcount/{'n' * 65}/0/9")).text == "0"


async def test_seconds_that_are_gone_are_410_and_whole_days_still_answer(
    client: HttpClient, runtime: Runtime
) -> None:
    second = 1_460_462_400
    fields = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10}
    await client.write({**fields, "ts1": second, "ts2": second})
    await runtime.store.client.delete(owner_key(1, "1:l:201604"))
    answer = await client.get(f"/v1/query/1/steps/all/0/{second}")
    assert answer.status == 410
    assert "whole days are still exact" in answer.text
    day = second - second % 86_400
    assert (await client.get(f"/v1/query/1/steps/all/{day}/{day + 86_399}")).text == "10"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"/v1/query/1/steps/all/0/{T}", "text"),
        (f"/v1/mu_query/steps/all/0/{T}", "json"),
        (f"/v1/mumt_query/all/0/{T}", "json"),
        (f"/v1/readcount/hifive_1/0/{T}", "text"),
    ],
)
async def test_expired_detail_is_told_instead_of_a_smaller_sum(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    async def expired(*_: Any, **__: Any) -> Any:
        raise DetailExpiredError("seconds of 2016-03-15 have expired", "day")

    monkeypatch.setattr(runtime.engine, "sums", expired)
    monkeypatch.setattr(runtime.engine, "counts", expired)
    posted = {"ids": "1", "things": "steps"}
    answer = await (client.get(path) if told == "text" else client.post(path, posted))
    assert answer.status == 410
    message = answer.text if told == "text" else answer.json()["error"]
    assert message == "seconds of 2016-03-15 have expired (exact down to: day)"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/v1/write"),
        ("POST", f"/v1/query/1/steps/all/0/{T}"),
        ("DELETE", "/v1/write"),
        ("GET", "/v1/query/1/steps/all/0/"),
        ("GET", f"/v1/query/1/steps/all/0/{T}//"),
    ],
)
async def test_an_unknown_path_and_a_wrong_method_are_not_found(
    client: HttpClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.content_type) == (404, "text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status", "told", "allowed"),
    [
        ("GET", "/v3/nothing", 404, "path: nothing is served at /v3/nothing", None),
        (
            "DELETE",
            "/v3/sum",
            405,
            "method: DELETE is not allowed here, only GET, HEAD, POST",
            "GET, HEAD, POST",
        ),
        ("GET", "/v3/events", 405, "method: GET is not allowed here, only POST", "POST"),
    ],
)
async def test_v3_tells_what_is_wrong_with_a_path_or_a_method(
    client: HttpClient, method: str, path: str, status: int, told: str, allowed: str | None
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert answer.json()["detail"] == told
    assert answer.headers.get("Allow") == allowed


async def test_prometheus_paths_tell_it_in_their_words(client: HttpClient) -> None:
    answer = await client.request("POST", "/api/v1/status/buildinfo")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["status"] == "error"
    missing = await client.get("/api/v1/rules")
    assert (missing.status, missing.text) == (404, "404 page not found")


async def test_a_redirect_keeps_the_query_string(client: HttpClient) -> None:
    answer = await client.get("/v1/query/1/steps/all/0/9/?x=1")
    assert (answer.status, answer.headers["Location"]) == (301, "/v1/query/1/steps/all/0/9?x=1")


async def test_a_post_with_an_extra_slash_is_told_to_post_again(client: HttpClient) -> None:
    answer = await client.post("/v1/mumt_query/all/0/9/", {"ids": "1"})
    assert (answer.status, answer.headers["Location"]) == (307, "/v1/mumt_query/all/0/9")


async def test_an_unforeseen_error_is_a_problem_and_not_a_sum(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(runtime.engine, "sums", broken)
    answer = await client.get(f"/v1/query/1/steps/all/0/{T}")
    assert (answer.status, answer.content_type) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal"
