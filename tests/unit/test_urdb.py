"""Tariffs of the U.S. Utility Rate Database as plans, and what of them no plan can say."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.errors import InputError
from psd.tariffs.cells import price_cells
from psd.tariffs.documents import load_plan
from psd.tariffs.urdb import plan_of_urdb

CHICAGO = ZoneInfo("America/Chicago")
FLAT = [[0] * 24 for _ in range(12)]


def tariff(**fields: Any) -> dict[str, Any]:
    return {
        "label": "539f6a23",
        "utility": "South Central",
        "energyratestructure": [[{"rate": 0.07}], [{"rate": 0.12, "adj": 0.005}]],
        "energyweekdayschedule": FLAT,
        "energyweekendschedule": FLAT,
        **fields,
    }


def drawn(draw: random.Random, periods: int) -> list[list[int]]:
    """Months of some runs of periods, many of them alike."""
    kinds = [[draw.randrange(periods) for _ in range(24)] for _ in range(2)]
    kinds.append([0] * 8 + [1] * 12 + [0] * 4)
    return [draw.choice(kinds) for _ in range(12)]


@pytest.mark.long("each hour of a year")
@pytest.mark.parametrize("seed", range(12))
def test_each_hour_has_the_price_of_its_period(seed: int) -> None:
    draw = random.Random(f"urdb {seed}")
    rates = [[{"rate": round(draw.random(), 5)}] for _ in range(4)]
    weekdays, weekends = drawn(draw, 4), drawn(draw, 4)
    found = plan_of_urdb(
        tariff(
            energyratestructure=rates,
            energyweekdayschedule=[[float(each) for each in month] for month in weekdays],
            energyweekendschedule=weekends,
        ),
        "America/Chicago",
    )
    plan = load_plan(found.fields)
    start = int(dt.datetime(2025, 12, 25, tzinfo=CHICAGO).timestamp())
    cells = price_cells(plan, start, start + 370 * 86_400)
    at = 0
    for second in range(start, start + 370 * 86_400, 3_600):
        while cells[at].end <= second:
            at += 1
        local = dt.datetime.fromtimestamp(second, CHICAGO)
        schedule = weekdays if local.isoweekday() <= 5 else weekends
        wanted = rates[schedule[local.month - 1][local.hour]][0]["rate"]
        place = cells[at].rate
        assert place is not None
        assert plan.rates[place].tiers[0].rate == round(Decimal(str(wanted)) * 10**9), local


def test_a_tariff_says_who_sells_it_since_when_and_what_is_due_each_month() -> None:
    found = plan_of_urdb(
        tariff(
            startdate=1_335_880_800,
            fixedchargefirstmeter=Decimal("12.5"),
            fixedchargeunits="$/month",
            mincharge=1.5,
            minchargeunits="$/day",
            energytoulabels=["low", "low"],
        ),
        "America/Chicago",
        plan="lp1",
    )
    assert {key: found.fields[key] for key in ("plan", "supplier", "valid_from", "currency")} == {
        "plan": "lp1",
        "supplier": "South Central",
        "valid_from": "2012-05-01",
        "currency": "USD",
    }
    assert found.fields["standing"] == {"per": "month", "amount": "12.5"}
    assert found.fields["minimum"] == {"per": "day", "amount": "1.5"}
    assert found.fields["rates"] == [{"name": "low", "rate": "0.07"}]
    older = plan_of_urdb(tariff(fixedmonthlycharge=9, minmonthlycharge=4), "UTC").fields
    assert older["standing"] == {"per": "month", "amount": "9"}
    assert older["minimum"] == {"per": "month", "amount": "4"}
    assert plan_of_urdb(tariff(fixedchargefirstmeter=100, fixedchargeunits="$/year"), "UTC").fields[
        "standing"
    ] == {"per": "month", "amount": "8.333333333"}


def test_tiers_end_where_the_tariff_says_and_a_huge_end_is_none() -> None:
    tiers = [
        {"max": 100.0, "rate": 0.070768997073173523},
        {"max": 9.9999996802856925e37, "rate": 1},
    ]
    found = plan_of_urdb(tariff(energyratestructure=[tiers]), "UTC")
    assert found.fields["rates"][-1]["tiers"] == [
        {"up_to_kwh": "100.0", "rate": "0.070768997"},
        {"rate": "1"},
    ]
    assert found.notes == ["energyratestructure: numbers are rounded to 9 decimals"]
    daily = [{"max": 9, "rate": 1, "unit": "kWh daily"}, {"rate": 2, "unit": "kWh daily"}]
    found = plan_of_urdb(tariff(energyratestructure=[daily]), "UTC")
    assert found.fields["rates"][-1]["tiers_per"] == "day"
    assert load_plan(found.fields).rates[-1].tiers[0].up_to_mwh == 9_000_000


def test_what_is_paid_for_energy_that_is_delivered_is_part_of_the_plan() -> None:
    rates = [[{"rate": 0.1, "sell": 0.03}], [{"rate": 0.2}]]
    found = plan_of_urdb(tariff(energyratestructure=rates, dgrules="Net Metering"), "UTC")
    assert load_plan(found.fields).export[-1].tiers[0].rate == 30_000_000
    assert found.notes == ["dgrules: Net Metering is no part of the plan"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"energyratestructure": [[{"rate": 1, "unit": "kWh/kW"}]]},
            r"energyratestructure\[0\]\[0\]\.unit: 'kWh/kW' is not supported",
        ),
        ({"energyratestructure": []}, "energyratestructure: missing"),
        ({"energyratestructure": [[{"rate": "x"}]]}, r"energyratestructure\[0\]\[0\]\.rate"),
        ({"energyratestructure": [[{"rate": 1}, {"rate": 2}]]}, r"\[0\]\.max: missing"),
        ({"energyweekdayschedule": FLAT[:11]}, "energyweekdayschedule: expected 12 months"),
        ({"energyweekendschedule": [[7] * 24] * 12}, r"energyweekendschedule\[0\]\[0\]: 7"),
        ({"energyweekendschedule": [[0.5] * 24] * 12}, r"energyweekendschedule\[0\]\[0\]: 0.5"),
        (
            {"demandratestructure": [[{"rate": 19.5}]]},
            "demandratestructure: charges of the highest power are not supported",
        ),
        ({"flatdemandstructure": [[{"max": 9, "adj": 1}]]}, "flatdemandstructure"),
        (
            {"fixedchargefirstmeter": 1, "fixedchargeunits": "$/bill"},
            "fixedchargeunits: '\\$/bill'",
        ),
        ({"mincharge": 1, "minchargeunits": "$/year"}, "minchargeunits: '\\$/year'"),
    ],
)
def test_what_no_plan_can_say_is_refused_by_its_field(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        plan_of_urdb(tariff(**fields), "UTC")


def test_a_tariff_of_one_period_needs_no_schedule() -> None:
    flat: dict[str, Any] = {"label": "flat", "energyratestructure": [[{"rate": 0.07}]]}
    assert plan_of_urdb(flat, "UTC").fields["rates"] == [{"name": "period 1", "rate": "0.07"}]
    flat["energyratestructure"] *= 2
    with pytest.raises(InputError, match="energyweekdayschedule: expected 12 months"):
        plan_of_urdb(flat, "UTC")


def test_what_costs_and_no_plan_can_say_is_told() -> None:
    fuel = [0, 0.001, *[0] * 10]
    found = plan_of_urdb(tariff(fueladjustmentsmonthly=fuel), "UTC")
    assert found.notes == [f"fueladjustmentsmonthly: {fuel} is no part of the plan"]
    assert plan_of_urdb(tariff(fueladjustmentsmonthly=[0] * 12), "UTC").notes == []


def test_demand_is_left_out_only_where_that_is_wanted_and_then_it_is_told() -> None:
    costly = tariff(demandratestructure=[[{"rate": 19.5}]], demandunits="kW")
    found = plan_of_urdb(costly, "UTC", without_demand=True)
    assert found.notes == [
        "demandratestructure: charges of the highest power are not supported, and no part of the "
        "plan"
    ]
    free = tariff(demandratestructure=[[{"rate": 0}]])
    assert plan_of_urdb(free, "UTC").notes == []


def test_a_tariff_is_chosen_from_a_page_and_read_from_json_in_a_text() -> None:
    page = {"items": [tariff(), tariff(label="b")]}
    with pytest.raises(InputError, match="label: 2 tariffs; choose one of 539f6a23, b"):
        plan_of_urdb(page, "UTC")
    assert plan_of_urdb(page, "UTC", label="b").fields["plan"] == "b"
    text = msgspec.json.encode({"items": [tariff()]}).decode()
    assert plan_of_urdb(text, "UTC").fields["plan"] == "539f6a23"
    for wrong in (7, [1], "{", {"items": 3}):
        with pytest.raises(InputError):
            plan_of_urdb(wrong, "UTC")
