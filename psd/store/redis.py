"""The only maker of Redis clients, and what a server must be like to be written to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from psd.config import RedisSettings
from psd.errors import ConfigError, PsdError, StoreError
from psd.observe.metrics import Metrics
from psd.secrets import masked
from psd.store.cluster import Cluster
from psd.store.fitness import check_fit, durability_check, policy_check, version_check, worst
from psd.store.keys import (
    PROBE_KEY,
    RETENTION_KEY,
    SCHEMA_KEY,
    SCHEMA_VERSION,
    SCHEMAS_READ,
    STORE_KEY,
)
from psd.store.lane import Lane
from psd.store.routed import RoutedLane
from psd.store.scripts import Script, load_script, script_names
from psd.store.slots import Address

IDENTITY_BYTES = 6
IDENTITY = r"[0-9a-f]{12}"
"""What a store calls itself: two of a thousand stores meet once in 560 million times."""

READ_CONNECTIONS = 2
"""One trip is prepared and parsed while Redis works on the other."""


class Store:
    """The clients of one process: a lane for reads, one for writes, and a plain client.

    The store is one server, or the masters of a cluster: ``cluster`` knows, and is the
    ``placement`` of owners. ``client`` is for tools, that of a key (``cluster.client_of``) for
    blocking reads of the embedded queue; they share no connection with the lanes.
    """

    def __init__(self, settings: RedisSettings, metrics: Metrics) -> None:
        self.settings = settings
        self._metrics = metrics
        self._found_fit = False
        self._identity = ""
        self.cluster = self.placement = Cluster(settings, metrics, make_client)
        self.client = self.cluster.client
        self.reads = self.new_lane(READ_CONNECTIONS)
        self.writes = self.new_lane()

    def new_lane(self, connections: int = 1) -> RoutedLane:
        """A lane with so many connections of its own to each server; the caller closes it."""

        def open_lane(node: Address | None) -> Lane:
            client = self.cluster.client if node is None else self.cluster.client_at(node)
            return Lane(client, self.settings.timeout_s, self._metrics, connections)

        return RoutedLane(self.cluster, open_lane)

    async def close(self) -> None:
        """Close every connection."""
        await self.reads.close()
        await self.writes.close()
        await self.cluster.close()

    async def check_fit(self) -> None:
        """Refuse a server that would break psd's promise (psd/store/fitness.py); asks it once.

        Raises ConfigError, or StoreUnavailableError while nobody answers. A trip to each server,
        then none.
        """
        if self._found_fit:
            return
        told = await self.reads.each_node([("INFO", "server"), ("INFO", "memory")])
        for server, memory in told.values():
            check_fit(server, memory, self.settings)
        self._found_fit = True

    async def check_schema(self) -> None:
        """Refuse a store whose shapes are of another version; marks an empty or older one.

        One that was emptied under this process is called again what it was called.
        """
        marks = [("SET", SCHEMA_KEY, SCHEMA_VERSION, "NX")]
        if self._identity:
            marks.append(("SET", STORE_KEY, self._identity, "NX"))
        *_, held = await self.writes.call_all([*marks, ("GET", SCHEMA_KEY)])
        if held.decode() not in SCHEMAS_READ:
            raise ConfigError(
                f"{SCHEMA_KEY}: the store holds version {held.decode()}, "
                f"this psd reads version {SCHEMA_VERSION}"
            )
        if held.decode() != SCHEMA_VERSION:
            await self.writes.call(("SET", SCHEMA_KEY, SCHEMA_VERSION))

    @property
    def last_identity(self) -> str:
        """What the store called itself when this process asked last; empty before."""
        return self._identity

    async def identity(self, proposed: str = "") -> str:
        """What the store calls itself; one without a name gets the proposed one, or its own.

        It is the same until the store is emptied. One trip.
        """
        name = proposed or self._identity or secrets.token_hex(IDENTITY_BYTES)
        _, held = await self.writes.call_all([("SET", STORE_KEY, name, "NX"), ("GET", STORE_KEY)])
        self._identity = _identity_in(held)
        return self._identity

    async def known_identity(self) -> str:
        """The same without giving a name: empty where the store has none. One trip."""
        held = await self.writes.call(("GET", STORE_KEY))
        return "" if held is None else _identity_in(held)

    async def levels_with_lifetimes(self, now: Iterable[str]) -> set[str]:
        """Retention levels that have or ever had a lifetime in this store; adds those of now."""
        held = set(now)
        if held:
            await self.writes.call(("SADD", RETENTION_KEY, *sorted(held)))
        members = await self.writes.call(("SMEMBERS", RETENTION_KEY))
        return held | {member.decode() for member in members}

    async def readiness(self) -> dict[str, str]:
        """Each check's name with ``ok``, ``ok: <advice>`` or what is wrong. 4 trips.

        In a cluster a check of every node speaks of the first that is not in order.
        """
        try:
            await self.writes.call(("SET", PROBE_KEY, "1", "PX", 1000))
            await self.check_schema()
        except ConfigError as exc:
            return {"writable": "ok", "schema": str(exc)}
        except PsdError as exc:
            return {"writable": str(exc)}
        shas = [load_script(name).sha for name in script_names()]
        told = await self.reads.each_node(
            [("SCRIPT", "EXISTS", *shas), ("INFO", "server"), ("INFO", "memory")]
        )
        if not all(all(known) for known, _, _ in told.values()):
            await self._load_scripts()
        return {
            "writable": "ok",
            "schema": "ok",
            "scripts": "ok",
            "policy": worst({n: policy_check(m, self.settings) for n, (_, _, m) in told.items()}),
            "version": worst({n: version_check(v, self.settings) for n, (_, v, _) in told.items()}),
            "durability": await self.durability_advice(),
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


def make_client(url: str) -> Redis:
    """A client whose commands are sent once: redis-py 8 resends by default after a lost reply."""
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2, socket_timeout=None)
    except ValueError:
        # What the library says repeats a part of the address, which may be of the password.
        raise ConfigError(f"redis.url = {masked(url)!r}: it cannot be read as an address") from None
