"""A master, its two replicas, and three Redis Sentinels that promote one of these, for the tests.

>>> with SentinelGroup(tmp_path) as group:
...     group.server_at(group.master_port()).kill9()
...     await wait_until("another one is master", lambda: group.master_port() != before)
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import redis

from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.servers.server_process import ended, started

MASTER = "psd-store"
DOWN_AFTER_MS = 2_000
QUICK = ("--repl-diskless-sync-delay", "0", "--repl-timeout", "10", "--protected-mode", "no")

CONFIGURATION = """\
port {port}
dir {folder}
sentinel monitor {master} 127.0.0.1 {master_port} 2
sentinel down-after-milliseconds {master} {down_after_ms}
sentinel failover-timeout {master} 10000
sentinel parallel-syncs {master} 2
{more}
"""


class SentinelGroup:
    """``options`` are those of each server, ``more`` lines of each sentinel's configuration."""

    def __init__(
        self, folder: Path, options: Sequence[str] = (), more: str = "", password: str = ""
    ) -> None:
        ports = free_ports(6)
        self.folder = folder
        self.servers = {
            port: RedisServer(
                folder / f"redis-{port}", options=(*KEEP, *QUICK, "--port", str(port), *options)
            )
            for port in ports[:3]
        }
        self._first = ports[0]
        self._password = password
        self._more = f"{more}\nrequirepass {password}\n" if password else more
        if password:
            self._more += f"sentinel sentinel-pass {password}\n"
        self.sentinel_ports = ports[3:]
        self._sentinels: list[subprocess.Popen[bytes]] = []

    @property
    def addresses(self) -> list[str]:
        """What goes into ``redis.sentinel``."""
        return [f"127.0.0.1:{port}" for port in self.sentinel_ports]

    def master_port(self) -> int:
        """Where the sentinels say that the master is; LookupError while they do not agree."""
        found: set[Any] = set()
        for port in self.sentinel_ports:
            client = redis.Redis(port=port, password=self._password or None, socket_timeout=5)
            with client:
                found.add(client.sentinel_get_master_addr_by_name(MASTER))
        if len(found) != 1 or None in found:
            raise LookupError(found)
        return int(found.pop()[1])

    def knows_all(self) -> bool:
        """Whether each sentinel knows the others, and both replicas."""
        for port in self.sentinel_ports:
            with redis.Redis(port=port, password=self._password or None) as client:
                state = client.sentinel_masters()[MASTER]
            if (state["num-other-sentinels"], state["num-slaves"]) != (2, 2):
                return False
        return all(
            b"master_link_status:up" in server.ask("INFO", "replication")
            for port, server in self.servers.items()
            if port != self._first
        )

    def start(self) -> Self:
        """Start all; ``knows_all`` tells when they have found each other."""
        for port, server in self.servers.items():
            if port != self._first:
                server.options += ["--replicaof", "127.0.0.1", str(self._first)]
            server.start()
        for port in self.sentinel_ports:
            self._sentinels.append(self._started(port))
        return self

    def _started(self, port: int) -> subprocess.Popen[bytes]:
        folder = self.folder / f"sentinel-{port}"
        folder.mkdir()
        path = folder / "sentinel.conf"
        path.write_text(
            CONFIGURATION.format(
                port=port,
                folder=folder,
                master=MASTER,
                master_port=self._first,
                down_after_ms=DOWN_AFTER_MS,
                more=self._more,
            )
        )
        command = [self.servers[self._first].binary, str(path), "--sentinel"]

        def answers() -> bool:
            try:
                with redis.Redis(port=port, password=self._password or None) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        return started("redis-sentinel", command, folder / "log", answers)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        for process in self._sentinels:
            ended(process, signal.SIGKILL)
        for server in self.servers.values():
            server.remove()
