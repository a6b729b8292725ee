"""Keeps what meters send, and has the energy booked that it makes.

Readings are kept first, and their energy is booked then (psd/energy/energy_booker.py). Killed in
between, the message comes again: nothing is new, and the energy is booked all the same. Intervals
are kept by the engine alone, where a later report of a window replaces an earlier one. What does
not count (``counts`` false) is kept as it came, and nothing is booked of it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from psd.energy import resettling
from psd.energy.channel_lifetimes import still_kept
from psd.energy.channels import THINGS, Flow, Kind, meter_uid, report_of
from psd.energy.energy_booker import LOOK, EnergyBooker, stretches_of
from psd.energy.energy_metrics import EnergyMetrics
from psd.energy.keys import UNIT_S
from psd.energy.meter_descriptions import MeterDescription
from psd.energy.meter_events import Interval, Intervals, Readings
from psd.energy.preview import MetersPreview
from psd.energy.settings import EnergySettings
from psd.energy.store import KeptChannel, MeterStore
from psd.engine.engine import Engine
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import ConflictError, InputError, TooLargeError, UnknownThingError
from psd.failpoints import reach
from psd.slices import Stretch

BOOKED_AT_ONCE = 5_000
"""Reports of intervals, and a message more. Each is 30 lines of Python while its call is made, in
which the event loop is held."""

NEIGHBOURS = 2
"""Readings of so many hours beside each other are kept without a look at how many there are."""

T = TypeVar("T")

MeterChange = Readings | Intervals | MeterDescription


class MeterKeeper:
    """A :class:`~psd.engine.books.Follower`; ``things`` are the numbers of those of energy."""

    keeps: frozenset[type[Change]] = frozenset({Readings, Intervals, MeterDescription})

    def __init__(
        self,
        store: MeterStore,
        engine: Engine,
        settings: EnergySettings,
        things: Mapping[str, int],
        metrics: EnergyMetrics,
    ) -> None:
        self._store = store
        self._engine = engine
        self._things: dict[Flow, int] = {
            flow: things[name] for flow, name in THINGS.items() if name in things
        }
        self.booker = EnergyBooker(store, engine, settings, self._things, metrics)
        self._metrics = metrics
        self._cell_s = settings.cell_s
        self.things = frozenset(self._things.values())

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """What others book of these things needs nothing here."""

    def preview(self) -> MetersPreview:
        """Reads what is kept, and writes nothing."""
        return MetersPreview(self._store, self._engine, self._things, self._cell_s)

    async def keep(self, changes: Sequence[MeterChange]) -> list[Outcome]:
        """Keep what came, in its order; outcomes by position. Safe to repeat."""
        meters = {meter_uid(each.meter): each.meter for each in changes}
        refused: Mapping[int, InputError] = await self._store.register(meters)
        outcomes: dict[int, Outcome] = {}
        listed: list[int] = []
        in_order: dict[object, list[int]] = {}
        fit = [*changes]
        for place, change in enumerate(changes):
            try:
                fit[place] = self._fit(change, refused.get(meter_uid(change.meter)))
            except InputError as error:
                outcomes[place] = Outcome("refused", error)
                continue
            if isinstance(change, Intervals) and change.counts:
                listed.append(place)
            else:
                in_order.setdefault(_order_of(change), []).append(place)
        await asyncio.gather(
            self._keep_intervals(fit, listed, outcomes),
            *(self._keep_in_order(fit, some, outcomes) for some in in_order.values()),
        )
        told = [outcomes[place] for place in range(len(changes))]
        self._count(changes, told)
        return told

    def _count(self, changes: Sequence[MeterChange], outcomes: Sequence[Outcome]) -> None:
        points: Counter[tuple[str, str]] = Counter()
        for change, outcome in zip(changes, outcomes, strict=True):
            if not isinstance(change, MeterDescription):
                kind, status, count = _counted(change, outcome)
                points[kind, status] += count
        for (kind, status), count in points.items():
            self._metrics.points(kind, status, count)

    def _fit(self, change: MeterChange, conflict: InputError | None) -> MeterChange:
        """What of a change is to be kept; raises InputError for nothing."""
        if conflict is not None:
            raise conflict
        if isinstance(change, MeterDescription):
            return change
        thing = self._things.get(change.channel.flow)
        if thing is None:
            raise UnknownThingError(f"flow: {THINGS[change.channel.flow]} is no configured thing")
        return still_kept(change, self._engine.oldest_s(thing), self._cell_s)

    async def _keep_intervals(
        self,
        changes: Sequence[MeterChange],
        places: Sequence[int],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Intervals of all meters: 2 trips."""
        if not places:
            return
        own = [(place, each) for place in places if isinstance(each := changes[place], Intervals)]
        by_channel: dict[KeptChannel, list[Interval]] = {}
        for _, each in own:
            by_channel.setdefault(_channel_of(each), []).extend(each.rows)
        conflicts = await self._covered(by_channel)
        reach("energy_kept")
        reports: dict[int, list[Report]] = {}
        stretch = Stretch()
        for place, each in own:
            conflict = conflicts.get(_channel_of(each))
            if conflict is not None:
                outcomes[place] = Outcome("refused", conflict)
                continue
            reports[place] = self._reports_of(each)
            await stretch.after(len(each.rows))
            if sum(map(len, reports.values())) >= BOOKED_AT_ONCE:
                await self._book_intervals(reports, outcomes)
                reports = {}
        await self._book_intervals(reports, outcomes)
        reach("energy_booked")

    def _reports_of(self, change: Intervals) -> list[Report]:
        uid, thing = meter_uid(change.meter), self._things[change.channel.flow]
        return [
            report_of(thing, uid, change.channel.register, (start, end), mwh, quality)
            for start, end, mwh, quality in change.rows
        ]

    async def _book_intervals(
        self, reports: Mapping[int, Sequence[Report]], outcomes: dict[int, Outcome]
    ) -> None:
        """Reports of messages by their place. 1 trip."""
        listed = [report for each in reports.values() for report in each]
        told = iter(await self._engine.book(listed)) if listed else iter(())
        for place, each in reports.items():
            outcomes[place] = _summed([next(told) for _ in each])

    async def _covered(
        self, by_channel: Mapping[KeptChannel, Sequence[Interval]]
    ) -> dict[KeptChannel, ConflictError]:
        """Note from when to when channels are metered; those of another kind. 1 trip."""
        told = await self._store.cover(
            [
                (
                    of,
                    resettling.merged([(start, end) for start, end, *_ in rows]),
                    max(end - start for start, end, *_ in rows),
                )
                for of, rows in by_channel.items()
            ]
        )
        return {of: error for of, error in zip(by_channel, told, strict=True) if error is not None}

    async def _keep_in_order(
        self,
        changes: Sequence[MeterChange],
        places: Sequence[int],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Readings of one channel, or what was said of one meter."""
        for place in places:
            change = changes[place]
            try:
                if isinstance(change, MeterDescription):
                    outcomes[place] = await self._describe(change)
                elif isinstance(change, Readings) and change.counts:
                    outcomes[place] = await self._keep(change)
                else:
                    outcomes[place] = await self._keep_beside(change)
            except ConflictError as error:
                outcomes[place] = Outcome("refused", error)

    async def _keep(self, change: Readings) -> Outcome:
        """Readings of a message, some days of them at a time; each 2 trips."""
        of = KeptChannel(meter_uid(change.meter), change.channel, change.kind)
        parts = await self._parts(of, change.points)
        return _summed([await self._keep_part(of, points) for points in parts])

    async def _parts(
        self, of: KeptChannel, points: Sequence[tuple[int, T]]
    ) -> list[Sequence[tuple[int, T]]]:
        """Readings as a call may keep them, who reads all that are kept between their ends.

        2 trips where they are of more than two hours.
        """
        first, last = points[0][0] // UNIT_S, points[-1][0] // UNIT_S
        if last - first < NEIGHBOURS:
            return [points]
        coming = Counter(second // UNIT_S for second, _ in points)
        for unit, number in await self._store.held(of, first, last):
            coming[unit] += number
        begins = [begin for begin, _ in stretches_of(sorted(coming.items()))]
        together = groupby(points, lambda point: bisect_right(begins, point[0] // UNIT_S))
        return [[*some] for _, some in together]

    async def _keep_part(self, of: KeptChannel, points: Sequence[tuple[int, int]]) -> Outcome:
        found = await self._store.keep(of, points, LOOK)
        reach("energy_kept")
        told = await self.booker.settle(of, (points[0][0], points[-1][0]), found)
        await self.booker.catch_up(of, found)
        return _summed([*told, BOOKED if found.changed else UNCHANGED])

    async def _keep_beside(self, change: Readings | Intervals) -> Outcome:
        """What does not count, some days of it at a time; each 1 trip."""
        kind: Kind = change.kind if isinstance(change, Readings) else "intervals"
        of = KeptChannel(meter_uid(change.meter), change.channel, kind)
        parts = await self._parts(of, change.texts())
        changed = [await self._store.keep_beside(of, texts) for texts in parts]
        return BOOKED if any(changed) else UNCHANGED

    async def _describe(self, change: MeterDescription) -> Outcome:
        """What is said of a meter; energy of readings that it changes is derived again."""
        uid = meter_uid(change.meter)
        try:
            told = await self._store.describe(uid, change.time_s, change.said)
        except TooLargeError as error:
            return Outcome("refused", error)
        for of in told.pending:
            await self.booker.catch_up(of, await self._store.look(of, (0, 0), 0))
        return BOOKED if told.is_new else UNCHANGED


def _summed(outcomes: Sequence[Outcome]) -> Outcome:
    """What became of a message, by what became of its parts."""
    for outcome in outcomes:
        if outcome.error is not None:
            return outcome
    return BOOKED if any(each.status == "booked" for each in outcomes) else UNCHANGED


def _counted(change: Readings | Intervals, outcome: Outcome) -> tuple[str, str, int]:
    """The kind of what came, what became of it, and how many."""
    if isinstance(change, Intervals):
        return "intervals", outcome.status, len(change.rows)
    return change.kind, outcome.status, len(change.points)


def _channel_of(change: Intervals) -> KeptChannel:
    return KeptChannel(meter_uid(change.meter), change.channel, "intervals")


def _order_of(change: MeterChange) -> object:
    """What shares this is kept one after the other."""
    return change.meter, None if isinstance(change, MeterDescription) else change.channel
