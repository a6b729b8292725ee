"""Whether boards of everybody have all that is booked: owners with bookings and without a place.

A psd of an unreleased commit of version 4 kept no columns (docs/upgrade.md). Today's opens such a
store, and its boards lack whoever was booked then. One owner of each part of the index is looked
at, so that it costs two trips however many there are::

    thing 1, 64 parts of the index   -> SSCAN psd:owners:{o42}:1 0 COUNT 1      -> 1503960366
    the hash of that owner's years   -> HMGET psd:{p0}:1503960366:1:y newest at -> 1462996800, nil
    -> boards of steps lack 1503960366 and 37 others, of 40 owners that were looked at

A thing without boards has no columns, nor has a store in which years have, or had, a lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping

from psd.cli.doctor.doctor_opens import Finding
from psd.config import Settings
from psd.engine.column_modes import NONE, modes_of
from psd.store.keys import OWNER_SHARDS, RETENTION_KEY, owners_key
from psd.store.redis import Store

CHECK = "store.columns"


async def examine_columns(store: Store, settings: Settings) -> list[Finding]:
    """A finding for each thing whose boards lack somebody. Three trips."""
    if b"year_s" in await store.reads.call(("SMEMBERS", RETENTION_KEY)):
        return []
    names = {thing.id: name for name, thing in settings.things.items()}
    kept = [thing for thing, mode in modes_of(settings.things).items() if mode != NONE]
    seen = await _some_owners(store, kept)
    lacking = await _without_place(store, seen)
    return [
        Finding(CHECK, False, _told(names[thing], uids, len(seen[thing])))
        for thing, uids in lacking.items()
    ]


async def _some_owners(store: Store, things: list[int]) -> dict[int, list[int]]:
    """One owner of each part of the index that has any."""
    parts = [(thing, shard) for thing in things for shard in range(OWNER_SHARDS)]
    commands = [("SSCAN", owners_key(shard, thing), 0, "COUNT", 1) for thing, shard in parts]
    found: dict[int, list[int]] = {}
    replies = await store.reads.call_all(commands)
    for (thing, _), (_, members) in zip(parts, replies, strict=True):
        if members:
            found.setdefault(thing, []).append(int(members[0]))
    return found


async def _without_place(store: Store, owners: Mapping[int, list[int]]) -> dict[int, list[int]]:
    """Those of them who have bookings and no position in columns."""
    placement = await store.placed()
    asked = [(thing, uid) for thing, uids in owners.items() for uid in uids]
    commands = [
        ("HMGET", f"{placement.owner_root(uid)}:{thing}:y", "newest", "at") for thing, uid in asked
    ]
    found: dict[int, list[int]] = {}
    replies = await store.reads.call_all(commands)
    for (thing, uid), (newest, place) in zip(asked, replies, strict=True):
        if newest is not None and place is None:
            found.setdefault(thing, []).append(uid)
    return found


def _told(name: str, uids: list[int], looked_at: int) -> str:
    """``boards of steps lack 7 and 2 others, of 12 owners that were looked at``."""
    others = f" and {len(uids) - 1} others" if len(uids) > 1 else ""
    return f"boards of {name} lack {min(uids)}{others}, of {looked_at} owners that were looked at"
