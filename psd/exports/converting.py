"""Booking what a pointspaced holds, and holding what psd answers against its hashes.

::

    owner (1, 7)   41 of type 12: 2016041208 90 = seconds 90     -> +90 at 08:30:15
                   42 of type 12: 201603 = 500, no days any more -> +500 at 1 March 00:00, coarse

Rows go the way of an import (psd/exports/booking_taking.py): each second is a report of its own,
so running it again changes what has changed and books nothing twice. Afterwards psd is asked for
every unit that a hash tells of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from psd.audit.placed_records import at_seconds
from psd.engine.booking import COUNT_THING
from psd.engine.plan import Range
from psd.errors import InputError, UnknownThingError
from psd.exports.booking_taking import BookingTaker
from psd.exports.old_buckets import (
    LEVELS,
    Expected,
    Nodes,
    OldKey,
    OldOwner,
    PlacedNodes,
    end_of,
    expected,
    first_second,
    placed,
    rests,
)
from psd.exports.old_store import OldActivities, OldStore
from psd.exports.row_kinds import BookingCells, Cells
from psd.runtime import Runtime
from psd.store.keys import count_root

COUNT = "count"
Coarse = Literal["start", "refuse"]
"""Where what only coarser buckets tell is booked: at their starts, or nowhere."""

RANGES_AT_ONCE = 200
DIFFERENCES_SHOWN = 20


class OldConversion(msgspec.Struct):
    """What was met and what became of it."""

    owners: int = 0
    activities: int = 0
    coarse: Counter[str] = msgspec.field(default_factory=Counter)
    refused: list[str] = msgspec.field(default_factory=list)
    compared: Counter[str] = msgspec.field(default_factory=Counter)
    differences: list[str] = msgspec.field(default_factory=list)
    different: int = 0


class Converter:
    """Converts one store; with ``is_dry`` it books nothing, and compares nothing."""

    def __init__(
        self, runtime: Runtime, old: OldStore, coarse: Coarse, *, is_dry: bool, compares: bool
    ) -> None:
        self._runtime = runtime
        self._old = old
        self._coarse = coarse
        self._is_dry = is_dry
        self._compares = compares and not is_dry
        self._names = {number: name for name, number in runtime.settings.numbers.items()}
        self.taker = BookingTaker(runtime, "bookings", is_dry=is_dry)
        self.told = OldConversion()

    async def run(self, progress: Callable[[int], None]) -> OldConversion:
        """Book everything, owner by owner, and compare each; ``progress`` is told of hashes."""
        async for owner, keys in self._old.owners():
            try:
                await self._convert(owner, keys)
            except InputError as error:
                self.told.refused.append(f"{_shown(owner)}: {error}")
            progress(len(keys))
        return self.told

    async def _convert(self, owner: OldOwner, keys: Sequence[OldKey]) -> None:
        if owner.thing and owner.thing not in self._names:
            raise UnknownThingError(
                f"thing: {owner.thing} has no name here; give it one in [things]"
            )
        found = await self._old.activities([*keys])
        self.told.owners += 1
        made = await self._placed(owner, found)
        self.told.activities += len(made)
        await self.taker.take((0, row) for row in self._rows(owner, made))
        if self._compares:
            wanted = expected((atid, found[atid, aid], each) for (atid, aid), each in made.items())
            await self._compare(owner, wanted)

    async def _placed(
        self, owner: OldOwner, found: OldActivities
    ) -> dict[tuple[int, int], PlacedNodes]:
        """What is booked of each activity and type."""
        made: dict[tuple[int, int], PlacedNodes] = {}
        for (atid, aid), nodes in sorted(found.items()):
            left = rests(nodes)
            if left and self._coarse == "refuse":
                units = ", ".join(sorted(left)[:3])
                self.told.refused.append(
                    f"{_shown(owner)}, activity {aid}: only coarser buckets are left of {units}"
                )
                continue
            held = await self._held(owner, atid, aid, left) if left else {}
            made[atid, aid] = each = placed(nodes, held)
            self.told.coarse.update(LEVELS[len(label)] for label in each.coarse)
        return made

    async def _held(self, owner: OldOwner, atid: int, aid: int, left: Nodes) -> dict[int, int]:
        """What psd has of an activity in units of which only a rest is told."""
        root, thing = await self._root(owner), owner.thing or COUNT_THING
        within = Range(min(map(first_second, left)), max(end_of(label) for label in left))
        cells = await self._runtime.engine.booked_of(root, thing, aid, within)
        return {second: value for (second, of), value in cells.items() if of == atid}

    def _rows(self, owner: OldOwner, made: dict[tuple[int, int], PlacedNodes]) -> list[Cells]:
        by_aid: defaultdict[int, dict[tuple[int, int], int]] = defaultdict(dict)
        for (atid, aid), each in made.items():
            for second, value in each.bookings.items():
                by_aid[aid][second, atid] = value
        rows: list[Cells] = []
        for aid, bookings in by_aid.items():
            if owner.thing == 0:
                rows += [
                    (owner.name, 0, "", 0, 0, COUNT, second, second, value, value)
                    for (second, _), value in sorted(bookings.items())
                    if value
                ]
                continue
            for atid, mode, ts1, ts2, value, booked in at_seconds(bookings):
                of = (self._names[owner.thing], owner.uid, "", atid, aid)
                cells = BookingCells(*of, mode, ts1, ts2, value, booked)
                rows.append(msgspec.structs.astuple(cells))
        return rows

    async def _compare(self, owner: OldOwner, wanted: Expected) -> None:
        """Ask psd for every unit, by type."""
        by_atid: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
        for (label, atid), value in sorted(wanted.items()):
            by_atid[atid].append((label, value))
        for atid, units in by_atid.items():
            for start in range(0, len(units), RANGES_AT_ONCE):
                some = units[start : start + RANGES_AT_ONCE]
                answers = await self._sums(owner, atid, [label for label, _ in some])
                for (label, value), answer in zip(some, answers, strict=True):
                    self.told.compared[LEVELS[len(label)]] += 1
                    if answer != value:
                        self._differ(
                            f"{_shown(owner)}, type {atid}, {label}: {answer}, was {value}"
                        )

    async def _sums(self, owner: OldOwner, atid: int, labels: Sequence[str]) -> list[int]:
        ranges = [Range(first_second(label), end_of(label)) for label in labels]
        engine = self._runtime.engine
        if owner.thing == 0:
            return [(await engine.counts([owner.name], each))[0] for each in ranges]
        uids = [owner.uid] * len(ranges)
        found = await engine.sums(uids, [owner.thing], ranges, atid=atid)
        return [each.sums.get(owner.thing, 0) for each in found]

    def _differ(self, text: str) -> None:
        self.told.different += 1
        if len(self.told.differences) < DIFFERENCES_SHOWN:
            self.told.differences.append(text)

    async def _root(self, owner: OldOwner) -> str:
        if owner.thing == 0:
            return count_root(owner.name)
        return (await self._runtime.store.placed()).owner_root(owner.uid)


def _shown(owner: OldOwner) -> str:
    return f"count {owner.name!r}" if owner.thing == 0 else f"hz:{owner.thing}:{owner.uid}"
