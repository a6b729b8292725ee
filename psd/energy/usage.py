"""What a meter has used: energy of any range to the second, and how much of it is metered.

::

    usage(m-1, 2026-03-29 to 2026-03-30 in Europe/London, every day)
    -> one row of 23 hours: {"start": "2026-03-29T00:00:00Z", "end": "2026-03-29T23:00:00Z",
                             "mwh": 5750000, "kwh": "5.75", "estimated_mwh": 0}

What is between the runs of a meter's channels is a gap: it is told, and no energy is made up for
it. Energy belongs to the end of its interval or cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text, utc_texts
from psd.domain.question import Asked
from psd.energy.channels import (
    DELIVERED,
    MEASURED,
    REGISTERS,
    THINGS,
    Flow,
    MeterChannel,
    channel_of,
    counting_kind,
    flow_named,
    meter_name,
    meter_uid,
)
from psd.energy.known_meters import KnownMeter
from psd.energy.meter_answers import GapRow, UsageAnswer, UsageRow, UsageTotal
from psd.energy.register_sums import sums_of_register
from psd.energy.resettling import merged
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.engine.series import BUCKETS_MAX, BucketQuestion
from psd.errors import BadQueryError, NotFoundError, UnknownThingError
from psd.foreign_texts import shown
from psd.measures.units import text_of
from psd.names import unknown
from psd.queries.calendar import bounds
from psd.queries.moments import asked_range
from psd.queries.questions import check_points
from psd.queries.requests import EVERY, Every
from psd.zones import offset_s, zone

SHARE_DECIMALS = 6
GAPS_MAX = 1_000
"""Of an answer; ``more_gaps`` says how many there are beside."""

PARTS_S = {"5m": 300, "10m": 600, "15m": 900, "30m": 1_800}
"""Parts of an hour, as meters have them: where the clocks show them, and none jumps by less."""

UNITS = (*PARTS_S, *EVERY)

Moment = Annotated[
    str,
    Meta(description="RFC 3339, a date, Unix seconds, or relative to now: -7d, -36h, now, today"),
]


class UsageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range, and into which units of the calendar of ``tz`` it is cut; without ``every`` none."""

    start: Moment
    end: Moment | None = None
    every: Annotated[str, Meta(description=f"one of {', '.join(UNITS)}")] | None = None
    tz: Annotated[str | None, Meta(description="the meter's own unless given")] = None
    flow: Annotated[str, Meta(description=f"one of {', '.join(THINGS)}")] = "import"
    register: (
        Annotated[int, Meta(ge=0, le=REGISTERS - 1, description="this one alone, not all together")]
        | None
    ) = None


class UsageQuestions:
    """Answers what meters have used."""

    def __init__(
        self,
        store: MeterStore,
        engine: Engine,
        clock: Clock,
        settings: EnergySettings,
        things: dict[str, int],
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._things = things

    async def usage(self, asked: Asked) -> UsageAnswer:
        """Energy of a meter, by any unit of the calendar."""
        return await self.of_meter(asked.path["meter"], asked.query)

    async def of_meter(self, meter: str, query: UsageQuery) -> UsageAnswer:
        """The same, of whoever asks without HTTP."""
        name = meter_name(meter)
        uid, (flow, thing) = meter_uid(name), self._flow(query.flow)
        known = await self._store.known(uid)
        if not known.kinds:
            raise NotFoundError(f"meter: {shown(name)} has never sent anything")
        tz = zone(query.tz or known.record.text("tz") or self._settings.tz)
        range_ = asked_range(query.start, query.end, self._clock.now_ms() // 1000, tz=tz)
        cuts = _cuts(range_, query.every, tz)
        channels = metered_by(known, flow, query.register)
        if query.register is not None and not channels:
            raise NotFoundError(
                f"register: {query.register} of flow {flow} of {shown(name)} has no energy that "
                "counts"
            )
        sums, estimated = await self._sums(uid, thing, cuts, query.register)
        runs = await self._store.runs(uid, channels, range_.start, range_.end)
        gaps, covered_s = gaps_between(merged(runs), range_)
        texts = utc_texts(cuts)
        rows = [
            UsageRow(start, end, mwh, text_of(mwh), part)
            for start, end, mwh, part in zip(texts, texts[1:], sums, estimated, strict=False)
        ]
        length = range_.end - range_.start
        return UsageAnswer(
            name,
            flow,
            rows,
            UsageTotal(sum(sums), text_of(sum(sums)), sum(estimated)),
            [GapRow(utc_text(start), utc_text(end)) for start, end in gaps[:GAPS_MAX]],
            max(len(gaps) - GAPS_MAX, 0),
            round(covered_s / length, SHARE_DECIMALS) if length else 0.0,
            msgspec.UNSET if query.register is None else query.register,
        )

    def _flow(self, name: str) -> tuple[Flow, int]:
        """A flow, and the thing that its energy is."""
        flow = flow_named(name)
        thing = self._things.get(THINGS[flow])
        if thing is None:
            raise UnknownThingError(f"flow: {THINGS[flow]} is no configured thing")
        return flow, thing

    async def _sums(
        self, uid: int, thing: int, cuts: Sequence[int], register: int | None
    ) -> tuple[list[int], list[int]]:
        """Energy by part of the range, and what of it is not measured."""
        parts = max(len(cuts) - 1, 0)
        sums, estimated = [0] * parts, [0] * parts
        if not parts:
            return sums, estimated
        if register is not None:
            return await sums_of_register(self._engine, uid, thing, register, cuts)
        question = BucketQuestion(thing, cuts, by_atid=True)
        [by_quality] = await self._engine.series([uid], question)
        for quality, series in by_quality.items():
            for place, mwh in enumerate(series.sums):
                sums[place] += mwh
                if quality != MEASURED:
                    estimated[place] += mwh
        return sums, estimated


def metered_by(known: KnownMeter, flow: Flow, register: int | None = None) -> list[MeterChannel]:
    """The channels that tell when a flow of a meter is metered, or one register of it."""
    found = []
    for name, kept in known.kinds.items():
        channel = channel_of(name)
        if register not in (None, channel.register):
            continue
        if channel.flow == flow and counting_kind(kept)[1]:
            is_delivered = kept == DELIVERED
            found.append(MeterChannel("import", channel.register) if is_delivered else channel)
    return found


def _cuts(range_: Range, unit: str | None, tz: ZoneInfo) -> list[int]:
    """Where the parts of a range begin, and its end."""
    if range_.end <= range_.start:
        return []
    if unit is None:
        return [range_.start, range_.end]
    if unit not in UNITS:
        raise BadQueryError(f"every: {shown(unit)} {unknown(unit, UNITS)}")
    part_s = PARTS_S.get(unit)
    if part_s is None:
        return bounds(range_, cast(Every, unit), tz, BUCKETS_MAX)
    check_points((range_.end - range_.start) // part_s + 2, 1, BUCKETS_MAX)
    first = range_.start + part_s - (range_.start + offset_s(range_.start, tz)) % part_s
    return [range_.start, *range(first, range_.end, part_s), range_.end]


def gaps_between(
    runs: Sequence[tuple[int, int]], range_: Range
) -> tuple[list[tuple[int, int]], int]:
    """Parts of a range that are in no run, and how many seconds are."""
    found, at, covered_s = [], range_.start, 0
    for first, last in runs:
        start, end = max(first, range_.start), min(last, range_.end)
        if start >= end:
            continue
        if start > at:
            found.append((at, start))
        covered_s += end - start
        at = end
    if at < range_.end:
        found.append((at, range_.end))
    return found, covered_s
