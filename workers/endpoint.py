"""What a worker tells over HTTP on ``worker.metrics_port``: alive, ready, metrics.

::

    GET /healthz   200 {"status":"ok"}: the worker's event loop turns
    GET /readyz    200, or 503 {"ready":false,"checks":{"queue":"nsqd 10.0.0.1:4150: ...", ...}}
    GET /metrics   Prometheus
    anything else  404; other methods than GET and HEAD 405

It is served by the worker's own loop, so that a worker that hangs is not told alive. One request
a connection, with deadlines and a limit for all of it: nobody who connects holds anything up.
This is no server for everybody: aiohttp is the server's (psd/server), and a worker has only
these three pages for machines beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from psd.observe.remedies import findings

log = logging.getLogger("worker")

HEAD_BYTES_MAX = 8192
CONNECTIONS_MAX = 32
REQUEST_TIMEOUT_S = 5.0
"""For the head of a request, and again for the answer to be taken."""

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

Look = Callable[[], Awaitable[None]]
"""Reads what metrics tell beside the instruments."""

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What was checked, and ``ok``, ``ok: <advice>`` or what is wrong."""


class EndpointAnswer(msgspec.Struct, frozen=True):
    """Status, body and headers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", TEXT),)


class EndpointRequest(msgspec.Struct, frozen=True):
    """What is read of a request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


class WorkerEndpoint:
    """The three pages; ``checks`` is what readiness asks."""

    def __init__(
        self, registry: CollectorRegistry, checks: Checks, look: Look | None = None
    ) -> None:
        self._metrics: Callable[..., Any] = make_wsgi_app(registry)
        self._checks = checks
        self._look = look
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD_BYTES_MAX)

    async def close(self) -> None:
        """Listen no more; what is under way is given up."""
        if self._server is not None:
            self._server.close()

    async def answer(self, asked: EndpointRequest) -> EndpointAnswer:
        """The page that was asked for."""
        pages = {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._exposition}
        page = pages.get(asked.path)
        if page is None:
            return EndpointAnswer(404, b"there are /healthz, /readyz and /metrics\n")
        if asked.method not in ("GET", "HEAD"):
            headers = (("Allow", "GET, HEAD"), ("Content-Type", TEXT))
            return EndpointAnswer(405, b"GET and HEAD are allowed\n", headers)
        return await page(asked)

    async def _answer_or_failure(self, asked: EndpointRequest) -> EndpointAnswer:
        try:
            return await self.answer(asked)
        except Exception:
            log.exception("no answer", extra={"path": asked.path})
            return EndpointAnswer(500, b"an unexpected error; it was logged\n")

    async def _alive(self, _asked: EndpointRequest) -> EndpointAnswer:
        return EndpointAnswer(200, b'{"status":"ok"}', (("Content-Type", JSON),))

    async def _ready(self, _asked: EndpointRequest) -> EndpointAnswer:
        checks = await self._checks()
        ready = all(found.partition(":")[0] == "ok" for found in checks.values())
        told: dict[str, object] = {"ready": ready, "checks": checks}
        if not ready:
            told["findings"] = findings(checks)
        body = msgspec.json.encode(told)
        return EndpointAnswer(200 if ready else 503, body, (("Content-Type", JSON),))

    async def _exposition(self, asked: EndpointRequest) -> EndpointAnswer:
        """As prometheus_client answers, in the format and the coding that was asked for."""
        if self._look is not None:
            await self._look()
        return await asyncio.to_thread(self._collect, asked)

    def _collect(self, asked: EndpointRequest) -> EndpointAnswer:
        told: list[Any] = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": asked.path,
            "QUERY_STRING": asked.query,
            "HTTP_ACCEPT": asked.headers.get("accept", ""),
            "HTTP_ACCEPT_ENCODING": asked.headers.get("accept-encoding", ""),
        }
        body = b"".join(self._metrics(environ, lambda *given: told.extend(given)))
        status, headers = told
        return EndpointAnswer(int(status[:3]), body, tuple(headers))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve_one(reader, writer)
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = "GET"
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                asked = read_head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            answer = EndpointAnswer(431, b"the head of the request is too long\n")
        except ValueError as exc:
            answer = EndpointAnswer(400, f"{exc}\n".encode())
        else:
            method, answer = asked.method, await self._answer_or_failure(asked)
        writer.write(written(answer, with_body=method != "HEAD"))
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            # The end goes behind the answer, and its taker hangs up.
            writer.write_eof()
            await writer.drain()
            await reader.read(HEAD_BYTES_MAX)


def read_head(head: bytes) -> EndpointRequest:
    """The head of a request; raises ValueError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise ValueError("this is no request of HTTP/1.1")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    path, _, query = words[1].partition("?")
    return EndpointRequest(words[0], path, query, headers)


def written(answer: EndpointAnswer, *, with_body: bool) -> bytes:
    """The answer as it goes over the connection."""
    reason = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + (answer.body if with_body else b"")
