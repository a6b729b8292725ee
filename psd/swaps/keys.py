r"""Every key of the swaps; docs/architecture.md lists them with type and lifetime.

All that a network has shares the hash tag ``{<network>}``, so that one script call appends an event
and moves every index. Scripts are handed the root and derive the rest.

>>> network_root("main")
'psd:swaps:{main}'
"""

from __future__ import annotations

from functools import lru_cache

from psd.store.keys import KeyKind

NETWORKS_KEY = "psd:swaps:networks:{networks}"
"""Networks that ever had an event: what a worker settles."""

INDEXES = ("driver", "vehicle", "station", "battery_in", "battery_out")
"""What a transaction is found by; a battery by where it came in, and by where it went out."""

KINDS = ("station", "battery", "vehicle", "driver")
"""What may be registered."""


@lru_cache(maxsize=1024)
def network_root(network: str) -> str:
    """Root of a network's keys."""
    return f"psd:swaps:{{{network}}}"


def events_key(network: str) -> str:
    """The truth: every event, 1-0 first."""
    return f"{network_root(network)}:events"


def rejected_key(network: str) -> str:
    """Number of a transaction that was wrong: the correction that stands for it."""
    return f"{network_root(network)}:rejected"


def seen_key(network: str) -> str:
    """Id of whoever sent an event: the number that it got."""
    return f"{network_root(network)}:seen"


def unsettled_key(network: str) -> str:
    """Numbers of events whose bookings are not known to be kept."""
    return f"{network_root(network)}:unsettled"


def counts_key(network: str) -> str:
    """How many objects of a kind there are: their ids are 1 to that."""
    return f"{network_root(network)}:counts"


def names_key_of(network: str, kind: str) -> str:
    """Name, serial, VIN or phone: the id that it stands for."""
    return f"{network_root(network)}:names:{kind}"


def object_key(network: str, kind: str, number: int) -> str:
    """What is registered of an object, and its version."""
    return f"{network_root(network)}:object:{kind}:{number}"


def changes_key(network: str, kind: str, number: int) -> str:
    """Numbers of the events that said something of an object, by second."""
    return f"{network_root(network)}:changes:{kind}:{number}"


def index_key(network: str, index: str, number: int, which: str = "tx") -> str:
    """Transactions of an object in the order of their places: live ones, or those ``gone``."""
    return f"{network_root(network)}:{which}:{index}:{number}"


def noted_key(network: str, what: str) -> str:
    """Numbers by second of what is listed by itself: ``stocktakes``, ``warned``."""
    return f"{network_root(network)}:{what}"


_ROOT = r"psd:swaps:\{[a-z0-9._-]{1,64}\}"
_KIND = rf"(?:{'|'.join(KINDS)})"
_INDEX = rf"(?:{'|'.join(INDEXES)})"

KEYS = (
    KeyKind("networks", r"psd:swaps:networks:\{networks\}", "set", "", "networks with events"),
    KeyKind("swap events", rf"{_ROOT}:events", "stream", "", "the truth: e is an event, JSON"),
    KeyKind("swaps seen", rf"{_ROOT}:seen", "hash", "", "a sender's id: number"),
    KeyKind("swaps rejected", rf"{_ROOT}:rejected", "hash", "", "number: its correction"),
    KeyKind("swaps unsettled", rf"{_ROOT}:unsettled", "set", "", "numbers that may not be booked"),
    KeyKind("object counts", rf"{_ROOT}:counts", "hash", "", "kind: objects"),
    KeyKind("object names", rf"{_ROOT}:names:{_KIND}", "hash", "", "unique name: id"),
    KeyKind("objects", rf"{_ROOT}:object:{_KIND}:\d+", "hash", "", "fields, version"),
    KeyKind("object changes", rf"{_ROOT}:changes:{_KIND}:\d+", "zset", "", "second: number"),
    KeyKind("transactions", rf"{_ROOT}:tx:{_INDEX}:\d+", "zset", "", "second: root:number"),
    KeyKind("transactions gone", rf"{_ROOT}:gone:{_INDEX}:\d+", "zset", "", "rejected ones"),
    KeyKind("stocktakes", rf"{_ROOT}:stocktakes", "zset", "", "second: number"),
    KeyKind("swaps warned", rf"{_ROOT}:warned", "zset", "", "second: number with a warning"),
)
