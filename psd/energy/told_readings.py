"""What meters have sent, as the messages that send it again: readings, intervals, descriptions.

::

    {"command":"meter","meter":{"meter":"m-1","time":1606636800,"tz":"Europe/London"}}
    {"command":"power","power":{"meter":"m-1","points":[[1606636800,"50300"]],"unit":"mW",...}}
    {"command":"intervals","intervals":{"meter":"m-2","rows":[[1606636800,1606638600,210000,...

A meter after the other: first what was said of it, whatever the range, because readings make energy
by it; then its channels. A reading belongs to its second, an interval to its last one. Intervals
that count stand in the engine alone, as reports; where these end by a lifetime none is told, and
their energy is among bookings. So is that of readings, which makes no difference to who has both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from psd.audit.owner_walk import OwnerWalk
from psd.audit.placed_records import placed
from psd.domain.told_again import ToldMessage, commanded
from psd.energy.channels import (
    DELIVERED,
    QUALITY_NAMES,
    THINGS,
    Kind,
    MeterChannel,
    channel_of,
    counting_kind,
    meter_uid,
)
from psd.energy.meter_facts import EXCHANGE, MW_PER_KW, MeterRecord
from psd.energy.meter_messages import (
    ExchangeFields,
    IntervalFields,
    IntervalRow,
    MeterFields,
    Point,
    PowerFields,
    RegisterFields,
)
from psd.energy.meter_reads import MeterReads
from psd.energy.register_sums import register_of
from psd.energy.store import MeterStore
from psd.engine.engine import Engine
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.store.redis import Store

METERS_AT_ONCE = 100
READINGS_AT_ONCE = 500
"""Of a message: some 12 kB."""

EVER = Range(0, TIME_END_S)


class _Channel(msgspec.Struct, frozen=True):
    """A channel whose messages are told."""

    meter: str
    uid: int
    channel: MeterChannel
    kind: Kind
    counts: bool

    @property
    def fields(self) -> dict[str, Any]:
        """What every message of it says."""
        flow, register = self.channel.flow, self.channel.register
        return {"meter": self.meter, "flow": flow, "register": register, "counts": self.counts}


class ToldReadings:
    """Tells meters in the order of their names; ``things`` are numbers by name."""

    def __init__(
        self,
        meters: MeterStore,
        reads: MeterReads,
        engine: Engine,
        store: Store,
        things: Mapping[str, int],
    ) -> None:
        self._meters = meters
        self._reads = reads
        self._engine = engine
        self._store = store
        self._walk = OwnerWalk(store)
        self._things = things

    async def standing(self, within: Range) -> AsyncIterator[ToldMessage]:
        """All of them."""
        after = ""
        while names := await self._reads.names(after, METERS_AT_ONCE):
            for name in names:
                async for message in self._meter(name, within):
                    yield message
            after = names[-1]

    async def _meter(self, name: str, within: Range) -> AsyncIterator[ToldMessage]:
        uid = meter_uid(name)
        known = await self._meters.known(uid)
        for fields in _descriptions(name, known.record):
            yield commanded(name, 0, "meter", fields)
        for channel, kept in sorted(known.kinds.items()):
            kind, counts = counting_kind(kept)
            of = _Channel(name, uid, channel_of(channel), kind, counts)
            if kind == "intervals" and counts:
                told = self._booked(of, within)
            elif kept != DELIVERED:
                told = self._kept(of, within)
            else:
                # The power below 0 of the channel of imports is told there.
                continue
            async for message in told:
                yield message

    async def _kept(self, of: _Channel, within: Range) -> AsyncIterator[ToldMessage]:
        """Readings that are kept as they came."""
        after = within.start - 1
        while True:
            page = await self._reads.strip(of.uid, of.channel, after, READINGS_AT_ONCE)
            if some := [each for each in page if each[0] < within.end]:
                yield _message(of, some)
            if len(page) < READINGS_AT_ONCE or len(some) < len(page):
                return
            after = page[-1][0]

    async def _booked(self, of: _Channel, within: Range) -> AsyncIterator[ToldMessage]:
        """Intervals that count, by the reports that stand."""
        thing = self._things.get(THINGS[of.channel.flow])
        if thing is None or await self._engine.reports_end(thing):
            return
        root, rows = (await self._store.placed()).owner_root(of.uid), list[IntervalRow]()
        async for some in self._walk.activities(root, thing):
            for held in some:
                if register_of(held.aid) != of.channel.register:
                    continue
                rows += [
                    [ts1, ts2 + 1, value, QUALITY_NAMES[quality]]
                    for quality, _, ts1, ts2, value, _ in placed(held.packed, EVER)
                    if within.start <= ts2 < within.end
                ]
                while len(rows) >= READINGS_AT_ONCE:
                    yield _intervals(of, rows[:READINGS_AT_ONCE])
                    del rows[:READINGS_AT_ONCE]
        if rows:
            yield _intervals(of, rows)


def _message(of: _Channel, kept: Sequence[tuple[int, str]]) -> ToldMessage:
    """Readings as they are kept, as they are sent."""
    second = kept[0][0]
    if of.kind == "intervals":
        rows: list[IntervalRow] = []
        for start, text in kept:
            mwh, end, quality = map(int, text.split(":"))
            rows.append([start, end, mwh, QUALITY_NAMES[quality]])
        return _intervals(of, rows, second)
    points: list[Point] = [(at, Decimal(text)) for at, text in kept]
    if of.kind == "register":
        shown = RegisterFields(points=points, unit="mWh", **of.fields)
        return commanded(of.meter, second, "register", shown)
    is_signed = any(value < 0 for _, value in points)
    power = PowerFields(points=points, unit="mW", signed=is_signed, **of.fields)
    return commanded(of.meter, second, "power", power)


def _intervals(of: _Channel, rows: list[IntervalRow], second: int | None = None) -> ToldMessage:
    """Intervals as they are sent, told at their first one's last second."""
    fields = IntervalFields(rows=rows, unit="mWh", **of.fields)
    last = int(rows[0][1]) - 1
    return commanded(of.meter, last if second is None else second, "intervals", fields)


def _descriptions(name: str, record: MeterRecord) -> Iterator[MeterFields]:
    """What stands of a meter, by the second since which it does; of an exchange each its own."""
    told: dict[str, tuple[int, str | None]] = {
        field: (fact.since, fact.value) for field, fact in record.facts.items()
    }
    told |= {field: (since, None) for field, since in record.forgotten.items()}
    said: dict[int, dict[str, Any]] = {}
    for field, (since, text) in sorted(told.items()):
        if field.startswith(EXCHANGE):
            yield MeterFields(meter=name, time=since, exchange=_exchange(field, text))
        else:
            said.setdefault(since, {})[field] = None if text is None else _value(field, text)
    for since, fields in sorted(said.items()):
        yield MeterFields(meter=name, time=since, **fields)


def _value(field: str, text: str) -> str | int | Decimal:
    if field == "max_kw":
        return Decimal(text) / MW_PER_KW
    return int(text) if field in ("digits", "gap_max_s") else text


def _exchange(field: str, text: str | None) -> ExchangeFields:
    _, name, second = field.split(":")
    channel = channel_of(name)
    final, first = (None, None) if text is None else map(Decimal, text.split(":"))
    return ExchangeFields(
        time=int(second),
        final=final,
        first=first,
        unit="mWh",
        flow=channel.flow,
        register=channel.register,
    )
