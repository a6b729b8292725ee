"""Keeps what meters send, and books the energy that it makes.

Readings are kept first; the energy of all windows that they touch is computed from what is kept
then, and booked with the version of it as a fence (psd/engine/fences.py)::

    A keeps 00:10, version 7               A books the cells of 00:05 to 00:15: superseded
      B keeps 00:20, version 8, books
    A reads again, version 8               A books them, with both readings in

Killed between keeping and booking, the message comes again: nothing is new, and the cells are
booked all the same. Intervals are kept by the engine alone, where a later report of a window
replaces an earlier one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from psd.energy import resettling
from psd.energy.channels import (
    THINGS,
    Flow,
    MeterChannel,
    meter_uid,
    report_of,
)
from psd.energy.meter_events import Intervals, Readings
from psd.energy.preview import MetersPreview
from psd.energy.registers import RegisterRule
from psd.energy.resettling import Cells, Settled
from psd.energy.settings import EnergySettings
from psd.energy.store import UNIT_S, Found, MeterStore
from psd.engine.engine import Engine
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import ConflictError, InputError, UnknownThingError
from psd.failpoints import reach

LOOK = 32
"""Readings asked for on both sides; of power at least an hour of minutes is often needed."""

LOOK_TIMES = 8
UNITS_AT_ONCE = 31
MW_PER_KW = 10**6


class MeterKeeper:
    """A :class:`~psd.engine.books.Follower`; ``things`` are the numbers of those of energy."""

    keeps: frozenset[type[Change]] = frozenset({Readings, Intervals})

    def __init__(
        self,
        store: MeterStore,
        engine: Engine,
        settings: EnergySettings,
        things: Mapping[str, int],
    ) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._rule = RegisterRule(
            settings.max_kw * MW_PER_KW, settings.gap_max_s, settings.spread_max_s
        )
        self._things: dict[Flow, int] = {
            flow: things[name] for flow, name in THINGS.items() if name in things
        }
        self.things = frozenset(self._things.values())

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """What others book of these things needs nothing here."""

    def preview(self) -> MetersPreview:
        """Reads what is kept, and writes nothing."""
        return MetersPreview(self._store, self._engine, self._things)

    async def keep(self, changes: Sequence[Readings | Intervals]) -> list[Outcome]:
        """Keep what came, in its order; outcomes by position. Safe to repeat."""
        meters = {meter_uid(each.meter): each.meter for each in changes}
        refused: Mapping[int, InputError] = await self._store.register(meters)
        outcomes: dict[int, Outcome] = {}
        listed: list[int] = []
        by_channel: dict[tuple[str, MeterChannel], list[int]] = {}
        for place, change in enumerate(changes):
            error = refused.get(meter_uid(change.meter)) or self._unknown(change.channel)
            if error is not None:
                outcomes[place] = Outcome("refused", error)
            elif isinstance(change, Intervals):
                listed.append(place)
            else:
                by_channel.setdefault((change.meter, change.channel), []).append(place)
        await asyncio.gather(
            self._keep_intervals(changes, listed, outcomes),
            *(self._keep_in_order(changes, some, outcomes) for some in by_channel.values()),
        )
        return [outcomes[place] for place in range(len(changes))]

    def _unknown(self, channel: MeterChannel) -> InputError | None:
        if channel.flow in self._things:
            return None
        return UnknownThingError(f"flow: {THINGS[channel.flow]} is no configured thing")

    async def _keep_intervals(
        self,
        changes: Sequence[Readings | Intervals],
        places: Sequence[int],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Intervals of all meters: 2 trips."""
        if not places:
            return
        own = [(place, each) for place in places if isinstance(each := changes[place], Intervals)]
        conflicts = await self._store.cover(
            [
                (
                    meter_uid(each.meter),
                    each.channel,
                    "intervals",
                    resettling.merged([(row[0], row[1]) for row in each.rows]),
                )
                for _, each in own
            ]
        )
        reach("energy_kept")
        reports: list[Report] = []
        counts = []
        for (place, each), conflict in zip(own, conflicts, strict=True):
            if conflict is not None:
                outcomes[place] = Outcome("refused", conflict)
                continue
            uid, thing = meter_uid(each.meter), self._things[each.channel.flow]
            reports += [
                report_of(thing, uid, each.channel.register, (start, end), mwh, quality)
                for start, end, mwh, quality in each.rows
            ]
            counts.append((place, len(each.rows)))
        told = iter(await self._engine.book(reports)) if reports else iter(())
        reach("energy_booked")
        for place, count in counts:
            outcomes[place] = _summed([next(told) for _ in range(count)])

    async def _keep_in_order(
        self,
        changes: Sequence[Readings | Intervals],
        places: Sequence[int],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Readings of one channel."""
        for place in places:
            change = changes[place]
            assert isinstance(change, Readings)
            try:
                outcomes[place] = await self._keep(change)
            except ConflictError as error:
                outcomes[place] = Outcome("refused", error)

    async def _keep(self, change: Readings) -> Outcome:
        """Readings of a message, some days of them at a time; each 3 trips."""
        told = []
        for points in _parts(change.points, UNIT_S[change.kind] * UNITS_AT_ONCE):
            told.append(await self._keep_part(change, points))
        return _summed(told)

    async def _keep_part(self, change: Readings, points: Sequence[tuple[int, int]]) -> Outcome:
        uid, within = meter_uid(change.meter), (points[0][0], points[-1][0])
        found = await self._store.keep(uid, change.channel, change.kind, points, within, LOOK)
        reach("energy_kept")
        is_new = found.changed > 0
        while True:
            settled, found = await self._settled(change, within, found)
            reports = self._reports(uid, change.channel, settled)
            fence = {uid: (f"energy.{change.channel.name}", found.version)}
            told = await self._engine.book(reports, fence) if reports else []
            if not any(outcome.status == "superseded" for outcome in told):
                break
            found = await self._store.keep(uid, change.channel, change.kind, (), within, LOOK)
        reach("energy_booked")
        if settled.runs:
            await self._store.cover([(uid, change.channel, change.kind, settled.runs)])
        return _summed([*told, BOOKED if is_new else UNCHANGED])

    async def _settled(
        self, change: Readings, within: tuple[int, int], found: Found
    ) -> tuple[Settled, Found]:
        """The energy of all windows that readings within may have changed."""
        look = LOOK
        while True:
            settled = self._energy(change, within, found)
            if settled is not None:
                return settled, found
            look *= LOOK_TIMES
            uid = meter_uid(change.meter)
            found = await self._store.keep(uid, change.channel, change.kind, (), within, look)

    def _energy(self, change: Readings, within: tuple[int, int], found: Found) -> Settled | None:
        cell_s = self._settings.cell_s
        if change.kind == "power":
            return resettling.power(found.kept, *within, cell_s, self._settings.gap_max_s)
        return resettling.register(found.kept, *within, cell_s, self._rule)

    def _reports(self, uid: int, channel: MeterChannel, settled: Settled) -> list[Report]:
        """What is booked of energy by cell."""
        found = self._booked(uid, channel.flow, channel.register, settled.cells)
        if settled.delivered and "export" in self._things:
            found += self._booked(uid, "export", channel.register, settled.delivered)
        return found

    def _booked(self, uid: int, flow: Flow, register: int, cells: Cells) -> list[Report]:
        thing, cell_s = self._things[flow], self._settings.cell_s
        return [
            report_of(thing, uid, register, (cell, cell + cell_s), mwh, quality)
            for cell, (mwh, quality) in sorted(cells.items())
        ]


def _parts(points: Sequence[tuple[int, int]], length_s: int) -> list[Sequence[tuple[int, int]]]:
    """Readings in parts that are no longer than so many seconds."""
    found, start = [], 0
    for place, (second, _) in enumerate(points):
        if second - points[start][0] > length_s:
            found.append(points[start:place])
            start = place
    return [*found, points[start:]]


def _summed(outcomes: Sequence[Outcome]) -> Outcome:
    """What became of a message, by what became of its parts."""
    for outcome in outcomes:
        if outcome.error is not None:
            return outcome
    return BOOKED if any(each.status == "booked" for each in outcomes) else UNCHANGED
