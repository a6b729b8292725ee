"""The disk of the archives is full for a while: nothing is accepted, nothing is lost, it is told.

psd runs as it is but for one place: while the file ``disk-is-full`` lies in the stage's folder,
a write to an archive gets half of its bytes onto the disk and then ENOSPC
(tests/chaos/full_disk_psd.py), so that it needs neither root nor a disk of its own. What must hold
meanwhile is in tests/chaos/outages.py; sums are answered. Afterwards

- every bucket is exact, and no file of the archive has a spoiled frame;
- each process that met the full disk has said so once, and once that it is over.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psd.archive.reader import Damage, read_entries
from tests.chaos.full_disk_psd import FULL
from tests.chaos.oracle import differences
from tests.chaos.outages import Outage
from tests.chaos.redis_troubles import Trouble
from tests.chaos.stage import Stage
from tests.chaos.stream import generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes

NAME = "full-disk"
MESSAGES = 300
OWNERS = 4
WORKERS = 2
LANES = 2
END_MS = 1 << 60
BEGINS, ENDS = "the archive cannot be written", "the archive can be written again"


class FullDiskExperiment:
    """A full disk under two workers and a server, in each trial once."""

    name = NAME
    short = 2
    whole = 20

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials, a few beside each other: most of one is waiting."""
        return await run_in_lanes(NAME, trials, seed, _stage, _trial, say, lanes=LANES)


def _stage(lane: int) -> Stage:
    folder = Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-"))
    return Stage(folder, program="tests.chaos.full_disk_psd")


async def _trial(stage: Stage, seed: int) -> Tally:
    while len(stage.remaining()) < WORKERS:
        stage.start_worker()
    if not stage.servers:
        await stage.start_server()
    await stage.consuming()
    stream = generate(seed, MESSAGES, OWNERS)
    begun, ended = _told(stage, BEGINS), _told(stage, ENDS)
    outage = Outage(stage, seed, Trouble(lambda _: _full(stage.folder), reads=True), "archive")
    await outage.run(stream)
    found = await differences(stage.client, stream)
    failures = [*outage.failures, *_damages(stage.archive_folder)]
    lines = (_told(stage, BEGINS) - begun, _told(stage, ENDS) - ended)
    # Two workers and a server; a worker may have had nothing in hand.
    if lines[0] != lines[1] or not 2 <= lines[0] <= WORKERS + 1:
        failures.append(f"{lines[0]} lines that it began, {lines[1]} that it ended")
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=stream.repeats,
        notes=[f"resumed in {outage.resumed_s:.1f} s"],
        failures=failures_of(NAME, seed, [*found, *failures]),
    )


@asynccontextmanager
async def _full(folder: Path) -> AsyncIterator[None]:
    mark = folder / FULL
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()


def _damages(folder: Path) -> list[str]:
    damages: list[Damage] = []
    for _ in read_entries(folder, 0, END_MS, damages):
        pass
    return [f"spoiled: {each}" for each in damages]


def _told(stage: Stage, line: str) -> int:
    return sum(each.log.count(line) for each in [*stage.workers, *stage.servers])


FULL_DISK = FullDiskExperiment()
