"""Bookings and activities as rows, owner by owner: a thing after the other, users ascending.

::

    Scope(things={"steps": 1}, uids=None, within=Range(...))
    -> Chunk(rows=[("steps", 7, "", 0, 41, "total", ...)], after=[1, 7, 0, 41], done=1)

``after`` is where a later run goes on. What things have lost of their reports by a lifetime
(``[retention] activity_s``) is told from their bookings instead, each at its own second; then
nothing is told of activities that were withdrawn. Counts come last, in the order of their names,
where neither things nor users are chosen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from psd.audit.owner_walk import BEGINNING, HeldRecords, OwnerWalk, WalkPlace
from psd.audit.placed_records import PlacedReport, placed
from psd.engine.booking import COUNT_THING
from psd.engine.plan import Range
from psd.exports.leaf_walk import LeafWalk
from psd.exports.row_kinds import ActivityCells, BookingCells, Cells
from psd.exports.withdrawal_notes import NO_NOTE, WithdrawalNote, notes_of
from psd.runtime import Runtime
from psd.store.keys import count_root

COUNT = "count"
REPORTS_A_ROW = 500
"""Of an activity with more, several rows tell."""

ROWS_AT_ONCE = 10_000

Cursor = list[Any]
"""Behind what an export goes on, as JSON; empty for its beginning."""


class Chunk(msgspec.Struct, frozen=True):
    """Rows, where the next begin, and how many of all units are done by now."""

    rows: list[Cells]
    after: Cursor
    done: int


class RowSource(Protocol):
    """Where an export's rows come from."""

    unit: str
    """What is counted on the way: users, boards, messages."""

    async def units(self) -> int:
        """How many there are; 0 where nobody knows."""
        ...

    def chunks(self, after: Cursor) -> AsyncIterator[Chunk]:
        """Rows behind a place, in an order that stays."""
        ...


class BookingScope(msgspec.Struct, frozen=True):
    """What is exported of bookings: things by name, users, or None for all, and when."""

    things: Mapping[str, int]
    uids: Sequence[int] | None
    within: Range
    has_counts: bool


class _Owner(msgspec.Struct, frozen=True):
    thing: str
    number: int
    uid: int
    name: str
    root: str


class BookingSource:
    """Rows of bookings, or of activities."""

    unit = "users' things"

    def __init__(self, runtime: Runtime, scope: BookingScope, kind: str) -> None:
        self._runtime = runtime
        self._engine = runtime.engine
        self._scope = scope
        self._makes = _booking_rows if kind == "bookings" else _activity_rows
        self._tells_withdrawn = kind == "activities"
        self._walk = OwnerWalk(runtime.store)
        self._leaves = LeafWalk(runtime.engine, runtime.store)
        self._has_counts = scope.has_counts and kind == "bookings"

    async def units(self) -> int:
        """All users of all things, and counts."""
        counts = len(await self._count_names()) if self._has_counts else 0
        return counts + sum([len(await self._uids(n)) for n in self._scope.things.values()])

    async def chunks(self, after: Cursor) -> AsyncIterator[Chunk]:
        """Rows of owners, in the order of things and users; of an owner in that of its hashes."""
        done = 0
        for number, name in sorted((n, name) for name, n in self._scope.things.items()):
            uids = await self._uids(number)
            begins = _begins(after, number, uids)
            done += begins
            for start in range(begins, len(uids), 1000):
                some = uids[start : start + 1000]
                names = await self._engine.names.names(some)
                placement = await self._runtime.store.placed()
                for uid in some:
                    root = placement.owner_root(uid)
                    owner = _Owner(name, number, uid, names.get(uid, ""), root)
                    place = after[2:] if after[:2] == [number, uid] else []
                    async for rows, behind in self._of_owner(owner, place):
                        yield Chunk(rows, [number, uid, *behind], done)
                    done += 1
        if self._has_counts:
            async for chunk in self._counts(after, done):
                yield chunk

    async def _counts(self, after: Cursor, done: int) -> AsyncIterator[Chunk]:
        for name in await self._count_names():
            place = after[2:] if after[:2] == [COUNT, name] else []
            if after[:1] != [COUNT] or name >= after[1]:
                owner = _Owner(name, COUNT_THING, 0, "", count_root(name))
                async for rows, behind in self._of_owner(owner, place):
                    yield Chunk(rows, [COUNT, name, *behind], done)
            done += 1

    async def _of_owner(
        self, owner: _Owner, place: Cursor
    ) -> AsyncIterator[tuple[list[Cells], Cursor]]:
        """Rows of one owner behind a place of it."""
        if await self._engine.reports_end(owner.number):
            second = place[0] if place else self._scope.within.start
            async for aid_rows, until in self._leaves.placed(
                owner.root, owner.number, Range(second, self._scope.within.end)
            ):
                rows = [r for aid, p in aid_rows.items() for r in self._makes(owner, aid, p, None)]
                yield rows, [until]
            return
        notes: Mapping[int, WithdrawalNote] = {}
        if self._tells_withdrawn:
            notes = await notes_of(self._engine, owner.uid)
        after: WalkPlace = (place[0], place[1]) if place else BEGINNING
        async for some in self._walk.activities(owner.root, owner.number, after):
            rows, last = [], None
            for held in some:
                rows += self._rows(owner, held, notes)
                last = [held.shard, held.aid]
                if len(rows) >= ROWS_AT_ONCE:
                    yield rows, last
                    rows = []
            if last is not None:
                yield rows, last

    def _rows(
        self, owner: _Owner, held: HeldRecords, notes: Mapping[int, WithdrawalNote]
    ) -> Iterator[Cells]:
        if held.is_withdrawn:
            note = notes.get(held.aid, NO_NOTE)
            is_in = note.second == 0 or self._scope.within.start <= note.second
            if self._tells_withdrawn and is_in and note.second < self._scope.within.end:
                yield from self._makes(owner, held.aid, [], note)
            return
        yield from self._makes(owner, held.aid, list(placed(held.packed, self._scope.within)), None)

    async def _uids(self, number: int) -> Sequence[int]:
        if self._scope.uids is not None:
            return sorted(set(self._scope.uids))
        return await self._engine.indexed(number)

    async def _count_names(self) -> list[str]:
        return await self._leaves.count_names()


def _begins(after: Cursor, number: int, uids: Sequence[int]) -> int:
    """How many of these users lie before a place."""
    if not after:
        return 0
    if after[0] == COUNT or after[0] > number:
        return len(uids)
    return sum(uid < after[1] for uid in uids) if after[0] == number else 0


def _booking_rows(
    owner: _Owner, aid: int, reports: Sequence[PlacedReport], note: WithdrawalNote | None
) -> Iterator[Cells]:
    del note
    of = (owner.thing, owner.uid, owner.name)
    for atid, mode, ts1, ts2, value, booked in reports:
        told = COUNT if owner.number == COUNT_THING else mode
        yield msgspec.structs.astuple(BookingCells(*of, atid, aid, told, ts1, ts2, value, booked))


def _activity_rows(
    owner: _Owner, aid: int, reports: Sequence[PlacedReport], note: WithdrawalNote | None
) -> Iterator[Cells]:
    """A row for each REPORTS_A_ROW reports; none of what has nothing in the range."""
    if not reports and note is None:
        return
    seconds = [report.ts2 for report in reports if report.booked]
    for part, start in enumerate(range(0, max(len(reports), 1), REPORTS_A_ROW)):
        some = reports[start : start + REPORTS_A_ROW]
        yield msgspec.structs.astuple(
            ActivityCells(
                thing=owner.thing,
                uid=owner.uid,
                name=owner.name,
                aid=aid,
                part=part,
                atid=reports[0].atid if reports else 0,
                first=min(seconds, default=None),
                last=max(seconds, default=None),
                bookings=len(seconds),
                sum=sum(report.booked for report in reports),
                withdrawn=note is not None,
                withdrawn_at=note.second or None if note is not None else None,
                by=note.by if note is not None else "",
                note=note.note if note is not None else "",
                reports=[
                    (r.atid, None if r.mode != "total" else r.ts1, r.ts2, r.value, r.booked)
                    for r in some
                ],
            )
        )
