"""(n) Neighbours: the p99 of a stranger's sum while others send the heaviest that they may.

Four connections send one kind of request over and over, each as large as the limits allow; eight
steady clients ask for a sum of somebody else (bench/sections/slowloris.py). Each repetition takes a
quiet run and one beside each kind, in turn. What was answered but 200 and 429 ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

import msgspec
from aiohttp import ClientSession

from bench.figures import Row, Target, interleaved
from bench.model import WrongAnswerError
from bench.processes import redis_server
from bench.sections.http import psd_server
from bench.sections.slowloris import p99_ms
from bench.workbench import Workbench

CONNECTIONS = 4
EVENTS = 5_000
IDS = 1_000
NOON_S = 1_460_462_400
BOUND_MS = 50.0
TARGET = Target("<=", BOUND_MS, BOUND_MS, of="psd")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


class Load(msgspec.Struct, frozen=True):
    """One kind of request."""

    path: str
    body: bytes
    headers: dict[str, str]


def loads() -> dict[str, Load]:
    """Bodies of 5,000 events of one user, and questions about 1,000."""
    events = [
        {"thing": "steps", "uid": 2, "atid": 2, "aid": n, "value": 1, "ts1": at, "ts2": at}
        for n, at in enumerate(range(NOON_S, NOON_S + EVENTS))
    ]
    ids = ",".join(str(uid) for uid in range(2, IDS + 2))
    form = urlencode({"ids": ids, "things": "steps,calories"}).encode()
    span = f"{NOON_S - 86_400}/{NOON_S + 86_400}"
    return {
        "bodies of 5,000 events": Load("/v3/events", msgspec.json.encode(events), JSON),
        "query_ids of 1,000": Load(f"/v1/query_ids/steps/all/{span}", form, FORM),
        "mumt_query of 1,000": Load(f"/v1/mumt_query/all/{span}", form, FORM),
    }


async def run(bench: Workbench) -> None:
    """p99 in milliseconds: quiet, and beside each kind."""
    log = bench.folder("neighbours.log")
    with redis_server(bench.folder("neighbours")) as socket, psd_server(socket, log) as url:
        kinds: dict[str, Load | None] = {"quiet": None, **loads()}
        seconds = bench.sizes.slow_seconds
        taken = await interleaved(
            bench.sizes.repetitions,
            {name: p99_beside(load, url, seconds) for name, load in kinds.items()},
        )
    for name in loads():
        told = f"p99 of a stranger's sum beside {CONNECTIONS} x {name}"
        bench.add(Row("n", told, "ms", taken[name], "none of them", taken["quiet"], TARGET))


def p99_beside(load: Load | None, url: str, seconds: int) -> Callable[[], Awaitable[float]]:
    """A measurement of the p99 beside this load."""

    async def once() -> float:
        async with sending(load, url):
            return await p99_ms(url, seconds)

    return once


@contextlib.asynccontextmanager
async def sending(load: Load | None, url: str) -> AsyncIterator[None]:
    """Requests on all connections, until it is left."""
    senders = [asyncio.create_task(send(load, url)) for _ in range(CONNECTIONS if load else 0)]
    try:
        yield
    finally:
        for sender in senders:
            if sender.done():
                sender.result()
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


async def send(load: Load | None, url: str) -> None:
    """One connection: the next request as soon as the one before is answered, or told to wait."""
    assert load is not None
    async with ClientSession() as session:
        while True:
            async with session.post(url + load.path, data=load.body, headers=load.headers) as told:
                await told.read()
                if told.status not in (200, 429):
                    raise WrongAnswerError(f"{load.path} is answered {told.status}")
                wait_s = float(told.headers.get("Retry-After", 0))
            await asyncio.sleep(wait_s)
