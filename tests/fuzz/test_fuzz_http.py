"""Every route under hostile requests: a declared status, a whole body, nothing foreign in Redis."""

from __future__ import annotations

import random
import resource
from collections import Counter
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, Settings
from psd.queue.deadletter import DeadLetterBox
from psd.runtime import open_runtime
from psd.store.keys import kind_of
from server.app import build_app
from tests.support.charging.charging_routes import CHARGING_ROUTES, GOOD_PARTS
from tests.support.clients.hostile import RAW_ESCAPES, hostile_text
from tests.support.clients.http import FORM, Answer, HttpClient, serving
from tests.support.draws.hostile_bodies import (
    CONTENT_TYPES,
    Body,
    activity_body,
    board_body,
    charging_body,
    definition_body,
    described_body,
    earnings_body,
    event_body,
    final_body,
    form_body,
    members_body,
    message_body,
    meter_file_body,
    no_body,
    note_body,
    operations_body,
    promql_body,
    question_body,
    readings_body,
    swap_body,
    vehicle_body,
    write_body,
)
from tests.support.engine import PATIENCE_S, erase_at_once
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.page_routes import PAGE_ROUTES

CASES = 20_000
SEED = 20_261_123
DECLARED = frozenset(
    {
        *(200, 201, 202, 204, 301, 302, 307, 308),
        *(400, 404, 405, 406, 408, 409, 412, 413, 414, 415, 422, 431),
    }
)
GROWTH_KB_MAX = 200_000

SWAPS = "/v3/swaps/{network}"
OPS = "/v3/ops"
OPERATED = (
    *("log", "settings", "slow-scripts", "tokens", "audits", "audits/{audit}"),
    *("dead-letters", "dead-letters/{letter}", "imports", "imports/{import}"),
)
ORDERED = (
    *("audits", "dead-letters/drop", "dead-letters/replay"),
    *("imports/{import}/undo", "tokens", "tokens/{mark}/revoke"),
)

ROUTES: dict[str, Body] = {
    f"GET {SWAPS}": no_body,
    f"GET {SWAPS}/watch": no_body,
    f"GET {SWAPS}/drivers": no_body,
    f"GET {SWAPS}/drivers/{{id}}": no_body,
    f"GET {SWAPS}/drivers/{{id}}/days": no_body,
    f"GET {SWAPS}/drivers/{{id}}/transactions": no_body,
    f"GET {SWAPS}/stations": no_body,
    f"GET {SWAPS}/stations/{{id}}": no_body,
    f"GET {SWAPS}/stations/{{id}}/transactions": no_body,
    f"GET {SWAPS}/batteries": no_body,
    f"GET {SWAPS}/batteries/{{id}}": no_body,
    f"GET {SWAPS}/batteries/{{id}}/transactions": no_body,
    f"GET {SWAPS}/vehicles/{{id}}": no_body,
    f"GET {SWAPS}/transactions/{{n}}": no_body,
    f"GET {SWAPS}/events": no_body,
    f"POST {SWAPS}/transactions": swap_body,
    f"POST {SWAPS}/transactions/{{n}}/corrections": swap_body,
    **{
        route: swap_body
        for kind in ("drivers", "stations", "batteries", "vehicles")
        for route in (f"POST {SWAPS}/{kind}", f"PUT {SWAPS}/{kind}/{{id}}")
    },
    **{name: no_body if name.startswith("GET") else charging_body for name in CHARGING_ROUTES},
    "POST /v3/energy/readings": readings_body,
    "POST /v3/energy/imports": meter_file_body,
    "GET /v3/energy/meters/{meter}/usage": no_body,
    "GET /v3/energy/meters/{meter}/watch": no_body,
    "GET /v3/energy/meters/{meter}/readings": no_body,
    "GET /v3/energy/meters/{meter}/cost": no_body,
    "GET /v3/energy/meters/{meter}/compare": no_body,
    "GET /v3/energy/meters/{meter}/recommend": no_body,
    "GET /v3/energy/meters": no_body,
    "GET /v3/energy/meters/{meter}": no_body,
    "PUT /v3/energy/meters/{meter}": described_body,
    "GET /v3/energy/plans": no_body,
    "GET /v3/energy/plans/{plan}": no_body,
    "PUT /v3/energy/plans/{plan}": described_body,
    "DELETE /v3/energy/plans/{plan}": no_body,
    "GET /v3/energy/prices": no_body,
    "GET /v3/energy/prices/{series}": no_body,
    "PUT /v3/energy/prices/{series}": described_body,
    "GET /v3/energy/carbon/{region}": no_body,
    "PUT /v3/energy/carbon/{region}": described_body,
    "GET /api/v1/query": no_body,
    "POST /api/v1/query": promql_body,
    "GET /api/v1/query_range": no_body,
    "POST /api/v1/query_range": promql_body,
    "GET /api/v1/series": no_body,
    "POST /api/v1/series": promql_body,
    "GET /api/v1/labels": no_body,
    "POST /api/v1/labels": promql_body,
    "GET /api/v1/label/{name}/values": no_body,
    "GET /api/v1/metadata": no_body,
    "GET /api/v1/status/buildinfo": no_body,
    "GET /v3/boards": no_body,
    "PUT /v3/boards/{name}": definition_body,
    "GET /v3/boards/{name}": no_body,
    "PATCH /v3/boards/{name}": definition_body,
    "DELETE /v3/boards/{name}": no_body,
    "GET /v3/boards/{name}/members": no_body,
    "POST /v3/boards/{name}/members": members_body,
    "DELETE /v3/boards/{name}/members": no_body,
    "GET /v3/boards/{name}/standing": no_body,
    "GET /v3/boards/{name}/bracket": no_body,
    "GET /v3/boards/{name}/final": no_body,
    "POST /v3/boards/{name}/final": final_body,
    "POST /v1/write": write_body,
    "POST /v1/write_many": write_body,
    "POST /v1/enqueue": message_body,
    "POST /v3/events": event_body,
    "POST /v3/reports": event_body,
    "GET /v3/users/{uid}/activities": no_body,
    "DELETE /v3/users/{uid}": note_body,
    "DELETE /v3/users/{uid}/activities/{aid}": note_body,
    "GET /v3/users/{uid}/audit": no_body,
    "GET /v3/sum": no_body,
    "POST /v3/sum": question_body,
    "GET /v3/series": no_body,
    "POST /v3/series": question_body,
    "GET /v3/leaderboard": no_body,
    "POST /v3/leaderboard": board_body,
    "GET /v3/sum/watch": no_body,
    "GET /v3/leaderboard/watch": no_body,
    "GET /v3/boards/{name}/standing/watch": no_body,
    **{f"GET {OPS}/{path}": no_body for path in OPERATED},
    **{f"POST {OPS}/{path}": operations_body for path in ORDERED},
    "GET /v1/user": no_body,
    "GET /v1/user/history": no_body,
    "GET /v1/rewards/convert": no_body,
    "GET /v1/aftermarket/device/{tokenID}": no_body,
    "GET /v3/streaks": no_body,
    "GET /v3/streaks/at-risk": no_body,
    "GET /v3/vehicles/{id}/statement": no_body,
    "GET /v3/vehicles/{id}/weeks": no_body,
    "GET /v3/rewards/weeks": no_body,
    "GET /v3/rewards/vehicles": no_body,
    "GET /v3/rewards/history": no_body,
    "GET /v3/rewards/what-if": no_body,
    "POST /v3/activity": activity_body,
    "POST /v3/earnings": earnings_body,
    "POST /v3/vehicles": vehicle_body,
    "GET /v1/query/{uid}/{thing}/{atid}/{start}/{end}": no_body,
    "POST /v1/query_ids/{thing}/{atid}/{start}/{end}": form_body,
    "POST /v1/mu_query/{thing}/{atid}/{start}/{end}": form_body,
    "POST /v1/mumt_query/{atid}/{start}/{end}": form_body,
    "POST /v2/mumt_query/{atid}/{start}/{end}": form_body,
    "GET /v1/readcount/{thing}/{start}/{end}": no_body,
    "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": form_body,
    **{name: no_body if name.startswith("GET") else form_body for name in PAGE_ROUTES},
    "GET /health/ping": no_body,
    "GET /healthz": no_body,
    "GET /readyz": no_body,
    "GET /metrics": no_body,
    "GET /version": no_body,
    "GET /openapi.json": no_body,
    "GET /docs": no_body,
}
"""What each route is sent; a route that is not here fails the first test."""

GOOD = {
    "name": "cup",
    "id": "7",
    "tokenID": "7",
    "uid": "1",
    "thing": "steps",
    "atid": "all",
    "aid": "3",
    "start": "0",
    "end": "4102444800",
    "prefix": "hifive",
    "network": "main",
    "n": "7",
    "meter": "m-1",
    "plan": "eco",
    "series": "agile",
    "region": "GB",
    "audit": "20160412-120000-7f3a",
    "letter": "0f2a6c3b1d4e5f60",
    "import": "7f3a6c3b1d4e",
    "mark": "3b1d4e5f",
    "vehicle": "7",
    "owner": "0x01",
    **GOOD_PARTS,
}


def hostile_path(rng: random.Random, pattern: str) -> str:
    """The route's path with some parts replaced, and now and then a query or a slash too many."""
    parts = []
    for part in pattern.split("/"):
        if not part.startswith("{"):
            parts.append(part)
        elif rng.random() < 0.5:
            parts.append(GOOD[part[1:-1]])
        elif rng.random() < 0.2:
            parts.append(rng.choice(RAW_ESCAPES))
        else:
            parts.append(quote(hostile_text(rng), safe=""))
    path = "/".join(parts)
    if pattern in QUESTIONS and rng.random() < 0.7:
        return path + hostile_parameters(rng)
    if pattern == "/v3/energy/imports" and rng.random() < 0.8:
        fields = {**IMPORTED, "format": rng.choice(("greenbutton", "csv", "octopus", "elering"))}
        if rng.random() < 0.5:
            fields[rng.choice([*IMPORTED])] = hostile_text(rng)
        return f"{path}?{urlencode(fields, errors='replace')}"
    if pattern.startswith("/api/v1/") and rng.random() < 0.7:
        return f"{path}?{promql_body(rng).decode()}"
    return path + rng.choice(("", "", "", "/", "?ids=1", "?%zz", "//", "/{x}"))


QUESTIONS = frozenset({"/v3/sum", "/v3/series", "/v3/leaderboard"})
IMPORTED = {"format": "csv", "meter": "m-1", "unit": "kWh", "every": "30m", "tz": "Europe/London"}


def hostile_parameters(rng: random.Random) -> str:
    """A question about a user's steps, one of whose parameters is anything."""
    fields = {"thing": "steps", "uid": "1", "start": "0", "end": "86400", "every": "hour"}
    names = (*fields, "atid", "tz", "limit", "cursor", "around", "compare_to", "as_of", "format")
    fields[rng.choice(names)] = hostile_text(rng)
    return "?" + urlencode(fields, errors="replace")


async def send(client: HttpClient, rng: random.Random, route: str) -> tuple[str, Answer]:
    """One hostile request; what it was, and its answer."""
    method, _, pattern = route.partition(" ")
    if rng.random() < 0.05:
        method = rng.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
    path, body = hostile_path(rng, pattern), ROUTES[route](rng)
    if pattern.endswith("/watch"):
        # A stream would not end.
        path += f"{'&' if '?' in path else '?'}wait=0"
    content_type = FORM if ROUTES[route] in (form_body, promql_body) and rng.random() < 0.8 else ""
    answer = await client.request(method, path, body, content_type or rng.choice(CONTENT_TYPES))
    return f"{method} {path!r} {body[:200]!r}", answer


OWN_PAGES = ("/docs", "/openapi.json", "/metrics")
"""What psd says of itself, 260 kB at most, whatever is asked."""


def assert_whole(request: str, answer: Answer) -> None:
    """A declared status, and a body that is what its header says."""
    # What a page watches asks for its session.
    declared = DECLARED | {401} if "/energy/" in request and "/watch" in request else DECLARED
    assert answer.status in declared, f"{request} -> {answer.status} {answer.text[:300]}"
    if "json" in answer.content_type:
        document: Any = answer.json()
        assert isinstance(document, dict), request
    if not any(page in request for page in OWN_PAGES):
        assert len(answer.text) < 100_000, f"{request} -> {len(answer.text)} characters"
    assert "Traceback" not in answer.text, request
    # A form on a page is bound to the browser that it was shown to.
    is_of_page = "/auth/" in request or answer.content_type.startswith("text/html")
    assert "Set-Cookie" not in answer.headers or is_of_page, request


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings(
        redis=RedisSettings(url=redis_url, timeout_s=PATIENCE_S), queue=QueueSettings(kind="stream")
    )


async def test_every_route_is_in_the_table(settings: Settings) -> None:
    runtime = await open_runtime(settings)
    try:
        routes = {
            f"{route.method} {route.resource.canonical}"
            for route in build_app(runtime).router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
    finally:
        await runtime.close()
    assert routes == set(ROUTES)


async def test_hostile_requests_get_whole_answers_and_write_only_keys_of_psd(
    settings: Settings, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase_at_once(monkeypatch)
    # Who looks for dead letters waits until none comes any more, some 600 times here.
    monkeypatch.setattr(DeadLetterBox.__init__, "__defaults__", (0.01, 0.01))
    rng = random.Random(SEED)
    statuses: Counter[int] = Counter()
    server = msgspec.structs.replace(settings.server, port=0)
    runtime = await open_runtime(msgspec.structs.replace(settings, server=server))
    try:
        async with serving(runtime) as client:
            before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for number in range(CASES):
                request, answer = await send(client, rng, [*ROUTES][number % len(ROUTES)])
                assert_whole(request, answer)
                statuses[answer.status] += 1
            assert (await client.get("/v1/query/1/steps/all/0/1")).status == 200
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
        keys = [key.decode() async for key in runtime.store.client.scan_iter(count=1000)]
    finally:
        await runtime.close()
    assert sum(statuses.values()) == CASES
    assert {200, 202, 400, 404, 406} <= set(statuses)
    assert grown_kb < GROWTH_KB_MAX
    assert [key for key in keys if kind_of(key) is None] == []
