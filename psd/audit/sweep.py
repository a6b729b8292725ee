"""Walks over all owners of a store, audits each, and repairs what it is told to.

The keys are listed by SCAN; an owner and thing is then read, examined and repaired on its own
(psd/audit/snapshot.py), at most so many a second. One connection does it all, a trip after
the other, so an audit never takes more of Redis than one client that waits for its answers.

In a cluster it is a connection to each master. An owner is audited where it is by then; while
slots are moved, one that has just changed its node may be listed twice or not at all.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec

from psd.audit.archived import ArchivedReports
from psd.audit.column_audit import ColumnAudit, Findings
from psd.audit.column_sweep import ColumnSweep, OfColumns
from psd.audit.examine import Discrepancy, examine, is_audited
from psd.audit.expected import Expected, expected_of
from psd.audit.fence_check import FENCES, FOREIGN, FenceAudit
from psd.audit.holdings import Holdings, weight_of
from psd.audit.index_check import IndexAudit
from psd.audit.layout import Limits
from psd.audit.repair import level_lifetimes, repair_commands
from psd.audit.snapshot import Snapshot, Watcher
from psd.audit.truth import Archived, Lifetimes
from psd.config import Settings
from psd.engine.column_modes import modes_of
from psd.slices import ROWS_AT_ONCE, beside_the_loop
from psd.store.keys import RETENTION_KEY, ROOT, log_key
from psd.store.lane import Lane
from psd.store.lifetimes import by_number, finite_levels
from psd.store.routed import RoutedLane

KEYS_MAX = 1_000_000
"""Keys whose names are held at once, some 150 MB; a larger store is listed several times, and
each time another part of its owners is audited."""

SCAN_KEYS = 1_000

ATTEMPTS = 8
"""Reads of an owner that keeps changing, before it is read in one transaction."""

Lanes = Lane | RoutedLane
"""A lane to the one server, or to each that has keys."""

_KEY = re.compile(rf"({ROOT}):(\d+):(.+)", re.DOTALL)

Verdict = Literal["clean", "found", "repaired", "busy"]


class Audited(msgspec.Struct, frozen=True):
    """What became of one owner and thing."""

    prefix: str
    outcome: Verdict
    differences: list[Discrepancy] = []
    wants_archive: bool = False
    """Reports or bookings are missing that the archive may have; nothing was written yet."""


class Scope(msgspec.Struct, frozen=True):
    """What is audited; None is all."""

    roots: Collection[str] | None = None
    things: Collection[int] | None = None

    def has(self, root: str, thing: int) -> bool:
        """Whether an owner and thing is in it."""
        return (self.roots is None or root in self.roots) and (
            self.things is None or thing in self.things
        )

    def has_all_of(self, root: str) -> bool:
        """Whether what an owner has of no thing is in it."""
        return self.things is None and (self.roots is None or root in self.roots)


class Auditor:
    """Audits one owner and thing at a time."""

    def __init__(
        self, lane: Lanes, settings: Settings, lifetimes: Lifetimes, limits: Limits
    ) -> None:
        self._lane = lane
        self.columns = ColumnAudit(modes_of(settings.things), lifetimes)
        self._settings = settings
        self._retentions = by_number(settings)
        self._lifetimes = lifetimes
        self._limits = limits

    async def audit(
        self,
        prefix: str,
        suffixes: Sequence[str],
        repair: bool = False,
        archived: Archived | None = None,
        has_archive: bool = False,
    ) -> Audited:
        """Examine what stands at one moment, and with ``repair`` make it right.

        With ``has_archive`` nothing is written where the archive may know more.
        """

        async def audited() -> Audited:
            watcher = Watcher(await self._lane.lane_of(prefix), self._limits)
            return await self._audit(watcher, prefix, suffixes, repair, archived, has_archive)

        return await self._lane.followed(audited)

    async def _audit(
        self,
        watcher: Watcher,
        prefix: str,
        suffixes: Sequence[str],
        repair: bool,
        archived: Archived | None,
        has_archive: bool,
    ) -> Audited:
        for _ in range(ATTEMPTS):
            snapshot = await watcher.read(prefix, suffixes)
            expected, found = await self._examined(prefix, snapshot, archived)
            of_columns = await self._of_columns(watcher, prefix, expected)
            found += of_columns.differences
            wants_archive = has_archive and (bool(expected.lost) or expected.is_incomplete)
            if not repair or not found or wants_archive:
                if await watcher.is_unchanged():
                    outcome: Verdict = "found" if found else "clean"
                    return Audited(prefix, outcome, found, wants_archive)
                continue
            commands = self._commands(prefix, snapshot, expected) + of_columns.commands
            if await watcher.write(commands):
                is_foreign = bool(snapshot.foreign) or snapshot.is_log_foreign
                is_whole = not expected.lost and not is_foreign
                return Audited(prefix, "repaired" if is_whole else "found", found)
        return await self._audit_at_once(watcher, prefix, suffixes)

    async def _examined(
        self, prefix: str, snapshot: Snapshot, archived: Archived | None
    ) -> tuple[Expected, list[Discrepancy]]:
        """What should be, and the differences; an owner of years takes seconds, beside the loop."""
        lifetimes = self._lifetimes.of(thing_in(prefix))

        def examined() -> tuple[Expected, list[Discrepancy]]:
            expected = expected_of(snapshot.held, self._limits, lifetimes, archived)
            return expected, _differences(prefix, snapshot, expected)

        return await beside_the_loop(weight_of(snapshot.held.contents), examined, ROWS_AT_ONCE)

    async def _of_columns(self, watcher: Watcher, prefix: str, expected: Expected) -> Findings:
        should = await beside_the_loop(
            weight_of(expected.contents), partial(Holdings.of, expected.contents), ROWS_AT_ONCE
        )
        return await self.columns.of_owner(watcher.lane, prefix, should)

    async def _audit_at_once(
        self, watcher: Watcher, prefix: str, suffixes: Sequence[str]
    ) -> Audited:
        """An owner that is booked on faster than it can be read: examined, not repaired."""
        snapshot = await watcher.read_at_once(prefix, suffixes)
        _, found = await self._examined(prefix, snapshot, None)
        return Audited(prefix, "busy" if found else "clean", found)

    def _commands(
        self, prefix: str, snapshot: Snapshot, expected: Expected
    ) -> list[tuple[bytes | str | int, ...]]:
        found = {s: c for s, c in snapshot.held.contents.items() if s not in snapshot.foreign}
        should = {s: c for s, c in expected.contents.items() if s not in snapshot.foreign}
        retention = self._retentions.get(thing_in(prefix), self._settings.retention)
        seconds = level_lifetimes(retention, self._settings.booking)
        return list(repair_commands(prefix, found, should, seconds))


def _differences(prefix: str, snapshot: Snapshot, expected: Expected) -> list[Discrepancy]:
    found = examine(prefix, snapshot.held, expected)
    names = [prefix + suffix for suffix in snapshot.foreign]
    if snapshot.is_log_foreign:
        names.append(log_key(root_in(prefix)))
    foreign = [
        Discrepancy(name, "", "a key of psd", "a key of another type", "its name") for name in names
    ]
    of_psd = [each for each in found if each.key[len(prefix) :] not in snapshot.foreign]
    return foreign + of_psd


def root_in(prefix: str) -> str:
    """The root in the prefix of an owner's thing, as ``psd:{p0}:7`` in ``psd:{p0}:7:1:``."""
    return prefix.rsplit(":", 2)[0]


def thing_in(prefix: str) -> int:
    """The number of the thing in it."""
    return int(prefix.rsplit(":", 2)[1])


Owners = dict[str, list[str]]
"""Suffixes of the keys there are, by the prefix of owner and thing; an owner's fences whole."""

FENCED = ":f:"


async def owner_pages(lane: Lanes, scope: Scope, keys_max: int = KEYS_MAX) -> AsyncIterator[Owners]:
    """All owners and things of a scope, in parts with at most about ``keys_max`` keys."""
    size = sum([await each.call(("DBSIZE",)) for each in await lane.lanes()])
    parts = max(1, -(-size // keys_max))
    for part in range(parts):
        owners: Owners = defaultdict(list)
        async for key in _keys(lane):
            prefix, held = _placed(key, scope)
            if prefix and zlib.crc32(prefix.encode()) % parts == part:
                owners[prefix].append(held)
        yield owners


def _placed(key: str, scope: Scope) -> tuple[str, str]:
    """What a key is listed under, and as what; under nothing where it is not audited."""
    match = _KEY.fullmatch(key)
    if match is not None and scope.has(match[1], int(match[2])) and is_audited(key):
        return f"{match[1]}:{match[2]}:", match[3]
    fence = FENCES.fullmatch(key)
    if fence is not None and scope.has_all_of(fence[1]):
        return f"{fence[1]}{FENCED}", key
    return "", ""


async def _keys(lane: Lanes) -> AsyncIterator[str]:
    for each in await lane.lanes():
        async for key in _keys_of(each):
            yield key


async def _keys_of(lane: Lane) -> AsyncIterator[str]:
    cursor = b"0"
    while True:
        cursor, names = await lane.call(("SCAN", cursor, "MATCH", "psd:*{*}:*", "COUNT", SCAN_KEYS))
        for name in names:
            try:
                yield name.decode()
            except UnicodeDecodeError:
                continue
        if cursor == b"0":
            return


class OwnerRate:
    """At most so many owners a second; 0 is as fast as it goes."""

    def __init__(self, rate: float) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._next_s = 0.0

    async def wait(self) -> None:
        """Return when the next one may begin; what was late is not made up for."""
        if not self._interval_s:
            return
        now_s = asyncio.get_running_loop().time()
        if self._next_s > now_s:
            await asyncio.sleep(self._next_s - now_s)
        self._next_s = max(self._next_s, now_s) + self._interval_s


class Sweep:
    """All owners of a scope, then again those for which the archive is asked."""

    def __init__(
        self, auditor: Auditor, lane: Lanes, scope: Scope, pace: OwnerRate, index: IndexAudit
    ) -> None:
        self._auditor = auditor
        self._index = index
        self._fences = FenceAudit(lane)
        self._lane = lane
        self._scope = scope
        self._pace = pace

    async def run(
        self, repair: bool, has_archive: bool, on_owners: Callable[[int], None]
    ) -> AsyncIterator[Audited]:
        """Each owner as it is done; ``on_owners`` is told how many more there are."""
        columns = ColumnSweep(self._lane, self._auditor.columns, self._scope.things)
        has_all = self._scope.roots is None
        async for found in columns.keys(repair=repair and has_all):
            if has_all:
                yield _of_columns(found)
        async for owners in owner_pages(self._lane, self._scope):
            on_owners(len(owners))
            for prefix, suffixes in owners.items():
                await self._pace.wait()
                if prefix.endswith(FENCED):
                    if spoiled := await self._fences.spoiled(suffixes, repair=repair):
                        is_whole = repair and all(each.found != FOREIGN for each in spoiled)
                        yield Audited(prefix, "repaired" if is_whole else "found", spoiled)
                    continue
                audited = await self._auditor.audit(
                    prefix, suffixes, repair=repair, has_archive=has_archive
                )
                lacks = await self._index.lacks(prefix, repair=repair)
                yield _with_more(audited, lacks, "repaired" if repair else "found")
        if has_all:
            async for found in columns.places(repair=repair):
                yield _of_columns(found)

    async def complete(
        self, wanted: Mapping[str, Audited], reports: ArchivedReports
    ) -> AsyncIterator[Audited]:
        """Repair the owners that miss something with the reports that the archive has of them."""
        scope = Scope({root_in(prefix) for prefix in wanted}, self._scope.things)
        async for owners in owner_pages(self._lane, scope):
            for prefix in wanted.keys() & owners.keys():
                await self._pace.wait()
                yield await self._auditor.audit(
                    prefix, owners[prefix], repair=True, archived=reports.records(prefix)
                )


def _of_columns(found: OfColumns) -> Audited:
    return Audited(found.root, "repaired" if found.is_whole else "found", found.differences)


def _with_more(audited: Audited, more: list[Discrepancy], outcome: Verdict) -> Audited:
    """The same with differences outside the owner's own keys."""
    if not more:
        return audited
    return msgspec.structs.replace(
        audited,
        outcome=outcome if audited.outcome == "clean" else audited.outcome,
        differences=[*audited.differences, *more],
    )


async def lifetimes_of(lane: Lanes, settings: Settings) -> Lifetimes:
    """Levels that have or ever had a lifetime in this store."""
    ever = {member.decode() for member in await lane.call(("SMEMBERS", RETENTION_KEY))}
    return Lifetimes(frozenset(ever | finite_levels(settings)))
