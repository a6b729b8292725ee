"""Plans: what is read, which rate is when, and what energy costs."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.errors import InputError
from psd.tariffs.cells import PricedCell, edges_of, price_cells
from psd.tariffs.cost import Bill, Cost, Taken, ranked
from psd.tariffs.documents import load_plan
from psd.tariffs.plans import PricePlan
from psd.tariffs.prices import Price, Prices
from tests.support.energy.plain_bills import (
    BASE,
    HALF_HOUR_S,
    NIGHT,
    PEAK,
    PLANS,
    ZONES,
    by_half_hours,
)

LONDON = ZoneInfo("Europe/London")


def plan_of(document: dict[str, Any], tz: str = "Europe/London") -> PricePlan:
    return load_plan({"plan": "p", "currency": "GBP", "tz": tz, **document})


def taken_of(cells: Sequence[PricedCell], sums_mwh: Sequence[int]) -> list[Taken]:
    return [
        (cell.rate, cell.price, cell.period, mwh) for cell, mwh in zip(cells, sums_mwh, strict=True)
    ]


def cost_of(
    plan: PricePlan, start: int, end: int, cells: Sequence[PricedCell], sums_mwh: Sequence[int]
) -> Cost:
    """The bill of a plan of one version, of energy that was taken."""
    exact = Bill()
    exact.add_taken(plan, start, end, taken_of(cells, sums_mwh))
    return exact.rounded(plan)


def at(text: str, tz: ZoneInfo = LONDON) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=tz).timestamp())


@pytest.mark.long("each half-hour of a month")
@pytest.mark.parametrize("month", [3, 4, 10, 11])
@pytest.mark.parametrize("place", range(len(PLANS)))
def test_a_plan_of_each_kind_costs_what_half_hours_one_by_one_do(place: int, month: int) -> None:
    document, tz = PLANS[place], ZONES[(place + month) % len(ZONES)]
    plan, zone = plan_of(document, tz), ZoneInfo(tz)
    start, end = at(f"2026-{month:02d}-01", zone), at(f"2026-{month + 1:02d}-01", zone)
    draw = random.Random(16)
    energy = {second: draw.randint(0, 10**6) for second in range(start, end, HALF_HOUR_S)}
    cells = price_cells(plan, start, end)
    cost = cost_of(plan, start, end, cells, sums(cells, energy))
    assert {line.name: line.amount for line in cost.lines} == by_half_hours(document, zone, energy)
    assert cost.total == sum(line.amount for line in cost.lines)


def sums(cells: list[Any], energy: dict[int, int]) -> list[int]:
    return [
        sum(energy[second] for second in range(cell.start, cell.end, HALF_HOUR_S)) for cell in cells
    ]


def test_a_night_that_passes_midnight_belongs_to_the_day_it_began_on() -> None:
    plan = plan_of({"rates": [{**NIGHT, "days": [5]}, BASE]})
    cells = price_cells(plan, at("2026-06-05"), at("2026-06-07"))
    nights = [(cell.start, cell.end) for cell in cells if cell.rate == 0]
    assert nights == [(at("2026-06-05 23:30"), at("2026-06-06 05:30"))]


def test_cells_of_a_range_are_all_of_it_also_where_the_clocks_jump() -> None:
    plan = plan_of({"rates": [{"name": "gone", "rate": 1, "from": "01:15", "to": "01:45"}, BASE]})
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        start = at(day)
        cells = price_cells(plan, start, start + hours * 3_600)
        assert [cell.start for cell in cells[1:]] == [cell.end for cell in cells[:-1]]
        assert (cells[0].start, cells[-1].end) == (start, start + hours * 3_600)
        gone = [cell.end - cell.start for cell in cells if cell.rate == 0]
        assert gone == ([] if hours == 23 else [1_800, 1_800])


def test_energy_without_a_price_is_told_and_is_in_no_line() -> None:
    plan = load_plan({"plan": "agile", "series": "agile-c"})
    prices = Prices.of([Price(1_800, 3_600, 500_000_000), Price(0, 1_800, 100_000_000)])
    cells = price_cells(plan, 0, 5_400, prices)
    cost = cost_of(plan, 0, 5_400, cells, [10**6, 2 * 10**6, 7])
    assert [(line.name, line.mwh, line.amount) for line in cost.lines] == [
        ("agile-c", 3 * 10**6, 110)
    ]
    assert cost.unpriced_mwh == 7


def test_a_later_price_stands_over_an_earlier_one() -> None:
    prices = Prices.of([Price(0, 30, 1), Price(30, 60, 2), Price(10, 40, 3), Price(90, 99, 4)])
    assert prices.within(5, 95) == [
        Price(5, 10, 1),
        Price(10, 40, 3),
        Price(40, 60, 2),
        Price(90, 95, 4),
    ]
    assert prices.unpriced(0, 100) == [(60, 90), (99, 100)]


def test_what_is_delivered_is_paid_and_has_no_vat() -> None:
    plan = plan_of({"rates": [BASE], "export": {"rates": [BASE]}, "vat_percent": 20})
    exact = Bill()
    [cell] = price_cells(plan, at("2026-06-05"), at("2026-06-06"))
    exact.add_taken(plan, cell.start, cell.end, taken_of([cell], [10**6]))
    exact.add_delivered(plan, taken_of([cell], [3 * 10**6]))
    lines = [(line.name, line.amount) for line in exact.rounded(plan).lines]
    assert lines == [("base", 24), ("vat", 5), ("export base", -72)]


def test_a_minimum_is_due_for_the_part_of_a_month_that_is_billed() -> None:
    plan = plan_of({"rates": [BASE], "minimum": {"per": "month", "amount": 30}})
    [cell] = price_cells(plan, at("2026-06-01"), at("2026-06-16"))
    cost = cost_of(plan, cell.start, cell.end, [cell], [0])
    assert [(line.name, line.amount) for line in cost.lines] == [("base", 0), ("minimum", 1_500)]


def test_two_versions_of_a_plan_are_one_bill() -> None:
    old, new = plan_of({"rates": [BASE]}), plan_of({"rates": [{**BASE, "rate": "1.005"}]})
    exact = Bill()
    for plan in (old, new):
        [cell] = price_cells(plan, at("2026-06-05"), at("2026-06-06"))
        exact.add_taken(plan, cell.start, cell.end, taken_of([cell], [10**6]))
    assert [(line.mwh, line.amount) for line in exact.rounded(new).lines] == [(2 * 10**6, 125)]


def test_every_day_of_a_joi_plan_has_its_multiplier_sunday_too() -> None:
    peaks = [{"day_of_week": day, "multiplier": by} for day, by in ((0, 3), (3, 10))]
    plan = plan_of(
        {"plan": "p", "rates": [{"name": "base", "rate": 10}], "peak_multipliers": peaks}, "UTC"
    )
    cells = price_cells(plan, at("2026-06-01", ZoneInfo("UTC")), at("2026-06-08", ZoneInfo("UTC")))
    costs = [cost_of(plan, each.start, each.end, [each], [10**6]).total for each in cells]
    assert costs == [1_000, 10_000, 1_000, 3_000]


def test_the_cheapest_is_first_and_equal_ones_are_by_their_id() -> None:
    plans = [
        plan_of({"plan": name, "rates": [{**BASE, "rate": rate}]})
        for name, rate in (("b", 1), ("a", 1), ("c", 0))
    ]
    cells = [price_cells(plan, 0, 60) for plan in plans]
    assert edges_of(cells) == [0, 60]
    costs = [cost_of(plan, 0, 60, own, [10**6]) for plan, own in zip(plans, cells, strict=True)]
    assert [cost.plan for cost in ranked(costs)] == ["c", "a", "b"]
    assert [cost.plan for cost in ranked(costs, 1)] == ["c"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"rates": [PEAK]}, r"rates\[0\]: the last rate must match always"),
        ({"rates": [], "series": ""}, "rates: a plan has either rates or a series"),
        ({"rates": [{**BASE, "rate": "x"}]}, r"rates\[0\]\.rate"),
        ({"rates": [{**BASE, "rate": "1e999"}]}, r"rates\[0\]\.rate: 1E\+999 must lie within"),
        ({"rates": [{**PEAK, "from": "25:00"}, BASE]}, r"rates\[0\]\.from: '25:00' is no time"),
        ({"rates": [{**PEAK, "to": "16:00"}, BASE]}, r"rates\[0\]: from 16:00 to 16:00"),
        ({"rates": [{**PEAK, "days": [8]}, BASE]}, r"rates\[0\]\.days: days are 1"),
        ({"rates": [{**PEAK, "months": [0]}, BASE]}, r"rates\[0\]\.months: months are 1 to 12"),
        ({"rates": [{"name": "a", "tiers": [{"rate": 1, "up_to_kwh": 5}]}]}, r"rates\[0\]\.tiers"),
        ({"rates": [BASE], "tz": "Mars"}, "tz: 'Mars' is no zone"),
        ({"rates": [BASE], "vat": 5}, "^vat: unknown"),
        ({"rates": [{**BASE, "colour": 1}]}, r"^rates\[0\]\.colour: unknown"),
        ({"rates": [{"rate": 1}]}, r"^rates\[0\]\.name: missing"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_by_its_field(
    document: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        plan_of(document)
