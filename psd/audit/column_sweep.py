"""Columns as a whole: keys that should not be there or end within a number, and places of nobody.

Before the owners are audited the keys of all columns are listed, and what no owner's audit would
put right is: the columns of a thing that has none, say, or a log of 100 bytes. Afterwards every
position that no audited owner has must say nothing::

    psd:columns:{p0}:1:d:20160412: a key, should be nothing by the thing's boards
    psd:columns:{p0}:1:owners position 7: 1503960366, should be nobody by the owner's keys
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

import msgspec

from psd.audit.column_audit import COLUMN_KEY, GONE, ColumnAudit, Findings
from psd.audit.column_view import spoiled
from psd.audit.examine import Discrepancy
from psd.columns.column_keys import (
    CELL_BYTES,
    CHANGES,
    DRAFT,
    ERASED_UID,
    OWNERS,
    SEALS,
    column_key,
)
from psd.store.keys import COLUMNS_PATTERN, year_key
from psd.store.lane import Command, Lane
from psd.store.routed import RoutedLane

SCAN_KEYS = 1_000
PLACES_AT_ONCE = 1_000

FOREIGN = "a key of another type"


class OfColumns(msgspec.Struct, frozen=True):
    """What became of the columns with a root."""

    root: str
    is_whole: bool
    """Whether all of it is right by now."""

    differences: list[Discrepancy]


class ColumnSweep:
    """All columns of some things."""

    def __init__(
        self, lane: Lane | RoutedLane, audit: ColumnAudit, things: Collection[int] | None
    ) -> None:
        self._lane = lane
        self._audit = audit
        self._things = things

    async def keys(self, *, repair: bool) -> AsyncIterator[OfColumns]:
        """List the keys, for the audit of the owners too, and see to those that are wrong."""
        for lane in await self._lane.lanes():
            cursor = b"0"
            while True:
                asked = ("SCAN", cursor, "MATCH", COLUMNS_PATTERN, "COUNT", SCAN_KEYS)
                cursor, names = await lane.call(asked)
                for name in names:
                    self._audit.take(name.decode(errors="replace"))
                if cursor == b"0":
                    break
        for root, suffixes in [*self._audit.roots().items()]:
            if self._is_asked(root):
                found: list[Discrepancy] = []
                for suffix in sorted(suffixes):
                    found += await self._key(root, suffix, repair)
                if found:
                    is_whole = repair and all(each.found != FOREIGN for each in found)
                    yield OfColumns(root, is_whole, found)

    async def places(self, *, repair: bool) -> AsyncIterator[OfColumns]:
        """Hold every position that was not met against what its uid's keys say."""
        for root in self._audit.roots():
            if self._is_asked(root) and root not in self._audit.blocked:
                found = [each async for each in self._places(root, repair=repair)]
                if found:
                    yield OfColumns(root, repair, found)

    def _is_asked(self, root: str) -> bool:
        thing = int(root.rpartition(":")[2])
        is_asked = self._things is None or thing in self._things
        return is_asked and self._audit.knows(thing) and COLUMN_KEY.match(f"{root}:-") is not None

    async def _key(self, root: str, suffix: str, repair: bool) -> list[Discrepancy]:
        key, levels = f"{root}:{suffix}", self._audit.levels(int(root.rpartition(":")[2]))
        lane = await self._lane.lane_of(key)
        if await lane.call(("TYPE", key)) != b"string":
            self._audit.blocked.add(root)
            return [Discrepancy(key, "", "a key of psd", FOREIGN, "its name")]
        if not levels.has(suffix):
            if repair:
                await lane.call(("UNLINK", key))
                self._audit.roots()[root].discard(suffix)
            return [Discrepancy(key, "", "nothing", "a key", "the thing's boards")]
        if suffix.partition(":")[0] in (CHANGES, SEALS, DRAFT):
            return []
        _, content = await lane.call_all([("WATCH", key), ("GET", key)])
        kept = spoiled(suffix, content or b"")
        if kept is None:
            await lane.call(("UNWATCH",))
            return []
        if repair:
            changed: Command = ("SET", key, kept) if kept else ("UNLINK", key)
            await lane.call_all([("MULTI",), changed, ("EXEC",)])
        source = "the size of what it holds"
        return [Discrepancy(key, "", f"{len(kept)} bytes", f"{len(content)} bytes", source)]

    async def _places(self, root: str, *, repair: bool) -> AsyncIterator[Discrepancy]:
        """Of positions that are nobody's; of whom has bookings by now the owner's audit tells."""
        lane = await self._lane.lane_of(root)
        owners, met = await lane.call(("GET", column_key(root, OWNERS))) or b"", self._audit.met
        unmet = [at for at in range(len(owners) // CELL_BYTES) if at not in met[root]]
        for start in range(0, len(unmet), PLACES_AT_ONCE):
            part = unmet[start : start + PLACES_AT_ONCE]
            uids = [int.from_bytes(_cell(owners, at), "big", signed=True) for at in part]
            asked: list[Command] = [("HGET", year_key(root, uid), "at") for uid in uids]
            said = await lane.call_each(asked)
            for position, uid, at in zip(part, uids, said, strict=True):
                # An owner whose hash of years is of another type is told of by his own audit.
                if not isinstance(at, Exception) and at != b"%d" % position:
                    async for each in nobody(self._audit, lane, root, position, uid, repair=repair):
                        yield each


async def nobody(
    audit: ColumnAudit, lane: Lane, root: str, position: int, uid: int, *, repair: bool
) -> AsyncIterator[Discrepancy]:
    """What is told of a position that is no owner's any more; with ``repair`` nothing is."""
    findings: Findings = await audit.of_nobody(lane, root, position)
    if uid != ERASED_UID:
        key = column_key(root, OWNERS)
        findings.commands.append(("SETRANGE", key, position * CELL_BYTES, GONE))
        findings.differences.append(
            Discrepancy(key, f"position {position}", "nobody", str(uid), "the owner's keys")
        )
    if repair and findings.commands:
        await lane.call_all([("MULTI",), *findings.commands, ("EXEC",)])
    for each in findings.differences:
        yield each


def _cell(column: bytes, position: int) -> bytes:
    return column[position * CELL_BYTES : (position + 1) * CELL_BYTES]
