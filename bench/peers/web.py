"""HTTP servers to compare ``psd server`` with: ``python -m bench.peers.web KIND SOCKET PORT``.

``original`` answers /v1/write and /v1/query in the original's layout with the original's
round trips. ``one-trip`` answers /v1/query from psd's own buckets by psd's own scripts, but
each request makes a round trip of its own over a redis-py pool: what psd gains over it, it
gains by letting concurrent requests share trips, less what its middleware costs.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvloop
from aiohttp import web
from redis.asyncio import Redis

from bench.peers.original import read_sum, write_event
from bench.psd_system import settings_for
from bench.workloads import THING_NAMES
from psd.engine.event_fields import decode_metric
from psd.engine.events import Report
from psd.engine.plan import Range
from psd.observe.metrics import Metrics
from psd.runtime import open_runtime
from psd.store.lane import Command, Lane
from psd.store.routed import RoutedLane
from server.app import build_app

REDIS = web.AppKey("redis", Redis)
THINGS = {name: number for number, name in THING_NAMES.items()}


class PoolLane(Lane):
    """A lane that batches nothing: each command is a round trip on a pooled connection."""

    def __init__(self, client: Redis, timeout_s: float, metrics: Metrics) -> None:
        super().__init__(client, timeout_s, metrics)
        self._client = client

    async def call(self, command: Command) -> object:
        """One command, alone."""
        return await self._client.execute_command(*command)

    async def call_all(self, commands: Sequence[Command]) -> list[object]:
        """One after the other."""
        return [await self.call(command) for command in commands]


async def health(_: web.Request) -> web.Response:
    """GET /healthz."""
    return web.Response(text="ok")


async def write(request: web.Request) -> web.Response:
    """POST /v1/write in the original's layout."""
    fields = decode_metric(await request.read())
    report = Report(
        THINGS[fields.thing],
        int(fields.uid),
        fields.atid,
        fields.aid,
        fields.value,
        fields.ts1,
        fields.ts2,
    )
    await write_event(request.app[REDIS], report)
    return web.Response(text="ok")


async def query(request: web.Request) -> web.Response:
    """GET /v1/query in the original's layout."""
    uid, thing, range_ = _asked(request)
    return web.Response(text=str(await read_sum(request.app[REDIS], uid, thing, range_)))


async def original_app(socket: Path) -> web.Application:
    """The original's layout."""

    async def connect(app: web.Application) -> AsyncIterator[None]:
        async with Redis(unix_socket_path=str(socket)) as client:
            app[REDIS] = client
            yield

    app = web.Application()
    app.cleanup_ctx.append(connect)
    app.router.add_get("/healthz", health)
    app.router.add_post("/v1/write", write)
    app.router.add_get("/v1/query/{uid}/{thing}/all/{start}/{end}", query)
    return app


async def one_trip_app(socket: Path) -> web.Application:
    """Psd's own server, except that no request shares a trip."""
    settings = settings_for(socket)
    runtime = await open_runtime(settings)
    await runtime.store.readiness()
    store = runtime.store

    def pool_lane(_node: object) -> Lane:
        return PoolLane(store.client, settings.redis.timeout_s, runtime.metrics)

    store.reads = RoutedLane(store.cluster, pool_lane)
    app = build_app(runtime)

    async def close(_: web.Application) -> None:
        await runtime.close()

    app.on_cleanup.append(close)
    return app


KINDS = {"original": original_app, "one-trip": one_trip_app}


def main() -> None:
    """Serve until SIGTERM."""
    kind, socket, port = sys.argv[1:]
    app = KINDS[kind](Path(socket))
    loop = uvloop.new_event_loop()
    web.run_app(
        app, host="127.0.0.1", port=int(port), access_log=None, loop=loop, print=lambda *_: None
    )


def _asked(request: web.Request) -> tuple[int, int, Range]:
    part = request.match_info
    range_ = Range(int(part["start"]), int(part["end"]) + 1)
    return int(part["uid"]), THINGS[part["thing"]], range_


if __name__ == "__main__":
    main()
