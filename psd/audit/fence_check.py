"""Looks at the fences of owners (psd/engine/fences.py): each is a number.

Which number it should be nothing else tells, but one that is none keeps the owner from being booked
for. A line of ``psd verify`` for owner 7::

    psd:{p0}:7:f:rides: 'x', should be a number by its name

The repair takes such a text away: whoever books next sets it anew. A key of another type is told
and left alone, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from psd.audit.examine import TEXT_MAX, Discrepancy
from psd.audit.index_check import Calls
from psd.engine.fences import NUMBER_MAX
from psd.errors import StoreError
from psd.store.keys import ROOT

FENCES = re.compile(rf"({ROOT}):f:([a-z0-9._-]{{1,64}})")

_NUMBER = re.compile(rb"0|[1-9][0-9]{0,15}")

FOREIGN = "a key of another type"


class FenceAudit:
    """Audits the fences of an owner."""

    def __init__(self, lane: Calls) -> None:
        self._lane = lane

    async def spoiled(self, keys: Sequence[str], *, repair: bool) -> list[Discrepancy]:
        """Those of the keys that hold no number. A trip each, and one more for each repair."""
        found = []
        for key in sorted(keys):
            held = await self._held(key)
            if held is None or _is_number(held):
                continue
            told = FOREIGN if held == FOREIGN else repr(held)[1:TEXT_MAX]
            found.append(Discrepancy(key, "", "a number", told, "its name"))
            if repair and held != FOREIGN:
                await self._lane.call(("DEL", key))
        return found

    async def _held(self, key: str) -> bytes | str | None:
        try:
            held: bytes | None = await self._lane.call(("GET", key))
        except StoreError as error:
            if "WRONGTYPE" not in str(error):
                raise
            return FOREIGN
        return held


def _is_number(held: bytes | str) -> bool:
    return isinstance(held, bytes) and bool(_NUMBER.fullmatch(held)) and int(held) <= NUMBER_MAX
