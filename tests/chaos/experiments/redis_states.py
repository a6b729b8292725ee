"""Redis cannot work for a while: it is full, read-only, loading, busy, locked, and so on.

One trial is one state of tests/chaos/redis_troubles.py, and what must hold in it is in
tests/chaos/outages.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.chaos.oracle import differences
from tests.chaos.outages import Outage
from tests.chaos.redis_troubles import TROUBLES, GuardedRedis
from tests.chaos.stage import Stage
from tests.chaos.stream import generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes

NAME = "redis-states"
MESSAGES = 300
OWNERS = 4
LANES = 2
WORKERS = 2


class RedisStatesExperiment:
    """Each state once, in an order that the seed begins anywhere."""

    name = NAME
    short = len(TROUBLES)
    whole = len(TROUBLES)

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials, a few beside each other: a state is mostly waiting."""
        seen: list[Outage] = []

        async def trial(stage: GuardedStage, seed: int) -> Tally:
            return await _trial(stage, seed, seen)

        tally = await run_in_lanes(NAME, trials, seed, _stage, trial, say, lanes=LANES)
        slowest_s = max((state.slowest_s for state in seen), default=0)
        resumed_s = max((state.resumed_s for state in seen), default=0)
        tally.notes.append(f"slowest answer {slowest_s:.2f} s, slowest resume {resumed_s:.1f} s")
        return tally


class GuardedStage(Stage):
    """A stage whose Redis asks for a password and has an operator; with workers and a server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settings={"redis.timeout_s": 1.5})
        self.redis.remove()
        self.redis = GuardedRedis(folder / "guarded")
        self.settings["redis.url"] = self.redis.url

    async def populate(self) -> None:
        """Start what works on it."""
        for _ in range(WORKERS):
            self.start_worker()
        await self.start_server()
        await self.consuming()


def _stage(lane: int) -> GuardedStage:
    return GuardedStage(Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-")))


async def _trial(stage: GuardedStage, seed: int, seen: list[Outage]) -> Tally:
    """The state whose turn it is with this seed."""
    if not stage.workers:
        await stage.populate()
    name = list(TROUBLES)[seed % len(TROUBLES)]
    stream = generate(seed, MESSAGES, OWNERS)
    state = Outage(stage, seed, TROUBLES[name])
    seen.append(state)
    await state.run(stream)
    found = await differences(stage.client, stream)
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=stream.repeats,
        notes=[
            f"{name}: slowest answer {state.slowest_s:.2f} s, resumed in {state.resumed_s:.1f} s"
        ],
        failures=failures_of(f"{NAME} ({name})", seed, [*found, *state.failures]),
    )


EXPERIMENT = RedisStatesExperiment()
