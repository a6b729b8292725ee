"""Holds the columns of a partition's owners against the owners' own keys, and mends them.

::

    psd:columns:{p0}:1:m:201604 position 0: 374, should be 373 by the owner's keys
    psd:columns:{p0}:1:l:201604 position 0 second 1460462400: 5, should be 373 by ...

A cell is set anew. A log gets the difference as one more record, since records add up: nobody who
books or reads meanwhile is in the way. The same makes the columns of an owner that has none.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

import msgspec

from psd.audit.column_truth import NOTHING, ColumnLevels, ColumnTruth, column_truth, levels_of
from psd.audit.column_view import MonthViews, Told, wrapped
from psd.audit.examine import NOTHING as NOT_THERE
from psd.audit.examine import Discrepancy
from psd.audit.holdings import Holdings, weight_of
from psd.audit.layout import DAY_S, day_of, label_of
from psd.audit.truth import Lifetimes
from psd.columns.column_keys import (
    CELL_BYTES,
    CHANGES,
    COUNT,
    DAY,
    ERASED_UID,
    LOG,
    MONTH,
    NEWEST,
    OWNERS,
    RECORD_BYTES,
    SEALED,
    YEAR,
    column_key,
    day_records,
    month_records,
    unit_start,
)
from psd.engine.column_modes import Modes
from psd.slices import ROWS_AT_ONCE, beside_the_loop
from psd.store.keys import columns_root
from psd.store.lane import Command, Lane

PREFIX = re.compile(r"psd:\{(p\d{1,3}[a-z]*)\}:(-?\d+):(\d+):")
"""Of an owner's thing; a count has no columns."""

COLUMN_KEY = re.compile(r"(psd:columns:\{[^{}]*\}:(\d+)):(.+)", re.DOTALL)

SOURCE = "the owner's keys"

POSITIONS_MAX = 1 << 26
"""A string of Redis has no more."""

CELLS = (COUNT, NEWEST, YEAR, MONTH)
LOGS = (f"{DAY}:", f"{LOG}:", f"{SEALED}:")
_RECORD = struct.Struct("<IIq")


class Findings(msgspec.Struct):
    """What is not as it should be, and the commands that make it so."""

    differences: list[Discrepancy] = []
    commands: list[Command] = []

    def note(self, key: str, field: str, found: int, wanted: int) -> None:
        """One number that is another."""
        should, stands = (str(each) if each else NOT_THERE for each in (wanted, found))
        self.differences.append(Discrepancy(key, field, should, stands, SOURCE))


class Spot(msgspec.Struct, frozen=True):
    """A position; a new one has nothing yet."""

    root: str
    position: int
    is_new: bool
    levels: ColumnLevels


class Mend(msgspec.Struct, frozen=True):
    """Of a month: by second what its logs lack; by day what is below it, and what columns say."""

    missing: Told
    below: Told
    days: Told


class ColumnAudit:
    """Audits columns, owner by owner; knows which positions it has met."""

    def __init__(self, modes: Modes, lifetimes: Lifetimes) -> None:
        self._levels = {
            thing: levels_of(mode, lifetimes.of(thing)) for thing, mode in modes.items()
        }
        self._suffixes: dict[str, set[str]] = defaultdict(set)
        self._views = MonthViews()
        self.met: dict[str, set[int]] = defaultdict(set)
        """Positions by root of owners that were audited."""

        self.blocked: set[str] = set()
        """Roots with a key of another type: what lies there is told, and nothing written."""

    def levels(self, thing: int) -> ColumnLevels:
        """How fine a thing's columns are; one that is configured no more is left as it is."""
        return self._levels.get(thing, NOTHING)

    def knows(self, thing: int) -> bool:
        """Whether it is configured how the thing's columns are kept."""
        return thing in self._levels

    def take(self, key: str) -> None:
        """Note a key of the store, if it is of columns."""
        match = COLUMN_KEY.fullmatch(key)
        if match is not None:
            self._suffixes[match[1]].add(match[3])

    def roots(self) -> dict[str, set[str]]:
        """Suffixes of the keys that were noted, by root."""
        return self._suffixes

    async def of_owner(self, lane: Lane, prefix: str, should: Holdings) -> Findings:
        """What is wrong of an owner whose keys are watched, and should hold this."""
        match = PREFIX.fullmatch(prefix)
        levels = self.levels(int(match[3])) if match else NOTHING
        if match is None or not levels.years:
            return Findings()
        root, uid = columns_root(match[1], int(match[3])), int(match[2])
        if root in self.blocked or not (should.buckets or should.position is not None):
            return Findings()
        findings = Findings()
        position, is_new = await self._place(lane, root, uid, prefix, should.position, findings)
        self.met[root].add(position)
        truth = await beside_the_loop(
            weight_of(should.contents), partial(column_truth, should, levels), ROWS_AT_ONCE
        )
        await self._examine(lane, Spot(root, position, is_new, levels), truth, findings)
        return findings

    async def of_nobody(self, lane: Lane, root: str, position: int) -> Findings:
        """What is told of a position that is no owner's any more: nothing should be."""
        findings, thing = Findings(), int(root.rpartition(":")[2])
        spot = Spot(root, position, is_new=False, levels=self.levels(thing))
        await self._examine(lane, spot, ColumnTruth(), findings)
        return findings

    async def _place(
        self,
        lane: Lane,
        root: str,
        uid: int,
        prefix: str,
        position: int | None,
        findings: Findings,
    ) -> tuple[int, bool]:
        """The owner's position, that which he says if his uid is there; and whether it has no log.

        An owner without any gets the next one; who else gets it meanwhile makes the write fail.
        """
        key = column_key(root, OWNERS)
        if position is not None and 0 <= position < POSITIONS_MAX:
            at = position * CELL_BYTES
            held = await lane.call(("GETRANGE", key, at, at + CELL_BYTES - 1))
            if held == packed(uid):
                return position, False
        _, content = await lane.call_all([("WATCH", key), ("GET", key)])
        places = places_of(content or b"", uid)
        found = places[0] if places else len(content or b"") // CELL_BYTES
        if not places:
            findings.commands.append(("SETRANGE", key, found * CELL_BYTES, packed(uid)))
            findings.differences.append(
                Discrepancy(key, f"position {found}", str(uid), NOT_THERE, SOURCE)
            )
        findings.commands.append(("HSET", f"{prefix}y", "at", found))
        stands = NOT_THERE if position is None else str(position)
        findings.differences.append(Discrepancy(f"{prefix}y", "at", str(found), stands, key))
        has_logs = any(suffix[:2] in LOGS for suffix in self._suffixes[root])
        return found, not places and not has_logs

    async def _examine(
        self, lane: Lane, spot: Spot, truth: ColumnTruth, findings: Findings
    ) -> None:
        kinds = CELLS + ((DAY,) if spot.levels.days else ())
        held = self._suffixes[spot.root]
        stale = {suffix: 0 for suffix in held if suffix.partition(":")[0] in kinds}
        await self._examine_cells(lane, spot, stale | truth.cells, findings)
        if spot.levels.logs:
            months = {suffix[2:8] for suffix in held if suffix[:2] in LOGS}
            missing: dict[str, Mend] = {}
            for month in sorted(months | truth.booked.keys()):
                wanted = truth.booked.get(month, {})
                mend = await self._mend(lane, spot, month, wanted, findings)
                if mend is not None:
                    missing[month] = mend
            await self._mend_logs(lane, spot, missing, findings)
        if findings.commands:
            findings.commands.append(("INCR", column_key(spot.root, CHANGES)))

    async def _examine_cells(
        self, lane: Lane, spot: Spot, cells: Mapping[str, int], findings: Findings
    ) -> None:
        at = spot.position * CELL_BYTES
        reads: list[Command] = [
            ("GETRANGE", f"{spot.root}:{suffix}", at, at + CELL_BYTES - 1) for suffix in cells
        ]
        for (suffix, wanted), held in zip(cells.items(), await lane.call_all(reads), strict=True):
            found = int.from_bytes(held.ljust(CELL_BYTES, b"\0"), "big", signed=True)
            if found != wanted:
                key = f"{spot.root}:{suffix}"
                findings.note(key, f"position {spot.position}", found, wanted)
                findings.commands.append(_cell(key, spot.position, wanted))

    async def _mend(
        self, lane: Lane, spot: Spot, month: str, wanted: Told, findings: Findings
    ) -> Mend | None:
        """What the logs of a month lack of a position; None where they are as they should be."""
        stands, below, days = Told(), Told(), Told()
        if not spot.is_new:
            for anew in (False, True):
                view = await self._views.view(lane, spot.root, month, anew=anew)
                stands, below = view.booked(spot.position), view.below(spot.position)
                days = view.days(spot.position)
                if stands == wanted and below == days:
                    return None
        missing = Told()
        for second in sorted({*wanted, *stands}):
            found, should = stands.get(second, 0), wanted.get(second, 0)
            if found != should:
                key = column_key(spot.root, LOG, month)
                findings.note(key, f"position {spot.position} second {second}", found, should)
                missing[second] = wrapped(should - found)
        for day in sorted({*below, *days}):
            if below.get(day, 0) != days.get(day, 0):
                key = column_key(spot.root, DAY, f"{month}{day:02d}")
                findings.note(key, f"position {spot.position}", days.get(day, 0), below.get(day, 0))
        return Mend(missing, below, days)

    async def _mend_logs(
        self, lane: Lane, spot: Spot, missing: Mapping[str, Mend], findings: Findings
    ) -> None:
        """Put what is missing into the logs that have room, and set the days' columns anew."""
        labels = [*missing, *{day_label(s) for each in missing.values() for s in each.missing}]
        asked = [column_key(spot.root, OWNERS), *(f"{spot.root}:{LOG}:{each}" for each in labels)]
        if not missing:
            return
        owners, *lengths = await lane.call_all([("STRLEN", key) for key in asked])
        room = Room(owners // CELL_BYTES, dict(zip(labels, lengths, strict=True)))
        for month, mend in missing.items():
            below = dict(mend.below)
            for label, deltas in room.logs_for(month, mend.missing).items():
                findings.commands.append(appended(spot.root, label, spot.position, deltas))
                if label != month:
                    day = int(label[6:8])
                    below[day] = below.get(day, 0) + sum(deltas.values())
            for day in sorted({*below, *mend.days}):
                should = wrapped(below.get(day, 0))
                if should != mend.days.get(day, 0):
                    key = column_key(spot.root, DAY, f"{month}{day:02d}")
                    findings.commands.append(_cell(key, spot.position, should))


class Room:
    """Which logs take more, as lua/lib/column_writes.lua has it; ``lengths`` by the label."""

    def __init__(self, owners: int, lengths: Mapping[str, int]) -> None:
        self._month_bytes = month_records(owners) * RECORD_BYTES
        self._day_bytes = day_records(owners) * RECORD_BYTES
        self._lengths = lengths

    def logs_for(self, month: str, deltas: Told) -> dict[str, Told]:
        """What goes into which log, by its unit's label; deltas are by second."""
        if self._lengths[month] < self._month_bytes:
            return {month: deltas} if deltas else {}
        logs: dict[str, Told] = defaultdict(dict)
        for second, delta in deltas.items():
            day = day_label(second)
            has_room = self._lengths[day] < self._day_bytes
            logs[day if has_room else label_of(second, "hour")][second] = delta
        return logs


def packed(uid: int) -> bytes:
    """A uid as it stands among the owners."""
    return uid.to_bytes(CELL_BYTES, "big", signed=True)


GONE = packed(ERASED_UID)
"""Stands in the place of nobody."""


def places_of(owners: bytes, uid: int) -> list[int]:
    """The positions that have a uid."""
    found, wanted, at = list[int](), packed(uid), -1
    while (at := owners.find(wanted, at + 1)) >= 0:
        if at % CELL_BYTES == 0:
            found.append(at // CELL_BYTES)
    return found


def day_label(second: int) -> str:
    """``20160412``."""
    return day_of(second // DAY_S).label


def appended(root: str, label: str, position: int, deltas: Told) -> Command:
    """The command that puts records into the log of a unit."""
    start = unit_start(label)
    records = b"".join(_RECORD.pack(at - start, position, delta) for at, delta in deltas.items())
    return ("APPEND", column_key(root, LOG, label), records)


def _cell(key: str, position: int, number: int) -> Command:
    return ("BITFIELD", key, "SET", "i64", f"#{position}", number)
