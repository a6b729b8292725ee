"""What the store's servers tell of themselves: memory, keys, clients, commands, their file.

One trip to each server brings all of it, some 0.1 ms of Redis::

    psd_store_up 1
    psd_store_memory_bytes{node="127.0.0.1:6379"} 1.2e+06
    psd_store_commands_total{command="evalsha",node="127.0.0.1:6379"} 717

Commands are those that psd sends most; all others together are ``other``. They count whoever sent
them: one number of the server, the same from every psd that tells it.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from psd.addresses import Address
from psd.errors import PsdError
from psd.store.fitness import info_field
from psd.store.redis import Store

LOOK_TIMEOUT_S = 1.8
"""As of readiness: what asks for metrics waits for 10 s by default."""

ASKED = (
    ("INFO", "memory"),
    ("INFO", "clients"),
    ("INFO", "stats"),
    ("INFO", "persistence"),
    ("INFO", "commandstats"),
    ("DBSIZE",),
)

COMMANDS = frozenset(
    {
        *("evalsha", "get", "set", "mget", "hget", "hgetall", "hmget", "hset", "smembers", "sadd"),
        *("zadd", "scan", "info", "wait", "xlen"),
        *("xadd", "xreadgroup", "xautoclaim", "xack", "xdel"),
    }
)
"""Each is a series of each server, twice. The rest is seldom, or sent by somebody else."""

_STATS = re.compile(rb"cmdstat_([a-z0-9.]+)(?:\|[^:]*)?:calls=(\d+),usec=(\d+)")


class Gauged(msgspec.Struct, frozen=True):
    """One number of INFO, or more of them added up: its metric, and where it stands."""

    name: str
    meaning: str
    read: Callable[[list[bytes]], float]
    counts: bool = False


def _field(section: int, name: str) -> Callable[[list[bytes]], float]:
    return lambda told: float(info_field(told[section], name) or 0)


def _fails(told: list[bytes]) -> float:
    """Whether the last write of the append-only file or of a snapshot went wrong."""
    fields = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    return float(any(info_field(told[3], name) == "err" for name in fields))


NUMBERS = (
    Gauged("psd_store_memory_bytes", "Memory that a server uses.", _field(0, "used_memory")),
    Gauged("psd_store_memory_rss_bytes", "The same, by its system.", _field(0, "used_memory_rss")),
    Gauged("psd_store_memory_max_bytes", "Its maxmemory; 0 for none.", _field(0, "maxmemory")),
    Gauged("psd_store_clients", "Connections that it has.", _field(1, "connected_clients")),
    Gauged("psd_store_evicted_keys", "Keys evicted.", _field(2, "evicted_keys"), counts=True),
    Gauged("psd_store_file_failing", "1 while it cannot write its file.", _fails),
    Gauged(
        "psd_store_append_only", "1 where it keeps an append-only file.", _field(3, "aof_enabled")
    ),
    Gauged("psd_store_keys", "Keys of the database.", lambda told: float(told[5])),
)


class StoreVitals:
    """Asks the servers; :meth:`look` never raises."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self) -> Iterable[Metric]:
        """What they tell now; of a store that is away that alone."""
        up = GaugeMetricFamily("psd_store_up", "1 while the store answers.")
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                told = await self._store.reads.each_node(ASKED)
        except (PsdError, TimeoutError):
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        seed = seed_name(self._store.cluster.client.connection_pool.connection_kwargs)
        return [up, *families({node or seed: replies for node, replies in told.items()})]


def seed_name(connects: Mapping[str, Any]) -> str:
    """Where the one server is: host and port, or the path of its socket.

    >>> seed_name({"host": "127.0.0.1", "port": 6379, "password": "secret"})
    '127.0.0.1:6379'
    """
    host = connects.get("host")
    return str(Address(host, connects.get("port", 6379))) if host else connects.get("path", "")


def families(told: Mapping[str, list[Any]]) -> list[Metric]:
    """The metrics of what each node said."""
    found: list[Metric] = []
    for number in NUMBERS:
        kind = CounterMetricFamily if number.counts else GaugeMetricFamily
        family = kind(number.name, number.meaning, labels=["node"])
        for node, replies in told.items():
            family.add_metric([node], number.read(replies))
        found.append(family)
    calls = CounterMetricFamily(
        "psd_store_commands", "Commands that a server has done.", labels=["node", "command"]
    )
    seconds = CounterMetricFamily(
        "psd_store_command_seconds", "What they took it.", labels=["node", "command"]
    )
    for node, replies in told.items():
        for command, (count, micros) in commands(replies[4]).items():
            calls.add_metric([node, command], count)
            seconds.add_metric([node, command], micros / 1e6)
    return [*found, calls, seconds]


def commands(stats: bytes) -> dict[str, tuple[int, int]]:
    r"""Calls and microseconds of each command that has a name here, and of all others.

    >>> commands(b"cmdstat_get:calls=2,usec=5,x=1\r\ncmdstat_acl|cat:calls=1,usec=9\r\n")
    {'get': (2, 5), 'other': (1, 9)}
    """
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for command, calls, micros in _STATS.findall(stats):
        name = command.decode() if command.decode() in COMMANDS else "other"
        before = found[name]
        found[name] = (before[0] + int(calls), before[1] + int(micros))
    return dict(found)
