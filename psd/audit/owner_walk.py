"""What an owner has of a thing, activity by activity, packed as it stands.

Activities are read from the hashes over which they are spread, in the order of these, so that a
walk that was broken off goes on behind the last one; each is of one moment::

    HGETALL psd:{p0}:7:1:a:0     41 = [records]    42 = withdrawn    43 = "" (a long one)
    HGETALL psd:{p0}:7:1:r:43    405616 = [count, sum, ...]   GET psd:{p0}:7:1:r:43:405616

Of a long one the hours that changed are read again until none has. No script is called, and no
command reads more than an hour's 4,096 reports. While somebody books, hashes are parted: an
activity may then be met twice, and never not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from psd.audit.layout import Limits, shard_count
from psd.audit.shapes import WITHDRAWN, id_of
from psd.engine.events import ID_MIN
from psd.store.activity_keys import activities_key, reports_key
from psd.store.lane import Command
from psd.store.redis import Store

SHARDS_AT_ONCE = 8
HOURS_AT_ONCE = 64
"""Hours of a long activity that are read in a trip: up to some 5 MB."""

TRIES = 20
ACTIVITIES = "activities"
LIMITS = Limits()

WalkPlace = tuple[int, int]
"""(shard, aid): behind what a walk goes on."""

BEGINNING: WalkPlace = (0, ID_MIN - 1)


class HeldRecords(msgspec.Struct, frozen=True):
    """An activity: its records packed, hour by hour, or that it was withdrawn."""

    shard: int
    aid: int
    packed: list[bytes]
    is_withdrawn: bool = False


class OwnerWalk:
    """Reads owners' activities."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def activities(
        self, root: str, thing: int, after: WalkPlace = BEGINNING
    ) -> AsyncIterator[list[HeldRecords]]:
        """All behind a place, a few hashes at a time."""
        asked: Command = ("HGET", f"{root}:{thing}:y", ACTIVITIES)
        shards = shard_count(int(await self._store.reads.call(asked) or 0), LIMITS)
        # From wherever it goes on, the hashes that are read together are the same.
        for first in range(after[0] // SHARDS_AT_ONCE * SHARDS_AT_ONCE, shards, SHARDS_AT_ONCE):
            numbers = range(first, min(first + SHARDS_AT_ONCE, shards))
            commands: list[Command] = [
                ("HGETALL", activities_key(root, thing, shard)) for shard in numbers
            ]
            found: list[HeldRecords] = []
            for shard, flat in zip(
                numbers, await self._store.reads.call_all(commands), strict=True
            ):
                for aid, packed in _in_order(flat):
                    if (shard, aid) > after:
                        found.append(await self._held(root, thing, shard, aid, packed))
            yield found

    async def _held(
        self, root: str, thing: int, shard: int, aid: int, packed: bytes
    ) -> HeldRecords:
        if packed == WITHDRAWN:
            return HeldRecords(shard, aid, [], is_withdrawn=True)
        hours = [packed] if packed else await self._hours(root, thing, aid)
        return HeldRecords(shard, aid, hours)

    async def _hours(self, root: str, thing: int, aid: int) -> list[bytes]:
        """The reports of a long activity, an hour after the other, as they stood at one moment."""
        known: dict[int, bytes] = {}
        read: dict[int, bytes] = {}
        for _ in range(TRIES):
            told = await self._directory(root, thing, aid)
            if told == known:
                break
            changed = sorted(hour for hour, summary in told.items() if known.get(hour) != summary)
            for start in range(0, len(changed), HOURS_AT_ONCE):
                some = changed[start : start + HOURS_AT_ONCE]
                commands: list[Command] = [
                    ("GET", reports_key(root, thing, aid, hour)) for hour in some
                ]
                found = await self._store.reads.call_all(commands)
                read.update((hour, raw or b"") for hour, raw in zip(some, found, strict=True))
            known = told
        return [read[hour] for hour in sorted(known)]

    async def _directory(self, root: str, thing: int, aid: int) -> dict[int, bytes]:
        """What its directory says of each hour."""
        flat = await self._store.reads.call(("HGETALL", reports_key(root, thing, aid)))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {int(name): summary for name, summary in pairs if name.lstrip(b"-").isdigit()}


def _in_order(flat: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """The fields of a hash by their activities."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return sorted((id_of(field), packed) for field, packed in pairs)
