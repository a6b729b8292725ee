"""Prometheus's read API over a real store; test_grafana.py asks as Grafana does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from psd.prometheus import evaluation
from psd.prometheus.patterns import parsed_pattern
from psd.runtime import Runtime
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import FORM, HttpClient
from tests.support.clients.prometheus_app import EVENTS, MIDNIGHT_S, NOW_S, put_boards
from tests.support.clients.prometheus_asking import data, get, vector
from tests.support.engine import DAY_S, NOON_S, forget, forget_columns

RESTRICTED = token_for("reader-of-1", "read", frozenset({1}))
READER = token_for("reader", "read")


pytestmark = pytest.mark.psd(now_s=NOW_S, holds=EVENTS)


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    """With boards."""
    await put_boards(runtime)
    return runtime


async def test_labels_and_series_are_looked_up_by_what_they_say(client: HttpClient) -> None:
    async def series(match: str) -> Any:
        return await data(client, "series", {"match[]": match})

    assert await data(client, "label/uid/values", {"match[]": 'steps{board="april"}'}) == ["1", "2"]
    assert await data(client, "label/board/values", {"match[]": 'steps{board="may.16"}'}) == [
        "may.16"
    ]
    assert await data(client, "label/thing/values", {"match[]": 'psd_sum{thing=~"st.*"}'}) == [
        "steps"
    ]
    assert await data(client, "label/job/values") == []
    assert await series('{__name__="steps",board!=""}') == [
        {"__name__": "steps", "board": board, "uid": uid}
        for board, uid in (("april", "1"), ("april", "2"), ("may.16", "2"), ("may.16", "3"))
    ]
    assert await series('steps{uid="1",atid!=""}') == [
        {"__name__": "steps", "uid": "1", "atid": atid} for atid in ("2", "7")
    ]
    assert "page not found" in (await get(client, "rules/test/test")).text


@given(
    text=st.lists(st.sampled_from([".*", "s", "st", "ps", "1", "|", r"\."]), max_size=8).map(
        "".join
    ),
    is_blind=st.booleans(),
    name=st.text(alphabet="stpS1.|", max_size=8),
)
@example(text=".*s.*", is_blind=False, name="s")
@example(text="st.*ts", is_blind=False, name="sts")
@example(text="|.*t", is_blind=False, name="")
def test_patterns_choose_as_regular_expressions_do(text: str, is_blind: bool, name: str) -> None:
    text = "(?i)" * is_blind + text
    pattern = parsed_pattern(text)
    if pattern is None:
        words = text.removeprefix("(?i)").split("|")
        assert not all(words) or (".*" not in text and not is_blind)
    else:
        assert pattern.matches(name) == bool(re.fullmatch(text, name))


async def test_patterns_choose_metrics_in_expressions(client: HttpClient) -> None:
    assert await vector(client, 'sum by (thing) (psd_sum{thing=~".*ste.*|cal.*",uid="1"})') == [
        ({"thing": "calories"}, "9"),
        ({"thing": "steps"}, "123"),
    ]
    assert await vector(client, 'sum({__name__=~"st.*",uid="1"})') == [({}, "123")]
    assert await vector(client, '{__name__=~"nothing.*"}') == []


async def test_a_panel_posts_its_range(client: HttpClient) -> None:
    fields = {
        "query": 'increase(steps{uid=~"(1|3)"}[1d])',
        "start": str(MIDNIGHT_S),
        "end": f"{MIDNIGHT_S + 2 * DAY_S}",
        "step": "86400",
    }
    answer = await client.request(
        "POST", "/api/v1/query_range", urlencode(fields).encode(), f"{FORM}; charset=utf-8"
    )
    times = [MIDNIGHT_S, MIDNIGHT_S + DAY_S, MIDNIGHT_S + 2 * DAY_S]
    assert answer.json() == {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {
                    "metric": {"uid": "1"},
                    "values": [
                        [at, text] for at, text in zip(times, ["0", "120", "3"], strict=True)
                    ],
                },
                {"metric": {"uid": "3"}, "values": [[at, "0"] for at in times]},
            ],
        },
    }
    assert await data(client, "query_range", fields) == answer.json()["data"]


async def test_a_selector_alone_is_a_counter(client: HttpClient) -> None:
    for at, total in ((NOON_S, "0"), (NOON_S + 1, "100"), (NOW_S, "123")):
        assert await vector(client, 'steps{uid="1"}', at) == [
            ({"__name__": "steps", "uid": "1"}, total)
        ]
    assert await vector(client, 'psd_sum{thing=~"steps|calories",uid="1"}') == [
        ({"__name__": "psd_sum", "thing": "calories", "uid": "1"}, "9"),
        ({"__name__": "psd_sum", "thing": "steps", "uid": "1"}, "123"),
    ]


@pytest.mark.parametrize("function", ["increase", "sum_over_time"])
async def test_a_second_counts_when_it_is_over(client: HttpClient, function: str) -> None:
    query = f'{function}(steps{{uid="1"}}[1s])'
    assert [(await vector(client, query, NOON_S + n))[0][1] for n in range(3)] == ["0", "100", "0"]
    # (12:00:00.5, 12:00:01.5] holds the end of the second, (12:00:01.1, 12:00:01.6] does not.
    assert (await vector(client, query, NOON_S + 1.5))[0][1] == "100"
    half = f'{function}(steps{{uid="1"}}[500ms])'
    assert (await vector(client, half, NOON_S + 1.4))[0][1] == "100"
    assert (await vector(client, half, NOON_S + 1.6))[0][1] == "0"


async def test_atids_are_told_apart_where_they_are_asked_for(client: HttpClient) -> None:
    assert await vector(client, 'increase(steps{uid="1",atid=~"2|5"}[30d1s])') == [
        ({"uid": "1", "atid": "2"}, "103"),
        ({"uid": "1", "atid": "5"}, "0"),
    ]
    by_atid = await vector(client, 'sum by (atid) (steps{board="april"})')
    assert sorted(by_atid, key=str) == [({"atid": "2"}, "153"), ({"atid": "7"}, "20")]
    assert await vector(client, 'sum(steps{uid="1",atid="7"})') == [({}, "20")]


async def test_boards_stand_for_their_members(client: HttpClient) -> None:
    assert await vector(client, 'sum by (board) (steps{board=~"april|may\\\\.16"})') == [
        ({"board": "april"}, "173"),
        ({"board": "may.16"}, "4050"),
    ]
    assert await vector(client, 'steps{board!="",uid="2"}') == [
        ({"__name__": "steps", "board": board, "uid": "2"}, "50") for board in ("april", "may.16")
    ]
    answer = await get(client, "query", {"query": 'steps{board="june"}'})
    assert answer.json() == {
        "status": "success",
        "data": {"resultType": "vector", "result": []},
        "warnings": ["board 'june' is not known"],
    }


async def test_the_largest_of_everybody_and_of_a_board(client: HttpClient) -> None:
    assert await vector(client, "topk(2, steps)") == [
        ({"__name__": "steps", "uid": "3"}, "4000"),
        ({"__name__": "steps", "uid": "1"}, "123"),
    ]
    by_uid = 'topk(1, sum by (uid) (increase(steps{board="april"}[1d])))'
    assert await vector(client, by_uid, NOON_S + DAY_S) == [({"uid": "1"}, "120")]
    at = {"start": NOON_S + 1, "end": NOON_S + 2 * DAY_S + 1, "step": "1d"}
    found = await data(client, "query_range", {"query": "topk(1, increase(steps[1d]))", **at})
    assert [(row["metric"]["uid"], row["values"]) for row in found["result"]] == [
        ("3", [[NOON_S + 2 * DAY_S + 1, "4000"]]),
        ("1", [[NOON_S + 1, "100"], [NOON_S + DAY_S + 1, "23"]]),
    ]


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("query", {}, "query: missing"),
        ("query", {"query": "rate(steps[5m])"}, "rate() is not answered"),
        ("query", {"query": "floors"}, "metric 'floors' is unknown"),
        ("query", {"query": "steps", "time": "noon"}, "time: 'noon'"),
        ("query", {"query": '{__name__=~"steps|calories"}', "time": ""}, ""),
        ("query", {"query": 'increase({__name__=~"steps|cb",uid="1"}[1d])'}, "the same labels"),
        ("query_range", {"query": "steps", "start": 0, "end": 9}, "step: missing"),
        ("query_range", {"query": "steps", "start": 0, "end": 11_000, "step": 1}, "11000 points"),
        ("series", {}, "match[]: missing"),
        ("series", {"match[]": "{"}, "the end where"),
        ("labels", {"match[]": ["steps"] * 40}, "match[]: 40 given"),
        ("label/uid/values", {"limit": "x"}, "limit: 'x'"),
        ("label/atid/values", {"match[]": 'steps{uid=~".*7.*"}'}, "name what is meant"),
        ("query", {"query": 'steps{uid=~".*7.*"}'}, "name what is meant"),
        ("label/uid/values", {"match[]": 'steps{uid=~"[78]"}'}, "name what is meant"),
    ],
)
async def test_what_is_not_answered_is_bad_data(
    client: HttpClient, path: str, fields: dict[str, Any], reason: str
) -> None:
    answer = await get(client, path, fields)
    if not reason:
        assert answer.status == 200
        return
    assert answer.status == 400
    told = answer.json()
    assert (told["status"], told["errorType"]) == ("error", "bad_data")
    assert reason in told["error"]


async def test_more_than_is_allowed_is_refused(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "SERIES_MAX", 2)
    answer = await get(client, "query", {"query": "steps"})
    assert (answer.status, answer.json()["errorType"]) == (422, "execution")
    assert "ask for topk or sum" in answer.json()["error"]
    assert await vector(client, "sum(steps)") == [({}, "4173")]
    many = {"match[]": f'steps{{uid=~"{"|".join(["7.*"] * 17)}"}}'}
    assert (await get(client, "label/uid/values", many)).status == 422
    monkeypatch.setattr(evaluation, "WORK_MAX", 30)
    asked = {"query": "sum(steps)", "start": NOON_S, "end": NOON_S + 8, "step": 1}
    assert (await get(client, "query_range", asked)).status == 200
    asked = {**asked, "end": NOON_S + 9}
    assert (await get(client, "query_range", asked)).status == 422


async def test_a_limit_cuts_a_list_and_says_so(client: HttpClient) -> None:
    answer = await get(client, "label/uid/values", {"limit": 2})
    assert answer.json() == {
        "status": "success",
        "data": ["1", "2"],
        "warnings": ["cut after 2, the limit"],
    }


async def test_instants_without_their_detail_are_left_out_with_a_warning(
    runtime: Runtime, client: HttpClient
) -> None:
    await forget(runtime.store.client, "second")
    await forget_columns(runtime.store.client)
    at = {"start": MIDNIGHT_S, "end": MIDNIGHT_S + 2 * DAY_S, "step": "12h"}
    asked = {"query": 'sum(increase(steps{uid="1"}[1d]))', **at}
    answer = (await get(client, "query_range", asked)).json()
    [row] = answer["data"]["result"]
    assert [value for _, value in row["values"]] == ["0", "120", "3"]
    assert [at for at, _ in row["values"]] == [MIDNIGHT_S + n * DAY_S for n in range(3)]
    assert answer["warnings"] == [
        "detail has expired: 2 of 5 instants are left out; windows of whole days (UTC) are still "
        "exact"
    ]
    for query in ('increase(steps{uid="1"}[1h])', "topk(1, increase(steps[1h]))"):
        answer = (await get(client, "query", {"query": query, "time": NOON_S + 1})).json()
        assert answer["data"]["result"] == []
        assert "1 of 1 instants are left out" in answer["warnings"][0]


@pytest.mark.psd(asked_of(RESTRICTED, READER), now_s=NOW_S, holds=EVENTS)
async def test_the_others_of_a_restricted_reader_have_nothing(client: HttpClient) -> None:
    async def asked(path: str, fields: Mapping[str, Any]) -> Any:
        full = f"/api/v1/{path}?{urlencode(fields, doseq=True)}"
        headers = bearer(RESTRICTED.secret)
        return (await client.request("GET", full, headers=headers)).json()["data"]

    found = await asked("query", {"query": 'steps{uid=~"1|2"}'})
    assert [row["value"][1] for row in found["result"]] == ["123", "0"]
    for query in ("topk(5, steps)", "sum by (uid) (steps)"):
        found = await asked("query", {"query": query})
        assert [row["metric"]["uid"] for row in found["result"]] == ["1"]
    assert (await asked("query", {"query": "sum(steps)"}))["result"][0]["value"][1] == "123"
    assert (await asked("query", {"query": 'steps{board="april"}'}))["result"] == []
    assert await asked("label/uid/values", {}) == ["1"]
    any_uid = 'steps{uid=~".*1.*|.*2.*"}'
    assert await asked("label/uid/values", {"match[]": any_uid}) == ["1"]
    assert await asked("label/board/values", {}) == []
    assert await asked("label/atid/values", {"match[]": 'steps{uid="2"}'}) == []
    refused = await client.get("/api/v1/query?query=1%2B1")
    assert (refused.status, refused.json()["errorType"]) == (401, "unauthorized")
