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
from tests.support.hostile import RAW_ESCAPES, hostile_body, hostile_json, hostile_text
from tests.support.http import FORM, Answer, HttpClient, serving
from tests.support.redis_server import RedisServer

CASES = 20_000
SEED = 20_261_123
DECLARED = frozenset((200, 202, 301, 307, 308, 400, 404, 405, 406, 408, 413, 414, 422, 431))
GROWTH_KB_MAX = 200_000

METRIC = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": 5, "ts2": 9}
COUNT = {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": 5, "id": "a"}}
CONTENT_TYPES = (
    "",
    FORM,
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "text/plain; charset=utf-9",
    "application/x-msgpack",
    ";;;",
)

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


def message_body(rng: random.Random) -> bytes:
    changed = {**METRIC, rng.choice(sorted(METRIC)): hostile_json(rng)}
    message = rng.choice(
        (
            {"command": "metric", "metric": changed},
            {"command": "metrics", "metrics": [changed]},
            COUNT,
        )
    )
    return hostile_body(rng, message)


ROUTES: dict[str, Body] = {
    "POST /v1/write": write_body,
    "POST /v1/write_many": write_body,
    "POST /v1/enqueue": message_body,
    "GET /v1/query/{uid}/{thing}/{atid}/{start}/{end}": no_body,
    "POST /v1/query_ids/{thing}/{atid}/{start}/{end}": form_body,
    "POST /v1/mu_query/{thing}/{atid}/{start}/{end}": form_body,
    "POST /v1/mumt_query/{atid}/{start}/{end}": form_body,
    "POST /v2/mumt_query/{atid}/{start}/{end}": form_body,
    "GET /v1/readcount/{thing}/{start}/{end}": no_body,
    "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": form_body,
    "GET /health/ping": no_body,
    "GET /healthz": no_body,
    "GET /readyz": no_body,
    "GET /metrics": no_body,
    "GET /version": no_body,
}
"""What each route is sent; a route that is not here fails the first test."""

GOOD = {
    "uid": "1",
    "thing": "steps",
    "atid": "all",
    "start": "0",
    "end": "4102444800",
    "prefix": "hifive",
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
    return path + rng.choice(("", "", "", "/", "?ids=1", "?%zz", "//", "/{x}"))


async def send(client: HttpClient, rng: random.Random, route: str) -> tuple[str, Answer]:
    """One hostile request; what it was, and its answer."""
    method, _, pattern = route.partition(" ")
    if rng.random() < 0.05:
        method = rng.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
    path, body = hostile_path(rng, pattern), ROUTES[route](rng)
    content_type = FORM if ROUTES[route] is form_body and rng.random() < 0.8 else ""
    answer = await client.request(method, path, body, content_type or rng.choice(CONTENT_TYPES))
    return f"{method} {path!r} {body[:200]!r}", answer


def assert_whole(request: str, answer: Answer) -> None:
    """A declared status, and a body that is what its header says."""
    assert answer.status in DECLARED, f"{request} -> {answer.status} {answer.text[:300]}"
    if "json" in answer.content_type:
        document: Any = answer.json()
        assert isinstance(document, dict), request
    assert len(answer.text) < 100_000, f"{request} -> {len(answer.text)} characters"
    assert "Traceback" not in answer.text, request
    assert "Set-Cookie" not in answer.headers, request


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
