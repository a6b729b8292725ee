"""Kills of workers, of Redis, and of both: SIGKILL in the middle of a stream, then every bucket.

Two or three workers consume. A trial publishes 330 messages of four new owners in parts, kills in
between, waits until nsqd has nothing unfinished, and compares every field of every key, the sums
that a server tells over HTTP, and the archive, which must have every message. Of ten seeds in a
row, two kill one of the workers at a random moment, the others a worker at a named place, of which
four are between booking and FIN:

    seed % 10    0, 1      2           3              4           5, 6         7, 8        9
    place        random    after_read  before_script  after_send  after_reply  before_fin  after_fin
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from psd.archive.reader import Damage, read_entries
from tests.chaos.answers import wrong_answers
from tests.chaos.oracle import differences
from tests.chaos.stage import Process, Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.servers.redis_server import KEEP
from tests.support.waiting import wait_until

MESSAGES = 300
OWNERS = 4
WORKERS = 2
"""Those that stay; the one that dies at a failpoint comes for its trial."""

PARTS = 6
MOMENT_MAX_S = 0.02
TIMES_MAX = 3
ROUNDS_MAX = 10
FAILPOINT_TIMEOUT_S = 120.0
ANSWERS_WITHIN_S = 60.0

# Rewritten often, so that Redis is also killed while it rewrites and starts on a short file.
REDIS_OPTIONS = (*KEEP, "--auto-aof-rewrite-min-size", "8mb")

RANDOM = "random"
BETWEEN_BOOKING_AND_FIN = ("after_reply", "before_fin")
PLACES = (
    *(RANDOM, RANDOM, "after_read", "before_script", "after_send"),
    *("after_reply", "after_reply", "before_fin", "before_fin", "after_fin"),
)

Kill = Callable[[], Awaitable[None]]


class KillExperiment:
    """Trials of which each kills a worker, or Redis, or both."""

    def __init__(self, name: str, short: int, whole: int, *, worker: bool, redis: bool) -> None:
        self.name = name
        self.short = short
        self.whole = whole
        self._kills_worker = worker
        self._kills_redis = redis
        self._unfinished: list[int] = []

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up, a few beside each other."""
        self._unfinished = []
        tally = await run_in_lanes(self.name, trials, seed, self._stage, self._trial, say)
        busy = sum(unfinished > 0 for unfinished in self._unfinished)
        moments = len(self._unfinished)
        tally.notes.append(f"{busy} of {moments} kills at random met unfinished messages")
        return tally

    @asynccontextmanager
    async def _stage(self, lane: int) -> AsyncIterator[Stage]:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-"))
        async with Stage(folder, redis_options=REDIS_OPTIONS) as stage:
            await stage.start_server()
            yield stage

    async def _trial(self, stage: Stage, seed: int) -> Tally:
        rng, started_ms = random.Random(f"{self.name} {seed}"), time.time_ns() // 1_000_000
        stream = generate(seed, MESSAGES, OWNERS)
        tally = Tally(trials=1, duplicates_suppressed=stream.repeats)
        place = PLACES[seed % len(PLACES)]
        kills: list[Kill] = []
        victim = await at_work(stage, rng, place if self._kills_worker else "")
        if victim is not None and not victim.failpoint:
            kills.append(lambda: asyncio.to_thread(victim.kill))
        if self._kills_redis:
            kills.append(stage.restart_redis)
            tally.notes.append("redis")
        self._unfinished += await publish_and_kill(stage, stream, kills, rng)
        if victim is not None:
            await await_death(stage, stream, victim, tally)
            tally.notes.append(f"worker {victim.failpoint or place}")
            tally.kills_before_fin += place in BETWEEN_BOOKING_AND_FIN
        tally.kills += (victim is not None) + self._kills_redis
        await compare_drained(self.name, stage, stream, tally, started_ms)
        return tally


async def at_work(stage: Stage, rng: random.Random, place: str) -> Process | None:
    """All workers consuming; the one that will die: at a place, any of them, or none for ""."""
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    victim: Process | None = None
    if place == RANDOM:
        victim = rng.choice(stage.workers)
    elif place:
        victim = stage.start_worker(f"{place}:{rng.randint(1, TIMES_MAX)}")
    await stage.consuming()
    return victim


async def publish_and_kill(
    stage: Stage, stream: Stream, kills: Sequence[Kill], rng: random.Random
) -> list[int]:
    """Publish in parts, and each kill at a random moment after a random one of them.

    Returns how many messages were unfinished at each kill.
    """
    size = -(-len(stream.bodies) // PARTS)
    due = [(rng.randrange(PARTS), kill) for kill in kills]
    rng.shuffle(due)
    unfinished: list[int] = []
    for part in range(PARTS):
        await stage.publish(stream.bodies[part * size : (part + 1) * size])
        for at, kill in due:
            if at == part:
                await asyncio.sleep(rng.uniform(0, MOMENT_MAX_S))
                unfinished.append(await asyncio.to_thread(stage.unfinished))
                await kill()
    return unfinished


async def await_death(stage: Stage, stream: Stream, victim: Process, tally: Tally) -> None:
    """Wait until the victim is dead; publish everything again as long as it has not come to it."""

    async def dead_or_idle() -> bool:
        return not victim.running or await asyncio.to_thread(stage.unfinished) == 0

    for _ in range(ROUNDS_MAX):
        await wait_until(f"{victim.failpoint} is reached", dead_or_idle, FAILPOINT_TIMEOUT_S)
        if victim.was_killed:
            return
        assert victim.running, f"the worker left by itself:\n{victim.log[-2000:]}"
        await stage.publish(stream.bodies)
        tally.duplicates_suppressed += len(stream.bodies)
    raise TimeoutError(f"{victim.failpoint} was not reached in {ROUNDS_MAX} rounds")


async def compare_drained(
    name: str, stage: Stage, stream: Stream, tally: Tally, started_ms: int
) -> None:
    """Wait until nothing is unfinished, then compare; what is exact is forgotten."""
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    await stage.drained()
    missing = await asyncio.to_thread(
        missing_from_archive, stage.archive_folder, stream, started_ms
    )
    tally.failures += failures_of(name, stream.seed, missing)
    found = await differences(stage.client, stream)
    if found:
        # While nsqd moves a message between its queues, it counts it nowhere.
        await stage.drained()
        found = await differences(stage.client, stream)
    tally.lost += sum(each.kind == "lost" for each in found)
    tally.doubled += sum(each.kind == "doubled" for each in found)
    tally.failures += failures_of(name, stream.seed, found)
    letters = await asyncio.to_thread(stage.dead_letters)
    if letters:
        tally.failures.append(f"{name} seed {stream.seed}: {letters} messages are dead letters")
    if not found:
        tally.failures += failures_of(name, stream.seed, await answers_of(stage, stream))
        await stage.forget(stream)


async def answers_of(stage: Stage, stream: Stream) -> list[str]:
    """What the server tells wrongly; it may say 503 while it has not seen that Redis is back."""
    found: list[str] = []

    async def answered() -> bool:
        found[:] = await asyncio.to_thread(wrong_answers, stage.servers[0].url, stream)
        return True

    await wait_until("the server answers", answered, ANSWERS_WITHIN_S)
    return found


def missing_from_archive(folder: Path, stream: Stream, started_ms: int) -> list[str]:
    """Messages of the stream that a replay would not find, and damage that no kill explains."""
    damages: list[Damage] = []
    now_ms = time.time_ns() // 1_000_000
    kept = {entry.body for entry in read_entries(folder, started_ms, now_ms + 1, damages)}
    missing = set(stream.bodies) - kept
    spoiled = [f"archive: {damage}" for damage in damages if not damage.is_tail]
    return [*(f"not in the archive: {body[:200]!r}" for body in missing), *spoiled]


WORKER_KILLS = KillExperiment("worker-kills", 80, 1_000, worker=True, redis=False)
REDIS_KILLS = KillExperiment("redis-kills", 12, 500, worker=False, redis=True)
MIXED_KILLS = KillExperiment("mixed-kills", 16, 500, worker=True, redis=True)
