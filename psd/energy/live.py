"""What a meter shows now: power, today by half-hours, the month so far, and what it costs by rate.

::

    GET /v3/energy/meters/m-1/watch
    -> event: meter
       data: {"meter":"m-1","newest":{"time":"2026-11-28T12:00:00Z","kw":"0.412"},
              "today":{"start":"2026-11-28T00:00:00Z","mwh":5120000,"kwh":"5.12"},
              "half_hours":[{"start":"2026-11-28T00:00:00Z","mwh":214000},...],
              "month":{...},"cost":{"plan":"eco-tou","total":"31.42","data":[...]}}

Days and months are those of the meter's zone. Energy is what it has taken.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from psd.clock import utc_text
from psd.domain.core import Core
from psd.domain.question import Asked, Endpoint, Versioned, Watchable
from psd.energy.channels import meter_name, meter_uid
from psd.energy.cost_answers import CostLine
from psd.energy.cost_questions import CostQuery, CostQuestions
from psd.energy.day_chart import HALF_HOUR_S
from psd.energy.keys import meter_key
from psd.energy.known_meters import KnownMeter
from psd.energy.meter_answers import NewestRow
from psd.energy.meter_reads import MeterReads, newest_taken
from psd.energy.meters import newest_row
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.engine.series import BucketQuestion
from psd.errors import DetailExpiredError, InputError, NotFoundError
from psd.foreign_texts import shown
from psd.measures.units import text_of
from psd.zones import beginning_of, zone

IMPORT = "energy_import"


class LivePart(msgspec.Struct):
    """Energy since a second."""

    start: str
    mwh: int
    kwh: str


class LiveHalfHour(msgspec.Struct):
    """Energy of a half-hour, of one to come none."""

    start: str
    mwh: int


class LiveCost(msgspec.Struct):
    """What the month costs so far by the meter's plan, line by line."""

    plan: str
    currency: str
    total: str
    data: list[CostLine]
    unpriced_mwh: int
    estimated_mwh: int


class LiveAnswer(msgspec.Struct):
    """A meter now. ``newest`` is the newest power or register of what it takes.

    ``cost`` is null for a meter without a plan, or whose plan says nothing of now.
    """

    meter: str
    tz: str
    plan: str | None
    newest: NewestRow | None
    today: LivePart
    half_hours: list[LiveHalfHour]
    month: LivePart
    cost: LiveCost | None


class Days(msgspec.Struct, frozen=True):
    """Where the month, the day and its half-hours begin, and the end of the day."""

    month: int
    edges: tuple[int, ...]

    @property
    def today(self) -> int:
        """When the day began."""
        return self.edges[0]


class LiveMeters:
    """Answers what meters show now, and tells when that is something else."""

    def __init__(
        self,
        core: Core,
        meters: MeterStore,
        reads: MeterReads,
        costs: CostQuestions,
        settings: EnergySettings,
    ) -> None:
        self._store = core.store
        self._engine = core.engine
        self._clock = core.clock
        self._thing = core.things.get(IMPORT)
        self._meters = meters
        self._reads = reads
        self._costs = costs
        self._settings = settings

    async def live(self, asked: Asked) -> LiveAnswer:
        """What a meter shows now."""
        name = meter_name(asked.path["meter"])
        known = await self._known(name, asked)
        tz_name = known.record.text("tz") or self._settings.tz
        now_s = self._clock.now_s()
        days = days_at(now_s, zone(tz_name))
        uid = meter_uid(name)
        before, *half_hours = await self._sums(uid, (days.month, *days.edges))
        newest = newest_taken(await self._reads.newest(uid, known.kinds))
        plan = known.record.text("plan")
        return LiveAnswer(
            meter=name,
            tz=tz_name,
            plan=plan,
            newest=None if newest is None else newest_row(newest),
            today=_part(days.today, sum(half_hours)),
            half_hours=[
                LiveHalfHour(utc_text(start), mwh)
                for start, mwh in zip(days.edges, half_hours, strict=False)
            ],
            month=_part(days.month, before + sum(half_hours)),
            cost=await self._cost(asked, plan, days.month, now_s) if plan else None,
        )

    async def versioned(self, asked: Asked) -> Versioned:
        """What tells that a meter shows something else: its readings, and its energy."""
        name = meter_name(asked.path["meter"])
        await self._known(name, asked)
        root = (await self._store.placed()).owner_root(meter_uid(name))
        commands: tuple[Any, ...] = (("HGETALL", meter_key(root)),)
        if self._thing is not None:
            commands += (("HGETALL", f"{root}:{self._thing}:y"),)
        return Versioned(commands, self._version)

    def _version(self, replies: Sequence[Any]) -> str:
        """A half-hour that has begun is news as well."""
        told = repr((replies, self._clock.now_s() // HALF_HOUR_S))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    async def _known(self, name: str, asked: Asked) -> KnownMeter:
        uid = meter_uid(name)
        known = await self._meters.known(uid)
        if not (known.kinds or known.is_known) or not asked.sees(uid):
            raise NotFoundError(f"meter: {shown(name)} has never sent anything")
        return known

    async def _sums(self, uid: int, edges: Sequence[int]) -> list[int]:
        """Energy between seconds that may be equal."""
        unique = sorted(set(edges))
        if self._thing is None:
            return [0] * (len(edges) - 1)
        [found] = await self._engine.series([uid], BucketQuestion(self._thing, unique))
        by_start = dict(zip(unique, found[None].sums, strict=False))
        return [by_start[start] if start < end else 0 for start, end in pairwise(edges)]

    async def _cost(self, asked: Asked, plan: str, start: int, end: int) -> LiveCost | None:
        query = CostQuery(start=str(start), end=str(end), plan=plan)
        try:
            bill = await self._costs.cost(msgspec.structs.replace(asked, query=query))
        except (InputError, NotFoundError, DetailExpiredError):
            return None
        return LiveCost(
            bill.plan,
            bill.currency,
            bill.total,
            bill.data,
            bill.unpriced_mwh,
            bill.estimated_mwh,
        )


def days_at(now_s: int, tz: ZoneInfo) -> Days:
    """The month and the day of a second, by the clocks of a zone."""
    today = dt.datetime.fromtimestamp(now_s, tz).date()
    start, end = (beginning_of(each, tz) for each in (today, today + dt.timedelta(days=1)))
    edges = (*range(start, end, HALF_HOUR_S), end)
    return Days(beginning_of(today.replace(day=1), tz), edges)


def _part(start: int, mwh: int) -> LivePart:
    return LivePart(utc_text(start), mwh, text_of(mwh))


def live_watchable(live: LiveMeters, root: str, *, whole: bool) -> Watchable:
    """What is told of a meter again and again, below a root."""
    endpoint = Endpoint(
        path=f"{root}/meters/{{meter}}",
        answer=LiveAnswer,
        ask=live.live,
        meaning="what a meter shows now",
        example=(
            f"{root}/meters/m-1",
            '{"meter":"m-1",...,"newest":{"time":"2020-11-29T10:00:00Z","kw":"0.2"},"today":{...},'
            '"half_hours":[...],"month":{...},"cost":...}',
        ),
        refused=(404, 406, 422),
        whole=whole,
    )
    return Watchable(
        endpoint=endpoint,
        event="meter",
        versioned=live.versioned,
        details="the newest reading, today by half-hours, the month so far and its cost",
    )
