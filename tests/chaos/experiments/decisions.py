"""Decisions and bookings under kills, then the store is a copy from somewhere in between: all back.

Two processes decide about boards, members, finals, receipts, the blacklist and overrides, each
about subjects of its own, while a worker books. They are killed at random moments, and between
archive and store (``decision_archived``) or store and answer (``decision_kept``), and started again
with what nobody was told of; Redis is killed as well. Somewhere the store is copied. When all is
done, the copy takes the store's place, and ``psd replay`` must bring every decision and every
bucket to what plain dictionaries and the list of events say.

    python -m tests.chaos.run --only decisions --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from psd.config_sources import load_settings
from psd.runtime import open_runtime
from tests.chaos.decider import Orders
from tests.chaos.oracle import differences
from tests.chaos.stage import Stage, patient
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import InLanes, Tally, failures_of
from tests.support.engine import PATIENCE_S
from tests.support.processes.worker_process import CHECKOUT, environment
from tests.support.rewards.decisions import Deed, plain, random_deeds, told
from tests.support.waiting import wait_until

MESSAGES, OWNERS = 120, 3
DEEDS = 40
PLACES = ("a", "b")
DIES_AT = ("decision_archived", "decision_kept", "random")
KILLS = 2
"""Of each process that decides. A turn that was taken and not ended holds others up for 3 s."""

PASSES_MAX = 12
MOMENT_S = (0.6, 1.5)
WORK_TIMEOUT_S = 270.0
REPLAY_TIMEOUT_S = 180.0

_COPY = """
local copy = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  copy[#copy + 1] = {key, redis.call('PTTL', key), redis.call('DUMP', key)}
end
return copy
"""


class Work(NamedTuple):
    """What a trial decides and books, and where its chances come from."""

    seed: int
    rng: random.Random
    deeds: dict[str, list[Deed]]
    stream: Stream


class Decisions(InLanes):
    """Trials with servers of their own, a few beside each other."""

    name = "decisions"
    short = 3
    whole = 100

    async def _trial(self, folder: Path, seed: int) -> Tally:
        rng = random.Random(f"{self.name} {seed}")
        deeds = {place: random_deeds(rng, place, DEEDS) for place in PLACES}
        work = Work(seed, rng, deeds, generate(seed, MESSAGES, OWNERS))
        tally = Tally(trials=1, duplicates_suppressed=work.stream.repeats)
        async with Stage(folder / str(seed)) as stage:
            copy = await self._worked(stage, work, tally)
            await self._lose(stage, copy)
            tally.notes.append(await asyncio.to_thread(_replay, stage))
            await self._compare(stage, work, tally)
        return tally

    async def _worked(self, stage: Stage, work: Work, tally: Tally) -> list[Any]:
        """All decided and booked, whatever was killed; a copy from somewhere in between."""
        stage.start_worker()
        await stage.consuming()
        copies: list[list[Any]] = []
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                rng = random.Random(f"{place} {work.seed}")
                group.create_task(_decide(stage, work.deeds[place], rng, tally))
            group.create_task(_copied(stage, work.rng.uniform(0.7, 2.0), copies))
            half = len(work.stream.bodies) // 2
            await stage.publish(work.stream.bodies[:half])
            await asyncio.sleep(work.rng.uniform(0.5, 1.5))
            await stage.restart_redis()
            tally.kills += 1
            await stage.publish(work.stream.bodies[half:])
        await stage.drained()
        worker = stage.workers[0]
        worker.terminate()
        await worker.gone()
        return copies[0]

    async def _lose(self, stage: Stage, copy: list[Any]) -> None:
        """Put the copy in the store's place."""
        await stage.client.flushall()
        for key, lifetime_ms, dumped in copy:
            await stage.client.restore(key, max(lifetime_ms, 0), dumped)

    async def _compare(self, stage: Stage, work: Work, tally: Tally) -> None:
        """What stands, held against the plain lists of what was decided and sent."""
        found = await differences(stage.client, work.stream)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        wanted = plain(deed for place in PLACES for deed in work.deeds[place])
        psd = await open_runtime(load_settings(flags=patient(stage)).settings)
        try:
            stands = await told(psd, PLACES)
        finally:
            await psd.close()
        wrong = [
            f"{kind} {name}: {stands[kind].get(name)!r}, should be {wanted[kind].get(name)!r}"
            for kind in wanted
            for name in sorted({*wanted[kind], *stands[kind]})
            if wanted[kind].get(name) != stands[kind].get(name)
        ]
        tally.lost += len(wrong)
        tally.failures += failures_of(self.name, work.seed, [*found, *wrong])


DECISIONS = Decisions()


async def _decide(stage: Stage, deeds: list[Deed], rng: random.Random, tally: Tally) -> None:
    """Decide all, by one process after the other; each but the last is killed."""
    done = 0
    for number in range(KILLS + 1):
        place = rng.choice(DIES_AT) if number < KILLS else ""
        failpoint = f"{place}:{rng.randint(1, PASSES_MAX)}" if place.startswith("decision") else ""
        process = await asyncio.to_thread(_start, stage, deeds[done:], failpoint)
        try:
            if place == "random":
                await asyncio.sleep(rng.uniform(*MOMENT_S))
                process.kill()
            told_lines, errors = await asyncio.wait_for(
                asyncio.to_thread(process.communicate), WORK_TIMEOUT_S
            )
        finally:
            process.kill()
        done += len(told_lines.splitlines())
        tally.kills += process.returncode != 0
        if process.returncode not in (0, -9):
            raise RuntimeError(f"the decider ended with {process.returncode}: {errors[-2000:]!r}")
    assert done == len(deeds), f"{done} of {len(deeds)} decisions were made"


def _start(stage: Stage, deeds: list[Deed], failpoint: str) -> subprocess.Popen[bytes]:
    orders = Orders(stage.redis.url, str(stage.archive_folder), deeds)
    armed = {"PSD_FAILPOINT": failpoint} if failpoint else {}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.decider", msgspec.json.encode(orders).decode()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=CHECKOUT,
        env={**environment(), **armed},
    )


async def _copied(stage: Stage, after_s: float, copies: list[list[Any]]) -> None:
    """Everything that the store holds at one moment."""
    await asyncio.sleep(after_s)

    async def taken() -> bool:
        client: Redis = stage.client
        try:
            copies.append(await client.eval(_COPY, 0))
        except RedisError:
            return False
        return True

    await wait_until("the store is copied", taken, WORK_TIMEOUT_S)


def _replay(stage: Stage) -> str:
    """Replay everything that the archive holds, by the command; what it said."""
    done = subprocess.run(
        stage.command("replay", "--from", "1", redis__timeout_s=PATIENCE_S),
        capture_output=True,
        text=True,
        timeout=REPLAY_TIMEOUT_S,
        cwd=stage.folder,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, f"psd replay: {done.stdout}{done.stderr}"
    return done.stdout.strip()
