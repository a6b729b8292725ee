"""Kills of those who keep readings of meters: SIGKILL before their energy is booked, or behind it.

A trial sends all that a random meter ever says to four workers: first some mistakes, then what
corrects them and the rest, everything twice and in any order, with what the meter is somewhere in
it. Two more workers die meanwhile, at ``energy_kept`` and ``energy_booked``. At the end ``psd
verify --domain energy`` finds nothing, and each five minutes have the energy that plain Fractions
say (tests/support/plain/plain_energy.py). Then the archive is replayed into the emptied store, and
all of this holds again; and so once more from a backup that was taken meanwhile, with a replay.

    python -m tests.chaos.run --only meter-kills --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from psd.config_sources import load_settings
from psd.energy.part import EnergyPart
from psd.energy.usage import UsageQuery
from psd.runtime import open_runtime
from tests.chaos.drill import Drill
from tests.chaos.stage import Stage, patient
from tests.chaos.trial import Say, Tally, run_in_lanes
from tests.support.draws.random_meters import END, T0, Document, MeterHistory, check_usage

WRITERS = 4
DIES_AT = ("energy_kept", "energy_booked")
TIMES_MAX = 3


class MeterKills:
    """Trials of one meter each, on stages whose four writers stay."""

    name = "meter-kills"
    short = 1
    whole = 60

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        return await run_in_lanes(self.name, trials, seed, self._stage, self._trial, say)

    def _stage(self, lane: int) -> Stage:
        return Stage(Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-")))

    async def _trial(self, stage: Stage, seed: int) -> Tally:
        rng = random.Random(f"{self.name} {seed}")
        tally = Tally(trials=1)
        history = MeterHistory(rng, f"m{seed}")
        history.draw()
        stage.keep_workers(WRITERS)
        drill = Drill(stage)
        await _sent(stage, history.mistakes, (), rng, tally)
        taking = asyncio.create_task(drill.take())
        await _sent(stage, history.sent, DIES_AT, rng, tally)
        await taking
        assert tally.kills, "nobody has died"
        await _hold(stage, history, f"m{seed}")
        await stage.client.flushall()
        tally.notes.append(await asyncio.to_thread(stage.said, "replay", "--from", "1"))
        await _hold(stage, history, f"m{seed}")
        await drill.lose()
        tally.notes.append(await drill.restore(has_domain=True))
        await _hold(stage, history, f"m{seed}")
        return tally


METER_KILLS = MeterKills()


async def _sent(
    stage: Stage,
    documents: Sequence[Document],
    places: Sequence[str],
    rng: random.Random,
    tally: Tally,
) -> None:
    """Send it all twice, while those who are armed die when they come to it."""
    for place in places:
        if all(not each.failpoint.startswith(place) for each in stage.remaining()):
            stage.start_worker(f"{place}:{rng.randint(1, TIMES_MAX)}")
    await stage.consuming()
    armed = [each for each in stage.workers if each.failpoint]
    bodies = [msgspec.json.encode({"command": name, name: fields}) for name, fields in documents]
    # One by one, so that none of them gets all.
    for body in bodies:
        await stage.publish([body])
    rng.shuffle(bodies)
    await stage.publish(bodies)
    await stage.drained()
    died = [each for each in armed if each.was_killed]
    tally.kills += len(died)
    tally.kills_before_fin += len(died)
    tally.duplicates_suppressed += len(bodies)
    tally.notes += [each.failpoint for each in died]


async def _hold(stage: Stage, history: MeterHistory, name: str) -> None:
    """All energy of the meter, against what it said."""
    await asyncio.to_thread(stage.said, "verify", "--domain", "energy")
    psd = await open_runtime(load_settings(flags=patient(stage)).settings)
    try:
        for flow, plain in history.plain.items():
            query = UsageQuery(str(T0), str(END), "5m", flow=flow)
            check_usage(await psd.part(EnergyPart).usage.of_meter(name, query), plain)
    finally:
        await psd.close()
