"""The pages of meters: all of them, what one shows now, and what its energy costs by every plan.

::

    GET /energy/                      meters, 50 a page: power, today
    GET /energy/meters/m-1/           power now, today's half-hours, the month, cost by rate
    GET /energy/meters/m-1/plans      every plan beside the others, of the last 30 days unless told

A meter's page asks to be told of news (``meters/m-1/watch``) where there is script, and refreshes
itself each 30 s where there is none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from psd.domain.core import Core
from psd.domain.question import Asked, NoParameters
from psd.domain.web_page import Answer, Shown, Visit, WebPage
from psd.energy.channels import meter_name, meter_uid
from psd.energy.cost_answers import ComparisonAnswer, PlanCost
from psd.energy.cost_questions import CompareQuery, CostQuestions
from psd.energy.day_chart import HALF_HOUR_S, day_chart, kwh
from psd.energy.live import IMPORT, LiveAnswer, LiveMeters, days_at
from psd.energy.meter_reads import MeterReads, NewestReading, newest_taken
from psd.energy.settings import EnergySettings
from psd.engine.series import BucketQuestion
from psd.errors import DetailExpiredError, InputError, NotFoundError
from psd.times import timestamp
from psd.zones import zone

METERS_MAX = 50
"""Of a page."""

LOOKED_AT_MAX = 1_000
"""Names that are looked at for one who sees few of them."""

DAYS_COMPARED = 30
MW_PER_KW = 10**6


class MeterLine(msgspec.Struct, frozen=True):
    """A meter in the table of all."""

    meter: str
    path: str
    plan: str
    power: str
    today: str
    newest: str


class BillLine(msgspec.Struct, frozen=True):
    """A rate in the table of costs."""

    name: str
    kwh: str
    amount: str


class PlanLine(msgspec.Struct, frozen=True):
    """A plan in the table of plans."""

    plan: str
    supplier: str
    energy: str
    standing: str
    vat: str
    total: str
    saving: str
    per_year: str
    is_own: bool


class MeterPages:
    """Shows meters."""

    def __init__(
        self,
        live: LiveMeters,
        reads: MeterReads,
        costs: CostQuestions,
        core: Core,
        settings: EnergySettings,
    ) -> None:
        self._live = live
        self._reads = reads
        self._costs = costs
        self._engine = core.engine
        self._clock = core.clock
        self._thing = core.things.get(IMPORT)
        self._settings = settings

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        return (
            WebPage(path="/", show=self.meters, parameters=("after",), link="Meters"),
            WebPage(path="/meters/{meter}/", show=self.meter, parameters=(), named=True),
            WebPage(
                path="/meters/{meter}/plans",
                show=self.plans,
                parameters=("start", "end"),
                named=True,
            ),
        )

    async def meters(self, visit: Visit) -> Answer:
        """Meters in the order of their names."""
        after = visit.query.get("after", "")
        names = await self._reads.names(after, LOOKED_AT_MAX)
        seen = [name for name in names if visit.sees(meter_uid(name))]
        listed = seen[:METERS_MAX]
        more = len(seen) > METERS_MAX or len(names) == LOOKED_AT_MAX
        last = listed[-1] if len(seen) > METERS_MAX else (names[-1] if names else "")
        values = {"lines": await self._lines(listed), "first": bool(after)}
        return Shown("meters.html", {**values, "next": last if more else ""})

    async def meter(self, visit: Visit) -> Answer:
        """A meter now."""
        told = await self._live.live(_asked(visit, NoParameters()))
        tz, now_s = zone(told.tz), self._clock.now_s()
        half_hours = [(timestamp(each.start), each.mwh) for each in told.half_hours]
        money = told.cost
        values = {
            "meter": told.meter,
            "path": quote(told.meter, safe=""),
            **_power(told, half_hours, tz),
            "today": kwh(told.today.mwh),
            "today_hint": f"since 00:00, {told.tz}",
            "month": kwh(told.month.mwh),
            "month_hint": f"since {_date(told.month.start, tz)}",
            "cost": f"{money.total} {money.currency}".strip() if money else "-",
            "cost_hint": f"by {money.plan}" if money else "the meter has no plan with prices",
            "chart": day_chart(half_hours, now_s, tz),
            "plan": money.plan if money else "",
            "since": _date(told.month.start, tz),
            "bill": [
                BillLine(line.name, line.kwh or "", line.amount)
                for line in (money.data if money else ())
            ],
            "warnings": _warnings(money.unpriced_mwh, money.estimated_mwh) if money else [],
        }
        return Shown("meter.html", values)

    async def plans(self, visit: Visit) -> Answer:
        """What a meter's energy costs by every plan."""
        name = meter_name(visit.names["meter"])
        [known] = await self._reads.known([meter_uid(name)])
        if not known.is_known or not visit.sees(meter_uid(name)):
            raise NotFoundError(f"meter: {name} has never sent anything")
        start, end = visit.query.get("start", "").strip(), visit.query.get("end", "").strip()
        start = start or f"-{DAYS_COMPARED}d"
        query = CompareQuery(start=start, end=end or "now")
        said: dict[str, Any] = {
            "meter": name,
            "path": quote(name, safe=""),
            "start": start,
            "end": end or "now",
        }
        nothing = {"error": "", "lines": [], "warnings": [], "kwh": "", "covered": ""}
        try:
            told: ComparisonAnswer = await self._costs.compare(_asked(visit, query))
        except (InputError, DetailExpiredError, NotFoundError) as error:
            return Shown("plans.html", {**nothing, **said, "error": str(error)})
        unpriced = max((each.unpriced_mwh for each in told.data), default=0)
        shown = {
            "lines": [_plan_line(each, told.plan) for each in told.data],
            "kwh": told.kwh,
            "covered": f"{told.coverage:.1%}",
            "warnings": _warnings(unpriced, told.estimated_mwh),
        }
        return Shown("plans.html", {**nothing, **said, **shown})

    async def _lines(self, names: Sequence[str]) -> list[MeterLine]:
        """Rows of meters. 4 trips, one more for each zone that another meter has."""
        uids = [meter_uid(name) for name in names]
        known = await self._reads.known(uids)
        zones = [zone(each.record.text("tz") or self._settings.tz) for each in known]
        today = await self._today(uids, zones)
        lines = []
        for place, (name, each) in enumerate(zip(names, known, strict=True)):
            found = await self._reads.newest(uids[place], each.kinds)
            taken = newest_taken(found)
            newest = max(found.values(), key=lambda one: one[0], default=None)
            lines.append(
                MeterLine(
                    name,
                    quote(name, safe=""),
                    each.record.text("plan") or "",
                    kw(taken[2] or 0) if taken is not None and taken[1] == "power" else "",
                    kwh(today[uids[place]]),
                    _moment(newest, zones[place]),
                )
            )
        return lines

    async def _today(self, uids: Sequence[int], zones: Sequence[ZoneInfo]) -> dict[int, int]:
        """Energy of each meter since its own midnight. A trip for each zone."""
        now_s = self._clock.now_s()
        by_zone: dict[ZoneInfo, list[int]] = {}
        for uid, tz in zip(uids, zones, strict=True):
            by_zone.setdefault(tz, []).append(uid)
        today = dict.fromkeys(uids, 0)
        if self._thing is None:
            return today
        for tz, some in by_zone.items():
            cut = (days_at(now_s, tz).today, now_s + 1)
            found = await self._engine.series(some, BucketQuestion(self._thing, cut))
            today |= {uid: sum(each[None].sums) for uid, each in zip(some, found, strict=True)}
        return today


def kw(mw: int) -> str:
    """Power for people: to the watt."""
    return f"{Decimal(mw) / MW_PER_KW:.3f} kW"


def _asked(visit: Visit, query: Any) -> Asked:
    return Asked(query, visit.names, visit.identity, visit.sees)


def _power(told: LiveAnswer, half_hours: Sequence[tuple[int, int]], tz: ZoneInfo) -> dict[str, str]:
    """The power that was read last, or else that of the last half-hour with energy."""
    if told.newest is not None and told.newest.kw is not None:
        moment = _clock(timestamp(told.newest.time), tz)
        return {"power": f"{Decimal(told.newest.kw):.3f} kW", "power_hint": f"read {moment}"}
    used = [(start, mwh) for start, mwh in half_hours if mwh]
    if not used:
        return {"power": "-", "power_hint": "nothing was read today"}
    start, mwh = used[-1]
    mean = kw(mwh * 3600 // HALF_HOUR_S)
    return {"power": mean, "power_hint": f"mean of the half-hour from {_clock(start, tz)[11:]}"}


def _plan_line(each: PlanCost, own: str | None) -> PlanLine:
    currency = f" {each.currency}" if each.currency else ""
    return PlanLine(
        each.plan,
        each.supplier,
        each.energy,
        each.standing,
        each.vat,
        each.total + currency,
        each.saving or "",
        each.per_year or "",
        each.plan == own,
    )


def _warnings(unpriced_mwh: int, estimated_mwh: int) -> list[str]:
    found = []
    if unpriced_mwh:
        found.append(f"{kwh(unpriced_mwh)} have no price and are in no line.")
    if estimated_mwh:
        found.append(f"{kwh(estimated_mwh)} are estimated.")
    return found


def _moment(newest: NewestReading | None, tz: ZoneInfo) -> str:
    return "" if newest is None else _clock(newest[0], tz)


def _clock(second: int, tz: ZoneInfo) -> str:
    return dt.datetime.fromtimestamp(second, tz).strftime("%Y-%m-%d %H:%M")


def _date(moment: str, tz: ZoneInfo) -> str:
    return _clock(timestamp(moment), tz)[:10]
