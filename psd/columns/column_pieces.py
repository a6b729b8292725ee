"""Reads what a range needs of one partition's columns and logs.

Little is one command, so all of it is of one moment. More would hold Redis: what a log has had is
read first, in pieces, because it only grows. Then come the columns, a stretch of positions at a
time, each in a transaction with what the logs have got meanwhile::

    GETRANGE psd:columns:{p0}:1:l:201604 0 2097151       what the log had, piece by piece
    MULTI
    GETRANGE psd:columns:{p0}:1:m:201604 0 131071        the first 16,384 owners
    GETRANGE psd:columns:{p0}:1:l:201604 33554416 -1     the log's last record, and what follows
    EXISTS psd:columns:{p0}:1:l:20160412 ...             what was not there
    EXEC

So each owner's sum is of one moment, as it is in a page of owners (lua/engine/standings.lua). Where
a log does not go on as it ended, or something has come that was not there, all is read anew. That
tells a sealing, however long ago it began: it leaves a sealed log that was not there, or one that
ends otherwise (psd/columns/column_logs.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from psd.columns.column_keys import CELL_BYTES, DAY, LOG, RECORD_BYTES, SEALED, unit_start
from psd.columns.column_logs import records_of, unsealed
from psd.columns.column_plan import ColumnPlan
from psd.columns.vector import COUNT, NEWEST, Adding
from psd.errors import StoreError
from psd.slices import beside_the_loop
from psd.store.lane import Command
from psd.store.routed import RoutedLane

PIECE_BYTES = 1_000_000
"""Of one command, or of one stretch: 0.1 ms of Redis, and as much until it is on its way."""

CALLS_AT_ONCE = 6
"""Trips of one board that are on their way at a time; more only take memory."""

MONTH_LABEL = len("201604")
"""Logs of months are there wherever something is booked, those of days and hours seldom."""


class AnewError(Exception):
    """What was read is not what stands there now."""


class ColumnLog(msgspec.Struct, frozen=True):
    """A log of the plan; a sealed one gets nothing more."""

    label: str
    suffix: str
    is_sealed: bool


class Wanted:
    """All that a plan names, by the suffixes of its keys: columns, then logs."""

    def __init__(self, plan: ColumnPlan) -> None:
        self.plan = plan
        self.columns = (COUNT, NEWEST, *plan.columns)
        self.logs = [
            ColumnLog(label, f":{kind}:{label}", kind == SEALED)
            for label in plan.logs
            for kind in (LOG, SEALED)
        ]
        self.suffixes = (*self.columns, *(log.suffix for log in self.logs))
        self.rare = [
            *(suffix for suffix in self.columns if suffix.startswith(f":{DAY}:")),
            *(log.suffix for log in self.logs if len(log.label) > MONTH_LABEL),
        ]


class PartitionRead:
    """One partition's part of a board; ``number`` is its place in what is added up."""

    def __init__(self, lane: RoutedLane, root: str, wanted: Wanted, number: int) -> None:
        self._lane = lane
        self._root = root
        self._wanted = wanted
        self._number = number

    async def add_whole(self, adding: Adding, texts: Sequence[bytes | None]) -> None:
        """Add what one command has told of everything that is wanted."""
        columns = self._wanted.columns
        adding.columns(self._number, 0, dict(zip(columns, texts, strict=False)), self._wanted.plan)
        everybody = range(adding.given(self._number))
        for log, text in zip(self._wanted.logs, texts[len(columns) :], strict=True):
            if text:
                await self._add_log(adding, everybody, log, text)

    async def add_pieces(
        self, adding: Adding, sizes: Sequence[int], room: asyncio.Semaphore
    ) -> None:
        """Read it in pieces and add these, where all has the sizes given; raises AnewError."""
        wanted, size_of = self._wanted, dict(zip(self._wanted.suffixes, sizes, strict=True))
        ends = {
            log: await self._add_pieces_of(adding, log, size_of[log.suffix], room)
            for log in wanted.logs
            if size_of[log.suffix]
        }
        stretch = _Stretch(
            [suffix for suffix in wanted.columns if size_of[suffix]],
            {log: (size_of[log.suffix] - len(end), end) for log, end in ends.items()},
            [self._root + suffix for suffix, size in size_of.items() if not size],
        )
        given, at_once = adding.given(self._number), stretch.positions_at_once
        takes = (
            self._add_stretch(adding, stretch, range(at, min(at + at_once, given)), room)
            for at in range(0, given, at_once)
        )
        await asyncio.gather(*takes)

    async def _add_pieces_of(
        self, adding: Adding, log: ColumnLog, size: int, room: asyncio.Semaphore
    ) -> bytes:
        """Add what a log had; returns how that ends."""
        key, everybody = self._root + log.suffix, range(adding.given(self._number))
        pieces = await pieces_of(self._lane, key, 0, size, room)
        if sum(map(len, pieces)) != size:
            raise AnewError
        if log.is_sealed:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            await self._add_log(adding, everybody, log, piece)
        return pieces[-1][-RECORD_BYTES:]

    async def _add_stretch(
        self, adding: Adding, stretch: _Stretch, positions: range, room: asyncio.Semaphore
    ) -> None:
        async with room:
            commands = stretch.commands(self._root, positions)
            # All keys are of one slot, and a transaction goes to the server that has it.
            lane = await self._lane.lane_of(self._root)
            replies = (await lane.call_all([("MULTI",), *commands, ("EXEC",)]))[-1]
        failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if failed is not None:
            raise StoreError(f"redis: {failed}")
        columns = dict(zip(stretch.columns, replies, strict=False))
        adding.columns(self._number, positions.start, columns, self._wanted.plan)
        more = stretch.more(replies[len(columns) :])
        for log, text in more:
            await self._add_log(adding, positions, log, text)

    async def _add_log(self, adding: Adding, positions: range, log: ColumnLog, text: bytes) -> None:
        read = unsealed if log.is_sealed else records_of
        records = await beside_the_loop(len(text) // RECORD_BYTES, lambda: read(text))
        cuts = self._wanted.plan.logs[log.label]
        await adding.records(self._number, positions, records, unit_start(log.label), cuts)


class _Stretch(msgspec.Struct, frozen=True):
    """What is read with each stretch of positions.

    Columns that are there; of each log from which byte on, and how what is known of it ends; keys
    that were not there.
    """

    columns: Sequence[str]
    logs: Mapping[ColumnLog, tuple[int, bytes]]
    absent: Sequence[str]

    @property
    def positions_at_once(self) -> int:
        """How many positions make a stretch of PIECE_BYTES."""
        return max(1, PIECE_BYTES // (CELL_BYTES * max(1, len(self.columns))))

    def commands(self, root: str, positions: range) -> list[Command]:
        """What tells of some positions, all at one moment."""
        start, stop = CELL_BYTES * positions.start, CELL_BYTES * positions.stop
        return [
            *(("GETRANGE", root + suffix, start, stop - 1) for suffix in self.columns),
            *(("GETRANGE", root + log.suffix, at, -1) for log, (at, _) in self.logs.items()),
            *([("EXISTS", *self.absent)] if self.absent else []),
        ]

    def more(self, replies: Sequence[Any]) -> list[tuple[ColumnLog, bytes]]:
        """What logs have got meanwhile; raises AnewError where they are others."""
        found = []
        for (log, (_, end)), text in zip(self.logs.items(), replies, strict=False):
            if not text.startswith(end) or (log.is_sealed and len(text) != len(end)):
                raise AnewError
            if len(text) > len(end):
                found.append((log, text[len(end) :]))
        if self.absent and replies[-1]:
            raise AnewError
        return found


async def pieces_of(
    lane: RoutedLane, key: str, start: int, stop: int, room: asyncio.Semaphore
) -> list[bytes]:
    """The bytes of a key, in pieces that hold whole records and cells."""

    async def piece(at: int) -> bytes:
        async with room:
            text: bytes = await lane.call(("GETRANGE", key, at, min(at + PIECE_BYTES, stop) - 1))
            return text

    return await asyncio.gather(*map(piece, range(start, stop, PIECE_BYTES)))
