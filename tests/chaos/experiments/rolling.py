"""A rolling restart under load: two workers and two servers, SIGTERM and a new one, in turn.

All the while a producer publishes and HTTP clients write and query over kept connections, trying
the other server where one does not answer, as a proxy does. A trial passes when

- every process that was told to leave did so within its shutdown timeout, with exit code 0;
- a write of which a server had half when it was told to leave was finished and answered 200;
- no message had to time out: what a worker had in hand it finished or gave back;
- no answer was a 5xx, except 503 of a server that was draining;
- every sum that was read while this went on was right;
- nothing was lost or doubled: neither what was published, nor what HTTP clients were told is kept.

A rolling upgrade is the same with another version in place of the one before: there in one trial,
and back in the next (tests/chaos/versions.py).
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.chaos.callers import Callers, calling, half_a_write
from tests.chaos.load import WRITERS, Load
from tests.chaos.oracle import differences
from tests.chaos.stage import CHANNEL, TOPIC, Process, Server, Stage
from tests.chaos.stream import generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.chaos.versions import other_version, version_at, version_of
from tests.support.processes.worker_process import CHECKOUT
from tests.support.waiting import wait_until

NAME, UPGRADE = "rolling-restarts", "rolling-upgrade"
MESSAGES = 300
OWNERS = 4
WORKERS = 2
SERVERS = 2

WORKER_SHUTDOWN_S = 15.0
SERVER_SHUTDOWN_S = 10.0
"""The defaults of worker.shutdown_timeout_s and server.shutdown_timeout_s."""

MSG_TIMEOUT_S = 10
"""Longer than a slow machine holds a batch up: a timeout is one that a leaving worker caused."""

ENDS_WITHIN_S = 120.0
MOMENT_MAX_S = 0.2


class Leaving(NamedTuple):
    """A process that was told to leave: from when to when, of ``time.monotonic``."""

    url: str
    from_s: float
    until_s: float


class RollingExperiment:
    """Two workers and two servers replaced in each trial."""

    name = NAME
    short = 4
    whole = 100

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials on one stage, whose processes are the ones that the last one started."""
        leavings: list[Leaving] = []

        async def trial(stage: Stage, seed: int) -> Tally:
            return await self._trial(stage, seed, leavings)

        tally = await run_in_lanes(self.name, trials, seed, self._stage, trial, say, lanes=1)
        slowest_s = max((each.until_s - each.from_s for each in leavings), default=0)
        tally.notes.append(f"{len(leavings)} left, the slowest in {slowest_s:.1f} s")
        return tally

    def _stage(self, lane: int) -> Stage:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-"))
        return Stage(folder, settings={"queue.msg_timeout_s": MSG_TIMEOUT_S})

    async def _trial(self, stage: Stage, seed: int, leavings: list[Leaving]) -> Tally:
        return await _trial(stage, seed, leavings, self.name, lambda: None)


class RollingUpgrade(RollingExperiment):
    """Each trial brings the other of two versions."""

    name = UPGRADE
    short = 2
    whole = 40

    def _stage(self, lane: int) -> Stage:
        stage = super()._stage(lane)
        stage.code = other_version(stage.folder / "other")
        return stage

    async def _trial(self, stage: Stage, seed: int, leavings: list[Leaving]) -> Tally:
        other = other_version(stage.folder / "other")
        code = CHECKOUT if stage.code == other else other

        def turn() -> None:
            stage.code = code

        tally = await _trial(stage, seed, leavings, self.name, turn)
        versions = {
            await asyncio.to_thread(version_at, server.url, ENDS_WITHIN_S)
            for server in stage.servers
        }
        if versions != {version_of(code)}:
            tally.failures.append(f"{self.name} seed {seed}: servers are of {sorted(versions)}")
        tally.notes.append(f"to {version_of(code)}")
        return tally


async def _trial(
    stage: Stage, seed: int, leavings: list[Leaving], name: str, begin: Callable[[], None]
) -> Tally:
    """Replace everybody, by what ``begin`` has made of the stage once the old ones run."""
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    while len(stage.servers) < SERVERS:
        await stage.start_server()
    await stage.consuming()
    stream = generate(seed, MESSAGES, OWNERS)
    load = Load(stage, seed, stream)
    begin()
    roll = _Roll(stage, random.Random(f"{NAME} {seed}"), load)
    timed_out = _timed_out(stage)
    async with calling(lambda: [server.url for server in stage.servers]) as callers:
        try:
            await load.during(callers, roll.run)
        except ExceptionGroup as group:
            # The first says what happened; the others were cancelled with it.
            raise group.exceptions[0] from group
    leavings += roll.leavings
    await stage.drained()
    found = await differences(stage.client, stream)
    if _timed_out(stage) > timed_out:
        roll.failures.append(f"{_timed_out(stage) - timed_out} messages timed out")
    failures = [*roll.failures, *load.failures, *_wrong_refusals(callers, roll.leavings)]
    if not found:
        await stage.forget(stream)
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=load.published - len(stream.bodies) + stream.repeats,
        notes=[
            f"{callers.answers} answers, {len(callers.refusals)} of them 503 while draining, "
            f"{callers.tried_again} tried again, {load.published} messages, "
            f"slowest exit {max(each.until_s - each.from_s for each in roll.leavings):.1f} s"
        ],
        failures=failures_of(name, seed, [*found, *failures]),
    )


def _timed_out(stage: Stage) -> int:
    """Messages that workers let time out, since nsqd started."""
    return int(stage.nsqd.channel(TOPIC, CHANNEL)["timeout_count"])


def _wrong_refusals(callers: Callers, leavings: list[Leaving]) -> list[str]:
    """Answers of 500 and more that a server may not give at that moment."""
    return [
        f"{refusal.status} {refusal.text!r} of a server that was not draining"
        for refusal in callers.refusals
        if refusal.status != 503
        or not any(
            each.url == refusal.url and each.from_s <= refusal.at_s <= each.until_s
            for each in leavings
        )
    ]


class _Roll:
    """Replaces every process of a stage, a worker and a server at a time."""

    def __init__(self, stage: Stage, rng: random.Random, load: Load) -> None:
        self.failures: list[str] = []
        self.leavings: list[Leaving] = []
        self._load = load
        self._stage = stage
        self._rng = rng

    async def run(self) -> None:
        for worker, server in zip(
            tuple(self._stage.workers), tuple(self._stage.servers), strict=True
        ):
            await asyncio.sleep(self._rng.uniform(0, MOMENT_MAX_S))
            await asyncio.gather(self._replace_worker(worker), self._replace_server(server))

    async def _replace_worker(self, worker: Process) -> None:
        await self._told_to_leave(worker, "", WORKER_SHUTDOWN_S)
        self._stage.start_worker()
        await self._stage.consuming()

    async def _replace_server(self, server: Server) -> None:
        half = self._load.next_increment(WRITERS)
        async with half_a_write(server.url, half) as finish:
            leaving = asyncio.create_task(
                self._told_to_leave(server, server.url, SERVER_SHUTDOWN_S)
            )
            await wait_until("the server drains", lambda: "draining" in server.log)
            answer = await finish()
            if answer.startswith("HTTP/1.1 200 "):
                self._load.keep(half)
            else:
                self.failures.append(f"a write in hand was answered {answer[:100]!r}")
            await leaving
        await self._stage.start_server()
        self._stage.servers.remove(server)

    async def _told_to_leave(self, process: Process, url: str, within_s: float) -> None:
        what = "a server" if url else "a worker"
        started_s = time.monotonic()
        process.terminate()
        code = await process.gone(ENDS_WITHIN_S)
        ended_s = time.monotonic()
        self.leavings.append(Leaving(url, started_s, ended_s))
        if code != 0:
            self.failures.append(f"{what} left with {code}: {process.log[-1000:]}")
        if ended_s - started_s > within_s:
            self.failures.append(f"{what} left after {ended_s - started_s:.1f} s")


EXPERIMENT = RollingExperiment()
ROLLING_UPGRADE = RollingUpgrade()
