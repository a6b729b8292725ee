"""Files of prices as Octopus, Elering, carbonintensity and people write them."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.energy.files.price_files import CARBON_READERS, READERS, PriceFile
from psd.errors import InputError

T0 = 1_715_117_400
"""2024-05-07 21:30 UTC."""


def read(form: str, document: Any, **asked: Any) -> list[tuple[int, int, Decimal]]:
    text = document if isinstance(document, str) else json.dumps(document)
    reader = {**CARBON_READERS, **READERS}[form]
    return list(reader(io.StringIO(text), PriceFile(**asked)))


def rate(start: str, end: str | None, price: float, method: str | None = None) -> dict[str, Any]:
    return {
        "value_exc_vat": price,
        "value_inc_vat": round(price * 1.05, 4),
        "valid_from": start,
        "valid_to": end,
        "payment_method": method,
    }


def test_rates_of_octopus_are_pence_the_newest_first() -> None:
    rates = [
        rate("2024-05-07T22:00:00Z", "2024-05-07T22:30:00Z", -1.07),
        rate("2024-05-07T21:30:00Z", "2024-05-07T23:00:00+01:00", 17.42),
    ]
    page = {"count": 2, "next": None, "previous": None, "results": rates}
    assert read("octopus", page) == [
        (T0, T0 + 1_800, Decimal("0.18291")),
        (T0 + 1_800, T0 + 3_600, Decimal("-0.011235")),
    ]
    assert read("octopus", page, vat="exc")[0][2] == Decimal("0.1742")


def test_a_rate_without_an_end_needs_to_be_told_one() -> None:
    page = {"results": [rate("2024-05-07T21:30:00Z", None, 20)]}
    with pytest.raises(InputError, match=r"results\[0\]\.valid_to: it has no end yet"):
        read("octopus", page)
    assert read("octopus", page, until_s=T0 + 86_400)[0][:2] == (T0, T0 + 86_400)


def test_rates_by_method_of_payment_are_chosen_from() -> None:
    rates = [
        rate("2024-05-07T21:30:00Z", "2024-05-07T22:00:00Z", 20, "DIRECT_DEBIT"),
        rate("2024-05-07T21:30:00Z", "2024-05-07T22:00:00Z", 25, "NON_DIRECT_DEBIT"),
    ]
    with pytest.raises(InputError, match="choose one"):
        read("octopus", {"results": rates})
    [row] = read("octopus", {"results": rates}, payment="NON_DIRECT_DEBIT")
    assert row[2] == Decimal("0.2625")


def test_prices_of_elering_last_up_to_the_next_one_and_an_hour_at_most() -> None:
    listed = [
        {"timestamp": T0 + at, "price": price}
        for at, price in ((0, 34.05), (3_600, -1.07), (4_500, 58.2), (20_000 - 200, 1), (20_700, 2))
    ]
    found = read("elering", {"success": True, "data": {"ee": listed, "fi": []}}, area="ee")
    assert [(start - T0, end - T0) for start, end, _ in found] == [
        (0, 3_600),
        (3_600, 4_500),
        (4_500, 8_100),
        (19_800, 20_700),
        (20_700, 21_600),
    ]
    assert found[1][2] == Decimal("-1.07")
    latest = {"data": [{"timestamp": T0, "price": 1.5}]}
    assert read("elering", latest) == [(T0, T0 + 3_600, Decimal("1.5"))]
    with pytest.raises(InputError, match="known are ee"):
        read("elering", {"data": {"ee": []}}, area="se")


def test_carbon_is_what_was_measured_or_else_the_forecast() -> None:
    listed = [
        {"from": "2024-05-07T21:30Z", "to": "2024-05-07T22:00Z", "intensity": told}
        for told in ({"forecast": 266, "actual": 263}, {"forecast": 266, "actual": None})
    ]
    assert [row[2] for row in read("carbonintensity", {"data": listed})] == [263, 266]
    assert read("carbonintensity", {"data": listed})[0][:2] == (T0, T0 + 1_800)


def test_a_table_has_times_of_its_zone_and_holes() -> None:
    text = "when,eur\n2024-05-07 23:30,1.5\n2024-05-08 00:30,\n2024-05-08 01:30,-2\n"
    asked = {"time": "when", "value": "eur", "every_s": 3_600, "tz": ZoneInfo("Europe/Berlin")}
    assert read("csv", text, **asked) == [
        (T0, T0 + 3_600, Decimal("1.5")),
        (T0 + 7_200, T0 + 10_800, Decimal(-2)),
    ]
    with_end = "start,end,price\n1715117400,1715118300,3\n"
    assert read("csv", with_end) == [(T0, T0 + 900, Decimal(3))]


@pytest.mark.parametrize(
    ("form", "document", "told"),
    [
        ("octopus", "{", "file: not JSON"),
        ("octopus", [], "file: expected one JSON object"),
        ("octopus", {}, "results: expected a list"),
        ("octopus", {"results": [{"valid_from": "soon"}]}, r"results\[0\]\.valid_from"),
        (
            "octopus",
            {"results": [{**rate("2024-05-07", "2024-05-08", 1), "value_inc_vat": None}]},
            r"results\[0\]\.value_inc_vat: missing",
        ),
        ("elering", {"data": [{"timestamp": "x"}]}, r"data\[0\]\.timestamp: 'x' is no second"),
        ("elering", {"data": [{"timestamp": 1}]}, r"data\[0\]\.price: missing"),
        ("carbonintensity", {"data": [{"from": "2024-05-07"}]}, r"data\[0\]\.intensity"),
        ("csv", "a,b\n1,2\n", "line 1: no column 'start'"),
        ("csv", "start,price\nsoon,2\n", "line 2: 'soon'"),
        ("csv", "start,price\n1715117400,two\n", "line 2: 'two' is no decimal number"),
    ],
)
def test_what_is_no_such_file_is_told_by_its_place(form: str, document: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(form, document)
