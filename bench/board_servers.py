"""The servers whose boards are measured: one, or a cluster of three masters.

::

    with one_server(folder) as servers:         partitions: 1
    with three_masters(folder) as servers:      partitions: 16
        ColumnWriter(servers.writer, ...)
        await servers.slowest_ms(ask)           the slowest command of any of them
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis
from redis.cluster import RedisCluster as ClusterClient

from bench.processes import redis_server
from bench.psd_system import environ_for
from tests.support.servers.redis_cluster import HOST, RedisCluster

LISTED_MAX = 100_000
OWN = (b"SLOWLOG", b"CONFIG")
"""Commands of the measurement."""

TIMES = 3
"""A command that waited for a core is another one the next time."""


class BoardServers(NamedTuple):
    """Where a psd finds them, a client for what is written, and one for each server."""

    of: str
    partitions: int
    environ: Mapping[str, str]
    writer: Any
    each: Sequence[redis.Redis]

    async def slowest_ms(self, ask: Callable[[], Awaitable[object]]) -> float:
        """How long the slowest command of a question takes, each the quickest of its times."""
        quickest: dict[tuple[int, bytes], int] = {}
        for client in self.each:
            client.config_set("slowlog-max-len", LISTED_MAX)
            client.config_set("slowlog-log-slower-than", 0)
        for _ in range(TIMES):
            for client in self.each:
                client.slowlog_reset()
            await ask()
            for number, client in enumerate(self.each):
                for each in client.slowlog_get(LISTED_MAX):
                    command = (number, bytes(each["command"]))
                    if not command[1].startswith(OWN):
                        quickest[command] = min(
                            each["duration"], quickest.get(command, each["duration"])
                        )
        for client in self.each:
            client.config_set("slowlog-log-slower-than", -1)
        return max(quickest.values()) / 1e3


@contextmanager
def one_server(folder: Path) -> Iterator[BoardServers]:
    """A server by itself, with its socket in the folder."""
    with redis_server(folder) as socket, redis.Redis(unix_socket_path=str(socket)) as client:
        environ = {**environ_for(socket), "PSD_REDIS_PARTITIONS": "1"}
        yield BoardServers("one server", 1, environ, client, [client])


@contextmanager
def three_masters(folder: Path) -> Iterator[BoardServers]:
    """A cluster, over TCP."""
    with RedisCluster(folder) as cluster:
        first = cluster.nodes[0]
        environ = {**environ_for(folder), "PSD_REDIS_URL": cluster.url}
        environ["PSD_REDIS_PARTITIONS"] = "16"
        each = [redis.Redis(host=HOST, port=node.port) for node in cluster.nodes]
        writer = ClusterClient(host=HOST, port=first.port)
        yield BoardServers("three masters", 16, environ, writer, each)
