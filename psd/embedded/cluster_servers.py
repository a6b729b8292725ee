"""The Redis Cluster that ``psd up --cluster N`` runs: N masters, each with a third of the slots.

For development: everything is on one machine, so it is neither faster nor safer than one
server, but psd speaks to it as to a cluster of many machines. Each master is an embedded
server (server_process.py) in a folder of its own, which also listens on 127.0.0.1, because the
nodes of a cluster reach each other by TCP; a password keeps other users of the machine out::

    data/cluster.json   ports and password, made at the first start, readable by its owner alone
    data/node1          redis.conf, redis.log, nodes.conf and the data of the first master
    data/node2, ...

The slots are shared out by commands, once; a later start finds the nodes as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from psd.embedded.folder import DataFolder
from psd.embedded.server_process import START_TIMEOUT_S, TETHER, ServerProcess, Tether, own_server
from psd.errors import PsdError, StartError
from psd.observe.metrics import Metrics
from psd.store.clients import make_client
from psd.store.fitness import info_field
from psd.store.lane import Command, Lane
from psd.store.slots import SLOTS

HOST = "127.0.0.1"
BUS_PORT_OFFSET = 10_000
"""A node's port for the other nodes is this much above its own, so its own is below 55,536."""

PORT_FIRST, PORTS = 12_000, 10_000
"""Both ports of a node are then below 32,768, from where Linux takes those of outgoing
connections: one of these in place of a node that ended would keep it from starting again."""

TRIES_FOR_PORT = 100
POLL_S = 0.02
CALL_TIMEOUT_S = 5.0


class ClusterPlan(msgspec.Struct):
    """What cluster.json holds; ``formed`` once the slots are shared out."""

    ports: list[int]
    password: str
    formed: bool = False

    def url(self, node: int = 0) -> str:
        """What goes into ``redis.url``; any node tells of the others."""
        return f"redis://:{self.password}@{HOST}:{self.ports[node]}/0"


def cluster_plan(folder: DataFolder, masters: int) -> ClusterPlan | None:
    """The plan of a data folder, made where there is none; None for one server (``masters`` 0).

    Raises StartError for a folder that holds a store of another kind.
    """
    file = _plan_file(folder)
    if file.exists():
        try:
            plan = msgspec.json.decode(file.read_bytes(), type=ClusterPlan)
        except (OSError, msgspec.DecodeError) as exc:
            raise StartError(f"{file} cannot be read: {exc}") from exc
        if len(plan.ports) != masters:
            held = len(plan.ports)
            raise StartError(
                f"the data folder {folder.path} holds a cluster of {held} masters; start it with "
                f"--cluster {held}, or choose another folder with --data"
            )
        return plan
    if not masters:
        return None
    if any((folder.path / name).exists() for name in ("appendonlydir", "appendonly.aof")):
        raise StartError(
            f"the data folder {folder.path} holds the store of one server; start it without "
            "--cluster, or choose another folder with --data"
        )
    plan = ClusterPlan(free_ports(masters), secrets.token_urlsafe(24))
    _write(file, plan)
    return plan


@contextlib.asynccontextmanager
async def embedded_cluster(
    folder: DataFolder, plan: ClusterPlan, configured: str = "", tether: Tether = TETHER
) -> AsyncIterator[list[ServerProcess]]:
    """Run the masters of a data folder; they have all slots when this yields."""
    async with contextlib.AsyncExitStack() as exits:
        await exits.enter_async_context(folder.locked())
        servers = []
        for number, port in enumerate(plan.ports, start=1):
            node = DataFolder(folder.path / f"node{number}")
            own = node_config(port, plan.password)
            server = own_server(node, configured, tether, own, plan.password)
            servers.append(await exits.enter_async_context(server))
        lanes = [_lane(plan.url(node)) for node in range(len(plan.ports))]
        for lane in lanes:
            exits.push_async_callback(lane.close)
        if not plan.formed:
            await form_cluster(lanes, [(HOST, port) for port in plan.ports])
            plan.formed = True
            _write(_plan_file(folder), plan)
        await wait_formed(lanes)
        yield servers


def node_config(port: int, password: str) -> str:
    """What a master has in its redis.conf above what every embedded server has."""
    return (
        f"port {port}\n"
        f"bind {HOST}\n"
        f"requirepass {password}\n"
        f"masterauth {password}\n"
        "cluster-enabled yes\n"
        "cluster-config-file nodes.conf\n"
        f"cluster-announce-ip {HOST}\n"
    )


async def form_cluster(lanes: Sequence[Lane], nodes: Sequence[tuple[str, int]]) -> None:
    """Share the slots out over empty nodes and make the nodes known to each other.

    What an earlier attempt left behind is forgotten first.
    """
    count = len(lanes)
    for number, lane in enumerate(lanes):
        first, end = SLOTS * number // count, SLOTS * (number + 1) // count
        commands: list[Command] = [
            ("CLUSTER", "RESET", "HARD"),
            ("CLUSTER", "ADDSLOTS", *range(first, end)),
            ("CLUSTER", "SET-CONFIG-EPOCH", number + 1),
        ]
        await lane.call_all(commands)
    await lanes[0].call_all([("CLUSTER", "MEET", host, port) for host, port in nodes[1:]])


async def wait_formed(lanes: Sequence[Lane]) -> None:
    """Return when every node serves its slots and knows who has the others: after some 2 s."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        states = [await _state(lane) for lane in lanes]
        if all(state == "ok" for state in states):
            return
        # Reading a large append-only file may take longer.
        if time.monotonic() > deadline_s and "LOADING" not in "".join(states):
            raise StartError(f"the cluster is not complete after {START_TIMEOUT_S:.0f} s: {states}")
        await asyncio.sleep(POLL_S)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on, nor on those of their buses."""
    found: list[int] = []
    for _ in range(TRIES_FOR_PORT * count):
        port = PORT_FIRST + secrets.randbelow(PORTS)
        if port not in found and _is_free(port) and _is_free(port + BUS_PORT_OFFSET):
            found.append(port)
        if len(found) == count:
            return found
    raise StartError("no free ports for the nodes of a cluster were found")


async def _state(lane: Lane) -> str:
    """``ok``, or what a node says instead."""
    try:
        told = await lane.call(("CLUSTER", "INFO"))
    except PsdError as exc:
        return str(exc)
    if info_field(told, "cluster_slots_ok") != str(SLOTS):
        return "slots are missing"
    return info_field(told, "cluster_state")


def _lane(url: str) -> Lane:
    return Lane(make_client(url), CALL_TIMEOUT_S, Metrics())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _plan_file(folder: DataFolder) -> Path:
    return folder.path / "cluster.json"


def _write(file: Path, plan: ClusterPlan) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(msgspec.json.encode(plan))
    except OSError as exc:
        raise StartError(f"{file} cannot be written: {exc}") from exc
