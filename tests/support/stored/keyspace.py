"""All that a store holds, in a form that two stores can be compared by, and what it should be.

``keyspace`` is a readable DEBUG DIGEST: every key with its type and content, hashes by field. The
index of owners is left out: it may have more owners than have bookings (psd/engine/owner_index.py);
and so is what the store says of itself (``OF_THE_STORE``). Columns are what they say of each owner
(tests/support/stored/held_columns.py): where it stands in them depends on who came first.
``expected_totals`` computes the calendar's buckets from the model's bookings alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from psd.store.keys import (
    COLUMNS_PATTERN,
    LIFE_KEY,
    MODES_KEY,
    ORDER_KEY,
    PARTITIONS_KEY,
    ROOT,
    SCHEMA_KEY,
    STORE_KEY,
)
from tests.support.plain.model import Model
from tests.support.stored.held_columns import ROOT as COLUMNS
from tests.support.stored.held_columns import columns_of
from tests.support.stored.placements import owner_key

OWNERS = b"psd:owners:"
ACTIVITY_FIELDS = (b"activities", b"newest", b"at")
"""What the hash of years has beside totals."""

OF_THE_STORE = (SCHEMA_KEY, STORE_KEY, LIFE_KEY, ORDER_KEY, PARTITIONS_KEY, MODES_KEY)
"""What a process marks again by itself, within a second, in a store that a test has emptied."""

TOTALS = re.compile(rf"{ROOT}:\d+:[ymdw]\b.*")

ISSUANCE_OFFSET = timedelta(hours=5)


async def keyspace(client: Redis) -> dict[str, Any]:
    """Every key of the store and what it holds, but for what says nothing of what it holds."""
    return in_any_order(await contents(client))


def in_any_order(held: dict[str, Any]) -> dict[str, Any]:
    """The same whoever came first: columns by owner, and nobody's position."""
    of_owners = {key: content for key, content in held.items() if not key.startswith(COLUMNS)}
    for key, content in of_owners.items():
        if key.endswith(":y") and isinstance(content, dict):
            content.pop(b"at", None)
    return of_owners | columns_of(held)


async def forget_owners(client: Redis) -> None:
    """Drop all that is kept of owners; the index of owners stays, which the process remembers."""
    matches = ("psd:{*", "psd:c:{*", COLUMNS_PATTERN)
    keys = [key for match in matches async for key in client.scan_iter(match=match, count=1000)]
    if keys:
        await client.delete(*keys)


async def contents(client: Redis) -> dict[str, Any]:
    """The same with columns as they stand."""
    found = [key async for key in client.scan_iter(count=1000)]
    left_out = (OWNERS, *(key.encode() for key in OF_THE_STORE))
    keys = sorted(key for key in found if not key.startswith(left_out))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key)
    kinds = await pipe.execute()
    for key, kind in zip(keys, kinds, strict=True):
        if kind == b"hash":
            pipe.hgetall(key)
        elif kind == b"string":
            pipe.get(key)
        elif kind == b"set":
            pipe.smembers(key)
        elif kind == b"stream":
            pipe.xrange(key)
        elif kind == b"zset":
            pipe.zrange(key, 0, -1, withscores=True)
        else:
            raise AssertionError(f"{key!r} is a {kind!r}")
    held = await pipe.execute()
    return {key.decode(): content for key, content in zip(keys, held, strict=True)}


def calendar_totals(held: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The years, months, days and weeks of a keyspace, by key and field."""
    return {
        (key, field.decode()): value.decode()
        for key, content in held.items()
        if TOTALS.fullmatch(key)
        for field, value in content.items()
        if field not in ACTIVITY_FIELDS
    }


def expected_totals(model: Model) -> dict[tuple[str, str], str]:
    """The same, from a list of everything that was sent."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    activities = {(r.uid, r.thing, r.aid) for r in model.reports}
    for uid, thing, aid in activities:
        for second, atid, delta in model.entries(uid, thing, aid):
            for key, field in _places(owner_key(uid, str(thing)), second):
                sums[key, field] += delta
                counts[key, field] += 1
                parts_key = f"{key}:t" if ":d:" in key else key
                sums[parts_key, f"{field}:{atid}"] += delta
    return {
        place: str(total) if counts.get(place, 1) == 1 else f"{total}:{counts[place]}"
        for place, total in sums.items()
        if total or place in counts
    }


def _places(prefix: str, second: int) -> list[tuple[str, str]]:
    at = datetime.fromtimestamp(second, UTC)
    week = at.isocalendar()
    issued = (at - ISSUANCE_OFFSET).isocalendar()
    return [
        (f"{prefix}:y", str(at.year)),
        (f"{prefix}:m:{at.year}", str(at.month)),
        (f"{prefix}:d:{at:%Y%m}", str(at.day)),
        (f"{prefix}:w:{week.year}:{(week.week - 1) // 13}", str(week.week)),
        (f"{prefix}:w:{issued.year}:{(issued.week - 1) // 13}", f"i{issued.week}"),
    ]
