"""(g) Boards of everybody from columns: by the number of users, dense, over HTTP, and memory.

The columns are those that booking leaves (bench/columns.py); owners' own keys are not there, so the
trip that asks when those who are shown had their values finds nothing. Every answer is compared
with sums by numpy. PostgreSQL has the same bookings and both covering indexes, its planner chooses;
the ready sorted set is one fixed window, which somebody keeps, as the floor.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import redis
from numpy.typing import NDArray

from bench.board_servers import BoardServers, one_server, three_masters
from bench.columns import ColumnWriter
from bench.figures import Figure, Row, Target
from bench.model import check
from bench.peers.postgres import Postgres
from bench.processes import http_json, redis_server
from bench.sections.http import psd_server
from bench.workbench import Workbench
from psd.config_sources import load_settings
from psd.engine.events import Report
from psd.engine.plan import DAY_S, Range
from psd.queries.requests import LeaderboardQuery
from psd.runtime import open_runtime

PLACES = 10
THING = 1
BEGIN_S = 1_420_070_400
"""2015-01-01 UTC."""

YEARS_S = 731 * DAY_S
EVENTS = 20
QUERIES = 21
TOO_MANY_ROWS = 3_000_000
TARGETS = {1: {10_000: (5, 2), 100_000: (30, 12), 1_000_000: (300, 120)}}
TARGETS[16] = {10_000: (8, 4), 100_000: (45, 20), 1_000_000: (400, 250)}
DENSE_USERS, DENSE_EVENTS = 2_000, 3_650
HTTP_USERS = 10_000

Board = list[tuple[int, int]]
Servers = Callable[[Path], AbstractContextManager[BoardServers]]


class Bookings:
    """Some bookings a user, anywhere in the two years."""

    def __init__(self, users: int, events: int, span_s: int) -> None:
        rng = np.random.default_rng(users)
        number = users * events
        self.users, self.span_s = users, span_s
        self.seconds = np.sort(rng.integers(BEGIN_S, BEGIN_S + span_s, number))
        self.uids = rng.integers(1, users + 1, number)
        self.values = rng.integers(1, 1000, number)
        self.booked = np.unique(self.uids)

    def ranges(self, number: int) -> list[Range]:
        """Ranges to the second; the same ones in each run."""
        rng = Random(self.users)
        edges = range(BEGIN_S, BEGIN_S + self.span_s)
        return [Range(*sorted(rng.sample(edges, 2))) for _ in range(number)]

    def sums(self, range_: Range) -> NDArray[np.int64]:
        """By uid."""
        sums = np.zeros(self.users + 1, np.int64)
        first, stop = np.searchsorted(self.seconds, (range_.start, range_.end))
        np.add.at(sums, self.uids[first:stop], self.values[first:stop])
        return sums

    def top(self, range_: Range) -> Board:
        """The largest, of equal ones the lower uid first."""
        sums = self.sums(range_)
        order = np.lexsort((self.booked, -sums[self.booked]))[:PLACES]
        return [(int(uid), int(sums[uid])) for uid in self.booked[order]]

    def reports(self) -> list[Report]:
        """The same as PostgreSQL gets them."""
        rows = zip(self.uids.tolist(), self.values.tolist(), self.seconds.tolist(), strict=True)
        return [
            Report(THING, uid, 1, aid, value, second, second)
            for aid, (uid, value, second) in enumerate(rows)
        ]


async def run(bench: Workbench) -> None:
    """All rows."""
    for users in bench.sizes.everybody_users:
        bookings = Bookings(users, EVENTS, YEARS_S)
        for servers in (one_server, three_masters):
            await _columns(bench, bookings, servers, f"{users:,} users")
        await _peers(bench, bookings)
    dense = Bookings(DENSE_USERS, bench.sizes.everybody_dense, 365 * DAY_S)
    of = f"{len(dense.seconds):,} bookings of {DENSE_USERS:,} users"
    await _columns(bench, dense, one_server, of)


async def _columns(bench: Workbench, bookings: Bookings, begun: Servers, of: str) -> None:
    """Rows of psd: from the request, the slowest command; over HTTP and memory where they count."""
    async with AsyncExitStack() as stack:
        folder = bench.folder("everybody")
        servers = stack.enter_context(begun(folder))
        runtime = await open_runtime(load_settings(environ=servers.environ).settings)
        stack.push_async_callback(runtime.close)
        writer = ColumnWriter(servers.writer, runtime.store.partitions, THING)
        writer.write(bookings.seconds, bookings.uids, bookings.values)
        waited_ms = []
        for place, range_ in enumerate([Range(BEGIN_S, BEGIN_S + 1), *bookings.ranges(QUERIES)]):
            started = time.perf_counter()
            answer = await runtime.queries.leaderboard(_query(range_))
            if place:
                waited_ms.append((time.perf_counter() - started) * 1e3)
            told = [(int(row.uid), row.value) for row in answer.data]
            check("psd", f"top of {of}, {range_}", told, bookings.top(range_))
        slowest = [
            await servers.slowest_ms(partial(runtime.queries.leaderboard, _query(range_)))
            for range_ in bookings.ranges(QUERIES // 3)
        ]
        must = _target(*TARGETS[servers.partitions].get(bookings.users, (5, 2)))
        where = f"{servers.of}, P={servers.partitions}"
        name, other = f"top 10 of {of}, random range, {where}", f"slowest command, {of}, {where}"
        bench.add(
            Row("g", name, "ms", Figure(tuple(waited_ms)), target=must),
            Row("g", other, "ms", Figure((max(slowest),)), target=_target(2, 1)),
        )
        if servers.partitions == 1 and bookings.users in (
            HTTP_USERS,
            max(bench.sizes.everybody_users),
        ):
            await asyncio.to_thread(_over_http, bench, bookings, folder / "redis.sock", of)


def _over_http(bench: Workbench, bookings: Bookings, socket: Path, of: str) -> None:
    """What a client waits for, and what the server then holds."""
    with psd_server(socket, bench.folder("server.log")) as url:
        waited_ms = []
        for range_ in bookings.ranges(QUERIES):
            started = time.perf_counter()
            told = http_json(f"{url}/v3/leaderboard?{_asked(range_)}")["data"]
            waited_ms.append((time.perf_counter() - started) * 1e3)
            board = [(int(row["uid"]), row["value"]) for row in told]
            check("psd", f"top over HTTP, {range_}", board, bookings.top(range_))
        target = _target(10, 5) if bookings.users == HTTP_USERS else None
        bench.add(
            Row(
                "g",
                f"top 10 of {of} over HTTP, JSON",
                "ms",
                Figure(tuple(waited_ms)),
                target=target,
            ),
            Row(
                "g",
                f"memory of a server, boards of {of}",
                "MB",
                Figure((_held_mb(),)),
                target=_target(400, 250),
            ),
        )


async def _peers(bench: Workbench, bookings: Bookings) -> None:
    """Rows of the others, on the same bookings."""
    name = f"top 10 of {bookings.users:,} users, random range"
    bench.add(Row("g", name, "ms", None, "ready sorted set", await _floor(bench, bookings)))
    postgres = await bench.postgres()
    if postgres is None or len(bookings.seconds) > TOO_MANY_ROWS:
        note = "not installed" if postgres is None else "not loaded: 20,000,000 rows"
        bench.add(Row("g", name, "ms", None, Postgres.name, None, note=note))
        return
    await postgres.load(bookings.reports())
    await postgres.index_by_time()
    waited_ms = []
    for range_ in bookings.ranges(QUERIES // 3):
        started = time.perf_counter()
        found = await postgres.top(PLACES, THING, range_)
        waited_ms.append((time.perf_counter() - started) * 1e3)
        values = [value for _, value in bookings.top(range_)]
        check(Postgres.name, f"{name}, {range_}", [value for value, _ in found], values)
    bench.add(Row("g", name, "ms", None, Postgres.name, Figure(tuple(waited_ms))))


async def _floor(bench: Workbench, bookings: Bookings) -> Figure:
    with redis_server(bench.folder("floor")) as socket:
        client = redis.Redis(unix_socket_path=str(socket))
        sums = bookings.sums(Range(BEGIN_S, BEGIN_S + bookings.span_s))
        for first in range(1, len(sums), 10_000):
            some = range(first, min(first + 10_000, len(sums)))
            client.zadd("board", {str(uid): int(sums[uid]) for uid in some})
        waited_ms = []
        for _ in range(QUERIES):
            started = time.perf_counter()
            client.zrevrange("board", 0, PLACES - 1, withscores=True)
            waited_ms.append((time.perf_counter() - started) * 1e3)
        return Figure(tuple(waited_ms))


def _query(range_: Range) -> LeaderboardQuery:
    return LeaderboardQuery(thing="steps", start=range_.start, end=range_.end, limit=PLACES)


def _asked(range_: Range) -> str:
    return f"thing=steps&start={range_.start}&end={range_.end}&limit={PLACES}&all=true"


def _target(must: float, aim: float) -> Target:
    return Target("<=", must, aim, of="psd")


def _held_mb() -> float:
    """The most memory that any process below this one has held which is a psd server."""
    return max(
        (
            int(line.split()[1]) / 1024
            for folder in Path("/proc").glob("[0-9]*")
            if _is_server_below(folder)
            for line in (folder / "status").read_text().splitlines()
            if line.startswith("VmHWM:")
        ),
        default=0.0,
    )


def _is_server_below(folder: Path) -> bool:
    try:
        command = (folder / "cmdline").read_bytes().split(b"\0")
        while folder.name not in ("0", "1"):
            if folder.name == str(os.getpid()):
                return b"server" in command and b"psd" in command
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            folder = folder.with_name(parent)
    except OSError:
        pass
    return False
