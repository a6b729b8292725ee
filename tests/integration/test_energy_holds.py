"""Others are answered while thousands of rows of meters are checked, booked, told and billed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.engine import DAY_S, NOON_S
from tests.support.heaviest.heavy_domains import heavy_meters
from tests.support.loop_holds import loop_lines

T0 = 1_606_636_800
ROWS, MESSAGES = 3_000, 4
HOLD_LINES_MAX = 250_000
"""Calls of 6,000 intervals are made in 176,000; in one piece the body is 700,000 to 1,100,000."""


def intervals(number: int) -> dict[str, Any]:
    rows = [[T0 + n * 1_800, T0 + (n + 1) * 1_800, f"0.{n % 1_000:03d}"] for n in range(ROWS)]
    return {"command": "intervals", "intervals": {"meter": f"i-{number}", "rows": rows}}


def power(number: int) -> dict[str, Any]:
    points = [[T0 + n * 60, f"{n % 7}.{n % 1_000:03d}"] for n in range(ROWS)]
    return {"command": "power", "power": {"meter": f"p-{number}", "points": points}}


@pytest.mark.parametrize("message", [intervals, power])
async def test_a_body_full_of_readings_does_not_hold_the_loop(
    client: HttpClient, message: Any
) -> None:
    body = msgspec.json.encode([message(number) for number in range(MESSAGES)])
    with loop_lines() as holds:
        told = await client.request("POST", "/v3/energy/readings", body, "application/json")
    assert told.json()["summary"]["booked"] == MESSAGES, told.text
    assert holds.longest < HOLD_LINES_MAX, holds.which


PRICED_LINES_MAX = 120_000
"""17,568 half-hours are cut to a range in 70,000; told in one piece they are 400,000."""


@pytest.mark.parametrize("path", ["prices/heavy", "carbon/GB"])
async def test_a_year_of_prices_is_told_while_others_are_answered(
    client: HttpClient, runtime: Runtime, path: str
) -> None:
    await heavy_meters(runtime, meters=1, days=366)
    year = f"start={NOON_S - 366 * DAY_S}&end={NOON_S}"
    with loop_lines() as holds:
        told = await client.get(f"/v3/energy/{path}?{year}")
    assert len(told.json()["data"]) == 366 * 48
    assert holds.longest < PRICED_LINES_MAX, holds.which
