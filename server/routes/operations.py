"""What operators and their machines ask: alive, ready, metrics, version, and the old ping.

``/healthz`` tells whether the process answers at all and asks nobody; ``/readyz`` tells
whether it should get requests: store and archive take writes and the process is not draining::

    GET /readyz -> 503 {"ready":false,"checks":{"draining":"ok","writable":"timed out"},
                        "findings":[{"check":"writable",...,"remedy":"start the Redis ..."}]}
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from psd.errors import UnavailableError
from psd.observe.draining import Draining
from psd.observe.metrics import Metrics
from psd.observe.remedies import findings
from psd.version import VERSION
from server import answers
from server.access import IDENTITY, NOBODY
from server.openapi import operations
from server.routing import Route

READINESS_TIMEOUT_S = 1.8

TOLD_AGAIN_S = 1.0
"""For so long strangers are told what was found last: a check is four trips to the store."""


class Looking(Protocol):
    """What is needed of :class:`psd.vitals.vitals.Vitals`."""

    async def look(self) -> None:
        """Read what is told beside the instruments."""
        ...


class Operated(Protocol):
    """What operations need of :class:`psd.runtime.Runtime`."""

    @property
    def vitals(self) -> Looking:
        """What is read when somebody asks for metrics."""
        ...

    async def readiness(self) -> dict[str, str]:
        """Check name -> ``ok`` or what is wrong."""
        ...


class OperationRoutes:
    """The routes of operations."""

    def __init__(self, runtime: Operated, metrics: Metrics, draining: Draining) -> None:
        self._runtime = runtime
        self._found: dict[str, str] = {}
        self._found_at_s = float("-inf")
        self._look: asyncio.Task[dict[str, str]] | None = None
        self._exposing: asyncio.Task[bytes] | None = None
        self._metrics = metrics
        self._draining = draining

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route("GET", "/health/ping", self.ping, scope="open", about=operations.PING),
            Route("GET", "/healthz", self.healthz, scope="open", about=operations.HEALTHZ),
            Route("GET", "/readyz", self.readyz, scope="open", about=operations.READYZ),
            Route(
                "GET", "/metrics", self.metrics, scope="read", whole=True, about=operations.METRICS
            ),
            Route("GET", "/version", self.version, scope="open", about=operations.VERSION),
        ]

    async def ping(self, _request: web.Request) -> web.Response:
        """The original's sign of life."""
        return answers.json(b'{"pong":"OK"}')

    async def healthz(self, _request: web.Request) -> web.Response:
        """The process is alive."""
        return answers.json(b'{"status":"ok"}')

    async def readyz(self, request: web.Request) -> web.Response:
        """Whether it is ready, and to those who may know: every check and what it found.

        A check's text may name addresses and versions, so where requests are checked it is for
        readers of everything; the status is for everybody, because balancers have no token.
        """
        identity = request[IDENTITY]
        found = await (self._told_again() if identity is NOBODY else self._looked())
        checks = {"draining": "draining" if self._draining.begun else "ok", **found}
        # A check may pass with advice: "ok: ...".
        ready = all(found.partition(":")[0] == "ok" for found in checks.values())
        told: dict[str, object] = {"ready": ready}
        if identity.may("read") and identity.owners is None:
            told["checks"] = checks
            if not ready:
                told["findings"] = findings(checks)
        body = msgspec.json.encode(told)
        return answers.json(body, 200 if ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """All metrics in the text format of Prometheus, of all processes together."""
        return web.Response(
            body=await self._exposed(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def version(self, _request: web.Request) -> web.Response:
        """The version that is running."""
        return answers.json(msgspec.json.encode({"psd": VERSION}))

    async def _exposed(self) -> bytes:
        """The page of metrics; all who ask while one is made wait for that one."""
        if self._exposing is None or self._exposing.done():
            # A thread each would be one more that the loop waits for whenever it is its turn.
            self._exposing = asyncio.create_task(self._expose(), name="metrics")
        return await asyncio.shield(self._exposing)

    async def _expose(self) -> bytes:
        await self._runtime.vitals.look()
        return await asyncio.to_thread(exposition, self._metrics)

    async def _told_again(self) -> dict[str, str]:
        """What was found a moment ago, or now: strangers may ask as often as they like."""
        if asyncio.get_running_loop().time() - self._found_at_s < TOLD_AGAIN_S:
            return self._found
        return await self._looked()

    async def _looked(self) -> dict[str, str]:
        """What is found now; all who ask at once wait for one look."""
        if self._look is None:
            self._look = asyncio.create_task(self._checks(), name="readiness")
            self._look.add_done_callback(self._keep)
        # One who hangs up must not cancel the look of the others.
        return await asyncio.shield(self._look)

    def _keep(self, look: asyncio.Task[dict[str, str]]) -> None:
        self._look = None
        if not look.cancelled() and look.exception() is None:
            self._found = look.result()
            self._found_at_s = asyncio.get_running_loop().time()

    async def _checks(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(READINESS_TIMEOUT_S):
                return await self._runtime.readiness()
        except UnavailableError as error:
            return {"store": str(error)}
        except TimeoutError:
            return {"store": f"no answer within {READINESS_TIMEOUT_S:g} s"}


def exposition(metrics: Metrics) -> bytes:
    """The metrics of this process, or of all where a supervisor gave them a folder."""
    return generate_latest(metrics.told())
