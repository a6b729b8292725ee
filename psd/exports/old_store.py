"""The hashes of a pointspaced, from a Redis that runs, or that was started with its file.

Names are listed by SCAN, a million at a time, so that an owner's are together; fields by HSCAN.
Nothing is written there. Keys of other shapes are counted, with the first of them.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import AsyncIterator

import msgspec

from psd.errors import ShapeError
from psd.exports.old_buckets import Nodes, OldKey, OldOwner, old_field, old_key
from psd.store.lane import Command, Lane
from psd.store.routed import RoutedLane

SCANNED = 1_000
KEYS_MAX = 1_000_000
HASHES_AT_ONCE = 50

OldActivities = dict[tuple[int, int], Nodes]
"""What was booked by (atid, aid)."""


class OldStore(msgspec.Struct):
    """What was met on the way: hashes, keys that are none of pointspaced's, fields likewise."""

    lane: RoutedLane
    hashes: int = 0
    others: int = 0
    example: str = ""
    spoiled: list[str] = msgspec.field(default_factory=list)

    async def owners(self) -> AsyncIterator[tuple[OldOwner, list[OldKey]]]:
        """Owners in their order within each part of the names, and their hashes."""
        size = sum([await each.call(("DBSIZE",)) for each in await self.lane.lanes()])
        parts = max(1, -(-size // KEYS_MAX))
        for part in range(parts):
            found: defaultdict[OldOwner, dict[str, OldKey]] = defaultdict(dict)
            for lane in await self.lane.lanes():
                async for name in _names(lane):
                    key = old_key(name)
                    if key is None:
                        self._note(name, is_first=part == 0)
                    elif zlib.crc32(repr(key.owner).encode()) % parts == part:
                        found[key.owner][key.bucket] = key
            for owner in sorted(found):
                self.hashes += len(found[owner])
                yield owner, [found[owner][bucket] for bucket in sorted(found[owner])]

    async def activities(self, keys: list[OldKey]) -> OldActivities:
        """All that an owner's hashes hold."""
        found: OldActivities = {}
        for start in range(0, len(keys), HASHES_AT_ONCE):
            some = keys[start : start + HASHES_AT_ONCE]
            commands: list[Command] = [
                ("HSCAN", name_of(key), "0", "COUNT", SCANNED) for key in some
            ]
            replies = await self.lane.call_each(commands)
            for key, reply in zip(some, replies, strict=True):
                await self._take(key, reply, found)
        return found

    async def _take(self, key: OldKey, reply: object, found: OldActivities) -> None:
        while True:
            if not isinstance(reply, list):
                self.spoiled.append(f"{name_of(key)}: {reply}")
                return
            cursor, flat = reply
            for field, value in zip(flat[::2], flat[1::2], strict=True):
                try:
                    kind, label, number = old_field(key, field, value)
                except ShapeError as error:
                    self.spoiled.append(f"{name_of(key)}: {error}")
                else:
                    found.setdefault(kind, {})[label] = number
            if cursor == b"0":
                return
            asked: Command = ("HSCAN", name_of(key), cursor, "COUNT", SCANNED)
            [reply] = await self.lane.call_each([asked])

    def _note(self, name: str, *, is_first: bool) -> None:
        if is_first:
            self.others += 1
            self.example = self.example or name


def name_of(key: OldKey) -> str:
    """The name of a hash."""
    thing, uid, name = key.owner
    return f"hz:{thing}:{uid}:{key.bucket}" if thing else f"c:{name}:{key.bucket}"


async def _names(lane: Lane) -> AsyncIterator[str]:
    cursor = b"0"
    while True:
        cursor, names = await lane.call(("SCAN", cursor, "COUNT", SCANNED))
        for name in names:
            yield name.decode(errors="replace")
        if cursor == b"0":
            return
