"""Kills of nsqd: it promises to keep no more than what it wrote to its disk, and psd loses no more.

A producer publishes a stream until nsqd has acknowledged all of it; at a random moment nsqd gets
SIGKILL and starts again. Two workers consume. What nsqd had not kept is gone, and a trial asks

- that every message acknowledged after the restart is booked, and with the queue on disk
  (odd seeds, ``-mem-queue-size=0 -sync-every=1``) every one that was not on its way to a worker:
  at most max_in_flight of two workers. In memory (even seeds) everything unfinished goes;
- that each message is booked whole or not at all, and exactly those that the archive holds;
- that the store is, at every level, what the booked messages alone make: nothing doubled, nothing
  of the lost ones left behind;
- that after the whole stream is published again every bucket is exact.
"""

from __future__ import annotations

import asyncio
import functools
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from psd.archive.reader import read_entries
from psd.config import Settings
from psd.engine.event_rules import rules_of
from psd.engine.events import Event
from tests.chaos.oracle import compare, differences, expected
from tests.chaos.stage import SETTINGS, Stage
from tests.chaos.stored import Fields, stored
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.servers.nsqd import KILL_SAFE
from tests.support.waiting import wait_until

NAME = "nsqd-kills"
MESSAGES = 600
OWNERS = 4
WORKERS = 2
ON_DISK_LOST_MAX = WORKERS * int(str(SETTINGS["queue.max_in_flight"]))
PUBLISHED_TOGETHER = 20
MOMENT_MAX_S = {"memory": 0.3, "disk": 1.0}
"""A kill comes while the stream is published, which the disk makes slower."""

BACK_S = 120.0
END_MS = 2**53
RULES = rules_of(Settings())


class NsqdKillsExperiment:
    """One kill of nsqd a trial, in turn with its queue in memory and on disk."""

    name = NAME
    short = 6
    whole = 100

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials, a few beside each other."""
        gone: list[int] = []

        async def trial(stage: Stage, seed: int) -> Tally:
            return await _trial(stage, seed, gone)

        tally = await run_in_lanes(NAME, trials, seed, _stage, trial, say)
        tally.notes.append(f"nsqd lost {sum(gone)} messages in {len(gone)} kills")
        return tally


def _stage(lane: int) -> Stage:
    return Stage(Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-")))


async def _trial(stage: Stage, seed: int, gone: list[int]) -> Tally:
    where = "disk" if seed % 2 else "memory"
    await _prepare(stage, where)
    stream = generate(seed, MESSAGES, OWNERS)
    events = {body: _events_of(body) for body in stream.bodies}
    began_ms = int(time.time() * 1000)
    producer = _Producer(stage, stream)
    moment_s = random.Random(f"{NAME} {seed}").uniform(0, MOMENT_MAX_S[where])
    await _publish_and_kill(stage, producer, moment_s)
    await stage.drained()
    fields = await stored(stage.client, stream.roots)
    missing = {body for body in events if not any(_is_booked(fields, e) for e in events[body])}
    gone.append(len(missing))
    there = [event for body in events.keys() - missing for event in events[body]]
    archived = {e.body for e in read_entries(stage.archive_folder, began_ms, END_MS)}
    found = compare(expected(there), fields)
    failures = _unexplained(stage, missing, producer, archived & events.keys(), set(events))
    await stage.publish(stream.bodies)
    await stage.drained()
    after = await differences(stage.client, stream)
    if not found and not after:
        await stage.forget(stream)
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in [*found, *after]),
        doubled=sum(each.kind == "doubled" for each in [*found, *after]),
        kills=1,
        duplicates_suppressed=producer.published - len(missing),
        notes=[f"{where}: nsqd lost {len(missing)} of {len(events)}"],
        failures=failures_of(NAME, seed, [*failures, *found, *after]),
    )


async def _prepare(stage: Stage, where: str) -> None:
    """Nsqd with its queue where this trial wants it, and two workers on it."""
    in_memory = [option for option in stage.nsqd.options if option not in KILL_SAFE]
    options = [*in_memory, *KILL_SAFE] if where == "disk" else in_memory
    if options != stage.nsqd.options:
        stage.nsqd.options = options
        await asyncio.to_thread(stage.nsqd.stop)
        await asyncio.to_thread(stage.nsqd.start)
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    await stage.consuming()


class _Producer:
    """Publishes a stream in parts, each until nsqd has acknowledged it."""

    def __init__(self, stage: Stage, stream: Stream) -> None:
        self.published = 0
        self.before_the_kill: set[bytes] = set()
        self.killed = False
        self._stage = stage
        self._bodies = stream.bodies

    async def run(self) -> None:
        for start in range(0, len(self._bodies), PUBLISHED_TOGETHER):
            part = self._bodies[start : start + PUBLISHED_TOGETHER]
            await wait_until("nsqd has it", functools.partial(self._acknowledged, part), BACK_S)

    async def _acknowledged(self, part: Sequence[bytes]) -> bool:
        if not self.killed:
            # Also when the answer comes after the kill: nsqd may have given it before.
            self.before_the_kill.update(part)
        try:
            await self._stage.publish(part)
        except OSError:
            return False
        self.published += len(part)
        return True


async def _publish_and_kill(stage: Stage, producer: _Producer, moment_s: float) -> None:
    producing = asyncio.create_task(producer.run())
    await asyncio.sleep(moment_s)
    await asyncio.to_thread(stage.nsqd.kill9)
    producer.killed = True
    await asyncio.to_thread(stage.nsqd.start)
    await producing
    await stage.consuming()


def _unexplained(
    stage: Stage,
    missing: set[bytes],
    producer: _Producer,
    archived: set[bytes],
    everything: set[bytes],
) -> list[str]:
    """Losses that are not nsqd's, and bookings that the archive does not know."""
    failures = []
    later = missing - producer.before_the_kill
    if later:
        failures.append(f"{len(later)} messages are missing that were published after the kill")
    on_disk = KILL_SAFE[0] in stage.nsqd.options
    if on_disk and len(missing) > ON_DISK_LOST_MAX:
        failures.append(f"{len(missing)} messages are missing of a queue on disk")
    if archived != everything - missing:
        unbooked, unknown = len(archived & missing), len(everything - missing - archived)
        failures.append(f"archived and not booked: {unbooked}, booked, not archived: {unknown}")
    return failures


def _events_of(body: bytes) -> list[Event]:
    """What a message of the stream says."""
    return RULES.events(body, int(time.time()), "no-id")


def _is_booked(fields: Fields, event: Event) -> bool:
    """Whether the store knows an event.

    An increment or count leaves its marker, a report its window among its activity's reports.
    """
    made = expected([event])
    marker = next((place for place in made if ":k:" in place[0]), None)
    if marker is not None:
        return marker in fields
    activity = next(place for place in made if place[0].endswith(":a"))
    window = made[activity].partition("/")[0] + "/"
    return any(text.startswith(window) for text in fields.get(activity, "").split())


EXPERIMENT = NsqdKillsExperiment()
