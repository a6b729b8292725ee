"""Clocks that jump while psd works and is killed, then a lost store: all comes back, in order.

Two workers and two servers, each with a clock of its own, which jumps every moment: 40 days ahead
or back, 10 minutes, right again. A worker is killed, and Redis. Meanwhile reports are corrected
over HTTP, by one server after the other, each sent once the one before is answered; and live events
are on the queue, which clocks that are behind find too early. Then the clocks are right, the queue
drains, and nothing may be in the dead letter; the store is emptied, and ``psd replay`` must bring
every bucket back, and of the corrections the last. The days of the archive that are within
``keep_days`` of the right clock are there at the end.

    python -m tests.chaos.run --only clocks --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from psd.engine.events import Report
from tests.chaos.callers import Callers, calling
from tests.chaos.clocked_psd import clock_file
from tests.chaos.oracle import differences
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import InLanes, Tally, failures_of
from tests.support.engine import PATIENCE_S
from tests.support.processes.worker_process import environment

MESSAGES, OWNERS = 150, 3
PARTS = 5
CORRECTIONS = 60
CORRECTED = range(900_001, 900_005)
LIVE_UID, LIVE_EVENTS = 900_009, 40
NOON_S = 1_460_462_400

DAY_S = 86_400
JUMPS_S = (0, 40 * DAY_S, -40 * DAY_S, 600, -600, 60 * DAY_S)
MOMENT_S = (0.05, 0.3)

KEEP_DAYS = 3
REPLAY_TIMEOUT_S = 180.0
STEPS = 1


class Work(NamedTuple):
    """What a trial sends, and where its chances come from."""

    seed: int
    rng: random.Random
    stream: Stream


class Clocks(InLanes):
    """Trials with servers of their own, a few beside each other."""

    name = "clocks"
    short = 3
    whole = 100

    async def _trial(self, folder: Path, seed: int) -> Tally:
        work = Work(seed, random.Random(f"{self.name} {seed}"), generate(seed, MESSAGES, OWNERS))
        tally = Tally(trials=1, duplicates_suppressed=work.stream.repeats)
        stage = Stage(
            folder / str(seed),
            program="tests.chaos.clocked_psd",
            settings={"archive.keep_days": KEEP_DAYS},
        )
        old_days = _old_days(stage.archive_folder)
        async with stage:
            last = await self._worked(stage, work, tally)
            await self._compare(stage, work, last, tally)
            tally.failures += [
                f"{self.name} seed {seed}: {letters} dead letters"
                for letters in [await asyncio.to_thread(stage.dead_letters)]
                if letters
            ]
            await stage.client.flushall()
            tally.notes.append(await asyncio.to_thread(_replay, stage))
            await self._compare(stage, work, last, tally)
        gone = [day.name for day in old_days if not day.is_dir()]
        tally.failures += failures_of(self.name, seed, [f"day {name} is gone" for name in gone])
        return tally

    async def _worked(self, stage: Stage, work: Work, tally: Tally) -> dict[int, int]:
        """All booked, whatever jumped and was killed; what each corrected user has at last."""
        for _ in range(2):
            stage.start_worker()
            await stage.start_server()
        await stage.consuming()
        jumping = asyncio.create_task(_jump(stage, work.rng))
        try:
            async with asyncio.TaskGroup() as group:
                correcting = group.create_task(_correct(stage, random.Random(work.seed)))
                await self._publish_and_kill(stage, work, tally)
        finally:
            jumping.cancel()
            await asyncio.gather(jumping, return_exceptions=True)
            _set_clocks(stage, lambda: 0)
        await stage.drained()
        # A process that starts on an emptied store beside others would call it by a new name.
        await stage.consuming()
        return correcting.result()

    async def _publish_and_kill(self, stage: Stage, work: Work, tally: Tally) -> None:
        rng, bodies = work.rng, work.stream.bodies
        dies_in, restarts_in = rng.randrange(PARTS), rng.randrange(PARTS)
        await stage.publish([_live(aid) for aid in range(LIVE_EVENTS)])
        for part in range(PARTS):
            start, end = (len(bodies) * each // PARTS for each in (part, part + 1))
            await stage.publish(bodies[start:end])
            await asyncio.sleep(rng.uniform(*MOMENT_S))
            if part == dies_in:
                victim = rng.choice(stage.remaining())
                await asyncio.to_thread(victim.kill)
                stage.start_worker()
                tally.kills += 1
            if part == restarts_in:
                await stage.restart_redis()
                tally.kills += 1

    async def _compare(self, stage: Stage, work: Work, last: dict[int, int], tally: Tally) -> None:
        found = await differences(stage.client, work.stream)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        wrong = []
        async with calling(lambda: [server.url for server in stage.servers]) as callers:
            for uid, value in {**last, LIVE_UID: LIVE_EVENTS}.items():
                told = await callers.sum_of(uid)
                tally.lost += told < value
                tally.doubled += told > value
                wrong += [f"user {uid}: {told}, should be {value}"] if told != value else []
        tally.failures += failures_of(self.name, work.seed, [*found, *wrong])


CLOCKS = Clocks()


async def _jump(stage: Stage, rng: random.Random) -> None:
    """Set every clock anew each moment, to one of JUMPS_S."""
    while True:
        _set_clocks(stage, lambda: rng.choice(JUMPS_S))
        await asyncio.sleep(rng.uniform(*MOMENT_S))


def _set_clocks(stage: Stage, ahead_s: Callable[[], int]) -> None:
    for process in (*stage.remaining(), *stage.servers):
        file = clock_file(stage.folder, process.process.pid)
        # Renamed into place: nobody reads half a number.
        new = file.with_suffix(f"{file.suffix}.new")
        new.write_text(str(ahead_s()))
        new.replace(file)


async def _correct(stage: Stage, rng: random.Random) -> dict[int, int]:
    """Correct reports again and again, each once the one before is answered; the last values."""
    last: dict[int, int] = {}

    async def correct(callers: Callers, uid: int) -> None:
        for _ in range(CORRECTIONS // len(CORRECTED)):
            value = rng.randrange(1, 100_000)
            await callers.write(Report(STEPS, uid, 0, 1, value, NOON_S, NOON_S + 60))
            last[uid] = value

    async with calling(lambda: [server.url for server in stage.servers]) as callers:
        await asyncio.gather(*(correct(callers, uid) for uid in CORRECTED))
    return last


def _live(aid: int) -> bytes:
    """An event of now."""
    metric = {"thing": "steps", "uid": LIVE_UID, "aid": aid, "value": 1, "ts2": int(time.time())}
    return msgspec.json.encode({"command": "metric", "metric": metric})


def _old_days(archive: Path) -> list[Path]:
    """Days that are within KEEP_DAYS, with a file each."""
    today = datetime.now(UTC)
    days = [archive / f"{today - timedelta(days=n):%Y%m%d}" for n in range(1, KEEP_DAYS)]
    for day in days:
        day.mkdir(parents=True)
        (day / "host-1-1-0.psda").write_bytes(b"")
    return days


def _replay(stage: Stage) -> str:
    """Replay everything that the archive holds onto the lost store; what the command said."""
    done = subprocess.run(
        stage.command("replay", "--from", "2000-01-01", "--forgotten", redis__timeout_s=PATIENCE_S),
        capture_output=True,
        text=True,
        timeout=REPLAY_TIMEOUT_S,
        cwd=stage.folder,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, f"psd replay: {done.stdout}{done.stderr}"
    return done.stdout.strip()
