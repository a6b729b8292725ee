"""Plans: what is read, which rate is when, and what energy costs."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.errors import InputError
from psd.tariffs.cells import edges_of, price_cells
from psd.tariffs.cost import Bill, cost_of, ranked
from psd.tariffs.documents import load_plan, plan_of_joi
from psd.tariffs.plans import PricePlan
from psd.tariffs.prices import Price, Prices

HALF_HOUR_S = 1_800
LONDON = ZoneInfo("Europe/London")
BASE = {"name": "base", "rate": "0.2410"}
PEAK = {
    "name": "peak",
    "rate": "0.3412",
    "days": [1, 2, 3, 4, 5],
    "from": "16:00",
    "to": "19:00",
    "months": [11, 12, 1, 2, 3],
}
NIGHT = {"name": "night", "rate": "0.0750", "from": "23:30", "to": "05:30"}
TIERED = {"name": "base", "tiers": [{"up_to_kwh": 100, "rate": 0.221}, {"rate": 0.261}]}

PLANS: list[dict[str, Any]] = [
    {"rates": [BASE]},
    {"rates": [PEAK, NIGHT, BASE]},
    {"rates": [{**NIGHT, "days": [5, 0]}, {**PEAK, "days": [6, 7]}, BASE]},
    {"rates": [PEAK, TIERED]},
    {"rates": [PEAK, TIERED], "tiers_by": "volume"},
    {
        "rates": [
            {**TIERED, "tiers_per": "day", "tiers": [{"up_to_kwh": 9, "rate": 1}, {"rate": 2}]}
        ]
    },
    {"rates": [PEAK, BASE], "standing": {"per": "day", "amount": "0.4512"}, "vat_percent": 5},
    {"rates": [BASE], "minimum": {"per": "month", "amount": 90}, "vat_percent": "17.5"},
    {"rates": [BASE], "standing": {"per": "month", "amount": 12}},
    {"rates": [{**PEAK, "holidays": False}, BASE], "holidays": ["2026-03-31", "2026-10-26"]},
    {"rates": [{"name": "feast", "rate": 9, "holidays": True}, BASE], "holidays": ["2026-03-30"]},
    {"rates": [BASE], "peak_multipliers": [{"day_of_week": 0, "multiplier": "1.5"}]},
    {"rates": [{**BASE, "rate": "-0.05"}], "decimals": 4},
]
ZONES = ("Europe/London", "America/St_Johns", "Australia/Lord_Howe")
"""The clocks of the last jump by half an hour, in April and October."""


def plan_of(document: dict[str, Any], tz: str = "Europe/London") -> PricePlan:
    return load_plan({"plan": "p", "currency": "GBP", "tz": tz, **document})


def at(text: str, tz: ZoneInfo = LONDON) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=tz).timestamp())


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


def by_half_hours(document: dict[str, Any], tz: ZoneInfo, energy: dict[int, int]) -> dict[str, int]:
    """The bill of plain Python: each half-hour looks at the clock on the wall."""
    rates = rates_of(document)
    sums_of: dict[tuple[str, int, int], int] = {}
    for second, mwh in energy.items():
        local = dt.datetime.fromtimestamp(second, tz)
        clock = local.isoformat()[11:16]
        name, rate = next(each for each in rates if shows(each[1], local.date(), clock, document))
        day = local.day if rate.get("tiers_per") == "day" else 0
        key = (name, local.month, day)
        sums_of[key] = sums_of.get(key, 0) + mwh
    lines: dict[str, Fraction] = {}
    months: dict[int, Fraction] = {}
    for (name, month, _), mwh in sums_of.items():
        amount = tiers_of(dict(rates)[name], Fraction(mwh, 10**6), document.get("tiers_by"))
        lines[name] = lines.get(name, Fraction(0)) + amount
        months[month] = months.get(month, Fraction(0)) + amount
    lengths = {each: (dt.date(2026, each + 1, 1) - dt.date(2026, each, 1)).days for each in months}
    net = sum(months.values())
    if standing := document.get("standing"):
        times = sum(lengths.values()) if standing["per"] == "day" else len(months)
        lines["standing"] = times * Fraction(standing["amount"])
        net += lines["standing"]
    if minimum := document.get("minimum"):
        least = Fraction(minimum["amount"])
        lines["minimum"] = sum(max(least - each, Fraction(0)) for each in months.values())
        net += lines["minimum"]
    if "vat_percent" in document:
        lines["vat"] = net * Fraction(document["vat_percent"]) / 100
    return {name: round(each * 10 ** document.get("decimals", 2)) for name, each in lines.items()}


def rates_of(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    listed = [(each["name"], each) for each in document["rates"]]
    for each in document.get("peak_multipliers", []):
        name, rate = listed[-1]
        product = str(Fraction(rate["rate"]) * Fraction(each["multiplier"]))
        peak = {**rate, "rate": product, "days": [each["day_of_week"] or 7]}
        listed.insert(0, (f"{name} x{each['multiplier']}", peak))
    return listed


def shows(rate: dict[str, Any], date: dt.date, clock: str, document: dict[str, Any]) -> bool:
    opens, closes = rate.get("from", "00:00"), rate.get("to", "24:00")
    if opens < closes:
        inside = opens <= clock < closes
    else:
        inside = clock >= opens or clock < closes
        date -= dt.timedelta(days=clock < closes)
    return inside and is_day_of(rate, date, document.get("holidays", []))


def is_day_of(rate: dict[str, Any], date: dt.date, holidays: list[str]) -> bool:
    is_holiday = date.isoformat() in holidays
    weekday = 7 if is_holiday and rate.get("holidays") is None else date.isoweekday()
    return (
        ("months" not in rate or date.month in rate["months"])
        and ("days" not in rate or weekday in [day or 7 for day in rate["days"]])
        and rate.get("holidays") in (None, is_holiday)
    )


def tiers_of(rate: dict[str, Any], kwh: Fraction, by: str | None) -> Fraction:
    tiers = rate.get("tiers") or [{"rate": rate["rate"]}]
    if by == "volume":
        tier = next(each for each in tiers if kwh <= each.get("up_to_kwh", kwh))
        return kwh * Fraction(str(tier["rate"]))
    amount, below = Fraction(0), Fraction(0)
    for each in tiers:
        top = min(kwh, Fraction(each.get("up_to_kwh", kwh)))
        amount += max(top - below, Fraction(0)) * Fraction(str(each["rate"]))
        below = max(below, top)
    return amount


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
    exact.add(plan, cell.start, cell.end, [cell], [10**6])
    exact.add_export(plan, [cell], [3 * 10**6])
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
        exact.add(plan, cell.start, cell.end, [cell], [10**6])
    assert [(line.mwh, line.amount) for line in exact.rounded(new).lines] == [(2 * 10**6, 125)]


def test_every_day_of_a_joi_plan_has_its_multiplier_sunday_too() -> None:
    plan = plan_of_joi("price-plan-0", "Dr Evil", 10, {0: 3, 3: 10})
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
