"""(n) Neighbours: the p99 of a stranger's sum while others send the heaviest that they may.

Four connections send one request over and over, each as heavy as the limits allow; eight steady
clients ask for a sum of somebody else (bench/sections/slowloris.py). Every route is walked once
(tests/support/heaviest has the request of each); then those beside which a
stranger waited longest, and three that were the worst once, are measured by turns with a quiet
server. An answer that says that psd failed ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import ClientSession

from bench.figures import Row, Target, interleaved
from bench.model import WrongAnswerError
from bench.processes import redis_server
from bench.sections.http import psd_server
from bench.sections.slowloris import p99_ms
from bench.workbench import Workbench
from psd.config_sources import load_settings
from psd.runtime import open_runtime
from tests.support.heaviest.every_route import HEAVIEST
from tests.support.heaviest.heavy_owners import heavy_owner, heavy_weeks

CONNECTIONS = 4
BOOKINGS = 6_000
WEEKS = 8
BATCH = 500
WALK_SECONDS = 2
WORST = 3
ALWAYS = (
    "POST /v3/events",
    "POST /v3/series",
    "POST /v1/mumt_query/{atid}/{start}/{end}",
)
TARGET = Target("<=", 50.0, 50.0, of="psd")
FAILED = 500


async def run(bench: Workbench) -> None:
    """p99 in milliseconds: quiet, and beside each of the heaviest."""
    log = bench.folder("neighbours.log")
    with redis_server(bench.folder("neighbours")) as socket:
        await fill(socket)
        with psd_server(socket, log) as url:
            walked = {name: await p99_beside(name, url, WALK_SECONDS)() for name in HEAVIEST}
            worst = sorted(walked, key=lambda name: -walked[name])
            chosen = dict.fromkeys([*worst[:WORST], *ALWAYS])
            seconds = bench.sizes.slow_seconds
            taken = await interleaved(
                bench.sizes.repetitions,
                {name: p99_beside(name, url, seconds) for name in ("", *chosen)},
            )
    for name in chosen:
        told = f"p99 of a stranger's sum beside {CONNECTIONS} x {name}"
        bench.add(Row("n", told, "ms", taken[name], "none of them", taken[""], TARGET))
    bench.notes.append(
        "n, each route once: "
        + ", ".join(f"{name.partition('{')[0]} {walked[name]:.0f}" for name in worst[:12])
        + f"; the other {len(worst) - 12} less."
    )


async def fill(socket: Path) -> None:
    """What the requests are heavy about."""
    own = {"redis.url": f"unix://{socket}", "redis.durability": "fast", "queue.kind": "stream"}
    psd = await open_runtime(load_settings(flags=own).settings, archiving=False)
    try:
        events = list(heavy_owner(BOOKINGS))
        for at in range(0, len(events), BATCH):
            await psd.engine.book(events[at : at + BATCH])
        await heavy_weeks(psd, WEEKS)
    finally:
        await psd.close()


def p99_beside(name: str, url: str, seconds: int) -> Callable[[], Awaitable[float]]:
    """A measurement of the p99 beside this request; without a name, of a quiet server."""

    async def once() -> float:
        async with sending(name, url):
            return await p99_ms(url, seconds)

    return once


@contextlib.asynccontextmanager
async def sending(name: str, url: str) -> AsyncIterator[None]:
    """Requests on all connections, until it is left."""
    senders = [asyncio.create_task(send(name, url)) for _ in range(CONNECTIONS if name else 0)]
    try:
        yield
    finally:
        for sender in senders:
            if sender.done():
                sender.result()
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


async def send(name: str, url: str) -> None:
    """One connection: the next request as soon as the one before is answered, or told to wait."""
    each, method = HEAVIEST[name], name.partition(" ")[0]
    body = each.content or None
    headers = {"Content-Type": each.content_type} if body else {}
    async with ClientSession() as session:
        while True:
            async with session.request(method, url + each.path, data=body, headers=headers) as told:
                await told.read()
                if told.status == FAILED:
                    raise WrongAnswerError(f"{name} is answered {told.status}")
                wait_s = float(told.headers.get("Retry-After", 0))
            await asyncio.sleep(wait_s)
