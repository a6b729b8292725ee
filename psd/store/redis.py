"""The store of one process: its lanes, and what a server must be like to be written to."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from redis.asyncio import Connection, Redis

from psd.clock import Clock, SystemClock
from psd.config import RedisSettings
from psd.errors import ConfigError, PsdError, StoreError, StoreUnavailableError, UnfitStoreError
from psd.observe.metrics import Metrics
from psd.store.clients import make_client
from psd.store.clocks import Clocks
from psd.store.cluster import Cluster
from psd.store.fitness import allowed, durability_check, worst
from psd.store.highest import Order
from psd.store.keys import (
    ERASED_KEY,
    PROBE_KEY,
    RETENTION_KEY,
    STORE_KEY,
)
from psd.store.lane import Command, Lane
from psd.store.owner_calls import Placement
from psd.store.partitions import Partitions
from psd.store.routed import RoutedLane
from psd.store.scripts import Script, load_script, script_names
from psd.store.slots import Address, url_at
from psd.store.standing import LOOK_EVERY_S, KnownServers
from psd.store.trail import Aside
from psd.store.unmarked import Unmarked
from psd.store.watch import Watch

IDENTITY_BYTES = 6
IDENTITY = r"[0-9a-f]{12}"
"""What a store calls itself: two of a thousand stores meet once in 560 million times."""

READ_CONNECTIONS = 2
"""One trip is prepared and parsed while Redis works on the other."""


class Store:
    """The clients of one process: a lane for reads, one for writes, and a plain client.

    The store is one server, or the masters of a cluster: ``cluster`` knows. ``client`` is for
    tools, that of a key (``cluster.client_of``) for blocking reads of the embedded queue; they
    share no connection with the lanes.
    """

    def __init__(
        self, settings: RedisSettings, metrics: Metrics, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clocks = Clocks(clock or SystemClock(), metrics)
        self._metrics = metrics
        self._asks_durability = settings.durability != "fast"
        self.cluster = Cluster(settings, metrics, self._open_client, make_client)
        self._unmarked = Unmarked(self.lane_to_anyone)
        self.standing = KnownServers(
            settings,
            metrics,
            self.clocks,
            lambda: self.cluster.is_spread,
            self._ask_holders,
            self._unmarked,
        )
        self.client = self.cluster.client
        self.reads = self.new_lane(READ_CONNECTIONS)
        self.writes = self.new_lane(writes=True)
        self._asking = self.new_lane()
        self._looked_at_s = float("-inf")
        self._placement: Placement | None = None
        self.order = Order(self._asking, self.writes, self.clocks)

    @property
    def partitions(self) -> Partitions:
        """Those of the store; raises StoreUnavailableError before it has said how many it has."""
        if self.standing.partitions is None:
            raise StoreUnavailableError("redis: the store has not said yet where its owners are")
        return self.standing.partitions

    @property
    def placement(self) -> Placement:
        """Where owners are; raises StoreUnavailableError before the store has said it."""
        if self._placement is None:
            if not self.cluster.is_known:
                raise StoreUnavailableError("redis: whether it is a cluster is not known yet")
            self._placement = Placement(self.partitions, self.cluster.is_spread)
        return self._placement

    async def placed(self) -> Placement:
        """Where owners are: known at once, but before the first trip.

        Raises StoreUnavailableError while nobody answers.
        """
        if self._placement is None:
            await self.cluster.know()
            if self.standing.partitions is None:
                await self._look()
        return self.placement

    def new_lane(self, connections: int = 1, *, writes: bool = False) -> RoutedLane:
        """A lane with so many connections of its own to each server; the caller closes it."""

        def open_lane(node: Address | None) -> Lane:
            client = self.cluster.client if node is None else self.cluster.client_at(node)
            watch = self._watch(node)
            timeout_s = self.settings.timeout_s
            return Lane(client, timeout_s, self._metrics, connections, watch, writes=writes)

        return RoutedLane(self.cluster, open_lane)

    async def close(self) -> None:
        """Close every connection."""
        await self._unmarked.close()
        await self.reads.close()
        await self.writes.close()
        await self._asking.close()
        await self.cluster.close()

    async def check_fit(self) -> None:
        """Look at every server now, a trip to each, and whether a store without a mark is empty.

        Raises ConfigError for one that is none to work with (psd/store/fitness.py), and
        StoreUnavailableError while nobody answers, or a replica.
        """
        self.standing.doubts_unmarked = True
        try:
            await self._look_twice()
        except UnfitStoreError as error:
            if error.is_passing:
                raise
            raise ConfigError(f"redis.url: {error.found}{error.remedy}") from error
        finally:
            self.standing.doubts_unmarked = False

    async def _look_twice(self) -> None:
        """Look, and once more when a store without a version has been looked through."""
        try:
            await self._look()
        except UnfitStoreError as error:
            if error.check != "schema":
                raise
            await self._unmarked.looked()
            await self._look()

    async def _look(self) -> None:
        self.standing.doubt()
        await self.writes.each_node([("PING",)])

    async def look_at_marks(self) -> None:
        """In a cluster, look at the node that has the marks, unless it was not long ago.

        Every trip looks at its own server, and only one node knows that the store was emptied or a
        user erased. One trip a second, and none to a single server.
        """
        now_s = time.monotonic()
        if self.cluster.is_spread and now_s - self._looked_at_s >= LOOK_EVERY_S:
            with Aside():
                await self.writes.call(("GET", ERASED_KEY))
            self._looked_at_s = now_s

    @property
    def last_identity(self) -> str:
        """What the store called itself when this process asked last; empty before."""
        return self.standing.name

    @property
    def places(self) -> frozenset[str]:
        """Where it is, as far as this process has looked: servers, each with its database."""
        database = self.cluster.client.connection_pool.connection_kwargs.get("db") or 0
        return frozenset(f"{run}/{database}" for run in self.standing.runs)

    async def identity(self, proposed: str = "") -> str:
        """What the store calls itself; one without a name gets the proposed one, or its own.

        It is the same until the store is emptied. One trip.
        """
        name = proposed or self.standing.name or secrets.token_hex(IDENTITY_BYTES)
        with Aside():
            _, held = await self.writes.call_all(
                [("SET", STORE_KEY, name, "NX"), ("GET", STORE_KEY)]
            )
        self.standing.name = _identity_in(held)
        return self.standing.name

    async def time_ms(self) -> int:
        """What time it is by the store's clock, in milliseconds; in a cluster by one node's."""
        seconds, micros = await self._asking.call(("TIME",))
        return int(seconds) * 1000 + int(micros) // 1000

    async def known_identity(self) -> str:
        """The same without giving a name: empty where the store has none. One trip."""
        held = await self.writes.call(("GET", STORE_KEY))
        return "" if held is None else _identity_in(held)

    async def levels_with_lifetimes(self, now: Iterable[str]) -> set[str]:
        """Retention levels that have or ever had a lifetime in this store; adds those of now."""
        held = set(now)
        if held:
            with Aside():
                await self.writes.call(("SADD", RETENTION_KEY, *sorted(held)))
        members = await self.writes.call(("SMEMBERS", RETENTION_KEY))
        return held | {member.decode() for member in members}

    async def readiness(self) -> dict[str, str]:
        """Each check's name with ``ok``, ``ok: <advice>`` or what is wrong. 4 trips.

        In a cluster a check of every node speaks of the first that is not in order.
        """
        try:
            await self._look()
            await self.writes.call(("SET", PROBE_KEY, "1", "PX", 1000))
        except UnfitStoreError as error:
            return {error.check: error.found}
        except PsdError as error:
            return {"writable": str(error)}
        shas = [load_script(name).sha for name in script_names()]
        told = await self.reads.each_node(
            [("SCRIPT", "EXISTS", *shas), ("INFO", "server"), ("INFO", "memory"), ("TIME",)]
        )
        if not all(all(known) for known, *_ in told.values()):
            await self._load_scripts()
        by_node = {n: allowed(memory, v, self.settings) for n, (_, v, memory, _) in told.items()}
        for node, (*_, (seconds, micros)) in told.items():
            self.clocks.heard(node, int(seconds) * 1_000_000 + int(micros))
        return {
            "writable": "ok",
            "role": "ok",
            "schema": "ok",
            "scripts": "ok",
            **{
                check: worst({node: checks[check] for node, checks in by_node.items()})
                for check in ("policy", "version")
            },
            "durability": await self.durability_advice(),
            "clock": self.clocks.check(),
            **({"contents": self.standing.emptied} if self.standing.emptied else {}),
            **self._cluster_check(),
        }

    async def durability_advice(self) -> str:
        """``ok``, or ``ok: ...`` when a server keeps less than the configured durability."""
        if self.settings.durability == "fast":
            return "ok"
        try:
            told = await self.reads.each_node(
                [("CONFIG", "GET", "appendonly"), ("CONFIG", "GET", "appendfsync")]
            )
        except PsdError as exc:
            return f"ok: the server does not tell its appendfsync ({exc})"
        return worst({node: durability_check(reply, self.settings) for node, reply in told.items()})

    async def _ask_holders(self, commands: Sequence[Command]) -> list[Any]:
        """Replies of the nodes that have the keys, on connections of its own: a lane waits."""
        async with self.lane_to_anyone() as lane:
            return await lane.call_each(commands)

    @contextlib.asynccontextmanager
    async def lane_to_anyone(self) -> AsyncIterator[RoutedLane]:
        """A lane with connections of its own, which work with whoever answers."""
        clients: list[Redis] = []

        def open_lane(node: Address | None) -> Lane:
            url = self.settings.url if node is None else url_at(self.settings.url, node)
            clients.append(make_client(url, None, self.settings))
            return Lane(clients[-1], self.settings.timeout_s, self._metrics)

        lane = RoutedLane(self.cluster, open_lane)
        try:
            yield lane
        finally:
            await lane.close()
            for client in clients:
                await client.aclose()

    def _watch(self, node: Address | None) -> Watch:
        name = "" if node is None else f"{node[0]}:{node[1]}"
        return Watch(self.standing, name, self._asks_durability)

    def _open_client(self, url: str, node: Address | None) -> Redis:
        """A client whose every connection looks at its server before it is used."""

        async def greet(connection: Connection) -> None:
            await self._watch(node).greet(connection)

        return make_client(url, greet, self.settings)

    async def _load_scripts(self) -> None:
        loads = [("SCRIPT", "LOAD", load_script(name).source) for name in script_names()]
        await self.reads.each_node(loads)

    def _cluster_check(self) -> dict[str, str]:
        """The check of the cluster; on one server there is none."""
        if not self.cluster.is_spread:
            return {}
        unserved = self.cluster.unserved_slots()
        nodes = len(self.cluster.nodes())
        found = f"{unserved} slots have no node" if unserved else f"ok: {nodes} masters"
        return {"cluster": found}

    async def run(self, script: Script, root: str, *arguments: bytes | str | int) -> Any:
        """One script call on one owner, on the lane that fits it."""
        lane = self.reads if script.reads_only else self.writes
        return await lane.call(("EVALSHA", script.sha, 1, root, *arguments))


def _identity_in(held: bytes) -> str:
    name = held.decode(errors="replace")
    if not re.fullmatch(IDENTITY, name):
        raise StoreError(f"{STORE_KEY}: holds {name[:40]!r}, which psd never wrote")
    return name
