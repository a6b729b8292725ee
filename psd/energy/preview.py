"""What would become of what meters send, asked without writing.

It stands for :class:`psd.energy.meter_keeper.MeterKeeper` in one run that keeps nothing. A message
is ``unchanged`` where all that it says stands already, and ``booked`` where it does not::

    kept  1606636800: 50300 mW     said  1606636800: 50300 mW -> unchanged, 50400 mW -> booked

A sum that a real run would refuse is told by a real run alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psd.energy.channel_lifetimes import still_kept
from psd.energy.channels import THINGS, Flow, Kind, kept_kind, meter_uid, other_kind, report_of
from psd.energy.meter_descriptions import MeterDescription
from psd.energy.meter_events import Intervals, Readings
from psd.energy.store import KeptChannel, MeterStore
from psd.engine.engine import Engine
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.engine.windows import Window
from psd.errors import TooLateError, UnknownThingError


class MetersPreview:
    """A :class:`~psd.engine.books.Follower` that writes nothing."""

    keeps: frozenset[type[Change]] = frozenset({Readings, Intervals, MeterDescription})

    def __init__(
        self, store: MeterStore, engine: Engine, things: Mapping[Flow, int], cell_s: int
    ) -> None:
        self._store = store
        self._engine = engine
        self._things = things
        self._cell_s = cell_s
        self.things = frozenset(things.values())

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """What others book of these things needs nothing here."""

    def preview(self) -> MetersPreview:
        """Another one."""
        return MetersPreview(self._store, self._engine, self._things, self._cell_s)

    async def keep(
        self, changes: Sequence[Readings | Intervals | MeterDescription]
    ) -> list[Outcome]:
        """Outcomes by position, as of what is kept before the run."""
        return [await self._told(change) for change in changes]

    async def _told(self, change: Readings | Intervals | MeterDescription) -> Outcome:
        if isinstance(change, MeterDescription):
            return await self._would_be(change)
        if change.channel.flow not in self._things:
            told = f"flow: {THINGS[change.channel.flow]} is no configured thing"
            return Outcome("refused", UnknownThingError(told))
        try:
            oldest_s = self._engine.oldest_s(self._things[change.channel.flow])
            change = still_kept(change, oldest_s, self._cell_s)
        except TooLateError as error:
            return Outcome("refused", error)
        uid, channel = meter_uid(change.meter), change.channel
        plain: Kind = change.kind if isinstance(change, Readings) else "intervals"
        kind = kept_kind(plain, counts=change.counts)
        held = (await self._store.kinds(uid)).get(channel.name, kind)
        if held != kind:
            return Outcome("refused", other_kind(channel, kind, held.encode()))
        if isinstance(change, Intervals) and change.counts:
            stands = await self._are_booked(uid, change)
        else:
            stands = await self._stand(KeptChannel(uid, channel, plain), change)
        return UNCHANGED if stands else BOOKED

    async def _stand(self, of: KeptChannel, change: Readings | Intervals) -> bool:
        texts = change.texts()
        held = await self._store.standing(of, [second for second, _ in texts])
        return held == [value for _, value in texts]

    async def _would_be(self, change: MeterDescription) -> Outcome:
        """Whether what is said of a meter is what is known, as far as that is newer."""
        record = (await self._store.known(meter_uid(change.meter))).record
        for field, value in change.said:
            fact = record.facts.get(field)
            if (fact is None and value is not None) or (
                fact is not None and fact.since <= change.time_s and fact.value != value
            ):
                return BOOKED
        return UNCHANGED

    async def _are_booked(self, uid: int, change: Intervals) -> bool:
        thing, register = self._things[change.channel.flow], change.channel.register
        reports = [
            report_of(thing, uid, register, (start, end), mwh, quality)
            for start, end, mwh, quality in change.rows
        ]
        windows = [Window(each.thing, each.uid, each.aid, each.ts1, each.ts2) for each in reports]
        held = await self._engine.reported(windows)
        return [(each.atid, each.value) for each in held] == [
            (each.atid, each.value) for each in reports
        ]
