"""Every key of energy; docs/architecture.md lists them with type and lifetime.

What is kept of a meter shares the hash tag of what is booked for it, so that one script call stays
in one slot of a cluster. A channel is ``i0`` (psd/energy/channels.py).

>>> meter_key("psd:{p0}:4899916394579099648")
'psd:{p0}:4899916394579099648:e'
"""

from __future__ import annotations

from psd.store.keys import OWNER_ROOT, KeyKind, escaped

METERS_KEY = "psd:energy:{energy}:meters"
"""Names of all meters, in order."""


def meter_key(root: str) -> str:
    """What is known of a meter: what was said of it, and of each channel its kind."""
    return f"{root}:e"


def channel_key(root: str, channel: str) -> str:
    """Where keys of a channel begin."""
    return f"{root}:e:{channel}"


def units_key(root: str, channel: str) -> str:
    """Hours in which a channel has readings."""
    return f"{channel_key(root, channel)}:units"


def runs_key(root: str, channel: str) -> str:
    """From when to when a channel is metered."""
    return f"{channel_key(root, channel)}:runs"


def batches_key(root: str) -> str:
    """What the JOI face took of a meter (psd/energy/joi/joi_batches.py)."""
    return f"{root}:e:batches"


def plans_key(name: str) -> str:
    """What is kept of all plans together: ``plans``, ``versions``, ``series``."""
    return f"psd:energy:{{energy}}:{name}"


def prices_key(kind: str, series: str, month: str) -> str:
    """A month of a series: ``p`` of prices, ``c`` of carbon; braces of its name are escaped."""
    return f"psd:energy:{{{kind}:{escaped(series)}}}:{month}"


UNIT_S = 3_600
"""Readings of an hour share a key, so it has 3,600 at most: whoever keeps one more reads them all.
"""

_CHANNEL = rf"{OWNER_ROOT}:e:[ieg]\d+"

KEYS = (
    KeyKind(
        "meters", r"psd:energy:\{energy\}:meters", "zset", "", "names of meters, all of score 0"
    ),
    KeyKind("meter", rf"{OWNER_ROOT}:e", "hash", "", "channel: its kind; what was said"),
    KeyKind("readings", rf"{_CHANNEL}:\d+", "hash", "activity", "second: mW, or mWh of a register"),
    KeyKind("units", rf"{_CHANNEL}:units", "zset", "activity", "hours with readings"),
    KeyKind("joi batches", rf"{OWNER_ROOT}:e:batches", "hash", "activity", "ms:id:count: readings"),
    KeyKind("runs", rf"{_CHANNEL}:runs", "zset", "day", "end of a metered run, by its start"),
    KeyKind("plans", r"psd:energy:\{energy\}:plans", "hash", "", "plan: its versions"),
    KeyKind(
        "plan versions", r"psd:energy:\{energy\}:versions", "hash", "", "plan: its last decision"
    ),
    KeyKind("series", r"psd:energy:\{energy\}:series", "hash", "", "series: its currency"),
    KeyKind("prices", r"psd:energy:\{[pc]:[^{}]+\}:\d{6}", "hash", "", "day: its prices"),
)
