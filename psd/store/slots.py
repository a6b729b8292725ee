"""Slots of a Redis Cluster: which one a key is of, which node has it, what a command is about.

Pure. A cluster has 16,384 slots; a key's is the CRC16 of its hash tag, so that all keys of an
owner are of one slot.

>>> slot_of("psd:{p0}:1503960366:1:y") == slot_of("psd:{p0}:1503960366")
True
>>> slots = read_slots([[0, 16383, [b"10.0.0.7", 6379, b"a1b2"]]], ("10.0.0.7", 6379))
>>> slots.node_of("psd:{p0}:7")
('10.0.0.7', 6379)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from redis.crc import key_slot

from psd.addresses import Address as NetworkAddress
from psd.store.lane import Command

SLOTS = 16_384
LOCALHOST = "127.0.0.1"

Address = tuple[str, int]
"""Host and port of a node."""

_KEYLESS = frozenset(
    {"INFO", "CONFIG", "SCRIPT", "TIME", "DBSIZE", "PING", "SCAN", "WAIT", "CLUSTER"}
)


@lru_cache(maxsize=65_536)
def slot_of(key: str | bytes) -> int:
    """The slot of a key."""
    return key_slot(key.encode() if isinstance(key, str) else key)


def key_of(command: Command) -> str | bytes | None:
    """The key that a command is routed by; None for one that is about a server.

    Every command that psd sends has its key in the first place, and a script call its KEYS.
    """
    if command[0] in _KEYLESS:
        return None
    key = command[3] if command[0] == "EVALSHA" else command[1]
    assert isinstance(key, str | bytes), command[0]
    return key


class SlotMap(msgspec.Struct):
    """The node of each slot, None where there is none."""

    nodes: list[Address | None]

    def node_of(self, key: str | bytes) -> Address | None:
        """The node that has a key, None where there is none."""
        return self.nodes[slot_of(key)]

    def addresses(self) -> list[Address]:
        """Every node that has slots."""
        return sorted({node for node in self.nodes if node is not None})

    def unserved(self) -> int:
        """How many slots no node has."""
        return self.nodes.count(None)


def read_slots(reply: Sequence[Any], asked: Address) -> SlotMap:
    """The map that CLUSTER SLOTS tells; a node without a host of its own is at that of the asked.

    A range without nodes, or whose node is unknown (``?``), has no address.
    """
    nodes: list[Address | None] = [None] * SLOTS
    for first, last, *members in reply:
        if not members:
            continue
        raw_host, port = members[0][0], int(members[0][1])
        host = raw_host.decode() if raw_host else asked[0]
        node = None if host == "?" else (host, port)
        nodes[first : last + 1] = [node] * (last + 1 - first)
    return SlotMap(nodes)


def read_moved(text: str, asked: Address) -> tuple[int, Address] | None:
    """Slot and node of ``3999 10.0.0.8:6381``; None for a text that is something else."""
    slot, _, node = text.removeprefix("MOVED ").partition(" ")
    host, _, port = node.rpartition(":")
    if not (slot.isdigit() and port.isdigit()):
        return None
    return int(slot), (host or asked[0], int(port))


def address_in(url: str) -> Address:
    """Where the server of a URL listens; this machine, where the URL is a socket's."""
    parts = urlsplit(url)
    return (parts.hostname or LOCALHOST, parts.port or 6379)


def url_at(url: str, node: Address) -> str:
    """The URL of another node, with the name, the password and the options of this one.

    >>> url_at("redis://psd:secret@10.0.0.7:6379/0", ("10.0.0.8", 6380))
    'redis://psd:secret@10.0.0.8:6380/0'
    """
    parts = urlsplit(url)
    name, at, _ = parts.netloc.rpartition("@")
    scheme, path = ("redis", "/0") if parts.scheme == "unix" else (parts.scheme, parts.path)
    options = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "db"])
    query = f"?{options}" if options else ""
    return f"{scheme}://{name}{at}{NetworkAddress(*node)}{path}{query}"
