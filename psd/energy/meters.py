"""Meters as a resource: what is known of one, its channels, and how good its readings are.

::

    PUT /v3/energy/meters/m-1  {"tz": "Europe/London", "plan": "eco-tou", "max_kw": "14"}
    GET /v3/energy/meters/m-1  -> {"meter": "m-1", "uid": "5115955319489626038", ...,
                                   "channels": [{"flow": "import", "register": 0, ...}],
                                   "quality": {"import": {"measured_mwh": 400000, ...}}}

Of what was never said the settings speak; ``since`` tells the fields that were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.clock import Clock, utc_text
from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.energy.channels import (
    QUALITY_NAMES,
    THINGS,
    MeterChannel,
    channel_of,
    counting_kind,
    flow_named,
    flow_order,
    meter_channel,
    meter_name,
    meter_uid,
)
from psd.energy.known_meters import KnownMeter
from psd.energy.meter_answers import (
    ChannelDetail,
    ChannelRow,
    ExchangeRow,
    MeterAnswer,
    MeterRow,
    MeterRows,
    NewestRow,
    QualityRow,
)
from psd.energy.meter_descriptions import MeterDescription
from psd.energy.meter_facts import MW_PER_KW
from psd.energy.meter_messages import ExchangeFields, MeterFields
from psd.energy.meter_reads import MeterReads, NewestReading
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.engine.engine import Engine
from psd.engine.event_times import Time
from psd.engine.events import TIME_END_S, Accepted
from psd.engine.outcomes import Outcome
from psd.engine.series import BucketQuestion
from psd.errors import NotFoundError
from psd.foreign_texts import shown
from psd.measures.units import text_of

JUST_SAID_S = 60
"""As far ahead of the clock what was said counts as said just now, once a second."""


class MeterBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is said of a meter since `time` (now); what is not said stays, null forgets."""

    time: Time | None = None
    tz: str | UnsetType | None = UNSET
    plan: str | UnsetType | None = UNSET
    max_kw: Decimal | UnsetType | None = UNSET
    digits: int | UnsetType | None = UNSET
    gap_max_s: int | UnsetType | None = UNSET
    exchange: ExchangeFields | UnsetType = UNSET


class MetersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Meters behind a name, in the order of their bytes."""

    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class MeterQuestions:
    """Answers what is known of meters, and takes what is said of one."""

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

    async def meter(self, asked: Asked) -> MeterAnswer:
        """A meter and its channels."""
        return await self.one(asked.path["meter"])

    async def one(self, meter: str) -> MeterAnswer:
        """The same, of whoever asks without HTTP."""
        name = meter_name(meter)
        return await self._answer(name, await self._known(name))

    async def meters(self, asked: Asked) -> MeterRows:
        """All meters that ever sent something, or of which something was said."""
        query: MetersQuery = asked.query
        names = await self._reads.names(query.after, query.limit + 1)
        listed = names[: query.limit]
        known = await self._reads.known([meter_uid(name) for name in listed])
        rows = [
            MeterRow(
                name,
                str(meter_uid(name)),
                each.record.text("tz") or self._settings.tz,
                each.record.text("plan"),
                _channels(each),
            )
            for name, each in zip(listed, known, strict=True)
        ]
        return MeterRows(rows, listed[-1] if len(names) > len(listed) else None)

    async def fields(self, asked: Asked) -> MeterFields:
        """What a body says, as a message has it."""
        body: MeterBody = asked.query
        said = {name: getattr(body, name) for name in body.__struct_fields__}
        if body.time is None:
            said["time"] = await self.since_now(asked.path["meter"])
        return MeterFields(meter=asked.path["meter"], **said)

    async def since_now(self, meter: str) -> int:
        """The second since when what is said now stands. 1 trip.

        Of one second the greater value stands, so whoever speaks again within it speaks of the
        next one; what was said of a time to come is left where it is.
        """
        record = (await self._store.known(meter_uid(meter_name(meter)))).record
        said = {*record.forgotten.values(), *(fact.since for fact in record.facts.values())}
        now_s = self._clock.now_ms() // 1000
        just_said = [second for second in said if now_s <= second < now_s + JUST_SAID_S]
        return max(just_said, default=now_s - 1) + 1

    async def told(self, asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """The meter as it is now; it is new if nothing else is known of it."""
        assert isinstance(accepted, MeterDescription)
        known = await self._known(accepted.meter)
        said = {field for field, _ in accepted.said}
        is_new = outcome.status == "booked" and not known.kinds and said >= {*known.record.facts}
        return Done(await self._answer(accepted.meter, known), is_new)

    async def _known(self, name: str) -> KnownMeter:
        uid = meter_uid(name)
        known = await self._store.known(uid)
        if not known.is_known and await self._store.name(uid) != name:
            raise NotFoundError(f"meter: {shown(name)} has never sent anything")
        return known

    async def _answer(self, name: str, known: KnownMeter) -> MeterAnswer:
        record, settings = known.record, self._settings
        uid, channels = meter_uid(name), _channels(known)
        newest = await self._reads.newest(uid, known.kinds)
        return MeterAnswer(
            name,
            str(uid),
            record.text("tz") or settings.tz,
            record.text("plan"),
            text_of(record.number("max_kw") or settings.max_kw * MW_PER_KW),
            record.number("digits"),
            record.number("gap_max_s") or settings.gap_max_s,
            _exchanges(known),
            {field: utc_text(fact.since) for field, fact in sorted(record.facts.items())},
            [
                ChannelDetail(
                    each.flow,
                    each.register,
                    each.kind,
                    each.counts,
                    _newest_of(each, newest),
                )
                for each in channels
            ],
            await self._quality(uid, channels),
        )

    async def _quality(self, uid: int, channels: Sequence[ChannelRow]) -> dict[str, QualityRow]:
        """Energy of each flow that the meter has, by quality. 1 trip a flow."""
        found = {}
        for flow, thing_name in THINGS.items():
            thing = self._things.get(thing_name)
            if thing is None or not any(each.flow == flow and each.counts for each in channels):
                continue
            [by_quality] = await self._engine.series(
                [uid], BucketQuestion(thing, (0, TIME_END_S), by_atid=True)
            )
            found[str(flow)] = QualityRow(
                *(
                    sum(by_quality[quality].sums) if quality in by_quality else 0
                    for quality in range(len(QUALITY_NAMES))
                )
            )
        return found


def _channels(known: KnownMeter) -> list[ChannelRow]:
    """A meter's channels in order: import, export, generation, and by register."""
    found = sorted(map(channel_of, known.kinds), key=flow_order)
    return [
        ChannelRow(each.flow, each.register, *counting_kind(known.kinds[each.name]))
        for each in found
    ]


def _exchanges(known: KnownMeter) -> list[ExchangeRow]:
    return [
        ExchangeRow(
            utc_text(each.second),
            channel.flow,
            channel.register,
            text_of(each.final_mwh),
            text_of(each.first_mwh),
        )
        for channel, each in known.record.exchanges()
    ]


def _newest_of(row: ChannelRow, newest: Mapping[MeterChannel, NewestReading]) -> NewestRow | None:
    found = newest.get(meter_channel(flow_named(row.flow), row.register))
    return None if found is None else newest_row(found)


def newest_row(found: NewestReading) -> NewestRow:
    """What a channel showed last, as it is told."""
    second, kind, value = found
    shown_value = None if value is None else text_of(value)
    return NewestRow(
        utc_text(second),
        kw=shown_value if kind == "power" else None,
        kwh=shown_value if kind != "power" else None,
    )
