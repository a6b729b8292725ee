"""psd as a Prometheus data source of Grafana: each request that it sends, and its answer.

The requests are those of tests/golden/grafana_requests.json, which says where they come from.
"""

from __future__ import annotations

from typing import Any

import pytest

from psd.config import Thing
from psd.runtime import Runtime
from tests.support.clients.grafana import Expected, GrafanaRequest, grafana_requests
from tests.support.clients.http import HttpClient
from tests.support.clients.prometheus_app import BOARDS, EVENTS, NOW_S, put_boards

ANSWERED = [request for request in grafana_requests() if request.status == 200]
REFUSED = [request for request in grafana_requests() if request.status == 400]
ABSENT = [request for request in grafana_requests() if request.status == 404]


pytestmark = pytest.mark.psd(now_s=NOW_S, holds=EVENTS)


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    """With boards."""
    await put_boards(runtime)
    return runtime


@pytest.mark.parametrize("request_", ANSWERED, ids=lambda request: request.name)
async def test_what_grafana_asks_comes_to_what_was_booked(
    runtime: Runtime, client: HttpClient, request_: GrafanaRequest
) -> None:
    answer = await request_.sent(client)
    assert answer.status == 200, answer.text
    told = answer.json()
    assert told.keys() == {"status", "data"}, answer.text
    assert told["status"] == "success"
    wanted = Expected(EVENTS, BOARDS, runtime.settings.things).data(request_)
    assert ordered(told["data"], request_) == ordered(wanted, request_)


@pytest.mark.parametrize("request_", REFUSED, ids=lambda request: request.name)
async def test_what_psd_does_not_answer_is_told_in_words_that_grafana_shows(
    client: HttpClient, request_: GrafanaRequest
) -> None:
    answer = await request_.sent(client)
    assert answer.status == 400
    told = answer.json()
    assert (told["status"], told["errorType"]) == ("error", "bad_data")
    assert request_.expect["error"] in told["error"]


@pytest.mark.parametrize("request_", ABSENT, ids=lambda request: request.name)
async def test_rules_exemplars_and_flags_are_not_there(
    client: HttpClient, request_: GrafanaRequest
) -> None:
    answer = await request_.sent(client)
    # Grafana takes these words for a server without an API for rules.
    assert (answer.status, answer.text.strip()) == (404, "404 page not found")


def test_the_golden_requests_are_about_sums_that_are_not_all_zero() -> None:
    asked = [request for request in ANSWERED if request.expect["kind"] == "sums"]
    for request in asked:
        rows = Expected(EVENTS, BOARDS, {"steps": Thing(1, "steps")}).data(request)["result"]
        points = [point for row in rows for point in row.get("values", [row.get("value")])]
        assert any(value != "0" for _, value in points), request.name


def ordered(data: Any, request: GrafanaRequest) -> Any:
    """Series in one order, except where the largest come first."""
    if request.expect["kind"] == "series":
        return sorted(data, key=str)
    if request.expect["kind"] == "sums" and "top" not in request.expect:
        return {**data, "result": sorted(data["result"], key=lambda row: str(row["metric"]))}
    return data
