"""Plans, prices and costs over HTTP: put, asked, compared, and what stands against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from tests.support.clients.http import HttpClient

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC, a Sunday."""

PLANS_OF_DOCS = re.findall(
    r"```json\n(\{\"plan\".*?)```",
    Path("docs/energy.md").read_text(encoding="utf-8"),
    re.DOTALL,
)

HALF_HOUR_S = 1_800
BASE = {"name": "base", "rate": "0.2410"}
PEAK = {"name": "peak", "rate": "0.3412", "from": "16:00", "to": "19:00"}


async def put(
    client: HttpClient, path: str, body: Any, status: int = 201, **headers: str
) -> dict[str, Any]:
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.request("PUT", path, sent, "application/json", headers=named)
    assert answer.status == status, answer.text
    return {"etag": answer.headers.get("Etag"), **answer.json()}


async def put_plan(client: HttpClient, name: str, status: int = 201, **fields: Any) -> Any:
    return await put(client, f"/v3/energy/plans/{quote(name, safe='')}", fields, status)


async def use(client: HttpClient, start: int, values: list[Any], **others: Any) -> None:
    said = {"meter": "m-1", "every_s": HALF_HOUR_S, "start": start, "values": values, **others}
    body = msgspec.json.encode([{"command": "intervals", "intervals": said}])
    answer = await client.request("POST", "/v3/energy/readings", body, "application/json")
    assert [row["status"] for row in answer.json()["data"]] == ["booked"], answer.text


async def ask(client: HttpClient, what: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(f"/v3/energy/meters/m-1/{what}?{urlencode(query, doseq=True)}")
    assert answer.status == status, answer.text
    return answer.json()


async def test_a_plan_is_put_read_changed_and_taken_away(client: HttpClient) -> None:
    made = await put_plan(client, "eco", currency="GBP", rates=[BASE])
    assert (made["plan"], made["revision"]) == ("eco", 1)
    assert made["versions"] == [{"plan": "eco", "currency": "GBP", "rates": [BASE]}]
    path = "/v3/energy/plans/eco"
    unchanged = await put_plan(client, "eco", 200, currency="GBP", rates=[BASE])
    assert unchanged["etag"] == made["etag"]
    await put(client, path, {"rates": [PEAK, BASE]}, 412, If_Match='"another"')
    await put(client, path, {"rates": [PEAK, BASE]}, 412, If_None_Match="*")
    changed = await put(client, path, {"rates": [PEAK, BASE]}, 200, If_Match=made["etag"])
    assert (changed["revision"], len(changed["versions"][0]["rates"])) == (2, 2)
    again = await client.request("GET", path, headers={"If-None-Match": changed["etag"]})
    assert again.status == 304
    gone = await client.request("DELETE", path, headers={"If-Match": made["etag"]})
    assert gone.status == 412
    assert (await client.request("DELETE", path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.request("DELETE", path)).status == 404


async def test_plans_are_listed_by_name_in_pages(client: HttpClient) -> None:
    for name in ("b", "a", "ü/1"):
        await put_plan(client, name, rates=[BASE])
    first = (await client.get("/v3/energy/plans?limit=2")).json()
    assert ([each["plan"] for each in first["data"]], first["next"]) == (["a", "b"], "b")
    rest = (await client.get("/v3/energy/plans?after=b")).json()
    assert ([each["plan"] for each in rest["data"]], rest["next"]) == (["ü/1"], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rates": [PEAK]}, "rates[0]"),
        ({"rates": [{**BASE, "rate": "x"}]}, "rates[0].rate"),
        ({"rates": [BASE], "tz": "Mars"}, "tz"),
        ({"rates": [BASE], "colour": "green"}, "colour"),
        ({"plan": "other", "rates": [BASE]}, "plan"),
        (
            {"versions": [{"rates": [BASE]}, {"rates": [PEAK], "valid_from": "2026-01-01"}]},
            "versions[1].rates[0]",
        ),
        ({"versions": [{"rates": [BASE]}, {"rates": [BASE]}]}, "versions"),
        ({"versions": []}, "versions"),
        ({}, "rates"),
    ],
)
async def test_a_plan_that_breaks_a_rule_is_told_by_its_field(
    client: HttpClient, body: Any, field: str
) -> None:
    refused = await put(client, "/v3/energy/plans/eco", body, 422)
    assert list(refused["fields"]) == [field]
    assert (await client.get("/v3/energy/plans/eco")).status == 404


async def test_a_bill_has_lines_that_add_up(client: HttpClient) -> None:
    await put_plan(
        client,
        "eco",
        currency="GBP",
        rates=[PEAK, BASE],
        standing={"per": "day", "amount": "0.4512"},
        vat_percent=5,
    )
    await use(client, T0 + 7 * 3_600, ["0.5"] * 4 + [None, "1.5"])
    told = await ask(client, "cost", plan="eco", start="2020-11-29", end="2020-11-30")
    assert told["data"] == [
        {"kind": "energy", "name": "base", "mwh": 1_000_000, "kwh": "1", "amount": "0.24"},
        {"kind": "energy", "name": "peak", "mwh": 2_500_000, "kwh": "2.5", "amount": "0.85"},
        {"kind": "standing", "name": "standing", "mwh": None, "kwh": None, "amount": "0.45"},
        {"kind": "vat", "name": "vat", "mwh": None, "kwh": None, "amount": "0.08"},
    ]
    sums = {name: told[name] for name in ("total", "energy", "standing", "minimum", "vat")}
    assert sums == {
        "total": "1.62",
        "energy": "1.09",
        "standing": "0.45",
        "minimum": "0.00",
        "vat": "0.08",
    }
    assert (told["kwh"], told["currency"], told["unpriced_mwh"]) == ("3.5", "GBP", 0)
    assert told["coverage"] == round(5 / 48, 6)
    assert told["alignment"] == "exact"
    csv = await client.get(
        "/v3/energy/meters/m-1/cost?plan=eco&start=2020-11-29&end=2020-11-30&format=csv"
    )
    assert csv.text.splitlines()[1] == "energy,base,1000000,1,0.24"
    assert csv.headers["Psd-Total"] == "1.62"


async def test_versions_of_a_plan_each_bill_their_part(client: HttpClient) -> None:
    await put_plan(client, "eco", rates=[BASE], valid_from="2020-11-29")
    await put_plan(
        client, "eco", 200, rates=[{**BASE, "rate": "1"}], valid_from="2020-11-30", tz="Europe/Rome"
    )
    await use(client, T0 - 86_400, ["1"])
    await use(client, T0 + 14 * 3_600, ["1"] * 4)
    told = await ask(client, "cost", plan="eco", start="2020-11-28", end="2020-12-01")
    # Midnight of the second version is 23:00 UTC.
    assert told["data"][0]["amount"] == "2.48"
    assert told["unpriced_mwh"] == 1_000_000
    before = await ask(client, "cost", plan="eco", start="2020-11-28", end="2020-11-29")
    assert (before["data"], before["total"]) == ([], "0.00")
    assert (before["mwh"], before["unpriced_mwh"]) == (1_000_000, 1_000_000)
    refused = await ask(client, "cost", 409, plan="eco", start="2020-11-28", strict="true")
    assert refused["code"] == "unpriced"


async def test_prices_of_a_market_bill_by_their_time_and_tell_what_has_none(
    client: HttpClient,
) -> None:
    path = "/v3/energy/prices/agile-c"
    said = {"currency": "GBP", "start": T0, "every_s": HALF_HOUR_S, "values": ["0.2145", -0.0107]}
    kept = await put(client, path, said)
    assert (kept["prices"], kept["end"]) == (2, "2020-11-29T09:00:00Z")
    await put(client, path, said, 200)
    told = (await client.get(f"{path}?start=2020-11-29&end=2020-11-30")).json()
    assert [row["price"] for row in told["data"]] == ["0.2145", "-0.0107"]
    await put_plan(client, "agile", series="agile-c", currency="GBP")
    await use(client, T0, [1, 2, 4])
    bill = await ask(client, "cost", plan="agile", start=T0, end=T0 + 7_200)
    assert bill["data"][0]["amount"] == "0.19"
    assert bill["unpriced_mwh"] == 4_000_000
    await put(client, path, {**said, "currency": "EUR"}, 409)
    await put(client, path, {"currency": "GBP", "rows": [[T0 + 60, T0 + 90, 1]]}, 422)


async def test_a_market_by_the_quarter_hour_is_in_euros_a_megawatt_hour(
    client: HttpClient,
) -> None:
    path = "/v3/energy/prices/ee"
    rows = [[T0 + 900 * at, T0 + 900 * at + 900, price] for at, price in enumerate([58.2, -1.07])]
    await put(client, path, {"currency": "EUR", "unit": "MWh", "rows": rows})
    told = (await client.get(f"{path}?start=2020-11-29&end=2020-11-30")).json()
    assert [row["price"] for row in told["data"]] == ["0.0582", "-0.00107"]


async def test_carbon_stands_beside_money(client: HttpClient) -> None:
    await put_plan(client, "eco", rates=[BASE])
    said = {"start": T0, "every_s": HALF_HOUR_S, "values": [186, 190]}
    await put(client, "/v3/energy/carbon/GB", said)
    await use(client, T0, ["0.5", "1", "3"])
    told = await ask(client, "cost", plan="eco", start=T0, end=T0 + 7_200, carbon="GB")
    assert (told["carbon_region"], told["carbon_g"]) == ("GB", 283)
    assert told["carbon_unknown_mwh"] == 3_000_000


async def test_plans_are_compared_the_cheapest_first_and_unpriced_ones_last(
    client: HttpClient,
) -> None:
    for name, rate in (("b", "0.2"), ("a", "0.2"), ("c", "0.1")):
        await put_plan(client, name, rates=[{**BASE, "rate": rate}])
    await put_plan(client, "agile", series="unknown")
    await use(client, T0, [1, 1])
    told = await ask(client, "compare", start=T0, end=T0 + 7_200)
    assert [row["plan"] for row in told["data"]] == ["c", "a", "b", "agile"]
    assert [row["total"] for row in told["data"]] == ["0.20", "0.40", "0.40", "0.00"]
    assert told["data"][3]["unpriced_mwh"] == 2_000_000
    assert {row["per_year"] for row in told["data"]} == {None}
    first = await ask(client, "recommend", start=T0, end=T0 + 7_200, limit=1)
    assert [row["plan"] for row in first["data"]] == ["c"]
    some = await ask(client, "compare", start=T0, end=T0 + 7_200, plan=["b", "c"])
    assert [row["plan"] for row in some["data"]] == ["c", "b"]
    await ask(client, "compare", 404, start=T0, plan="none")


async def test_what_is_delivered_is_paid_for(client: HttpClient) -> None:
    await put_plan(client, "eco", rates=[BASE], export={"rates": [{**BASE, "rate": "0.15"}]})
    await use(client, T0, [2])
    await use(client, T0, [1, 1], flow="export")
    told = await ask(client, "cost", plan="eco", start=T0, end=T0 + 7_200)
    assert (told["energy"], told["export"], told["total"]) == ("0.48", "-0.30", "0.18")
    assert told["export_mwh"] == 2_000_000


async def test_a_meter_has_a_plan_and_a_zone_and_others_save_against_it(client: HttpClient) -> None:
    for name, rate in (("dear", "0.4"), ("fair", "0.2")):
        await put_plan(client, name, rates=[{**BASE, "rate": rate}])
    await put(client, "/v3/energy/meters/m-1", {"plan": "dear", "tz": "Europe/Rome"})
    await use(client, T0 - 9 * 3_600, [9, 9, 1])
    day = {"start": "2020-11-29", "end": "2020-11-30"}
    told = await ask(client, "cost", **day)
    # The day begins at 23:00 UTC.
    assert (told["plan"], told["total"], told["start"]) == ("dear", "7.60", "2020-11-28T23:00:00Z")
    first = await ask(client, "recommend", **day, limit=1)
    assert first["plan"] == "dear"
    assert [(row["plan"], row["saving"]) for row in first["data"]] == [("fair", "3.80")]
    one = await ask(client, "compare", **day, plan="fair")
    assert [(row["plan"], row["saving"]) for row in one["data"]] == [("fair", "3.80")]


async def test_a_year_is_told_from_330_days_of_readings_on(client: HttpClient) -> None:
    await put_plan(client, "eco", rates=[{**BASE, "rate": "1"}])
    await put(client, "/v3/energy/meters/m-1", {"plan": "eco"})
    start = T0 - 400 * 86_400
    await use(client, start, [1] * 329, every_s=86_400)
    year = {"start": start, "end": start + 365 * 86_400}
    assert (await ask(client, "compare", **year))["data"][0]["per_year"] is None
    await use(client, start + 329 * 86_400, [1], every_s=86_400)
    [row] = (await ask(client, "compare", **year))["data"]
    assert (row["per_year"], row["saving_per_year"]) == ("330.00", "0.00")
    [row] = (await ask(client, "compare", start=start, end=start + 330 * 86_400))["data"]
    assert row["per_year"] == "365.00"


async def test_prices_that_change_within_an_interval_are_told(client: HttpClient) -> None:
    await put_plan(client, "half", rates=[{**PEAK, "to": "18:30"}, BASE])
    await put_plan(client, "odd", rates=[{**PEAK, "to": "18:10"}, BASE])
    await use(client, T0 + 9 * 3_600, [1] * 4)
    day = {"start": "2020-11-29", "end": "2020-11-30"}
    assert (await ask(client, "cost", plan="half", **day))["alignment"] == "exact"
    odd = await ask(client, "cost", plan="odd", **day)
    # The half-hour up to 18:30 counts as of its end.
    assert (odd["alignment"], odd["data"][1]["mwh"]) == ("interval_end", 2_000_000)
    await use(client, T0 - 86_400, [1], every_s=3_600, register=1)
    assert (await ask(client, "cost", plan="half", **day))["alignment"] == "interval_end"


async def test_what_changes_too_often_to_be_billed_is_refused(client: HttpClient) -> None:
    hours = [
        {"name": f"{at:02}", "rate": at, "from": f"{at:02}:00", "to": f"{at + 1:02}:00"}
        for at in range(24)
    ]
    await put_plan(client, "hourly", rates=[*hours, BASE])
    await put_plan(client, "flat", rates=[BASE], standing={"per": "day", "amount": 1})
    await use(client, T0, [1])
    nine = {"start": T0 - 8 * 365 * 86_400, "end": T0 + 365 * 86_400}
    refused = await ask(client, "cost", 422, plan="hourly", **nine)
    assert "prices of the plans change over 60000 times" in refused["detail"]
    assert (await ask(client, "cost", plan="flat", **nine))["mwh"] == 1_000_000
    ever = {"start": "1970-01-02", "end": "2199-01-01"}
    assert "longer than" in (await ask(client, "compare", 422, **ever))["detail"]


async def test_a_bill_needs_a_meter_a_plan_and_a_range(client: HttpClient) -> None:
    await ask(client, "cost", 404, plan="eco", start=T0)
    await use(client, T0, [1])
    assert "name one" in (await ask(client, "cost", 400, start=T0))["detail"]
    await ask(client, "cost", 404, plan="eco", start=T0)
    await ask(client, "recommend", 406, start=T0, limit=0)


async def test_the_worked_day_of_the_docs_comes_out_as_they_tell_it(client: HttpClient) -> None:
    [document] = [msgspec.json.decode(text) for text in PLANS_OF_DOCS]
    await put(client, "/v3/energy/plans/eco-tou", document)
    clock = [("08:00", 0.2), ("10:00", 0.2), ("11:00", 1.2), ("14:00", 0.3), ("12:30", 1)]
    clock += [("15:00", 1), ("17:00", 2), ("19:00", 2), ("20:00", 0)]
    points = [[f"2020-11-29T{at}:00Z", kw] for at, kw in clock]
    body = msgspec.json.encode({"command": "power", "power": {"meter": "m-1", "points": points}})
    await client.request("POST", "/v3/energy/readings", body, "application/json")
    day = {"start": "2020-11-29", "end": "2020-11-30"}
    told = await ask(client, "cost", plan="eco-tou", **day)
    lines = sorted((row["name"], row["kwh"], row["amount"]) for row in told["data"])
    assert lines == [
        ("base", "6.624999", "1.60"),
        ("night", "0", "0.00"),
        ("peak", "5.75", "1.96"),
        ("standing", None, "0.45"),
        ("vat", None, "0.20"),
    ]
    assert (told["total"], told["coverage"]) == ("4.21", 0.5)
    await put(client, "/v3/energy/prices/x", {"rows": [[T0, T0 + 37_800, 1]]})
    await put_plan(client, "market", series="x")
    assert (await ask(client, "cost", plan="market", **day))["unpriced_mwh"] == 2_000_000
