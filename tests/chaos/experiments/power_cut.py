"""A power cut: Redis starts again on a file that ends where its last fsync did.

A worker books 240 messages and some twice through a proxy, batch by batch, into a Redis of the
trial's own. At the last reply of a drawn trip, the proxy notes how long the append-only file is.
Redis writes and fsyncs before it replies, and the worker's writes are one trip at a time, so with
``appendfsync always`` this is the least that a power cut may leave. What follows is executed, and
its replies never leave:

    even seeds   durable: the worker finishes what was answered; power off; the file is cut there,
                 or anywhere behind it; what was not finished is delivered again: exact. The worker
                 is a new one, or one that sat the outage out.
    odd seeds    fast, appendfsync everysec: replies pass on, all 264 messages are finished, and
                 then the file is cut at that place: of its last second everysec promises nothing.
                 Differences must be found, and ``psd replay`` of the archive must say how many
                 events it booked again and lead to exactly what was sent.

>>> cut = Cut(file, at_reply=12)       # 12 replies pass, the file was 30,518 bytes then
>>> cut.kept_bytes
30518
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from psd.config import Settings
from psd.config_sources import load_settings
from psd.queue.interface import Message
from psd.runtime import open_runtime
from tests.chaos.experiments.torn_aof import append_only_file
from tests.chaos.oracle import Difference, differences
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.processes.worker_fakes import MemoryQueue, message
from tests.support.processes.worker_process import environment
from tests.support.servers.redis_proxy import RedisProxy
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.waiting import wait_until
from workers.handlers.bookings import BookingHandler
from workers.runner import Worker

MESSAGES, OWNERS = 240, 3
REPLIES = (14, 28)
"""Of some 30: those at the start, then one for each batch of 20 messages."""

TIMEOUT_S = 0.3
DRAIN_TIMEOUT_S = 120.0
REPLAY_TIMEOUT_S = 180.0
EVERY_SECOND = ("--appendonly", "yes", "--appendfsync", "everysec")

# What a worker says of an outage goes nowhere, as outages are what this is about.
logging.getLogger("workers").addHandler(logging.NullHandler())


class Cut:
    """Notes what the file is at the first answered trip from one reply on.

    With ``then_silent`` it withholds the replies behind it.
    """

    def __init__(self, file: Callable[[], Path], at_reply: int, *, then_silent: bool) -> None:
        self.kept_bytes = 0
        self.withheld = 0
        self.was_reached = False
        self._file = file
        self._replies_left = at_reply
        self._then_silent = then_silent

    def passes(self, unanswered: int) -> bool:
        """Whether this reply still gets out."""
        if self.was_reached and self._then_silent:
            self.withheld += 1
            return False
        self._replies_left -= 1
        if self._replies_left <= 0 and not unanswered and not self.was_reached:
            self.was_reached = True
            self.kept_bytes = self._file().stat().st_size
        return True


class Delivered(MemoryQueue):
    """A queue that delivers again what a worker has not finished."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__(messages)
        self.sent = {each.id: each for each in messages}

    @property
    def unfinished(self) -> list[Message]:
        """What was not finished, in the order of its first delivery."""
        finished = set(self.finished)
        return [each for each in self.sent.values() if each.id not in finished]


class Site(NamedTuple):
    """One trial's Redis, the proxy before it, and the settings of psd on it."""

    server: RedisServer
    proxy: RedisProxy
    settings: Settings
    folder: Path


class PowerCut:
    """Trials with a Redis of their own, a few beside each other."""

    name = "power-cut"
    short = 10
    whole = 200

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        self._cut_bytes: list[int] = []
        self._lost_fields = self._replayed = self._fast_cuts = 0
        tally = await run_in_lanes(self.name, trials, seed, self._folder, self._trial, say)
        cuts = [each for each in self._cut_bytes if each]
        tally.notes.append(
            f"{len(cuts)} of {len(self._cut_bytes)} cuts took {sum(cuts):,} bytes; fast: "
            f"{self._lost_fields} fields reported lost in {self._fast_cuts} trials, "
            f"{self._replayed} events booked again by psd replay"
        )
        return tally

    @asynccontextmanager
    async def _folder(self, lane: int) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-{lane}-") as folder:
            yield Path(folder)

    async def _trial(self, folder: Path, seed: int) -> Tally:
        rng = random.Random(f"{self.name} {seed}")
        stream = generate(seed, MESSAGES, OWNERS)
        durable = seed % 2 == 0
        tally = Tally(trials=1, kills=1, duplicates_suppressed=stream.repeats)
        async with _site(folder / str(seed), durable) as site:
            found = await (self._durable if durable else self._fast)(site, stream, rng, tally)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        tally.failures += failures_of(self.name, seed, found)
        return tally

    async def _durable(
        self, site: Site, stream: Stream, rng: random.Random, tally: Tally
    ) -> list[Difference]:
        """Cut in the middle of the work, deliver again what was not finished."""
        cut = self._cut(site, rng, then_silent=True)
        survives, exactly = rng.random() < 0.5, rng.random() < 0.5
        first = Delivered(_messages(stream))
        async with contextlib.AsyncExitStack() as work:
            await work.enter_async_context(_working(site, first))
            await wait_until(
                "the cut, or the end of the work",
                lambda: cut.withheld or not first.unfinished,
                DRAIN_TIMEOUT_S,
            )
            await asyncio.to_thread(site.server.kill9)
            site.proxy.passes_reply = lambda _unanswered: True
            if not survives:
                await work.aclose()
            await asyncio.to_thread(self._cut_and_start, site, cut, rng, exactly)
            queue = first
            if not survives:
                queue = Delivered(first.unfinished)
                await work.enter_async_context(_working(site, queue))
            tally.notes.append(f"{len(queue.unfinished)} delivered again")
            await _drained(queue)
        return await _differences(site, stream)

    async def _fast(
        self, site: Site, stream: Stream, rng: random.Random, tally: Tally
    ) -> list[Difference]:
        """Cut after the work, look what is lost, and replay the archive."""
        cut = self._cut(site, rng, then_silent=False)
        queue = Delivered(_messages(stream))
        async with _working(site, queue):
            await _drained(queue)
        await asyncio.to_thread(site.server.kill9)
        lost_bytes = await asyncio.to_thread(self._cut_and_start, site, cut, rng, True)
        lost = await _differences(site, stream)
        booked = await asyncio.to_thread(_replay, site)
        tally.notes.append(f"{len(lost)} fields lost, {booked} events booked again")
        if (lost_bytes > 0) != bool(lost) or bool(lost) != bool(booked):
            tally.failures.append(
                f"{self.name} seed {stream.seed}: {lost_bytes} bytes were cut, but {len(lost)} "
                f"fields found lost and {booked} events booked again"
            )
        self._fast_cuts += 1
        self._lost_fields += len(lost)
        self._replayed += booked
        return await _differences(site, stream)

    def _cut(self, site: Site, rng: random.Random, *, then_silent: bool) -> Cut:
        def file() -> Path:
            return append_only_file(site.server.folder)

        cut = Cut(file, rng.randint(*REPLIES), then_silent=then_silent)
        site.proxy.passes_reply = cut.passes
        return cut

    def _cut_and_start(self, site: Site, cut: Cut, rng: random.Random, exactly: bool) -> int:
        """Leave the kept bytes, or also some behind them; returns how many went."""
        file = append_only_file(site.server.folder)
        size = file.stat().st_size
        kept = cut.kept_bytes if cut.was_reached else size
        kept = kept if exactly else rng.randint(kept, size)
        with file.open("r+b") as opened:
            opened.truncate(kept)
        self._cut_bytes.append(size - kept)
        site.server.start()
        return size - kept


POWER_CUT = PowerCut()


@asynccontextmanager
async def _site(folder: Path, durable: bool) -> AsyncIterator[Site]:
    server = RedisServer(folder / "redis", options=KEEP if durable else EVERY_SECOND)
    try:
        await asyncio.to_thread(server.start)
        async with RedisProxy(server.socket) as proxy:
            flags = {
                "redis.url": proxy.url,
                "redis.durability": "durable" if durable else "fast",
                "redis.timeout_s": TIMEOUT_S,
                "worker.batch_messages": 20,
                "archive.folder": str(folder / "archive"),
            }
            yield Site(server, proxy, load_settings(flags=flags).settings, folder)
    finally:
        await asyncio.to_thread(server.remove)


@asynccontextmanager
async def _working(site: Site, queue: MemoryQueue) -> AsyncIterator[None]:
    """A worker at work on the queue; at the end it is dropped with all that it has in hand."""
    runtime = await open_runtime(site.settings, archiving=True)
    worker = Worker(
        queue,
        BookingHandler(runtime.rules),
        runtime.settings,
        runtime.metrics,
        runtime.clock,
        runtime.intake,
    )
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runtime.close()


async def _drained(queue: Delivered) -> None:
    await wait_until("every message is finished", lambda: not queue.unfinished, DRAIN_TIMEOUT_S)


def _messages(stream: Stream) -> list[Message]:
    return [message(body, f"{stream.seed}-{at}") for at, body in enumerate(stream.bodies)]


async def _differences(site: Site, stream: Stream) -> list[Difference]:
    async with site.server.client(timeout_s=30) as client:
        return await differences(client, stream)


def _replay(site: Site) -> int:
    """Replay everything that the archive holds, by the command; how many events it booked."""
    flags = {
        "redis.url": site.server.url,
        "redis.timeout_s": REPLAY_TIMEOUT_S,
        "archive.folder": site.settings.archive.folder,
    }
    command = [sys.executable, "-m", "psd"]
    for key, value in flags.items():
        command += ["--set", f"{key}={value}"]
    done = subprocess.run(
        [*command, "replay", "--from", "0", "--to", "4102444800"],
        capture_output=True,
        text=True,
        timeout=REPLAY_TIMEOUT_S,
        cwd=site.folder,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, f"psd replay: {done.stdout}{done.stderr}"
    booked = re.search(r"([\d,]+) booked", done.stdout)
    return int(booked[1].replace(",", "")) if booked else 0
