"""A backup while workers book and servers write, then the store is lost: all of it comes back.

A stream is published all the time, and HTTP clients add to users of their own. One ``psd backup``
is killed at a random page, the next one is whole. Later nobody works any more and the store is
emptied; ``psd restore`` is killed at a random page and goes on by the same command, and ``psd
replay`` books what was accepted since. The restored store agrees with itself before the replay, and
behind it every bucket is what plain Python says of all that was accepted, to the byte.

    python -m tests.chaos.run --only backups --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from psd.engine.events import Report
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.callers import Callers, calling
from tests.chaos.drill import Drill
from tests.chaos.oracle import differences
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import InLanes, Tally, failures_of

MESSAGES, OWNERS = 300, 4
TOGETHER = 4
WORKERS = 2
WRITERS = 3
FIRST_UID = 2**43
NOON_S = 1_460_462_400
PAGES_MAX = 2
BETWEEN_S = 0.01


class Backups(InLanes):
    """Trials with servers of their own."""

    name = "backups"
    short = 1
    whole = 60

    async def _trial(self, folder: Path, seed: int) -> Tally:
        rng = random.Random(f"{self.name} {seed}")
        stream = generate(seed, MESSAGES, OWNERS)
        tally = Tally(trials=1, duplicates_suppressed=stream.repeats)
        async with Stage(folder / str(seed)) as stage:
            drill = Drill(stage)
            await _booked(stage, drill, stream, rng)
            await self._compare(stage, stream, tally)
            await drill.lose()
            await _killed(stage, "restore", drill, rng)
            tally.notes.append(await drill.restore())
            await self._compare(stage, stream, tally)
        tally.kills += 2
        return tally

    async def _compare(self, stage: Stage, stream: Stream, tally: Tally) -> None:
        found = await differences(stage.client, stream)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        tally.failures += failures_of(self.name, stream.seed, found)


BACKUPS = Backups()


async def _booked(stage: Stage, drill: Drill, stream: Stream, rng: random.Random) -> None:
    """Book all of the stream; a backup is taken meanwhile."""
    stage.keep_workers(WORKERS)
    await stage.start_server()
    await stage.consuming()
    is_over = asyncio.Event()
    half = len(stream.bodies) // 2
    await stage.publish(stream.bodies[:half])
    async with (
        calling(lambda: [server.url for server in stage.servers]) as callers,
        asyncio.TaskGroup() as group,
    ):
        for number in range(WRITERS):
            group.create_task(_write_on(callers, stream, number, is_over))
        await _killed(stage, "backup", drill, rng)
        group.create_task(_publish(stage, stream.bodies[half:]))
        await drill.take()
        is_over.set()
    assert drill.manifest["read_again"] > 0, "nobody has written while the backup was taken"
    await stage.drained()


async def _publish(stage: Stage, bodies: list[bytes]) -> None:
    for start in range(0, len(bodies), TOGETHER):
        await stage.publish(bodies[start : start + TOGETHER])
        await asyncio.sleep(BETWEEN_S)


async def _write_on(callers: Callers, stream: Stream, number: int, is_over: asyncio.Event) -> None:
    """Add to a user of one's own; what a server said that it has is in the stream."""
    uid, count = FIRST_UID + 1_000 * stream.seed + number, 0
    stream.roots.append(ONE_SERVER.owner_root(uid))
    while not is_over.is_set():
        count += 1
        second = NOON_S + count
        made = Report(1, uid, 0, count % 3, count, second, second, f"{number}-{count}")
        await callers.write(made)
        stream.events.append(made)
        await asyncio.sleep(BETWEEN_S)


async def _killed(stage: Stage, command: str, drill: Drill, rng: random.Random) -> None:
    """A command that dies when some hundred keys are done; what it left stands for nothing."""
    place = {"backup": "copied_page", "restore": "restored_page"}[command]
    failpoint = f"{place}:{rng.randint(1, PAGES_MAX)}"
    process = stage.start_command(command, str(drill.folder), failpoint=failpoint)
    await process.gone()
    assert process.was_killed, f"{failpoint}: {process.log}"
    assert drill.folder.exists() == (command == "restore")
