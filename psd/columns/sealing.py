"""Seals logs of columns whose units are over: 16 bytes a booking become some 6.

::

    psd:columns:{p0}:1:l:201604    1,055 records, 16,880 bytes
    psd:columns:{p0}:1:s:201604    the same, 6,000 bytes; the log is gone

Nothing needs it. A booking that comes later begins the log anew beside what is sealed, and the
next sealing merges the two. The sealed log is made beside, in pieces, and one script puts it in
the place of both, if nobody has booked or sealed since they were read. Days' columns sum what is
in both, so they stay as they are.

A board that is read in pieces meanwhile notices it (psd/columns/column_pieces.py) and is read anew.
A log must also be as long as it was QUIET_S before, so that what is being booked is left alone.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from typing import Literal

import msgspec

from psd import arrays
from psd.columns.column_keys import DRAFT, LOG, SEALED, SEALS, column_key, unit_end
from psd.columns.column_logs import records_of, sealed, unsealed
from psd.errors import ShapeError
from psd.store.keys import LOG_OF_COLUMNS, LOGS_PATTERN
from psd.store.lane import Lane
from psd.store.routed import RoutedLane
from psd.store.scripts import Script

OVER_S = 86_400
"""A unit is over so long after its end; bookings are seldom later."""

QUIET_S = 2.0
"""So long a log was not written."""

PIECE_BYTES = 256 * 1024
DRAFT_S = 600
"""A sealed log that was not put in its place goes after that."""

SCAN_KEYS = 1_000

_BEFORE_LABEL = f":{LOG}:"
_LOG_KEY = re.compile(LOG_OF_COLUMNS)

Verdict = Literal["sealed", "changed", "spoiled", "kept"]


class Unit(msgspec.Struct, frozen=True):
    """A log of a unit that is over, and how long it was when it was listed."""

    root: str
    label: str
    size: int

    @property
    def log(self) -> str:
        """Key of its log."""
        return column_key(self.root, LOG, self.label)

    @property
    def sealed(self) -> str:
        """Key of what is sealed of it."""
        return column_key(self.root, SEALED, self.label)


class Sealing(msgspec.Struct, frozen=True):
    """What became of a unit: bytes of its logs before and after.

    ``changed`` is booked on, ``kept`` would not get smaller, ``spoiled`` is told by psd verify.
    """

    unit: Unit
    verdict: Verdict
    before: int
    after: int


class Sealer:
    """Seals the logs of some things; None is all."""

    def __init__(
        self, lane: Lane | RoutedLane, now_s: float, things: Collection[int] | None = None
    ) -> None:
        self._lane = lane
        self._over_s = now_s - OVER_S
        self._things = things
        self._script = Script("columns.seal")
        self._listed_s = 0.0

    async def listed(self) -> list[Unit]:
        """Logs of units that are over, by key."""
        units: list[Unit] = []
        for lane in await self._lane.lanes():
            cursor = b"0"
            while True:
                asked = ("SCAN", cursor, "MATCH", LOGS_PATTERN, "COUNT", SCAN_KEYS)
                cursor, names = await lane.call(asked)
                keys = [name.decode(errors="replace") for name in names]
                units += await self._units(lane, [key for key in keys if self._is_over(key)])
                if cursor == b"0":
                    break
        self._listed_s = asyncio.get_running_loop().time()
        return sorted({unit.log: unit for unit in units}.values(), key=lambda each: each.log)

    async def run(
        self, units: Sequence[Unit], *, waits: bool = True, dry_run: bool = False
    ) -> AsyncIterator[Sealing]:
        """Seal what was listed QUIET_S ago; without ``waits`` nothing that was listed later."""
        left_s = self._listed_s + QUIET_S - asyncio.get_running_loop().time()
        if left_s > 0 and units:
            if not waits:
                return
            await asyncio.sleep(left_s)
        for unit in units:
            yield await self._lane.followed(partial(self._seal, unit, dry_run))

    def _is_over(self, key: str) -> bool:
        match = _LOG_KEY.fullmatch(key)
        if match is None or (self._things is not None and int(match[1]) not in self._things):
            return False
        return unit_end(match[2]) <= self._over_s

    async def _units(self, lane: Lane, keys: Sequence[str]) -> list[Unit]:
        sizes = await lane.call_each([("STRLEN", key) for key in keys])
        return [
            Unit(key[: -len(label) - len(_BEFORE_LABEL)], label, size)
            for key, size in zip(keys, sizes, strict=True)
            if isinstance(size, int) and size and (label := key.rpartition(":")[2])
        ]

    async def _seal(self, unit: Unit, dry_run: bool) -> Sealing:
        lane, seals = await self._lane.lane_of(unit.log), column_key(unit.root, SEALS)
        held, log, old = await lane.call_all(
            [("GET", seals), ("STRLEN", unit.log), ("STRLEN", unit.sealed)]
        )
        before = log + old
        if log != unit.size:
            return Sealing(unit, "changed", before, before)
        try:
            packed = await self._packed(lane, unit, log, old)
        except ShapeError:
            return Sealing(unit, "spoiled", before, before)
        if len(packed) >= before:
            return Sealing(unit, "kept", before, before)
        if not dry_run:
            draft = await self._draft(lane, unit, packed)
            keys = (unit.log, unit.sealed, draft, seals)
            counted = (held or b"0", log, old, len(packed))
            if not await lane.call(("EVALSHA", self._script.sha, 4, *keys, *counted)):
                await lane.call(("UNLINK", draft))
                return Sealing(unit, "changed", before, before)
        return Sealing(unit, "sealed", before, len(packed))

    async def _packed(self, lane: Lane, unit: Unit, log: int, old: int) -> bytes:
        """What both logs hold, sealed; of what is no log any more ShapeError."""
        late = records_of(await self._read(lane, unit.log, log))
        held = unsealed(await self._read(lane, unit.sealed, old) or None)
        return sealed(arrays.numpy.concatenate([held, late]))

    async def _read(self, lane: Lane, key: str, size: int) -> bytes:
        pieces = [
            await lane.call(("GETRANGE", key, at, min(at + PIECE_BYTES, size) - 1))
            for at in range(0, size, PIECE_BYTES)
        ]
        return b"".join(pieces)

    async def _draft(self, lane: Lane, unit: Unit, packed: bytes) -> str:
        """Key of a sealed log that is nobody's yet."""
        key = column_key(unit.root, DRAFT, secrets.token_hex(8))
        for at in range(0, len(packed), PIECE_BYTES):
            await lane.call_all(
                [("APPEND", key, packed[at : at + PIECE_BYTES]), ("EXPIRE", key, DRAFT_S)]
            )
        return key
