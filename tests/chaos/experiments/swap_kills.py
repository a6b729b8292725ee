"""Kills of those who write the ledger of swaps: SIGKILL behind the append, or behind the booking.

A trial sends the swaps of a random history to four workers, then the corrections of those, then
the corrections of corrections, because a correction names the number that the wrong one got. In
each long round two more workers die, at ``swaps_appended`` and ``swaps_booked``, and all comes
twice. At the end ``psd swaps verify`` finds nothing, nothing is unsettled, and what the ledger
tells is what a replay says that shares no code with it (tests/support/plain/plain_swaps.py):
states, histories, days in three zones, sums of every owner; now, and as of some seconds. Then the
archive is replayed into the emptied store, and all of this holds again; and so once more from a
backup that was taken meanwhile, with a replay.

    python -m tests.chaos.run --only swap-kills --seed 5 --trials 1
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from psd.config_sources import load_settings
from psd.runtime import Runtime, open_runtime
from psd.swaps.store import SwapsStore
from tests.chaos.drill import Drill
from tests.chaos.stage import Stage, patient
from tests.chaos.trial import Say, Tally, run_in_lanes
from tests.support.draws.random_swaps import SECONDS, random_history
from tests.support.plain.plain_swaps import Sent
from tests.support.swaps.network import OFFSET, Network, registration_waves

WRITERS = 4
SIZE = 40
DIES_AT = ("swaps_appended", "swaps_booked")
TIMES_MAX = 3
MESSAGES_MIN = 6
MOMENTS = 3


class SwapKills:
    """Trials of one network each, on stages whose four writers stay."""

    name = "swap-kills"
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
        drill = Drill(stage)
        psd = await open_runtime(load_settings(flags=patient(stage)).settings)
        try:
            network = await self._written(stage, psd, rng, tally, f"k{seed}", drill)
            assert tally.kills, "nobody has died"
            await _hold(stage, network, rng)
            await stage.client.flushall()
            tally.notes.append(await asyncio.to_thread(stage.said, "replay", "--from", "1"))
        finally:
            await psd.close()
        await self._holds_still(stage, network, rng)
        await drill.lose()
        tally.notes.append(await drill.restore(has_domain=True))
        await self._holds_still(stage, network, rng)
        return tally

    async def _holds_still(self, stage: Stage, network: Network, rng: random.Random) -> None:
        psd = await open_runtime(load_settings(flags=patient(stage)).settings)
        try:
            network.psd = psd
            await _hold(stage, network, rng)
        finally:
            await psd.close()

    async def _written(
        self,
        stage: Stage,
        psd: Runtime,
        rng: random.Random,
        tally: Tally,
        name: str,
        drill: Drill,
    ) -> Network:
        """A network that four writers have written; the oracle knows what they accepted."""
        stage.keep_workers(WRITERS)
        await stage.consuming()
        network = Network(psd, name)
        for wave in registration_waves(name):
            await stage.publish(wave)
            await stage.drained()
        taking = asyncio.create_task(drill.take())
        waiting = random_history(rng, SIZE, explicit=True)
        while ready := [each for each in waiting if is_good(each, network)]:
            await _round(stage, network, ready, rng, tally)
            waiting = [each for each in waiting if each not in ready]
        await taking
        return network


SWAP_KILLS = SwapKills()


def is_good(each: Sent, network: Network) -> bool:
    """Whether it will be accepted: what is refused would be a dead letter, and fail the replay."""
    return not isinstance(network.plain.accepted(each), str)


async def _round(
    stage: Stage, network: Network, ready: Sequence[Sent], rng: random.Random, tally: Tally
) -> None:
    """Send it all twice, while those who are armed die when they come to it."""
    # A few corrections of corrections would hardly bring anybody there.
    for place in DIES_AT if len(ready) >= MESSAGES_MIN else ():
        if all(not each.failpoint.startswith(place) for each in stage.remaining()):
            stage.start_worker(f"{place}:{rng.randint(1, TIMES_MAX)}")
    await stage.consuming()
    armed = [each for each in stage.workers if each.failpoint]
    bodies = [network.message(each) for each in ready]
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
    left = [each for each in armed if not each.running and not each.was_killed]
    assert not left, f"a worker left by itself:\n{left[0].log[-2000:]}"
    await _catch_up(network, ready)


async def _catch_up(network: Network, sent: Sequence[Sent]) -> None:
    """Tell the oracle what was accepted, in the order in which it was; it agrees with all of it."""
    by_id = {each.id: each for each in sent}
    for event in await network.ledger.events(OFFSET + len(network.plain.history)):
        assert network.plain.send(by_id[event.event.id]) == "booked"
        assert network.plain.numbers[event.event.id] + OFFSET == event.n


async def _hold(stage: Stage, network: Network, rng: random.Random) -> None:
    """All that the ledger tells, against the replay of what it accepted."""
    assert await SwapsStore(network.psd.store).unsettled(network.name) == []
    await asyncio.to_thread(stage.said, "swaps", "verify", "--network", network.name)
    for until in (None, *rng.sample(SECONDS, MOMENTS)):
        await network.check(until)
    await network.check_books(rng)
