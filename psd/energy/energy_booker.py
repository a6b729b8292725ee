"""Books the energy of readings that are kept, so that the newest readings have the last word.

The energy of all windows that some readings touch is computed from what is kept, and booked with
the version of it as a fence (psd/engine/fences.py); from when to when a channel is metered is noted
beside it, if the readings still have that version::

    A keeps 00:10, version 7               A books the cells of 00:05 to 00:15: superseded
      B keeps 00:20, version 8, books
    A reads again, version 8               A books them, with both readings in

Where the meter itself turns out to be another than was known (a smaller fuse, an exchange that is
told late), all that its readings make is derived again, some days at a time, and how far that has
come is noted: whoever comes next goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from psd.energy import resettling
from psd.energy.channels import Flow, MeterChannel, report_of
from psd.energy.energy_metrics import EnergyMetrics
from psd.energy.keys import UNIT_S
from psd.energy.meter_facts import rule_of
from psd.energy.register_sums import booked_ends
from psd.energy.resettling import Cells, Settled
from psd.energy.settings import EnergySettings
from psd.energy.store import Found, KeptChannel, MeterStore
from psd.engine.engine import Engine
from psd.engine.events import Report
from psd.engine.outcomes import Outcome
from psd.errors import BusyError, TooLateError
from psd.failpoints import reach
from psd.measures.curve import HOUR_S

LOOK = 32
"""Readings asked for on both sides; of power at least an hour of minutes is often needed."""

LOOK_TIMES = 8
UNITS_AT_ONCE = 744
"""The hours from the first that a call reads to the last: a month."""

READINGS_AT_ONCE = 3_600
"""Of a call that reads several hours; a single hour may have as many."""

ATTEMPTS = 64
"""Of computing again; each time somebody else has kept readings meanwhile."""

Within = tuple[int, int]
"""The first and the last second of readings that may be new."""


class EnergyBooker:
    """Computes and books; ``things`` are the numbers of those of energy, by flow."""

    def __init__(
        self,
        store: MeterStore,
        engine: Engine,
        settings: EnergySettings,
        things: Mapping[Flow, int],
        metrics: EnergyMetrics,
    ) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._things = things
        self._metrics = metrics

    async def settle(self, of: KeptChannel, within: Within, found: Found) -> list[Outcome]:
        """Book what readings within make by what was found; outcomes of reports. 1 trip.

        A report of a time that can no longer be booked is left out, where others can be.
        """
        for _ in range(ATTEMPTS):
            settled, found = await self._settled(of, within, found)
            told = await (self._booked if found.is_derived else self._emptied)(of, settled, found)
            if told is not None:
                reach("energy_booked")
                self._metrics.unmetered(settled.unmetered_s)
                self._metrics.spans(settled.spans)
                return _without_late(told)
            self._metrics.again()
            found = await self._store.look(of, within, LOOK)
        raise BusyError("meter: others keep readings of it all the time")

    async def _booked(
        self, of: KeptChannel, settled: Settled, found: Found
    ) -> list[Outcome] | None:
        """Book energy and note where it is metered; None where the readings are others by now."""
        told, is_noted = await asyncio.gather(
            self._book(of, settled, found), self._store.note_runs(of, settled, found.version)
        )
        return told if is_noted else None

    async def _emptied(
        self, of: KeptChannel, settled: Settled, found: Found
    ) -> list[Outcome] | None:
        """The same by another rule of the meter: what was metered may be no more. 3 trips.

        The runs are changed last, because they tell what has to be emptied.
        """
        if settled.known is not None:
            runs = await self._store.runs(of.uid, [of.channel], *settled.window)
            settled = resettling.emptied(settled, runs, self._settings.cell_s)
        told = await self._book(of, settled, found)
        if told is None or not await self._store.note_runs(of, settled, found.version):
            return None
        return told

    async def _book(self, of: KeptChannel, settled: Settled, found: Found) -> list[Outcome] | None:
        """Outcomes of reports; None where somebody has booked what is newer.

        What is to be empty is looked for behind that: then nobody books there by what is older.
        """
        told = await self._fenced(of, self._reports(of, settled), found)
        if told is None or not settled.bare:
            return told
        emptied = await self._fenced(of, await self._bared(of, settled), found)
        return None if emptied is None else [*told, *emptied]

    async def _fenced(
        self, of: KeptChannel, reports: Sequence[Report], found: Found
    ) -> list[Outcome] | None:
        if not reports:
            return []
        fence = {of.uid: (f"energy.{of.channel.name}", found.version)}
        told = await self._engine.book(reports, fence)
        return None if any(outcome.status == "superseded" for outcome in told) else told

    async def _bared(self, of: KeptChannel, settled: Settled) -> list[Report]:
        """What takes energy away where none is to be. A trip for each 5,000 bookings there."""
        thing, cell_s, register = self._things[of.channel.flow], self._settings.cell_s, of.channel
        booked: set[int] = set()
        for first, end in settled.bare:
            ends = await booked_ends(self._engine, of.uid, thing, register.register, (first, end))
            booked |= {second - cell_s for second in ends if second % cell_s == 0}
        return self._of_cells(of.uid, of.channel, resettling.bared(settled, booked))

    async def catch_up(self, of: KeptChannel, found: Found) -> None:
        """Derive all that is kept of a channel again, where the meter's rule is another by now."""
        if found.is_derived:
            return
        rule = found.rule
        for start, end in stretches_of(await self._store.held(of, found.derived_from)):
            within = (start * UNIT_S, (end + 1) * UNIT_S - 1)
            await self.again(of, within)
            await self._store.note_derived(of, rule, end + 1)
        await self._store.note_derived(of, rule, None)

    async def stretches(self, of: KeptChannel) -> list[Within]:
        """Parts of all that is kept of a channel, each of some hours. 2 trips."""
        listed = stretches_of(await self._store.held(of, 0))
        return [(start * UNIT_S, (end + 1) * UNIT_S - 1) for start, end in listed]

    async def wanted(self, of: KeptChannel, within: Within) -> list[Report]:
        """What readings within make, as it should be booked, and where nothing is to be. 1 trip."""
        found = await self._store.look(of, within, LOOK)
        settled, _ = await self._settled(of, within, found)
        return [*self._reports(of, settled), *await self._bared(of, settled)]

    async def again(self, of: KeptChannel, within: Within) -> list[Outcome]:
        """Book what readings within make. 2 trips."""
        return await self.settle(of, within, await self._store.look(of, within, LOOK))

    async def _settled(
        self, of: KeptChannel, within: Within, found: Found
    ) -> tuple[Settled, Found]:
        """The energy of all windows that readings within may have changed."""
        look = LOOK
        while True:
            settled = self._energy(of, within, found)
            if settled is not None:
                return await self._left_alone(of, settled, found), found
            look = min(look * LOOK_TIMES, look + READINGS_AT_ONCE - look % READINGS_AT_ONCE)
            found = await self._store.look(of, within, look)

    async def _left_alone(self, of: KeptChannel, settled: Settled, found: Found) -> Settled:
        """The same without what readings made that have ended since. 1 trip, where any may have.

        That energy was metered up to the first reading that is kept tells that there were more.
        """
        if not self._engine.kept_s(self._things[of.channel.flow]) or not found.kept.begins:
            return settled
        first = found.kept.readings[0][0] if found.kept.readings else 0
        runs = await self._store.runs(of.uid, [of.channel], first, first + 1)
        if not any(start < first <= end for start, end in runs):
            return settled
        whole_s = self._settings.cell_s if of.kind == "register" else HOUR_S
        return resettling.behind(settled, -(-first // whole_s) * whole_s)

    def _energy(self, of: KeptChannel, within: Within, found: Found) -> Settled | None:
        cell_s = self._settings.cell_s
        if not found.kept.readings:
            return Settled({}, [])
        rule = rule_of(found.said, of.channel, self._settings)
        if of.kind == "register":
            return resettling.register(found.kept, *within, cell_s, rule)
        return resettling.power(
            found.kept, *within, cell_s, rule.gap_max_s, delivers=found.delivers
        )

    def _reports(self, of: KeptChannel, settled: Settled) -> list[Report]:
        """What is booked of energy by cell."""
        found = self._of_cells(of.uid, of.channel, settled.cells)
        if settled.delivered is not None and "export" in self._things:
            export = MeterChannel("export", of.channel.register)
            found += self._of_cells(of.uid, export, settled.delivered)
        return found

    def _of_cells(self, uid: int, channel: MeterChannel, cells: Cells) -> list[Report]:
        thing, cell_s = self._things[channel.flow], self._settings.cell_s
        return [
            report_of(thing, uid, channel.register, (cell, cell + cell_s), mwh, quality)
            for cell, (mwh, quality) in sorted(cells.items())
        ]


def _without_late(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes but of what came too late, unless all did."""
    return [each for each in outcomes if not isinstance(each.error, TooLateError)] or [*outcomes]


def stretches_of(held: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first and the last of hours that one call may read together.

    >>> stretches_of([(1, 60), (2, 3_500), (5, 100), (800, 1)])
    [(1, 2), (5, 5), (800, 800)]
    """
    found: list[tuple[int, int]] = []
    readings = 0
    for unit, number in held:
        readings += number
        if found and unit - found[-1][0] < UNITS_AT_ONCE and readings <= READINGS_AT_ONCE:
            found[-1] = found[-1][0], unit
        else:
            found.append((unit, unit))
            readings = number
    return found
