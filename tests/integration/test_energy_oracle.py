"""Readings in, bills out: every kind of plan against plain Python, where the clocks jump."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.support.clients.http import HttpClient
from tests.support.energy.plain_bills import (
    BASE,
    HALF_HOUR_S,
    NIGHT,
    PEAK,
    PLANS,
    TIERED,
    ZONES,
    by_half_hours,
)

QUARTER_S = 900

DECEMBER_S = 1_796_169_600
"""2026-12-02 00:00 UTC."""

pytestmark = pytest.mark.psd(now_s=DECEMBER_S)

Energy = dict[int, int]
"""mWh by the first second of a half-hour."""

MANY: list[dict[str, Any]] = [
    *PLANS,
    {"rates": [{**PEAK, "from": "07:30", "to": "09:30"}, {**PEAK, "name": "evening"}, BASE]},
    {
        "versions": [
            {"rates": [TIERED], "standing": {"per": "day", "amount": "0.3"}},
            {"rates": [PEAK, BASE], "valid_from": "2026-03-29", "vat_percent": 5},
            {"rates": [TIERED], "valid_from": "2026-04-05", "tiers_by": "volume"},
            {
                "rates": [NIGHT, BASE],
                "valid_from": "2026-10-25",
                "minimum": {"per": "month", "amount": 50},
            },
        ]
    },
]


JUMPS = {"Europe/London": (3, 10), "America/St_Johns": (3, 11), "Australia/Lord_Howe": (4, 10)}
"""The months of 2026 in which the clocks of a zone jump."""


def months(tz: str) -> list[tuple[int, int]]:
    """The first and the last second but one of these months."""
    found = []
    for month in JUMPS[tz]:
        ends = (dt.datetime(2026, each, 1, tzinfo=ZoneInfo(tz)) for each in (month, month + 1))
        start, end = (int(each.timestamp()) for each in ends)
        found.append((start, end))
    return found


def drawn(draw: random.Random, tz: str) -> Energy:
    return {
        second: draw.randint(0, 10**6)
        for month in months(tz)
        for second in range(*month, HALF_HOUR_S)
    }


def within(energy: Energy, month: tuple[int, int]) -> Energy:
    return {second: mwh for second, mwh in energy.items() if month[0] <= second < month[1]}


async def send(client: HttpClient, energy: Energy, **of: Any) -> None:
    """Half-hours in any order, some of them estimated first."""
    draw = random.Random(len(energy))
    rows = [[start, start + HALF_HOUR_S, f"{mwh}e-6"] for start, mwh in energy.items()]
    draw.shuffle(rows)
    estimates = [[*row[:2], "0.5", "estimated"] for row in draw.sample(rows, 100)]
    for sent in (estimates, *(rows[at : at + 5_000] for at in range(0, len(rows), 5_000))):
        said = {"meter": "m-1", "rows": sent, **of}
        body = msgspec.json.encode({"command": "intervals", "intervals": said})
        answer = await client.request("POST", "/v3/energy/readings", body, "application/json")
        assert answer.json()["summary"]["booked"] == 1, answer.text


async def put_plan(client: HttpClient, name: str, document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    answer = await client.request("PUT", f"/v3/energy/plans/{name}", body, "application/json")
    assert answer.status == 201, answer.text


async def ask(client: HttpClient, what: str, **query: Any) -> Any:
    answer = await client.get(f"/v3/energy/meters/m-1/{what}?{urlencode(query, doseq=True)}")
    assert answer.status == 200, answer.text
    return answer.json()


def minor(text: str, decimals: int) -> int:
    amount = Fraction(text) * 10**decimals
    assert amount.denominator == 1
    return int(amount)


@pytest.mark.parametrize("tz", ZONES)
async def test_every_kind_of_plan_costs_what_half_hours_one_by_one_do(
    client: HttpClient, tz: str
) -> None:
    draw = random.Random(tz)
    night, day = drawn(draw, tz), drawn(draw, tz)
    await send(client, night, register=1)
    await send(client, day, register=2)
    energy = {second: mwh + day[second] for second, mwh in night.items()}
    for place, document in enumerate(MANY):
        await put_plan(client, f"p{place:02}", of_zone(document, tz))
    for month in months(tz):
        cut = sorted(draw.sample(range(*month, HALF_HOUR_S), 2))
        for range_ in (month, (cut[0], cut[1])):
            await check_bills(client, tz, range_, within(energy, range_))


def of_zone(document: dict[str, Any], tz: str) -> dict[str, Any]:
    """The same plan by the clocks of a zone."""
    if "versions" in document:
        return {"versions": [{**each, "tz": tz} for each in document["versions"]]}
    return {**document, "tz": tz}


async def check_bills(client: HttpClient, tz: str, range_: tuple[int, int], energy: Energy) -> None:
    """The bill of a range by every plan, and all of them beside each other."""
    start, end = range_
    bills = {
        f"p{place:02}": by_half_hours(document, ZoneInfo(tz), energy)
        for place, document in enumerate(MANY)
    }
    for place, (name, bill) in enumerate(bills.items()):
        told = await ask(client, "cost", plan=name, start=start, end=end)
        decimals = MANY[place].get("decimals", 2)
        assert {row["name"]: minor(row["amount"], decimals) for row in told["data"]} == bill, name
        assert minor(told["total"], decimals) == sum(bill.values())
        assert (told["mwh"], told["estimated_mwh"]) == (sum(energy.values()), 0)
        assert (told["coverage"], told["unpriced_mwh"], told["alignment"]) == (1, 0, "exact")
    compared = await ask(client, "compare", start=start, end=end)
    totals = {
        name: Fraction(sum(bill.values()), 10 ** document.get("decimals", 2))
        for (name, bill), document in zip(bills.items(), MANY, strict=True)
    }
    told_totals = [(row["plan"], Fraction(row["total"])) for row in compared["data"]]
    assert told_totals == sorted(totals.items(), key=lambda each: (each[1], each[0]))


async def test_prices_of_a_market_and_what_is_delivered_cost_what_half_hours_do(
    client: HttpClient,
) -> None:
    tz, draw = "Europe/London", random.Random("market")
    taken, delivered = drawn(draw, tz), drawn(draw, tz)
    await send(client, taken)
    await send(client, delivered, flow="export")
    prices = {second: draw.randint(-20_000, 40_000) for second in taken if draw.random() < 0.99}
    listed: list[list[Any]] = [
        [each, each + HALF_HOUR_S, f"{price}e-5"] for each, price in prices.items()
    ]
    for at in range(0, len(listed), 1_400):
        body = msgspec.json.encode({"currency": "GBP", "rows": listed[at : at + 1_400]})
        path = "/v3/energy/prices/agile"
        answer = await client.request("PUT", path, body, "application/json")
        assert answer.status == 201, answer.text
    exported = {"rates": [{**PEAK, "rate": "0.19"}, {**TIERED, "days": [6, 7]}, NIGHT, BASE]}
    await put_plan(client, "agile", {"tz": tz, "series": "agile", "export": exported})
    for month in months(tz):
        told = await ask(client, "cost", plan="agile", start=month[0], end=month[1])
        used = within(taken, month)
        exact = sum(
            Fraction(mwh * prices[each], 10**11) for each, mwh in used.items() if each in prices
        )
        paid = by_half_hours(exported, ZoneInfo(tz), within(delivered, month))
        assert {row["name"]: minor(row["amount"], 2) for row in told["data"]} == {
            "agile": round(exact * 100),
            **{f"export {name}": -amount for name, amount in paid.items()},
        }
        assert told["unpriced_mwh"] == sum(mwh for each, mwh in used.items() if each not in prices)


async def test_where_prices_change_within_half_hours_energy_is_priced_as_of_its_end(
    client: HttpClient,
) -> None:
    tz, draw = "Europe/London", random.Random("quarters")
    month = months(tz)[1]
    energy = within(drawn(draw, tz), month)
    await send(client, energy)
    by_end = {second + HALF_HOUR_S - 1: mwh for second, mwh in energy.items()}
    odd = {
        "rates": [
            {**PEAK, "days": [0, 6], "from": "16:10", "to": "19:25", "months": [10]},
            {**NIGHT, "from": "23:50", "to": "05:05"},
            BASE,
        ]
    }
    values = {second: draw.randint(-20_000, 40_000) for second in range(*month, QUARTER_S)}
    for path, body in (
        ("prices/quarters", {"values": [f"{each}e-5" for each in values.values()]}),
        ("carbon/GB", {"values": [abs(each) for each in values.values()]}),
    ):
        sent = msgspec.json.encode({**body, "start": month[0], "every_s": QUARTER_S})
        answer = await client.request("PUT", f"/v3/energy/{path}", sent, "application/json")
        assert answer.status == 201, answer.text
    await put_plan(client, "odd", {**odd, "tz": tz})
    await put_plan(client, "quarters", {"series": "quarters", "tz": tz})
    priced = {end: mwh * values[end // QUARTER_S * QUARTER_S] for end, mwh in by_end.items()}
    for plan, lines in (
        ("odd", by_half_hours(odd, ZoneInfo(tz), by_end)),
        ("quarters", {"quarters": round(Fraction(sum(priced.values()), 10**9))}),
    ):
        told = await ask(client, "cost", plan=plan, start=month[0], end=month[1], carbon="GB")
        assert {row["name"]: minor(row["amount"], 2) for row in told["data"]} == lines
        assert (told["alignment"], told["unpriced_mwh"]) == ("interval_end", 0)
        grams = sum(map(abs, priced.values()))
        assert told["carbon_g"] == round(Fraction(grams, 10**6))
        assert told["carbon_unknown_mwh"] == 0
