"""(i) Slow clients: the p99 of others while 500 connections send one byte a second.

A few clients ask for sums at a steady pace, far from what the server can do, so that p99 tells
how long a request waits and not how many there are. Each repetition takes a quiet run, one under
slow heads and one under slow bodies, in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.figures import Row, Target, interleaved
from bench.model import WrongAnswerError
from bench.processes import http_text, redis_server, running, wait_for
from bench.sections.http import psd_server
from bench.workbench import Workbench

SLOW_CLIENTS = 500
CLIENTS = 8
PAUSE_S = 0.02
"""Eight clients that wait so long between two requests ask some 350 times a second."""

TARGET = Target("<=", 2.0, 1.2)
REQUEST = b"GET /v1/query/1/steps/all/0/99 HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def run(bench: Workbench) -> None:
    """p99 in milliseconds: quiet, under slow heads, under slow bodies."""
    log = bench.folder("slowloris.log")
    with (
        redis_server(bench.folder("slowloris")) as socket,
        psd_server(socket, log) as url,
    ):
        seconds = bench.sizes.slow_seconds
        taken = await interleaved(
            bench.sizes.repetitions,
            {kind: p99_under(kind, url, log, seconds) for kind in ("quiet", "head", "body")},
        )
    for kind in ("head", "body"):
        name = f"p99 of a sum, {SLOW_CLIENTS} slow {kind} connections"
        bench.add(Row("i", name, "ms", taken[kind], "none of them", taken["quiet"], TARGET))


def p99_under(kind: str, url: str, log: Path, seconds: int) -> Callable[[], Awaitable[float]]:
    """A measurement of the p99 while slow clients of this kind are connected."""

    async def once() -> float:
        if kind == "quiet":
            return await p99_ms(url, seconds)
        with slow_clients(kind, url, log):
            return await p99_ms(url, seconds)

    return once


@contextmanager
def slow_clients(kind: str, url: str, log: Path) -> Iterator[None]:
    """All slow clients, once the server has all of them."""
    where = urlsplit(url)
    command = [sys.executable, "-m", "bench.slow_clients", str(where.hostname), str(where.port)]
    with running([*command, kind, str(SLOW_CLIENTS)], log):
        wait_for("slow clients", lambda: open_connections(url) > SLOW_CLIENTS * 0.95)
        yield
        if open_connections(url) < SLOW_CLIENTS * 0.9:
            raise WrongAnswerError(f"the slow {kind} clients were not connected all the time")
    wait_for("end of the slow clients", lambda: open_connections(url) < SLOW_CLIENTS * 0.1)


def open_connections(url: str) -> float:
    """What the server says of itself."""
    found = re.search(r"^psd_http_connections (\S+)$", http_text(f"{url}/metrics"), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def p99_ms(url: str, seconds: int) -> float:
    """The 99th percentile of what steady clients wait for an answer."""
    end_s = time.perf_counter() + seconds
    waits_s: list[float] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(ask(url, end_s, waits_s))
    waits_s.sort()
    return waits_s[int(len(waits_s) * 0.99)] * 1000


async def ask(url: str, end_s: float, waits_s: list[float]) -> None:
    """Ask at a steady pace on one connection."""
    async with connection(url) as (reader, writer):
        while (started_s := time.perf_counter()) < end_s:
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            waits_s.append(time.perf_counter() - started_s)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise WrongAnswerError(head.decode())
            await asyncio.sleep(PAUSE_S)


@contextlib.asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the server."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
