"""Health, readiness, metrics and version; and what a slow client gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request

from psd.observe.draining import Draining
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from psd.version import VERSION
from server.routes import operations
from server.routes.operations import OperationRoutes
from server.serving import HttpServer
from tests.support.clients.http import HttpClient, client_of, serving
from tests.support.clients.limited_server import LATE_S

BODY_TIMEOUT_S = 0.2
IDLE_TIMEOUT_S = 0.3


pytestmark = pytest.mark.psd({"server.body_timeout_s": BODY_TIMEOUT_S}, archives=False)


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(runtime, IDLE_TIMEOUT_S) as client:
        yield client


async def test_a_store_that_takes_writes_makes_the_server_ready(client: HttpClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert answer.json()["ready"] is True
    assert {"draining", "writable", "scripts", "policy"} <= set(answer.json()["checks"])


async def test_a_policy_that_evicts_makes_it_not_ready(
    client: HttpClient, runtime: Runtime
) -> None:
    await runtime.store.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        answer = await client.get("/readyz")
    finally:
        await runtime.store.client.config_set("maxmemory-policy", "noeviction")
    assert answer.status == 503
    assert "allkeys-lru" in answer.json()["checks"]["policy"]


async def test_a_draining_server_is_alive_and_not_ready(runtime: Runtime) -> None:
    server = HttpServer(runtime)
    await server.start()
    async with client_of(server.url) as client:
        server.draining.begin()
        ready = await client.get("/readyz")
        alive = await client.get("/healthz")
        metrics = await client.get("/metrics")
    await server.stop()
    assert (ready.status, ready.json()["checks"]["draining"]) == (503, "draining")
    assert alive.status == 200
    assert "psd_draining 1.0" in metrics.text


async def test_the_version_is_told(client: HttpClient) -> None:
    assert (await client.get("/version")).json() == {"psd": VERSION}


async def test_requests_are_counted_by_route_and_status_and_never_by_id(client: HttpClient) -> None:
    for uid in (47_114_711, 47_114_712):
        await client.get(f"/v1/query/{uid}/steps/all/0/9")
    await client.get("/v1/nothing/47114711")
    metrics = (await client.get("/metrics")).text
    route = 'route="/v1/query/{uid}/{thing}/{atid}/{start}/{end}"'
    assert f'psd_http_requests_total{{{route},status="200"}} 2.0' in metrics
    assert 'psd_http_requests_total{route="unmatched",status="404"} 1.0' in metrics
    assert f"psd_http_request_seconds_count{{{route}}} 2.0" in metrics
    assert "47114711" not in metrics


async def raw(client: HttpClient, data: bytes) -> tuple[bytes, float]:
    """Send bytes and nothing more; what came back until the server hung up, and when."""
    where = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    started = time.perf_counter()
    try:
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), 60)
        return answer, time.perf_counter() - started
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_body_that_does_not_come_gets_408(client: HttpClient) -> None:
    head = b"POST /v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    answer, elapsed_s = await raw(client, head + b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b"body: not complete after 0.2 s")
    assert BODY_TIMEOUT_S <= elapsed_s < LATE_S


async def test_a_connection_without_a_request_is_closed_in_silence(client: HttpClient) -> None:
    answer, elapsed_s = await raw(client, b"")
    assert answer == b""
    assert IDLE_TIMEOUT_S * 0.9 <= elapsed_s < LATE_S


async def test_bytes_that_are_no_request_get_400(client: HttpClient) -> None:
    answer, _ = await raw(client, b"nonsense\r\n\r\n")
    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))


async def test_all_who_ask_for_metrics_at_once_get_one_page(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def page(_metrics: Metrics) -> bytes:
        made.append(f"psd_made {len(made)}\n".encode())
        return made[-1]

    monkeypatch.setattr(operations, "exposition", page)
    routes = OperationRoutes(runtime, runtime.metrics, Draining(runtime.metrics))
    asked = make_mocked_request("GET", "/metrics")
    together = await asyncio.gather(*(routes.metrics(asked) for _ in range(4)))
    later = await routes.metrics(asked)
    assert [answer.body for answer in together] == [b"psd_made 0\n"] * 4
    assert later.body == b"psd_made 1\n"
