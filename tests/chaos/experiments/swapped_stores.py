"""Another server stands behind the store's address for a while, under load, and then psd's again.

The other one evicts, holds shapes of another schema, is another store, or is a replica; connections
end when the address leads elsewhere, as they do when a proxy or a name is switched. What must hold
meanwhile is in tests/chaos/outages.py, with the readiness check that names the reason. Afterwards

- every bucket of psd's store is exact, and the other server has nothing of psd;
- each process has said once that the server was none to work with, and once that one is.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.chaos.oracle import differences
from tests.chaos.outages import Outage
from tests.chaos.redis_troubles import Trouble
from tests.chaos.stage import Stage
from tests.chaos.stream import generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.switched_store import Switch

NAME = "swapped-stores"
MESSAGES = 300
OWNERS = 4
WORKERS = 2
LANES = 2
BEGINS, ENDS = "the store is none to work with", "the store can be worked with again"


class Kind(NamedTuple):
    """What the other server is, the readiness check that tells it, and how it becomes so."""

    name: str
    check: str
    make: Callable[[RedisServer], object]


KINDS = (
    Kind("evicts", "policy", lambda s: s.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")),
    Kind("other schema", "schema", lambda s: s.ask("SET", "psd:schema", "999")),
    Kind("other store", "store", lambda s: s.ask("SET", "psd:store", "77d0e1a2b3c4")),
    Kind("replica", "role", lambda s: s.ask("REPLICAOF", "127.0.0.1", "1")),
)


class SwappedStoresExperiment:
    """One kind a trial, in turn."""

    name = NAME
    short = len(KINDS)
    whole = 10 * len(KINDS)

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials, a few beside each other: most of one is waiting."""
        return await run_in_lanes(NAME, trials, seed, _stage, _trial, say, lanes=LANES)


class SwitchedStage(Stage):
    """A stage whose address of the store can lead to ``other``; with workers and a server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.address = Switch()
        self.other = RedisServer(folder / "other")
        self.settings["redis.url"] = self.address.url

    async def populate(self) -> None:
        """Start what works on it."""
        await asyncio.to_thread(self.other.start)
        self.address.lead_to(self.redis)
        for _ in range(WORKERS):
            self.start_worker()
        await self.start_server()
        await self.consuming()

    @asynccontextmanager
    async def swapped(self, kind: Kind) -> AsyncIterator[None]:
        """The address leads to the other server, which is of this kind."""
        self.other.flush()
        kind.make(self.other)
        self.address.lead_to(self.other)
        yield
        self.address.lead_to(self.redis)

    async def __aexit__(self, *error: object) -> None:
        """Kill everything."""
        await super().__aexit__(*error)
        self.other.remove()
        self.address.close()

    def restore_other(self) -> None:
        """It may be anything again."""
        self.other.ask("REPLICAOF", "NO", "ONE")
        self.other.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")

    def told(self, line: str) -> list[int]:
        """How often each process has said so."""
        return [each.log.count(line) for each in [*self.workers, *self.servers]]


def _stage(lane: int) -> SwitchedStage:
    return SwitchedStage(Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-")))


async def _trial(stage: SwitchedStage, seed: int) -> Tally:
    if not stage.workers:
        await stage.populate()
    kind = KINDS[seed % len(KINDS)]
    stream = generate(seed, MESSAGES, OWNERS)
    before = stage.told(BEGINS), stage.told(ENDS)
    outage = Outage(stage, seed, Trouble(lambda _: stage.swapped(kind)), kind.check)
    await outage.run(stream)
    found = await differences(stage.client, stream)
    failures = [*outage.failures, *_strays(stage.other), *_lines(stage, before)]
    stage.restore_other()
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=stream.repeats,
        notes=[f"{kind.name}: resumed in {outage.resumed_s:.1f} s"],
        failures=failures_of(f"{NAME} ({kind.name})", seed, [*found, *failures]),
    )


def _strays(other: RedisServer) -> list[str]:
    """Keys of psd in the other server, but for the mark that made it what it was."""
    keys = {key.decode() for key in other.ask("KEYS", "*")}
    return [f"the other server has {key}" for key in sorted(keys - {"psd:schema", "psd:store"})]


def _lines(stage: SwitchedStage, before: tuple[list[int], list[int]]) -> list[str]:
    begun = [now - then for now, then in zip(stage.told(BEGINS), before[0], strict=True)]
    ended = [now - then for now, then in zip(stage.told(ENDS), before[1], strict=True)]
    # A worker that had nothing in hand may not have met it.
    fine = begun == ended and set(begun) <= {0, 1} and begun[-1] == 1
    return [] if fine else [f"lines of beginning {begun}, of end {ended}"]


SWAPPED_STORES = SwappedStoresExperiment()
