"""The servers whose boards are measured: one, or a cluster of three masters.

::

    with one_server(folder) as servers:         partitions: 1
    with three_masters(folder) as servers:      partitions: 16
        ColumnWriter(servers.writer, ...)
        servers.slowest_ms()                    the slowest command of any of them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis
from redis.cluster import RedisCluster as ClusterClient

from bench.processes import redis_server
from bench.psd_system import environ_for
from tests.support.servers.redis_cluster import HOST, RedisCluster

SLOWER_THAN_US = 100
LISTED_MAX = 128


class BoardServers(NamedTuple):
    """Where a psd finds them, a client for what is written, and one for each server."""

    of: str
    partitions: int
    environ: Mapping[str, str]
    writer: Any
    each: Sequence[redis.Redis]

    def watch(self) -> None:
        """Forget which commands were slow until now."""
        for client in self.each:
            client.config_set("slowlog-log-slower-than", SLOWER_THAN_US)
            client.slowlog_reset()

    def slowest_ms(self) -> float:
        """The slowest command since."""
        slow = [each for client in self.each for each in client.slowlog_get(LISTED_MAX)]
        return max((each["duration"] for each in slow), default=0) / 1e3


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
