"""HTTP servers to compare ``psd server`` with: ``python -m bench.peers.web LAYOUT SOCKET PORT``.

``original`` answers /v1/write and /v1/query in the original's layout with the original's
round trips. ``one-trip`` answers /v1/query with one EVALSHA a request over a redis-py pool,
nothing batched. What its script does is next to nothing, and it plans no range: every real
script would be slower, so that what psd gains over it, it gains by sharing trips.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import web
from redis.asyncio import Redis

from bench.peers.original import read_sum, write_event
from bench.workloads import THING_NAMES
from psd.engine.events import Report, decode_metric
from psd.engine.plan import Range

REDIS = web.AppKey("redis", Redis)
SCRIPT_SHA = web.AppKey("script_sha", str)
THINGS = {name: number for number, name in THING_NAMES.items()}
ONE_TRIP_SCRIPT = "return redis.call('GET', KEYS[1]) or '0'"


async def write(request: web.Request) -> web.Response:
    """POST /v1/write in the original's layout."""
    fields = decode_metric(await request.read())
    report = Report(
        THINGS[fields.thing],
        fields.uid,
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


async def query_in_one_trip(request: web.Request) -> web.Response:
    """GET /v1/query with one round trip that belongs to this request alone."""
    uid, thing, range_ = _asked(request)
    key = f"{{{uid}}}:{thing}:{range_.start}:{range_.end}"
    answer = await request.app[REDIS].evalsha(request.app[SCRIPT_SHA], 1, key)
    return web.Response(body=answer, content_type="text/plain")


async def health(_: web.Request) -> web.Response:
    """GET /healthz."""
    return web.Response(text="ok")


def make_app(layout: str, socket: str) -> web.Application:
    """The application for one layout, on one Redis."""

    async def connect(app: web.Application) -> AsyncIterator[None]:
        async with Redis(unix_socket_path=socket) as client:
            app[REDIS] = client
            app[SCRIPT_SHA] = await client.script_load(ONE_TRIP_SCRIPT)
            yield

    app = web.Application()
    app.cleanup_ctx.append(connect)
    app.router.add_get("/healthz", health)
    app.router.add_post("/v1/write", write)
    handler = query if layout == "original" else query_in_one_trip
    app.router.add_get("/v1/query/{uid}/{thing}/all/{start}/{end}", handler)
    return app


def main() -> None:
    """Serve until SIGTERM."""
    layout, socket, port = sys.argv[1:]
    app = make_app(layout, socket)
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
