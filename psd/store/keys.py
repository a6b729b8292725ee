"""Every key psd writes, in one place; docs/architecture.md lists them with type and lifetime.

All keys of one owner share the hash tag ``{uid}``, those of a count the tag ``{name}``, so
that one script call stays in one slot of a cluster. Scripts are handed the root and derive
the rest; :data:`CATALOGUE` is what they may derive, and the tests hold every key against it.

>>> owner_root(1503960366)
'psd:{1503960366}'
>>> kind_of("psd:{1503960366}:1:d:201604").level
'day'
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

SCHEMA_KEY = "psd:schema"
SCHEMA_VERSION = "1"
RETENTION_KEY = "psd:retention"
"""Levels that had a lifetime at some time: keys of such a level may end or have ended by it."""

PROBE_KEY = "psd:probe"


@lru_cache(maxsize=65_536)
def owner_root(uid: int) -> str:
    """Root of an owner's keys."""
    return f"psd:{{{uid}}}"


@lru_cache(maxsize=65_536)
def count_root(name: str) -> str:
    """Root of a count's keys; braces and percent signs of the name are escaped."""
    safe = name.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return f"psd:c:{{{safe}}}"


def stream_key(topic: str) -> str:
    """The stream that stands for an NSQ topic in the embedded queue."""
    return f"psd:stream:{topic}"


class KeyKind(msgspec.Struct, frozen=True):
    """One shape of key: its level is the retention setting that its lifetime follows."""

    name: str
    pattern: str
    redis_type: str
    level: str
    holds: str


_ROOT = r"psd:(?:c:)?\{[^{}]*\}"

CATALOGUE: tuple[KeyKind, ...] = (
    KeyKind("year totals", rf"{_ROOT}:\d+:y", "hash", "year", "year, year:atid, activities"),
    KeyKind("month totals", rf"{_ROOT}:\d+:m:\d{{4}}", "hash", "month", "month, month:atid"),
    KeyKind("day totals", rf"{_ROOT}:\d+:d:\d{{6}}", "hash", "day", "date"),
    KeyKind("day totals by atid", rf"{_ROOT}:\d+:d:\d{{6}}:t", "hash", "day", "date:atid"),
    KeyKind(
        "week totals",
        rf"{_ROOT}:\d+:w:\d{{4}}:\d",
        "hash",
        "week",
        "ISO week, week:atid; issuance week iN, iN:atid",
    ),
    KeyKind("hour totals", rf"{_ROOT}:\d+:h:\d{{8}}", "hash", "second", "hour, hour:atid"),
    KeyKind("minute totals", rf"{_ROOT}:\d+:n:\d{{10}}", "hash", "second", "minute, minute:atid"),
    KeyKind("leaf", rf"{_ROOT}:\d+:l:\d{{6}}(?:\d\d){{0,3}}", "string", "second", "bookings"),
    KeyKind("activities", rf"{_ROOT}:\d+:a:\d+", "hash", "activity", "aid: its reports"),
    KeyKind("long activity", rf"{_ROOT}:\d+:r:-?\d+", "hash", "activity", "all, hour: summary"),
    KeyKind("reports", rf"{_ROOT}:\d+:r:-?\d+:-?\d+", "string", "activity", "an hour's reports"),
    KeyKind("markers", rf"{_ROOT}:k:\d+", "hash", "marker", "8 bytes of an increment's id"),
    KeyKind("schema", re.escape(SCHEMA_KEY), "string", "", "version of the stored shapes"),
    KeyKind("retention", re.escape(RETENTION_KEY), "set", "", "levels that ever had a lifetime"),
    KeyKind("probe", re.escape(PROBE_KEY), "string", "", "written by readiness, lives a second"),
    KeyKind("stream", r"psd:stream:.+", "stream", "", "messages of the embedded queue"),
)
_COMPILED = tuple((re.compile(kind.pattern), kind) for kind in CATALOGUE)


def kind_of(key: str) -> KeyKind | None:
    """The kind of a key, or None for a key that psd does not write."""
    for pattern, kind in _COMPILED:
        if pattern.fullmatch(key):
            return kind
    return None
