"""Answers what meters' energy costs, and which plan would have been the cheapest.

::

    /v3/energy/meters/m-1/cost?plan=eco&start=2026-01-01&end=2026-02-01
    -> {"total":"31.42","data":[{"kind":"energy","name":"peak","mwh":41500000,...},...],
        "coverage":1.0,...}
    /v3/energy/meters/m-1/recommend?limit=1&start=2026-01-01
    -> {"plan":"eco","data":[{"plan":"agile","total":"27.10","saving":"4.32",...}],...}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text
from psd.domain.question import Asked
from psd.energy.channels import meter_name, meter_uid
from psd.energy.cost_answers import (
    ComparisonAnswer,
    CostAnswer,
    cost_answer,
    coverage_of,
    plan_cost,
    year_of,
)
from psd.energy.known_meters import KnownMeter
from psd.energy.meter_costs import Costs, MeterBill
from psd.energy.plan_records import plan_name
from psd.energy.plan_store import KeptPlan, PlanStore, not_there
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.energy.usage import Moment
from psd.engine.plan import Range
from psd.errors import BadQueryError, NotFoundError, TooLargeError, UnpricedError
from psd.foreign_texts import shown
from psd.measures.units import text_of
from psd.queries.moments import asked_range
from psd.queries.requests import LIMIT_MAX
from psd.tariffs.cost import ranked
from psd.zones import zone

RANGE_MAX_S = 3_660 * 86_400
"""Ten years."""

PLANS_AT_ONCE = 200
"""Of one question."""


class CostQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range, and a plan; without one that of the meter. ``strict`` takes no bill with a hole."""

    start: Moment
    end: Moment | None = None
    plan: Annotated[str, Meta(description="a plan's name")] = ""
    tz: Annotated[str | None, Meta(description="the meter's own unless given")] = None
    carbon: Annotated[str, Meta(description="a region, whose carbon is told beside money")] = ""
    strict: bool = False


class CompareQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range, and the plans to compare, all unless told; with ``limit`` the first so many."""

    start: Moment
    end: Moment | None = None
    plan: list[str] = []
    tz: Annotated[str | None, Meta(description="the meter's own unless given")] = None
    carbon: Annotated[str, Meta(description="a region, whose carbon is told beside money")] = ""
    strict: bool = False
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] | None = None


class CostQuestions:
    """Answers what meters' energy costs."""

    def __init__(
        self,
        store: MeterStore,
        plans: PlanStore,
        costs: Costs,
        settings: EnergySettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._plans = plans
        self._costs = costs
        self._settings = settings
        self._clock = clock

    async def cost(self, asked: Asked) -> CostAnswer:
        """What a meter's energy costs by a plan."""
        return await self.bill_of(asked.path["meter"], asked.query)

    async def bill_of(self, meter: str, query: CostQuery) -> CostAnswer:
        """The same, asked by nobody over HTTP."""
        name, known = await self._meter(meter)
        range_ = self._range(query, known)
        own = query.plan or known.record.text("plan")
        if not own:
            raise BadQueryError(f"plan: meter {shown(name)} has none; name one")
        kept = await self._plans.get(own)
        bill = await self._costs.bill(meter_uid(name), known, [kept], range_, query.carbon)
        _check_priced(bill, strict=query.strict)
        return cost_answer(name, kept, range_, bill, query.carbon)

    async def compare(self, asked: Asked) -> ComparisonAnswer:
        """What a meter's energy costs by plans, the cheapest first."""
        return await self.comparison_of(asked.path["meter"], asked.query)

    async def recommend(self, asked: Asked) -> ComparisonAnswer:
        """The plans by which a meter's energy costs least, and what each saves."""
        return await self.comparison_of(asked.path["meter"], asked.query)

    async def comparison_of(self, meter: str, query: CompareQuery) -> ComparisonAnswer:
        """The same, asked by nobody over HTTP."""
        name, known = await self._meter(meter)
        range_ = self._range(query, known)
        own = known.record.text("plan") or ""
        plans = await self._asked_plans(query.plan, own)
        wanted = {plan_name(each) for each in query.plan} or {*plans}
        listed = list(plans.values())
        bill = await self._costs.bill(meter_uid(name), known, listed, range_, query.carbon)
        _check_priced(bill, strict=query.strict)
        aligned = dict(zip(plans, bill.aligned, strict=True))
        by_name = dict(zip(plans, bill.costs, strict=True))
        first = ranked([by_name[each] for each in wanted], query.limit)
        times = year_of(bill, range_)
        against = by_name.get(own) if own else None
        return ComparisonAnswer(
            meter=name,
            plan=own or None,
            start=utc_text(range_.start),
            end=utc_text(range_.end),
            data=[
                plan_cost(plans[each.plan], each, aligned[each.plan], against, times)
                for each in first
            ],
            mwh=bill.mwh,
            kwh=text_of(bill.mwh),
            export_mwh=bill.export_mwh,
            estimated_mwh=bill.estimated_mwh,
            coverage=coverage_of(bill, range_),
            carbon_region=query.carbon or None,
            carbon_g=bill.carbon_g if query.carbon else None,
            carbon_unknown_mwh=bill.carbon_unknown_mwh if query.carbon else None,
        )

    async def _meter(self, text: str) -> tuple[str, KnownMeter]:
        name = meter_name(text)
        known = await self._store.known(meter_uid(name))
        if not known.kinds:
            raise NotFoundError(f"meter: {shown(name)} has never sent anything")
        return name, known

    def _range(self, query: CostQuery | CompareQuery, known: KnownMeter) -> Range:
        now_s = self._clock.now_ms() // 1000
        tz = zone(query.tz or known.record.text("tz") or self._settings.tz)
        range_ = asked_range(query.start, query.end, now_s, tz=tz)
        if range_.end - range_.start > RANGE_MAX_S:
            raise TooLargeError(f"range: longer than {RANGE_MAX_S} s, the longest that is billed")
        return range_

    async def _asked_plans(self, named: Sequence[str], own: str) -> dict[str, KeptPlan]:
        """Plans by name: those that are asked for, or all, and the meter's own."""
        names = [plan_name(each) for each in named] or await self._plans.names()
        if len(names) > PLANS_AT_ONCE:
            raise TooLargeError(
                f"plan: {len(names)} plans, at most {PLANS_AT_ONCE} are compared at once; name them"
            )
        unique = list(dict.fromkeys([*names, *([own] if own else [])]))
        found = dict(zip(unique, await self._plans.read(unique), strict=True))
        missing = [each for each in names if found[each] is None]
        if missing:
            raise not_there(missing[0])
        return {name: kept for name, kept in found.items() if kept is not None}


def _check_priced(bill: MeterBill, *, strict: bool) -> None:
    """Refuse a bill with energy that has no price, where whoever asks is strict."""
    unpriced = [cost for cost in bill.costs if cost.unpriced_mwh] if strict else []
    if unpriced:
        raise UnpricedError(
            f"plan: {text_of(unpriced[0].unpriced_mwh)} kWh have no price by "
            f"{shown(unpriced[0].plan)}"
        )
