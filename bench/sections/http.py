"""(b) POST /v1/write and (c) GET /v1/query: requests per second of one server process.

Both with wrk at 16 connections. Sums are checked over HTTP against the model; after the
writes, the sums of all users have to equal the number of writes that wrk counted.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Row, Target, interleaved
from bench.load_generator import CONNECTIONS, wrk
from bench.loading import Loaded
from bench.model import WrongAnswerError, check
from bench.processes import free_port, http_text, psd_command, redis_server, web_server
from bench.psd_system import environ_for
from bench.workbench import Workbench
from bench.workloads import (
    SPARSE_THINGS,
    SPARSE_USERS,
    THING_NAMES,
    YEAR_END_S,
    YEAR_START_S,
    random_picks,
    random_ranges,
)

QUERY_TARGET = Target(">=", 1.6, 2.0)
CHECKED_QUERIES = 20
ORIGINAL_TRIPS = "original's trips in aiohttp"
ONE_TRIP = "one redis-py trip a request"
SEED_STEP = 10_000_000
"""Far more than the writes of one wrk run, so that no two runs write the same activity."""


async def run_writes(bench: Workbench) -> None:
    """Psd (fast and durable) beside the original's read-then-MULTI."""
    log = bench.folder("write.log")
    with ExitStack() as stack:
        sockets = {
            "fast": stack.enter_context(redis_server(bench.folder("fast"))),
            "durable": stack.enter_context(redis_server(bench.folder("durable"), durable=True)),
            "original": stack.enter_context(redis_server(bench.folder("original"))),
        }
        urls = {
            "fast": stack.enter_context(psd_server(sockets["fast"], log)),
            "durable": stack.enter_context(psd_server(sockets["durable"], log, "durable")),
            "original": stack.enter_context(peer_server("original", sockets["original"], log)),
        }
        writers = {name: Writer(url, bench.sizes.wrk_seconds) for name, url in urls.items()}
        taken = await interleaved(
            bench.sizes.repetitions, {name: writer.run for name, writer in writers.items()}
        )
        for name, writer in writers.items():
            writer.check(name)
    name = "POST /v1/write, one process"
    bench.add(
        Row("b", name, "req/s", taken["fast"], ORIGINAL_TRIPS, taken["original"]),
        Row("b", f"{name}, durable", "req/s", taken["durable"], "psd, fast", taken["fast"]),
    )


async def run_queries(bench: Workbench) -> None:
    """Psd beside the original's HGETALLs and beside one unbatched round trip per request."""
    loaded = await bench.sparse()
    log = bench.folder("query.log")
    with ExitStack() as stack:
        urls = {
            "psd": stack.enter_context(psd_server(loaded.psd.socket, log)),
            "original": stack.enter_context(peer_server("original", loaded.original.socket, log)),
            "one-trip": stack.enter_context(peer_server("one-trip", loaded.psd.socket, log)),
        }
        for name in ("psd", "original"):
            check_queries(name, urls[name], loaded)
        taken = await interleaved(
            bench.sizes.repetitions,
            {name: rate_of(url, "query", bench.sizes.wrk_seconds) for name, url in urls.items()},
        )
    name = "GET /v1/query, one process"
    psd = taken["psd"]
    bench.add(
        Row(
            "c", name, "req/s", psd, "one redis-py trip a request", taken["one-trip"], QUERY_TARGET
        ),
        Row("c", name, "req/s", psd, ORIGINAL_TRIPS, taken["original"]),
    )


class Writer:
    """Runs wrk against one server again and again, and remembers how much it wrote."""

    def __init__(self, url: str, seconds: int) -> None:
        self._url = url
        self._seconds = seconds
        self._runs = 0
        self._writes = 0

    async def run(self) -> float:
        """Requests per second of one more run."""
        self._runs += 1
        load = await wrk(self._url, "write", self._seconds, self._runs * SEED_STEP)
        self._writes += load.requests
        return load.requests_per_s

    def check(self, name: str) -> None:
        """Everything that was answered is booked; what was under way at an end may be, too."""
        booked = sum(
            query_sum(self._url, uid, thing, YEAR_START_S, YEAR_END_S - 1)
            for uid in SPARSE_USERS
            for thing in SPARSE_THINGS
        )
        under_way = CONNECTIONS * self._runs
        if not self._writes <= booked <= self._writes + under_way:
            raise WrongAnswerError(f"{name}: {self._writes} writes answered, {booked} booked")


def rate_of(url: str, script: str, seconds: int) -> Callable[[], Awaitable[float]]:
    """A measurement of requests per second."""
    seed = 0

    async def once() -> float:
        nonlocal seed
        seed += 1
        return (await wrk(url, script, seconds, seed)).requests_per_s

    return once


def check_queries(name: str, url: str, loaded: Loaded) -> None:
    """A sample of sums over HTTP against the model."""
    ranges = random_ranges(CHECKED_QUERIES, "http")
    for (uid, thing), range_ in zip(random_picks(CHECKED_QUERIES, "http"), ranges, strict=True):
        expected = loaded.model.answer(uid, (thing,), range_).sums[thing]
        got = query_sum(url, uid, thing, range_.start, range_.end - 1)
        check(name, f"GET of user {uid}, thing {thing}, {range_}", got, expected)


def query_sum(url: str, uid: int, thing: int, first_s: int, last_s: int) -> int:
    """One GET /v1/query; both ends inclusive, as in the original."""
    path = f"/v1/query/{uid}/{THING_NAMES[thing]}/all/{first_s}/{last_s}"
    return int(http_text(url + path))


@contextmanager
def psd_server(
    socket: Path, log: Path, durability: str = "fast", more: Mapping[str, str] | None = None
) -> Iterator[str]:
    """``psd server`` on a free port, with more in its environment."""
    port = free_port()
    environ = {**environ_for(socket, durability), "PSD_SERVER_PORT": str(port), **(more or {})}
    with web_server(psd_command("server"), port, log, environ) as url:
        yield url


@contextmanager
def peer_server(layout: str, socket: Path, log: Path) -> Iterator[str]:
    """One of bench/peers/web.py on a free port."""
    port = free_port()
    command: Sequence[str] = (sys.executable, "-m", "bench.peers.web", layout, str(socket))
    with web_server([*command, str(port)], port, log) as url:
        yield url
