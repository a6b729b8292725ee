"""A real Redis Cluster of three masters on this machine, for the tests.

It has the interface of :class:`tests.support.servers.redis_server.RedisServer`, so that a test that
is given it instead runs on a cluster.

>>> with RedisCluster(tmp_path) as cluster:
...     runtime = await open_runtime(Settings(redis=RedisSettings(url=cluster.url)))
...     await cluster.move_slot(slot_of("psd:{p0}:7"), cluster.nodes[2])
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

import pytest
import redis
import redis.asyncio

from psd.embedded.cluster_servers import free_ports
from psd.store.slots import SLOTS, slot_of
from tests.support.servers.redis_server import Engine, binary
from tests.support.servers.server_process import STOP_TIMEOUT_S
from tests.support.servers.whole_client import WholeClient

MASTERS = 3
HOST = "127.0.0.1"
FORM_TIMEOUT_S = 120.0


class ClusterNode:
    """One master, or a replica."""

    def __init__(self, folder: Path, port: int, command: Sequence[str]) -> None:
        self.folder = folder
        self.port = port
        self._command = command
        self._configured: dict[str, tuple[str, str]] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may not answer yet."""
        assert self.process is None, "the node runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        command = list(self._command)
        for name, (_, value) in self._configured.items():
            command += [f"--{name}", value]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def end(self, with_signal: signal.Signals) -> None:
        """It is gone when this returns."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(with_signal)
            process.send_signal(signal.SIGCONT)
            process.wait(STOP_TIMEOUT_S)

    def ask(self, *command: Any) -> Any:
        """One command, its reply as the server gives it."""
        with redis.Redis(host=HOST, port=self.port, socket_timeout=60) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def configure(self, name: str, value: str) -> None:
        """Set an option, for its next starts too."""
        with redis.Redis(host=HOST, port=self.port, decode_responses=True) as client:
            before, _ = self._configured.get(name, (client.config_get(name)[name], value))
            client.config_set(name, value)
        self._configured[name] = (before, value)

    def reset(self) -> None:
        """Every option as it was at the first start."""
        while self._configured:
            name, (before, _) = self._configured.popitem()
            self.ask("CONFIG", "SET", name, before)

    @property
    def is_rewriting(self) -> bool:
        """Whether an append-only file that was switched on is not whole yet."""
        told = self.ask("INFO", "persistence")
        return b"aof_rewrite_in_progress:1" in told or b"aof_rewrite_scheduled:1" in told

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


class RedisCluster:
    """Three masters, a third of the slots each."""

    def __init__(
        self, folder: Path, engine: Engine = "debian", options: Sequence[str] = ()
    ) -> None:
        self.engine = engine
        self._moving: set[int] = set()
        self._replicas: list[ClusterNode] = []
        self.binary = binary(engine)
        self._folder = folder
        self._options = options
        self.nodes = [self._node(port) for port in free_ports(MASTERS)]

    @property
    def url(self) -> str:
        """What goes into ``redis.url``: any node tells of the others."""
        return f"redis://{HOST}:{self.nodes[0].port}/0"

    def start(self) -> Self:
        """Start it, and return once all slots are served."""
        for node in self.nodes:
            node.start()
        deadline_s = time.monotonic() + FORM_TIMEOUT_S
        while not all(self._answers(node) for node in self.nodes):
            self._wait(deadline_s)
        if b"cluster_known_nodes:1\r" in self.nodes[0].ask("CLUSTER", "INFO"):
            self._form()
        while not all(self._is_whole(node) for node in self.nodes):
            self._wait(deadline_s)
        return self

    def stop(self) -> None:
        """SIGTERM to every node."""
        for node in self.nodes:
            node.end(signal.SIGTERM)

    def kill9(self) -> None:
        """SIGKILL to every node."""
        for node in self.nodes:
            node.end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP to every node."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """SIGCONT to every node."""
        for node in self.nodes:
            node.resume()

    def remove(self) -> None:
        """Stop it for good, its replicas too."""
        for node in (*self.nodes, *self._replicas):
            node.end(signal.SIGKILL)

    def add_replica(self, master: ClusterNode) -> ClusterNode:
        """A node that follows one of the masters, for as long as the cluster runs."""
        [port] = free_ports(1)
        node = self._node(port)
        self._replicas.append(node)
        node.start()
        deadline_s = time.monotonic() + FORM_TIMEOUT_S
        while not self._answers(node):
            self._wait(deadline_s)
        node.ask("CLUSTER", "MEET", HOST, master.port)
        while not self._is_whole(node):
            self._wait(deadline_s)
        node.ask("CLUSTER", "REPLICATE", master.ask("CLUSTER", "MYID"))
        return node

    def restore(self) -> None:
        """Up, awake and empty, whatever a test has done to it."""
        ended = [node for node in self.nodes if node.process is None]
        if ended:
            self.kill9()
            self.start()
        self.resume()
        for slot in self._moving:
            for node in self.nodes:
                node.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        self._moving.clear()
        for node in self.nodes:
            node.reset()
        deadline_s = time.monotonic() + FORM_TIMEOUT_S
        while any(node.is_rewriting for node in self.nodes):
            self._wait(deadline_s)
        self.flush()

    def empty(self) -> None:
        """Delete every key; scripts stay."""
        self.ask_each("FLUSHALL")

    def flush(self) -> None:
        """Delete everything, scripts as well: what another cluster is like."""
        for node in self.nodes:
            node.ask("FLUSHALL")
            node.ask("SCRIPT", "FLUSH")

    def configure(self, name: str, value: str) -> None:
        """Set an option of one node, which is enough for psd to heed it, until ``restore``."""
        self.nodes[-1].configure(name, value)

    def ask_each(self, *command: Any) -> list[Any]:
        """The reply of every node, as it gives it."""
        return [node.ask(*command) for node in self.nodes]

    def client(self) -> WholeClient:
        """A client of the whole cluster; close it with ``aclose``."""
        return WholeClient(host=HOST, port=self.nodes[0].port)

    def sync_client(self) -> redis.RedisCluster:
        """The same for code that is not asynchronous; a context manager."""
        return redis.RedisCluster(host=HOST, port=self.nodes[0].port)

    def node_of(self, key: str) -> ClusterNode:
        """The node that has a key's slot."""
        slot = slot_of(key)
        for first, last, master, *_ in self.nodes[0].ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    def begin_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """From now on the slot migrates."""
        self._moving.add(slot)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))

    def move_key(self, slot: int, source: ClusterNode, target: ClusterNode) -> bool:
        """Move one key of the slot; False when there is none left."""
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1)
        for key in keys:
            source.ask("MIGRATE", HOST, target.port, key, 0, 5000)
        return bool(keys)

    def end_move(self, slot: int, target: ClusterNode) -> None:
        """The slot is the target's, as all nodes are told."""
        target_id = target.ask("CLUSTER", "MYID")
        for node in sorted(self.nodes, key=lambda node: node is not target):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)
        self._moving.discard(slot)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _node(self, port: int) -> ClusterNode:
        folder = self._folder / str(port)
        command = [self.binary, "--port", str(port), "--bind", HOST, "--save", ""]
        command += ["--cluster-enabled", "yes", "--dir", str(folder)]
        command += ["--maxmemory-policy", "noeviction", *self._options]
        return ClusterNode(folder, port, command)

    def _form(self) -> None:
        for number, node in enumerate(self.nodes):
            first, end = SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS
            node.ask("CLUSTER", "ADDSLOTS", *range(first, end))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number:
                self.nodes[0].ask("CLUSTER", "MEET", HOST, node.port)

    def _wait(self, deadline_s: float) -> None:
        if time.monotonic() > deadline_s:
            logs = "\n".join((node.folder / "log").read_text() for node in self.nodes)
            self.kill9()
            pytest.fail(f"the cluster is not whole:\n{logs}")
        time.sleep(0.02)

    def _answers(self, node: ClusterNode) -> bool:
        try:
            return bool(node.ask("PING") == b"PONG")
        except redis.RedisError:
            return False

    def _is_whole(self, node: ClusterNode) -> bool:
        told = node.ask("CLUSTER", "INFO")
        return b"cluster_state:ok" in told and b"cluster_slots_ok:16384" in told


class Pausable(Protocol):
    """A server, a node or a cluster."""

    def pause(self) -> None:
        """Stop to answer."""

    def resume(self) -> None:
        """Go on."""


@contextmanager
def stalled(server: Pausable) -> Iterator[None]:
    """The server keeps its connections and answers nothing meanwhile."""
    server.pause()
    try:
        yield
    finally:
        server.resume()
