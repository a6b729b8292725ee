"""Calls of the booking scripts for owners of partition 0, and what columns must say of them.

>>> calls = PartitionCalls(client)
>>> await calls.book([report(uid=7)])
[1]
>>> await checked_columns(client)       # AssertionError where they do not say what is booked
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgpack
from redis.asyncio import Redis

from psd.audit.holdings import Contents, Holdings
from psd.engine.booking import LEVELS
from psd.engine.events import Report
from psd.store.codec import pack_id
from psd.store.scripts import load_script
from tests.support.engine import NOON_S
from tests.support.stored.held_columns import Told, columns_of
from tests.support.stored.keyspace import contents

FOR_EVER = dict.fromkeys(LEVELS, 0)


class PartitionCalls:
    """Calls of the scripts for owners of one partition."""

    def __init__(self, client: Redis, modes: dict[str, str] | None = None, **kept: int) -> None:
        self._client = client
        self._lifetimes = b"".join(
            msgpack.packb(number) for number in ({**FOR_EVER, **kept}).values()
        )
        self._lifetimes += msgpack.packb(86_400) + msgpack.packb(modes or {})

    async def book(self, reports: list[Report]) -> list[int]:
        """Book in one call, owner by owner."""
        by_uid: dict[int, list[Any]] = defaultdict(list)
        for each in reports:
            marker = each.event_id.encode()[:8].ljust(8) if each.event_id else False
            by_uid[each.uid].extend(
                [
                    each.thing,
                    pack_id(each.atid),
                    pack_id(each.aid),
                    each.value,
                    each.ts1,
                    each.ts2,
                    marker,
                ]
            )
        packed = msgpack.packb(list(by_uid.values()), use_bin_type=False)
        roots = [f"psd:{{p0}}:{uid}" for uid in by_uid]
        codes: list[int] = await self._call("engine.book", roots, packed, self._lifetimes)
        return codes

    async def withdraw(self, uid: int, aid: int, reports: int = 200) -> list[Any]:
        """Take an activity back, in portions."""
        while True:
            reply: list[Any] = await self._call(
                *("engine.withdraw", [f"psd:{{p0}}:{uid}"], pack_id(aid), msgpack.packb([1, 2])),
                *(self._lifetimes, NOON_S, "ops", "", 1000, reports),
            )
            if reply[0] != 6:
                return reply

    async def _call(self, name: str, roots: list[str], *arguments: Any) -> Any:
        source = load_script(name).source
        return await self._client.eval(source, len(roots), *roots, *arguments)


def true_columns(held: Contents) -> dict[str, dict[int, Told]]:
    """What columns must say, by the leaves and totals of the owners."""
    keys: dict[tuple[str, int, str], dict[str, Any]] = defaultdict(dict)
    for key, content in held.items():
        if key.startswith("psd:{") and key.count(":") > 3 and ":k:" not in key:
            _, tag, uid, thing, suffix = key.split(":", 4)
            keys[tag, int(uid), thing][suffix] = content
    wanted: dict[str, dict[int, Told]] = defaultdict(dict)
    for (tag, number, thing), of_thing in keys.items():
        owner = Holdings.of(of_thing)
        if not owner.bookings:
            continue
        sums = {
            "y:" + field if key == "y" else f"m:{key[2:]}{int(field):02d}": bucket.sum
            for (key, field), bucket in owner.buckets.items()
            if key[0] in "ym" and bucket.sum
        }
        booked: dict[int, int] = defaultdict(int)
        for (second, _, _), delta in owner.bookings.items():
            booked[second] += delta
        newest = max(second for second, _, _ in owner.bookings)
        seconds = {second: delta for second, delta in booked.items() if delta}
        wanted[f"psd:columns:{tag}:{thing}"][number] = Told(
            len(owner.bookings), newest, sums, seconds
        )
    return wanted


async def checked_columns(client: Redis) -> dict[str, dict[int, Told]]:
    """What columns say, which is what is booked."""
    held = await contents(client)
    told = columns_of(held)
    assert told == true_columns(held)
    return told
