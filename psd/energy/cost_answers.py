"""What is answered about costs: bills of a plan, and plans beside each other. Pure.

Amounts are decimal text of units of money, energy is mWh and kWh. A year's cost is told only from
330 days of readings on, of which no more than one in eleven is missing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from psd.clock import utc_text
from psd.energy.meter_costs import MeterBill
from psd.energy.plan_store import KeptPlan
from psd.engine.plan import Range
from psd.measures.money import text_of_minor
from psd.measures.units import text_of
from psd.tariffs.cost import Cost, LineKind
from psd.zones import DATE_S

SHARE_DECIMALS = 6
YEAR_DAYS = 365
YEAR_COVERED_DAYS = 330

Alignment = Literal["exact", "interval_end"]


class CostLine(msgspec.Struct):
    """A line of a bill, rounded once; ``mwh`` and ``kwh`` where it is of energy."""

    kind: LineKind
    name: str
    mwh: int | None
    kwh: str | None
    amount: str


class CostAnswer(msgspec.Struct):
    """The bill of a plan. ``total`` is the sum of the lines, and so is each kind of them.

    ``estimated_mwh`` no meter has measured, ``unpriced_mwh`` has no price and is in no line.
    ``alignment`` is ``interval_end`` where prices change within an interval of the meter, whose
    energy is then priced as of its end. Of the ``carbon_region`` that was asked for
    ``carbon_unknown_mwh`` has no carbon.
    """

    meter: str
    plan: str
    supplier: str
    currency: str
    start: str
    end: str
    data: list[CostLine]
    total: str
    energy: str
    standing: str
    minimum: str
    vat: str
    export: str
    mwh: int
    kwh: str
    export_mwh: int
    estimated_mwh: int
    unpriced_mwh: int
    coverage: Annotated[float, Meta(ge=0, le=1)]
    alignment: Alignment
    carbon_region: str | None
    carbon_g: int | None
    carbon_unknown_mwh: int | None


class PlanCost(msgspec.Struct):
    """A plan's cost beside others. ``saving`` is against the meter's plan, of the same money.

    ``per_year`` and ``saving_per_year`` are known from 330 days of readings on.
    """

    plan: str
    supplier: str
    currency: str
    total: str
    energy: str
    standing: str
    minimum: str
    vat: str
    export: str
    unpriced_mwh: int
    alignment: Alignment
    saving: str | None
    per_year: str | None
    saving_per_year: str | None


class ComparisonAnswer(msgspec.Struct):
    """Plans, the cheapest first; behind them those with energy that has no price.

    ``plan`` is the meter's.
    """

    meter: str
    plan: str | None
    start: str
    end: str
    data: list[PlanCost]
    mwh: int
    kwh: str
    export_mwh: int
    estimated_mwh: int
    coverage: Annotated[float, Meta(ge=0, le=1)]
    carbon_region: str | None
    carbon_g: int | None
    carbon_unknown_mwh: int | None


def cost_answer(
    meter: str, kept: KeptPlan, range_: Range, bill: MeterBill, region: str
) -> CostAnswer:
    """The answer about one plan."""
    [cost], [is_aligned] = bill.costs, bill.aligned
    return CostAnswer(
        meter=meter,
        plan=kept.stored.plan,
        supplier=supplier_of(kept),
        currency=currency_of(kept),
        start=utc_text(range_.start),
        end=utc_text(range_.end),
        data=[_line(cost, place) for place in range(len(cost.lines))],
        **_sums(cost),
        mwh=bill.mwh,
        kwh=text_of(bill.mwh),
        export_mwh=bill.export_mwh,
        estimated_mwh=bill.estimated_mwh,
        unpriced_mwh=cost.unpriced_mwh,
        coverage=coverage_of(bill, range_),
        alignment=_alignment(is_aligned),
        carbon_region=region or None,
        carbon_g=bill.carbon_g if region else None,
        carbon_unknown_mwh=bill.carbon_unknown_mwh if region else None,
    )


def plan_cost(
    kept: KeptPlan, cost: Cost, is_aligned: bool, against: Cost | None, times: Fraction | None
) -> PlanCost:
    """A plan's row; ``against`` is the cost by the meter's own, ``times`` what makes a year."""
    saved = _saving(cost, against)
    return PlanCost(
        plan=cost.plan,
        supplier=supplier_of(kept),
        currency=currency_of(kept),
        **_sums(cost),
        unpriced_mwh=cost.unpriced_mwh,
        alignment=_alignment(is_aligned),
        saving=None if saved is None else text_of_minor(saved, cost.decimals),
        per_year=_yearly(None if cost.unpriced_mwh else cost.total, cost, times),
        saving_per_year=_yearly(saved, cost, times),
    )


def year_of(bill: MeterBill, range_: Range) -> Fraction | None:
    """What makes a year's cost of that of a range; None where too little of one is metered."""
    length_s = range_.end - range_.start
    enough = bill.covered_s >= YEAR_COVERED_DAYS * DATE_S
    if not enough or bill.covered_s * YEAR_DAYS < length_s * YEAR_COVERED_DAYS:
        return None
    return Fraction(YEAR_DAYS * DATE_S, length_s)


def coverage_of(bill: MeterBill, range_: Range) -> float:
    """The share of a range that is metered."""
    length_s = range_.end - range_.start
    return round(bill.covered_s / length_s, SHARE_DECIMALS) if length_s else 0.0


def supplier_of(kept: KeptPlan) -> str:
    """As its newest version has it."""
    return kept.versions[-1].supplier


def currency_of(kept: KeptPlan) -> str:
    """Of all its versions."""
    return kept.versions[-1].currency


def _line(cost: Cost, place: int) -> CostLine:
    line = cost.lines[place]
    kwh = None if line.mwh is None else text_of(line.mwh)
    amount = text_of_minor(line.amount, cost.decimals)
    return CostLine(line.kind, line.name, line.mwh, kwh, amount)


def _sums(cost: Cost) -> dict[str, str]:
    """The total, and the sum of each kind of line."""
    kinds: dict[str, int] = dict.fromkeys(("energy", "standing", "minimum", "vat", "export"), 0)
    for line in cost.lines:
        kinds[line.kind] += line.amount
    sums = {"total": cost.total, **kinds}
    return {kind: text_of_minor(amount, cost.decimals) for kind, amount in sums.items()}


def _alignment(is_aligned: bool) -> Alignment:
    return "exact" if is_aligned else "interval_end"


def _saving(cost: Cost, against: Cost | None) -> int | None:
    """What a plan costs less than another; None where the two cannot be told by one number."""
    if against is None or cost.unpriced_mwh or against.unpriced_mwh:
        return None
    if (cost.currency, cost.decimals) != (against.currency, against.decimals):
        return None
    return against.total - cost.total


def _yearly(amount: int | None, cost: Cost, times: Fraction | None) -> str | None:
    if amount is None or times is None:
        return None
    return text_of_minor(round(amount * times), cost.decimals)
