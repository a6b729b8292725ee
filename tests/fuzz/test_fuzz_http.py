"""Every route under hostile requests: a declared status, a whole body, nothing foreign in Redis."""

from __future__ import annotations

import random
import resource
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, Settings
from psd.runtime import open_runtime
from psd.store.keys import kind_of
from server.app import build_app
from tests.support.clients.hostile import RAW_ESCAPES, hostile_body, hostile_json, hostile_text
from tests.support.clients.http import FORM, Answer, HttpClient, serving
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

METRIC = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": 5, "ts2": 9}
ACTIVITY = {"vehicle": 1, "integration": "Tesla", "time": 1644210000, "id": "a", "signals": ["a"]}
EARNINGS = {"vehicle": 1, "thing": "promotions", "points": 5, "time": 1644210000, "id": "a"}
VEHICLE = {
    "vehicle": 1,
    "owner": "a",
    "integrations": ["Tesla"],
    "vin": "A",
    "minted_at": 1644210000,
    "minted": True,
    "opted_in": None,
    "time": "2022-02-07T05:00:00Z",
}
COUNT = {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": 5, "id": "a"}}
QUESTION = {"thing": "steps", "uid": ["1"], "start": 0, "end": "2016-04-12", "every": "year"}
BOARD = {"thing": "steps", "uid": None, "around": "1", "span": 2, "compare_to": "5/2016-04-12"}
CONTENT_TYPES = (
    "",
    FORM,
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "text/plain; charset=utf-9",
    "application/x-msgpack",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    ";;;",
)

DEFINITION = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": 1, "end": 9},
    "rounds": {"windows": [{"start": 1, "end": 5}, {"start": 5, "end": 9}], "order": ["1"]},
    "atid": ["2"],
    "ties": "first_to_reach",
    "members": ["1", 2, -3],
    "title": "t",
}

Body = Callable[[random.Random], bytes]


def no_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.9 else rng.randbytes(20)


def form_body(rng: random.Random) -> bytes:
    """A form of the original's fields, or something that only looks like one."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(50)
    if kind < 0.2:
        name = hostile_text(rng).encode("utf-8", "replace")
        head = b'--b\r\nContent-Disposition: form-data; name="ids"; x="' + name + b'"\r\n\r\n'
        return head + b"1\r\n--b--"
    fields = {"ids": "1,2", "things": "steps", "offsets": "0,0"}
    for name in rng.sample(sorted(fields), rng.randint(0, 3)):
        fields[name] = ",".join(hostile_text(rng) for _ in range(rng.randint(1, 4)))
    return urlencode(fields, errors="replace").encode()


def write_body(rng: random.Random) -> bytes:
    return hostile_body(rng, METRIC)


def activity_body(rng: random.Random) -> bytes:
    return hostile_body(rng, ACTIVITY)


def earnings_body(rng: random.Random) -> bytes:
    return hostile_body(rng, EARNINGS)


def vehicle_body(rng: random.Random) -> bytes:
    return hostile_body(rng, VEHICLE)


def message_body(rng: random.Random) -> bytes:
    changed = {**METRIC, rng.choice(sorted(METRIC)): hostile_json(rng)}
    message = rng.choice(
        (
            {"command": "metric", "metric": changed},
            {"command": "metrics", "metrics": [changed]},
            {"command": "activity", "activity": {**ACTIVITY, "time": hostile_json(rng)}},
            {"command": "earnings", "earnings": [{**EARNINGS, "points": hostile_json(rng)}]},
            {"command": "vehicle", "vehicle": {**VEHICLE, "owner": hostile_json(rng)}},
            COUNT,
        )
    )
    return hostile_body(rng, message)


def event_body(rng: random.Random) -> bytes:
    """A message, a metric, or a CloudEvent; sometimes several of them."""
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "psd.metric", "data": METRIC}
    bodies = [
        message_body(rng),
        write_body(rng),
        hostile_body(rng, {**cloud, rng.choice(sorted(cloud)): hostile_json(rng)}),
        hostile_body(
            rng, {"command": "withdraw", "withdraw": {"uid": 1, "aid": hostile_json(rng)}}
        ),
    ]
    chosen = rng.sample(bodies, rng.randint(1, 3))
    return rng.choice((chosen[0], b"\n".join(chosen), b"[" + b",".join(chosen) + b"]"))


def note_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.5 else hostile_body(rng, {"note": "counted twice"})


def question_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**QUESTION, rng.choice(sorted(QUESTION)): hostile_json(rng)})


def board_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**BOARD, rng.choice(sorted(BOARD)): hostile_json(rng)})


def definition_body(rng: random.Random) -> bytes:
    return hostile_body(rng, {**DEFINITION, rng.choice(sorted(DEFINITION)): hostile_json(rng)})


def members_body(rng: random.Random) -> bytes:
    """Those who come and go, or a CSV of the ones who come."""
    if rng.random() < 0.2:
        return b"uid\n" + hostile_text(rng).encode("utf-8", "replace")
    return hostile_body(rng, {"add": ["1", 2, hostile_json(rng)], "remove": [3]})


def final_body(rng: random.Random) -> bytes:
    return b"" if rng.random() < 0.5 else hostile_body(rng, {"as_of": 9, "replace": True})


def promql_body(rng: random.Random) -> bytes:
    """A form with an expression, one of whose fields is anything."""
    fields = {"query": 'increase(steps{uid="1"}[1h])', "start": "0", "end": "9", "step": "1"}
    fields |= {"match[]": 'steps{board!=""}', "limit": "5", "time": "4"}
    fields[rng.choice(sorted(fields))] = hostile_text(rng)
    return urlencode(fields, errors="replace").encode()


def swap_body(rng: random.Random) -> bytes:
    """A transaction or an object, one of whose fields is anything."""
    fields = {"driver": "D1", "station": 1, "battery_in": None, "battery_out": "B1", "odometer": 1}
    fields |= {"battery_out_energy": 9, "serial": "B1", "name": "S1", "phone": "D1", "vin": "V1"}
    some = rng.sample(sorted(fields), rng.randint(1, len(fields)))
    said = {name: fields[name] for name in some}
    return hostile_body(rng, {**said, rng.choice(sorted(fields)): hostile_json(rng)})


def readings_body(rng: random.Random) -> bytes:
    at_s = rng.randint(1, 2_000_000_000)
    fields: dict[str, Any] = {
        "meter": rng.choice(["m-1", "", "m" * 129]),
        "unit": rng.choice(["kW", "kWh", "therms"]),
        "flow": rng.choice(["import", "export", "away"]),
        "register": rng.randint(-1, 16),
        "points": [[at_s, "0.5"], [at_s + 900, rng.choice([1, "1e400", -3])]],
        "rows": [[at_s, at_s + rng.choice([-1, 1800]), "0.21", "estimated"]],
    }
    command = rng.choice(["power", "register", "intervals"])
    some = rng.sample(sorted(fields), rng.randint(1, len(fields)))
    said = {name: fields[name] for name in some}
    return hostile_body(rng, {"command": command, command: said, "what": hostile_json(rng)})


SWAPS = "/v3/swaps/{network}"

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
    "POST /v3/energy/readings": readings_body,
    "GET /v3/energy/meters/{meter}/usage": no_body,
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
    "GET /v1/user": no_body,
    "GET /v1/user/history": no_body,
    "GET /v1/rewards/convert": no_body,
    "GET /v1/aftermarket/device/{tokenID}": no_body,
    "GET /v3/streaks": no_body,
    "GET /v3/streaks/at-risk": no_body,
    "GET /v3/vehicles/{id}/statement": no_body,
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
    if pattern.startswith("/api/v1/") and rng.random() < 0.7:
        return f"{path}?{promql_body(rng).decode()}"
    return path + rng.choice(("", "", "", "/", "?ids=1", "?%zz", "//", "/{x}"))


QUESTIONS = frozenset({"/v3/sum", "/v3/series", "/v3/leaderboard"})


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
    assert answer.status in DECLARED, f"{request} -> {answer.status} {answer.text[:300]}"
    if "json" in answer.content_type:
        document: Any = answer.json()
        assert isinstance(document, dict), request
    if not any(page in request for page in OWN_PAGES):
        assert len(answer.text) < 100_000, f"{request} -> {len(answer.text)} characters"
    assert "Traceback" not in answer.text, request
    assert "Set-Cookie" not in answer.headers or "/swaps/auth/" in request, request


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings(redis=RedisSettings(url=redis_url), queue=QueueSettings(kind="stream"))


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
    settings: Settings, redis_server: RedisServer
) -> None:
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
