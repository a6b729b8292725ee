"""A replica is promoted under load, its master is made its replica, and the address follows.

psd has ``redis.durability = "replicated"``, so that what it acknowledged is with the replica that
takes over. A trial is a failover as a Sentinel makes it, which ends the connections of the old
master, or as somebody makes it by hand, who leaves them open; the address leads to the new master a
moment later, before or after the old one is demoted. Before that, for some seconds, the address
leads to the replica while it is cut off from its master: it is neither read nor written
(tests/chaos/outages.py). In the end every bucket of the new master is exact, and nothing that was
answered meanwhile was of a replica: each sum is at least what had been acknowledged before.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psd.engine.events import Report
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.callers import Callers, calling
from tests.chaos.oracle import differences
from tests.chaos.outages import Outage
from tests.chaos.redis_troubles import Trouble
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.servers.switched_store import Switch, hang_up_on
from tests.support.waiting import wait_until

NAME = "failovers"
MESSAGES = 300
OWNERS = 4
WORKERS = 2
LANES = 1
NOON_S = 1_460_462_400
WRITES_BEFORE, WRITES_AFTER = 20, 20
STALE_FOR_S = 1.5
"""How long a master that was demoted by hand may still be read over connections that it kept: a
second until it is looked at again, and half a one for a loaded machine."""


class FailoversExperiment:
    """A failover a trial, to and fro between two servers."""

    name = NAME
    short = 2
    whole = 30

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials one after the other: each leaves the servers with other roles."""
        return await run_in_lanes(NAME, trials, seed, _stage, _trial, say, lanes=LANES)


class ReplicatedStage(Stage):
    """A stage with a master and its replica, and an address that leads to the master."""

    def __init__(self, folder: Path) -> None:
        replicated = {"redis.replicas": 1, "redis.replica_timeout_ms": 500}
        super().__init__(folder, durability="replicated", settings=replicated)
        self.redis.remove()
        options = (*KEEP, "--repl-diskless-sync-delay", "0", "--repl-timeout", "5")
        self._ports = free_ports(2)
        self.master, self.replica = (
            RedisServer(folder / f"redis-{port}", options=(*options, "--port", str(port)))
            for port in self._ports
        )
        self._servers = {self._ports[0]: self.master, self._ports[1]: self.replica}
        self.redis = self.master
        self.address = Switch()
        self.settings["redis.url"] = self.address.url

    async def populate(self) -> None:
        """Start what works on it."""
        await asyncio.to_thread(self.replica.start)
        await self.follow()
        self.address.lead_to(self.master)
        for _ in range(WORKERS):
            self.start_worker()
        await self.start_server()
        await self.consuming()

    def port_of(self, server: RedisServer) -> int:
        """Where a server listens for the other one."""
        return next(port for port, each in self._servers.items() if each is server)

    async def follow(self) -> None:
        """The replica follows the master, and has what it has."""
        self.replica.ask("REPLICAOF", "127.0.0.1", self.port_of(self.master))
        await wait_until("the replica follows", self._follows, timeout_s=120)

    def _follows(self) -> bool:
        told = self.replica.ask("INFO", "replication")
        return b"master_link_status:up" in told and b"master_sync_in_progress:0" in told

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """The address leads to the replica, whose master does not answer."""
        self.replica.ask("REPLICAOF", "127.0.0.1", "1")
        self.address.lead_to(self.replica)
        yield
        self.replica.ask("REPLICAOF", "127.0.0.1", self.port_of(self.master))
        self.address.lead_to(self.master)
        await wait_until("the replica follows", self._follows, timeout_s=120)

    async def fail_over(self, seed: int) -> str:
        """Promote the replica and demote the master, in the way whose turn it is; how."""
        rng = random.Random(f"{NAME} {seed}")
        old, new = self.master, self.replica
        hangs_up, demotes_first = seed % 2 == 0, seed // 2 % 2 == 0
        new.ask("REPLICAOF", "NO", "ONE")
        if not demotes_first:
            self.address.lead_to(new, hang_up=hangs_up)
            await asyncio.sleep(rng.random() * 0.5)
        old.ask("REPLICAOF", "127.0.0.1", self.port_of(new))
        if hangs_up:
            hang_up_on(old)
        if demotes_first:
            await asyncio.sleep(rng.random() * 0.5)
            self.address.lead_to(new, hang_up=hangs_up)
        self.master, self.replica = new, old
        await wait_until("the old master follows", self._follows, timeout_s=120)
        by = "by a Sentinel" if hangs_up else "by hand"
        return f"{by}, {'demoted' if demotes_first else 'switched'} first"

    async def __aexit__(self, *error: object) -> None:
        """Kill everything."""
        await super().__aexit__(*error)
        for server in self._servers.values():
            server.remove()
        self.address.close()


def _stage(lane: int) -> ReplicatedStage:
    return ReplicatedStage(Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-")))


async def _trial(stage: ReplicatedStage, seed: int) -> Tally:
    if not stage.workers:
        await stage.populate()
    stream = generate(seed, MESSAGES, OWNERS)
    outage = Outage(stage, seed, Trouble(lambda _: stage.cut_off()), "role")
    half = Stream(seed, stream.bodies[::2], [], [], 0)
    await outage.run(half)
    stream.events += half.events
    stream.roots += half.roots
    async with calling(lambda: [server.url for server in stage.servers]) as callers:
        load = _Load(callers, 2**41 + seed)
        await stage.publish(stream.bodies[1::2])
        await load.write(WRITES_BEFORE)
        how, _ = await asyncio.gather(stage.fail_over(seed), load.write(WRITES_AFTER))
        await asyncio.sleep(STALE_FOR_S)
        await load.read()
    await stage.drained()
    stream.events += load.written
    stream.roots.append(ONE_SERVER.owner_root(load.uid))
    client = stage.master.client(timeout_s=30)
    found = await differences(client, stream)
    await client.aclose()
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=stream.repeats,
        notes=[how],
        failures=failures_of(f"{NAME} ({how})", seed, [*found, *outage.failures, *load.failures]),
    )


class _Load:
    """One user's increments, each written until it is acknowledged, and his sum."""

    def __init__(self, callers: Callers, uid: int) -> None:
        self.uid = uid
        self.written: list[Report] = []
        self.failures: list[str] = []
        self._callers = callers

    async def write(self, number: int) -> None:
        """So many increments."""
        for _ in range(number):
            event_id = f"{self.uid}-{len(self.written)}"
            report = Report(1, self.uid, 0, 1, 10, NOON_S, NOON_S, event_id=event_id)
            await self._callers.write(report)
            self.written.append(report)

    async def read(self) -> None:
        """The sum is that of all that were acknowledged."""
        acknowledged = sum(report.value for report in self.written)
        found = await self._callers.sum_of(self.uid)
        if found != acknowledged:
            self.failures.append(f"a sum of {found} after {acknowledged} were acknowledged")


FAILOVERS = FailoversExperiment()
