"""What a channel of a meter has said, as it is kept, by time.

::

    GET /v3/energy/meters/m-1/readings?flow=import&register=1&after=2020-11-29T08:00:00Z
    -> {"kind": "register", "counts": true,
        "data": [{"time": "2020-11-29T09:00:00Z", "kwh": "12346", "case": "normal"}], "next": null}

Of a register the case is told that each reading is (psd/energy/registers.py). Intervals that count
are told by their ends, as they are booked: of two that end together, one within the other, the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text
from psd.domain.question import Asked
from psd.energy import registers
from psd.energy.channels import (
    QUALITY_NAMES,
    REGISTERS,
    THINGS,
    Kind,
    MeterChannel,
    counting_kind,
    flow_named,
    meter_name,
    meter_uid,
)
from psd.energy.meter_facts import rule_of
from psd.energy.meter_reads import MeterReads
from psd.energy.register_sums import register_of
from psd.energy.settings import EnergySettings
from psd.energy.store import KeptChannel, MeterStore
from psd.engine.engine import Engine
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import NotFoundError
from psd.foreign_texts import shown
from psd.measures.units import text_of
from psd.queries.moments import moment

LIMIT_MAX = 5_000

CONTEXT = 32
"""Readings before and behind those that are told, by which their cases are."""


class ReadingsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Readings of a channel behind a time."""

    flow: Annotated[str, Meta(description=f"one of {', '.join(THINGS)}")] = "import"
    register: Annotated[int, Meta(ge=0, le=REGISTERS - 1)] = 0
    after: Annotated[
        str, Meta(description="RFC 3339, a date, Unix seconds, or relative to now")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = 1_000


class ReadingRow(msgspec.Struct, omit_defaults=True):
    """Power or a register at an instant, or the energy of an interval that ends at `end`."""

    time: str | None = None
    end: str | None = None
    kw: str | None = None
    kwh: str | None = None
    case: str | None = None
    quality: str | None = None


class ReadingRows(msgspec.Struct):
    """Some readings, in order; `next` is what to ask after, null at the end."""

    meter: str
    flow: str
    register: int
    kind: str
    counts: bool
    data: list[ReadingRow]
    next: str | None


class ReadingQuestions:
    """Answers what channels have said."""

    def __init__(
        self,
        store: MeterStore,
        reads: MeterReads,
        engine: Engine,
        clock: Clock,
        settings: EnergySettings,
        things: Mapping[str, int],
    ) -> None:
        self._store = store
        self._reads = reads
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._things = things

    async def readings(self, asked: Asked) -> ReadingRows:
        """What a channel has said, as it is kept."""
        query: ReadingsQuery = asked.query
        name = meter_name(asked.path["meter"])
        now_s = self._clock.now_ms() // 1000
        after = moment(query.after, "after", now_s=now_s) if query.after else 0
        channel = MeterChannel(flow_named(query.flow), query.register)
        kept = (await self._store.kinds(meter_uid(name))).get(channel.name)
        if kept is None:
            raise NotFoundError(
                f"meter: {shown(name)} has nothing of register {query.register} "
                f"of flow {query.flow}"
            )
        kind, counts = counting_kind(kept)
        if kind == "intervals" and counts:
            rows, last = await self._booked(meter_uid(name), channel, after, query.limit)
        else:
            of = KeptChannel(meter_uid(name), channel, kind)
            rows, last = await self._kept(of, after, query.limit, counts=counts)
        follows = None if last is None else utc_text(last)
        return ReadingRows(name, query.flow, query.register, kind, counts, rows, follows)

    async def _kept(
        self, of: KeptChannel, after: int, limit: int, *, counts: bool
    ) -> tuple[list[ReadingRow], int | None]:
        """Readings, and the second of the last one where more follow."""
        strip = await self._reads.strip(of.uid, of.channel, after, limit + 1)
        told, cases = strip[:limit], dict[int, registers.Case]()
        if told and of.kind == "register" and counts:
            within = (told[0][0], told[-1][0])
            found = await self._store.look(of, within, CONTEXT)
            rule = rule_of(found.said, of.channel, self._settings)
            cases = registers.cases(found.kept.readings, rule)
        rows = [_row(of.kind, second, text, cases.get(second)) for second, text in told]
        return rows, told[-1][0] if len(strip) > limit else None

    async def _booked(
        self, uid: int, channel: MeterChannel, after: int, limit: int
    ) -> tuple[list[ReadingRow], int | None]:
        """Intervals that count, from the engine: those of other registers are beside them there."""
        thing = self._things[THINGS[channel.flow]]
        until: int | None = max(after, 0)
        by_end: dict[int, tuple[int, int]] = {}
        while until is not None and len(by_end) <= limit:
            found, until = await self._engine.first_bookings(
                uid, thing, Range(until, TIME_END_S), 2 * limit
            )
            for second, quality, aid, mwh in found:
                if register_of(aid) == channel.register:
                    before, worst = by_end.get(second + 1, (0, 0))
                    by_end[second + 1] = before + mwh, max(quality, worst)
        ends = sorted(by_end)
        rows = [
            ReadingRow(
                end=utc_text(end),
                kwh=text_of(by_end[end][0]),
                quality=QUALITY_NAMES[by_end[end][1]],
            )
            for end in ends[:limit]
        ]
        return rows, ends[limit - 1] if len(ends) > limit else None


def _row(kind: Kind, second: int, text: str, case: registers.Case | None) -> ReadingRow:
    time = utc_text(second)
    if kind == "intervals":
        mwh, end, quality = map(int, text.split(":"))
        name = QUALITY_NAMES[quality]
        return ReadingRow(time=time, end=utc_text(end), kwh=text_of(mwh), quality=name)
    if kind == "power":
        return ReadingRow(time=time, kw=text_of(int(text)))
    return ReadingRow(time=time, kwh=text_of(int(text)), case=case)
