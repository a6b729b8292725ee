"""The pages of a worker's port, byte by byte, and what nobody can do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter

from psd.errors import StoreUnavailableError
from psd.queue.interface import Reach
from tests.support.processes.worker_fakes import MemoryQueue
from tests.support.servers.ports import free_ports
from workers import endpoint as under_test
from workers.endpoint import CONNECTIONS_MAX, HEAD_BYTES_MAX, WorkerEndpoint
from workers.readiness import WorkerReadiness


@asynccontextmanager
async def serving(checks: Mapping[str, str] | None = None) -> AsyncIterator[int]:
    """An endpoint whose readiness is that; its port."""
    registry = CollectorRegistry()
    Counter("psd_things", "Things.", registry=registry).inc(3)

    async def asked() -> Mapping[str, str]:
        if checks is None:
            raise RuntimeError("nobody foresaw this")
        return checks

    served, port = WorkerEndpoint(registry, asked), free_ports(1)[0]
    await served.start("127.0.0.1", port)
    try:
        yield port
    finally:
        await served.close()


async def raw(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


async def ask(port: int, target: str, method: str = "GET", headers: str = "") -> tuple[int, bytes]:
    answer = await raw(port, f"{method} {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_every_page_has_its_own_answer_and_all_else_is_404() -> None:
    async with serving({"queue": "ok", "store": "ok: advice"}) as port:
        assert await ask(port, "/healthz") == (200, b'{"status":"ok"}')
        assert await ask(port, "/readyz?x=1") == (
            200,
            b'{"ready":true,"checks":{"queue":"ok","store":"ok: advice"}}',
        )
        status, body = await ask(port, "/metrics")
        assert (status, b"psd_things_total 3.0" in body) == (200, True)
        for path in ("/", "/metrics/", "/Healthz", "/favicon.ico", "/../metrics"):
            assert (await ask(port, path))[0] == 404


async def test_a_check_that_fails_is_503_and_says_which() -> None:
    async with serving({"queue": "nsqd 10.0.0.1:4150: refused"}) as port:
        assert await ask(port, "/readyz") == (
            503,
            b'{"ready":false,"checks":{"queue":"nsqd 10.0.0.1:4150: refused"},"findings":['
            b'{"check":"queue","found":"nsqd 10.0.0.1:4150: refused","seen":"a connection to each '
            b'nsqd","remedy":"start nsqd and nsqlookupd there, or set queue.nsqd_addresses and '
            b'queue.lookupd_addresses"}]}',
        )


async def test_head_is_get_without_the_body_and_other_methods_are_405() -> None:
    async with serving({"queue": "no"}) as port:
        for path, status in (("/healthz", 200), ("/readyz", 503), ("/metrics", 200), ("/x", 404)):
            assert await ask(port, path, "HEAD") == (status, b"")
        assert (await ask(port, "/metrics", "POST"))[0] == 405
        assert b"Allow: GET, HEAD" in await raw(port, b"PUT /readyz HTTP/1.1\r\n\r\n")


async def test_metrics_come_in_the_format_that_is_asked_for() -> None:
    async with serving({}) as port:
        _, body = await ask(port, "/metrics", headers="Accept: application/openmetrics-text\r\n")
        assert body.endswith(b"# EOF\n")
        _, body = await ask(port, "/metrics", headers="Accept-Encoding: gzip\r\n")
        assert body.startswith(b"\x1f\x8b")
        _, body = await ask(port, "/metrics?name[]=psd_other_total")
        assert body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n", b"431"),
    ],
)
async def test_what_is_no_request_is_told_so(request_: bytes, status: bytes) -> None:
    async with serving({}) as port:
        assert (await raw(port, request_)).split()[1] == status


async def test_a_client_that_sends_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "REQUEST_TIMEOUT_S", 0.1)
    async with serving({}) as port:
        assert await raw(port, b"GET /healthz HT") == b""


async def test_more_connections_than_the_limit_are_turned_away_and_it_goes_on() -> None:
    async with serving({}) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        with pytest.raises((ConnectionResetError, IndexError)):
            await ask(port, "/healthz")
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        assert (await ask(port, "/healthz"))[0] == 200


async def test_a_defect_is_a_500_and_no_end() -> None:
    async with serving(None) as port:
        assert (await ask(port, "/readyz"))[0] == 500
        assert (await ask(port, "/healthz"))[0] == 200


class Worker:
    """A worker's state."""

    def __init__(self, *, stopping: bool = False, waits_for: str = "") -> None:
        self.is_stopping = stopping
        self.waits_for = waits_for


class Store:
    """A store that is ready, away or silent."""

    def __init__(self, found: dict[str, str] | Exception) -> None:
        self._found = found

    async def readiness(self) -> dict[str, str]:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def queue_with(reach: Reach) -> MemoryQueue:
    queue = MemoryQueue()
    queue.reached = reach
    return queue


@pytest.mark.parametrize(
    ("worker", "reach", "found", "checks"),
    [
        (Worker(), Reach(True), {"writable": "ok"}, ["ok", "ok", "ok", "ok"]),
        (Worker(stopping=True), Reach(True), {"writable": "ok"}, ["draining", "ok", "ok", "ok"]),
        (Worker(waits_for="x"), Reach(True), {"writable": "ok"}, ["ok", "paused: x", "ok", "ok"]),
        (Worker(), Reach(True, ("n",)), {"writable": "ok"}, ["ok", "ok", "ok: n", "ok"]),
        (Worker(), Reach(False, ("n", "m")), {"writable": "ok"}, ["ok", "ok", "n; m", "ok"]),
        (Worker(), Reach(False), {"w": "ok"}, ["ok", "ok", "not connected yet", "ok"]),
        (Worker(), Reach(True), StoreUnavailableError("away"), ["ok", "ok", "ok", "away"]),
    ],
)
async def test_readiness_is_of_store_queue_and_worker(
    worker: Worker, reach: Reach, found: dict[str, str] | Exception, checks: list[str]
) -> None:
    told = await WorkerReadiness(Store(found), queue_with(reach), worker).checks()
    assert list(told.values()) == checks
