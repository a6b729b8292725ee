"""A soak: minutes at 60 % of capacity, one kill in each, and nothing that grows.

Three workers and an HTTP server. First the capacity: how many messages a second they finish when
there are always more. Then, minute by minute, 60 % of that is published: new messages of owners
of that minute, spread over it, and between them messages of the minute once more, which change
nothing. In the middle third of the minute one worker (never the first one) or Redis gets SIGKILL.
At its end everything is compared and forgotten, so that the data set stays small and memory that
grows is not data:

    soak 7/30 seed 7: exact, 227,091 messages at 60% of 7,009 a second, worker killed

Each second the memory and the descriptors of the first worker and of the server, which live
through it all, are looked at, and Redis's memory when it is empty again. The medians of the last
third may not lie above those of the middle third by more than GROWTH
(tests/chaos/samples.py).

A trial is a minute. All of this runs in a process of its own, because working out what a minute of
messages makes would hold up the experiments beside it; it reads /proc, so it needs Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from psd.engine.events import Report
from tests.chaos.answers import END_S, wrong_answers
from tests.chaos.oracle import differences
from tests.chaos.samples import Samples
from tests.chaos.stage import Process, Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.processes.worker_process import CHECKOUT, environment
from tests.support.waiting import wait_until

NAME = "soak"
WORKERS = 3
SHARE_OF_CAPACITY = 0.6
RATE_MAX = 9_000
"""Messages a second: more than one publisher brings to nsqd all the time."""

MINUTE_S = 60.0
PUBLISHING_S = 54.0
"""The rest of the minute is for the last messages, the comparison and the next stream."""

TICK_S = 0.1
PUBLISHED_MAX = 2_000
"""Messages of one tick, also when there is much to make up for: nsqd takes 5 MB at once."""

CAPACITY_S = 6.0
CAPACITY_PART = 500
WAITING_MAX = 5_000
"""Messages that wait while capacity is measured, and at most behind a kill."""

NEW_MAX, NEW_SHARE = 12_000, 0.5
OWNERS = 150
QUERIES_A_SECOND = 20
DRAIN_TIMEOUT_S = 180.0
MINUTES_TO_JUDGE = 2
RESULT = "RESULT "

SETTINGS = {
    # Kills leave messages that come back when their timeout is over; longer than in the trials,
    # so that a machine on which everything runs at once does not deliver what is being worked on.
    "queue.msg_timeout_s": 5,
    "redis.timeout_s": 3.0,
}


class Soak:
    """One row of the table; a trial is a minute."""

    name = NAME
    short = 2
    whole = 30

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run it in a process of its own and pass on what it says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.experiments.soak", str(trials), str(seed)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            cwd=CHECKOUT,
            env={**environment(), "TMPDIR": tempfile.gettempdir(), "CI": "true"},
        )
        assert process.stdout is not None
        tally: Tally | None = None
        try:
            while line := (await process.stdout.readline()).decode():
                if line.startswith(RESULT):
                    tally = msgspec.json.decode(line.removeprefix(RESULT), type=Tally)
                else:
                    say(line.rstrip())
        finally:
            # Stopped before its end, it ends its servers first.
            if process.returncode is None and tally is None:
                process.terminate()
            await process.wait()
        if tally is None:
            raise RuntimeError(f"the soak ended by itself with {process.returncode}")
        return tally


SOAK = Soak()


class Minutes:
    """The soak itself, on one stage."""

    def __init__(self, stage: Stage, samples: Samples) -> None:
        self.stage = stage
        self.samples = samples
        self.capacity = 0.0
        self._oldest: Process
        self._server_url = ""

    async def start(self, seed: int) -> None:
        """Start everything and measure the capacity."""
        for _ in range(WORKERS):
            self.stage.start_worker()
        self._oldest = self.stage.workers[0]
        self._server_url = (await self.stage.start_server()).url
        await self.stage.consuming()
        stream = generate(seed, NEW_MAX // 3, OWNERS)
        self.capacity = await self._measured_capacity(stream)
        await self.stage.drained(DRAIN_TIMEOUT_S)
        await self.stage.forget(stream)
        _say(f"{NAME}: {self.capacity:,.0f} messages a second are finished at most")

    async def minute(self, seed: int) -> Tally:
        """One minute of load with a kill in it, then the comparison."""
        ends_s = time.monotonic() + MINUTE_S
        rng = random.Random(f"{NAME} {seed}")
        rate = min(RATE_MAX, self.capacity * SHARE_OF_CAPACITY)
        new = min(NEW_MAX, int(rate * PUBLISHING_S * NEW_SHARE))
        stream = await asyncio.to_thread(generate, seed, new, OWNERS)
        tally = Tally(trials=1, kills=1)
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._sample()), group.create_task(self._ask(stream))]
            killing = group.create_task(self._kill(rng))
            published = await self._publish(stream, rate, rng)
            killed = await killing
            for task in beside:
                task.cancel()
        share = published / (time.monotonic() - began_s) / self.capacity
        self.samples.shares.append(share)
        tally.duplicates_suppressed = published - len(stream.bodies) + stream.repeats
        tally.notes.append(
            f"{published:,} messages at {share:.0%} of "
            f"{self.capacity:,.0f} a second, {killed} killed"
        )
        await self.stage.drained(DRAIN_TIMEOUT_S)
        await self._compare(stream, tally)
        await self._look_at_empty_redis()
        await asyncio.sleep(max(0.0, ends_s - time.monotonic()))
        return tally

    async def _measured_capacity(self, stream: Stream) -> float:
        """Messages finished a second while there is always more, over CAPACITY_S."""
        published = at = 0
        began_s = time.monotonic()
        while (elapsed_s := time.monotonic() - began_s) < CAPACITY_S:
            if await asyncio.to_thread(self.stage.unfinished) > WAITING_MAX:
                await asyncio.sleep(TICK_S / 4)
                continue
            part = stream.bodies[at : at + CAPACITY_PART]
            await self.stage.publish(part)
            published += len(part)
            at = at + CAPACITY_PART if at + CAPACITY_PART < len(stream.bodies) else 0
        return (published - await asyncio.to_thread(self.stage.unfinished)) / elapsed_s

    async def _publish(self, stream: Stream, rate: float, rng: random.Random) -> int:
        """New messages spread over PUBLISHING_S, and old ones up to the rate; their number."""
        published = new = 0
        began_s = time.monotonic()
        while new < len(stream.bodies):
            await asyncio.sleep(TICK_S)
            elapsed_s = time.monotonic() - began_s
            due = min(1.0, elapsed_s / PUBLISHING_S)
            part = stream.bodies[new : round(len(stream.bodies) * due)][:PUBLISHED_MAX]
            new += len(part)
            missing = min(round(rate * elapsed_s) - published, PUBLISHED_MAX) - len(part)
            part += rng.choices(stream.bodies[:new], k=missing) if new and missing > 0 else []
            if part:
                await self.stage.publish(part)
                published += len(part)
            await self._let_them_catch_up()
        return published

    async def _let_them_catch_up(self) -> None:
        """Hold back while too much waits: memory that the backlog takes would look like growth."""
        await wait_until(
            "the backlog is short",
            lambda: self.stage.unfinished() < WAITING_MAX,
            DRAIN_TIMEOUT_S,
        )

    async def _kill(self, rng: random.Random) -> str:
        """In the middle third of the minute; what was killed, which then runs again."""
        await asyncio.sleep(rng.uniform(PUBLISHING_S / 3, PUBLISHING_S * 2 / 3))
        if rng.random() < 0.5:
            await self.stage.restart_redis()
            return "Redis"
        others = [each for each in self.stage.remaining() if each is not self._oldest]
        await asyncio.to_thread(rng.choice(others).kill)
        self.stage.start_worker()
        return "worker"

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.samples.add_process("worker", self._oldest.process.pid)
            self.samples.add_process("server", self.stage.servers[0].process.pid)

    async def _ask(self, stream: Stream) -> None:
        """Give the server something to do; while Redis is killed it may say 503, and nothing else.

        Each owner's steps in turn, QUERIES_A_SECOND.
        """
        uids = sorted({event.uid for event in stream.events if isinstance(event, Report)})
        async with aiohttp.ClientSession(self._server_url) as session:
            for uid in itertools.cycle(uids):
                path = f"/v1/query_ids/steps/all/0/{END_S}"
                async with session.post(path, data={"ids": str(uid)}) as answer:
                    assert answer.status in (200, 503), f"{answer.status} {await answer.text()}"
                    await answer.read()
                await asyncio.sleep(1 / QUERIES_A_SECOND)

    async def _compare(self, stream: Stream, tally: Tally) -> None:
        found = await differences(self.stage.client, stream)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        tally.failures += failures_of(NAME, stream.seed, found)
        wrong = await asyncio.to_thread(wrong_answers, self._server_url, stream)
        tally.failures += failures_of(NAME, stream.seed, wrong)
        letters = await asyncio.to_thread(self.stage.dead_letters)
        if letters:
            tally.failures.append(f"{NAME} seed {stream.seed}: {letters} messages are dead letters")
        for process in (self._oldest, *self.stage.servers):
            if not process.running:
                tally.failures.append(f"{NAME} seed {stream.seed}: a process left by itself")
        await self.stage.forget(stream)

    async def _look_at_empty_redis(self) -> None:
        async def freed() -> bool:
            memory = await self.stage.client.info("memory")
            return int(memory["lazyfree_pending_objects"]) == 0

        await wait_until("what was forgotten is freed", freed)
        memory = await self.stage.client.info("memory")
        clients = await self.stage.client.info("clients")
        self.samples.add("empty Redis", "MB", int(memory["used_memory"]) / 1e6)
        self.samples.add("Redis", "descriptors", int(clients["connected_clients"]))


async def soak(minutes: int, seed: int) -> Tally:
    """So many minutes, from the seed on; what fails ends its stage, and the next one goes on."""
    samples = Samples()
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)

    @asynccontextmanager
    async def lane(_number: int) -> AsyncIterator[Minutes]:
        folder = Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
        async with Stage(folder, settings=SETTINGS) as stage:
            minutes_on_it = Minutes(stage, samples)
            await minutes_on_it.start(seed)
            yield minutes_on_it

    tally = await run_in_lanes(NAME, minutes, seed, lane, Minutes.minute, _say, lanes=1)
    if samples.shares:
        tally.notes.append(f"at {statistics.mean(samples.shares):.0%} of capacity")
    tally.notes.append(str(samples))
    if minutes >= MINUTES_TO_JUDGE:
        tally.failures += [f"{NAME}: {each}" for each in samples.growing()]
    return tally


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run as :class:`Soak` asks, and say the tally last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=int)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    try:
        tally = asyncio.run(soak(options.minutes, options.seed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(1)
    _say(RESULT + msgspec.json.encode(tally).decode())


if __name__ == "__main__":
    main()
