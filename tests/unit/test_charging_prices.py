"""Prices of sessions by a plan, against each second's own price over changes of the clock."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.charging.plugs.plug_readings import NJ_A_KWH, PlugReading, pack
from psd.charging.sessions.price_plans import ChargingPrices
from psd.charging.sessions.session_energy import STRIP_MS, session_sum
from psd.charging.sessions.session_prices import PriceStep, SessionPrice, stepped_cents
from psd.charging.sessions.session_store import ChargeSession, session_of
from psd.charging.settings import ChargingSettings
from psd.errors import ConfigError
from psd.measures.money import RATE_UNIT

SYDNEY = ZoneInfo("Australia/Sydney")
PLAN: dict[str, Any] = {
    "plan": "night",
    "currency": "AUD",
    "tz": "Australia/Sydney",
    "rates": [
        {"name": "night", "rate": "0.1517", "from": "22:00", "to": "02:30"},
        {"name": "dawn", "rate": "0.219000001", "from": "02:30", "to": "06:15"},
        {"name": "day", "rate": "0.3412"},
    ],
}
NIGHTS = {
    "the clock goes back": (dt.datetime(2024, 4, 6, 21, tzinfo=SYDNEY), 5),
    "the clock goes on": (dt.datetime(2024, 10, 5, 21, tzinfo=SYDNEY), 4),
    "it does neither": (dt.datetime(2024, 6, 1, 21, tzinfo=SYDNEY), 4),
}
"""When ten hours begin, and how many prices they have; 02:30 comes twice where it goes back."""


def prices(folder: Path, document: Any, currency: str = "aud") -> ChargingPrices:
    path = folder / "plan.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return ChargingPrices(ChargingSettings(plan=str(path), currency=currency))


def rate_at(second: int) -> int:
    """By what the clocks of Sydney show."""
    shown = dt.datetime.fromtimestamp(second, SYDNEY).time()
    if shown >= dt.time(22) or shown < dt.time(2, 30):
        return 151_700_000
    return 219_000_001 if shown < dt.time(6, 15) else 341_200_000


def random_readings(rng: random.Random, start_s: int) -> list[PlugReading]:
    """Ten hours at whole seconds, none more than 50 s apart."""
    found, second = [], start_s
    while second < start_s + 36_000:
        found.append(PlugReading(second * 1000, rng.randrange(16_000), rng.randrange(250_000)))
        second += rng.randrange(1, 50)
    return found


def logs_of(readings: list[PlugReading]) -> list[bytes]:
    by_strip: dict[int, bytes] = {}
    for each in readings:
        strip = each.ms // STRIP_MS
        by_strip[strip] = by_strip.get(strip, b"") + pack(each)
    return [by_strip[strip] for strip in sorted(by_strip)]


def money(readings: list[PlugReading]) -> Fraction:
    """Units of money: each second's energy, of the later reading's power, at its own price."""
    product = 0
    for before, after in itertools.pairwise(readings):
        for second in range(before.ms // 1000, after.ms // 1000):
            product += after.power_uw * 1000 * rate_at(second)
    return Fraction(product, RATE_UNIT * NJ_A_KWH)


@pytest.mark.long("each second of ten hours")
@pytest.mark.parametrize("night", NIGHTS)
def test_a_session_costs_what_its_seconds_cost_rounded_once(tmp_path: Path, night: str) -> None:
    evening, steps = NIGHTS[night]
    start_s = int(evening.timestamp())
    readings = random_readings(random.Random(start_s), start_s)
    first_ms, last_ms = readings[0].ms, readings[-1].ms
    found = session_sum(logs_of(readings), first_ms, last_ms, "later", 60_000)
    price = prices(tmp_path, PLAN).between(first_ms, last_ms)
    assert price.cents(found) == round(money(readings) * 100)
    assert isinstance(price.steps, tuple)
    assert len(price.steps) == steps
    assert sum(found.areas.values()) == found.nj


def test_a_price_is_met_unless_energy_has_moved_over_a_step() -> None:
    steps = PriceStep(0, 100_000_000), PriceStep(60, 200_000_000)
    early, late = ({0: NJ_A_KWH}, {60: NJ_A_KWH})
    assert (stepped_cents(steps, early), stepped_cents(steps, late)) == (10, 20)
    found = session_sum([], 0, 0, "later", 60_000)
    assert SessionPrice(30).is_met(found, 77)
    assert SessionPrice(steps=steps).is_met(found, 0)
    assert not SessionPrice(steps=steps).is_met(found, 10)


def test_half_a_cent_goes_to_the_even_one() -> None:
    steps = (PriceStep(0, 10_000_000),)
    half = NJ_A_KWH // 2
    assert [stepped_cents(steps, {0: half * times}) for times in (1, 3, 5)] == [0, 2, 2]


def test_each_version_has_its_time_and_the_first_what_lies_before(tmp_path: Path) -> None:
    flat = {"tz": "Australia/Sydney", "currency": "AUD"}
    versions = [
        {**flat, "valid_from": "2024-07-02", "rates": [{"name": "all", "rate": "0.2"}]},
        {**flat, "valid_from": "2024-07-01", "rates": [{"name": "all", "rate": "0.1"}]},
    ]
    both = prices(tmp_path, {"plan": "p", "versions": versions})
    begins = int(dt.datetime(2024, 7, 2, tzinfo=SYDNEY).timestamp())
    told = both.between((begins - 300_000) * 1000, begins * 1000)
    assert told.steps == (
        PriceStep((begins - 300_000) // 60 * 60, 100_000_000),
        PriceStep(begins, 200_000_000),
    )
    assert both.between((begins - 60) * 1000, begins * 1000 - 1).steps == (
        PriceStep(begins - 60, 100_000_000),
    )
    later = both.between((begins + 86_400) * 1000, (begins + 86_400) * 1000)
    assert later.steps == (PriceStep(begins + 86_400, 200_000_000),)


def test_without_a_plan_all_is_billed_by_one_price() -> None:
    flat = ChargingPrices(ChargingSettings(cents_per_kwh=31))
    assert (flat.has_plan, flat.between(0, 10**12)) == (False, SessionPrice(31))


def test_a_session_keeps_its_prices_and_one_of_one_price_has_nothing_of_them() -> None:
    flat = ChargeSession("id-2", 0, 1, "p1", "s1", "u1", 0, 0, 0, cents_per_kwh=30)
    assert b"prices" not in msgspec.json.encode(flat)
    assert flat.price == SessionPrice(30)
    assert msgspec.structs.replace(flat, cents_per_kwh=-1).price is None
    steps = (PriceStep(0, 150_000_000), PriceStep(60, 341_200_000))
    planned = msgspec.structs.replace(flat, cents_per_kwh=-1, prices=steps)
    packed = msgspec.json.encode(planned)
    assert b'"prices":[[0,150000000],[60,341200000]]' in packed
    assert session_of(packed) == planned
    assert planned.price == SessionPrice(steps=steps)


REFUSED: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "Expecting"),
    "a list": ([PLAN], "plan: expected an object"),
    "an unknown field": ({**PLAN, "colour": 1}, "colour: unknown"),
    "no name": ({key: PLAN[key] for key in PLAN if key != "plan"}, "plan: an id has"),
    "a zone of none": ({**PLAN, "tz": "Mars/North"}, "tz: "),
    "a standing charge": ({**PLAN, "standing": {"amount": "1", "per": "day"}}, "standing: "),
    "a minimum": ({**PLAN, "minimum": {"amount": "1", "per": "month"}}, "minimum: "),
    "taxes beside it": ({**PLAN, "vat_percent": "10"}, "vat: "),
    "a series": ({"plan": "s", "series": "spot"}, "series: "),
    "export": ({**PLAN, "export": {"rates": PLAN["rates"]}}, "export: "),
    "another currency": ({**PLAN, "currency": "GBP"}, "currency: GBP is not"),
    "other decimals": ({**PLAN, "decimals": 3}, "decimals: 3"),
    "a price below 0": ({**PLAN, "rates": [{"name": "n", "rate": "-0.1"}]}, "rates: n is below"),
    "tiers": (
        {
            **PLAN,
            "rates": [{"name": "t", "tiers": [{"rate": "1", "up_to_kwh": "2"}, {"rate": "3"}]}],
        },
        "rates: t has tiers",
    ),
    "no versions": ({"plan": "p", "versions": []}, "versions: "),
    "versions that are none": ({"plan": "p", "versions": [1]}, "versions: "),
    "something beside versions": ({"tz": "UTC", "versions": [PLAN]}, "versions: "),
    "versions of one day": ({"versions": [PLAN, PLAN]}, "versions: two of them"),
    "versions of two zones": (
        {"versions": [PLAN, {**PLAN, "tz": "UTC", "valid_from": "2026-01-01"}]},
        "versions: they are of one plan",
    ),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_a_plan_that_no_session_can_be_billed_by_is_refused(tmp_path: Path, refused: str) -> None:
    document, said = REFUSED[refused]
    with pytest.raises(ConfigError, match=r"charging\.plan: .*plan\.json: ") as told:
        prices(tmp_path, document)
    assert said in str(told.value)


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"charging\.plan: .*gone\.json"):
        ChargingPrices(ChargingSettings(plan=str(tmp_path / "gone.json")))
