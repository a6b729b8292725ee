"""Two tariffs of California as plans: by season, kind of weekday and half-hour of the day."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.tariffs.cells import price_cells
from psd.tariffs.cost import Bill
from psd.tariffs.documents import load_plan

FOLDER = Path(__file__).parents[1] / "golden" / "energy"
FILES = ("sce_tou_ev_4_march_2019", "pge_a10_tou_aug_2019")
ZONE = ZoneInfo("America/Los_Angeles")
HALF_HOUR_S = 1_800
DAYS = {"WEEKDAYS": [1, 2, 3, 4, 5], "WEEKENDS": [6, 7], "ALL": [1, 2, 3, 4, 5, 6, 7]}

Season = dict[str, Any]


def seasons_of(name: str) -> list[Season]:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    schedule: list[Season] = json.loads(text, parse_float=Decimal)["schedule"]
    return schedule


def months_of(season: Season) -> list[int]:
    """Whole months, some of them around New Year."""
    first, last = (int(season[name].split("-")[0]) for name in ("effective_start", "effective_end"))
    return [(at - 1) % 12 + 1 for at in range(first, last + (12 if last < first else 0) + 1)]


def rates_of(schedule: list[Season]) -> Iterator[dict[str, Any]]:
    """A rate for each window of each season, and one that matches always."""
    for season in schedule:
        when = {"months": months_of(season), "days": DAYS[season["dow_mask"]]}
        for (opens, closes), rate in zip(
            pairwise([*season["times"], 24]), season["tariffs"], strict=True
        ):
            hours = {"from": clock(opens), "to": clock(closes)}
            yield {"name": season["id"], "rate": rate, **when, **hours}
    yield {"name": "none", "rate": 9}


def clock(hours: Decimal | int) -> str:
    return f"{int(hours):02}:{int(hours % 1 * 60):02}"


def looked_up(schedule: list[Season], local: dt.datetime) -> Decimal:
    """The price on a clock of the wall."""
    season = next(
        each
        for each in schedule
        if local.month in months_of(each) and local.isoweekday() in DAYS[each["dow_mask"]]
    )
    hour = local.hour + Decimal(local.minute) / 60
    at = max(place for place, opens in enumerate(season["times"]) if opens <= hour)
    price: Decimal = season["tariffs"][at]
    return price


@pytest.mark.long("each half-hour of a year")
@pytest.mark.parametrize("name", FILES)
def test_a_year_by_a_real_tariff_costs_what_each_half_hour_does(name: str) -> None:
    schedule, draw = seasons_of(name), random.Random(name)
    document = {"plan": name, "tz": "America/Los_Angeles", "rates": [*rates_of(schedule)]}
    plan = load_plan({**document, "decimals": 6})
    start, end = (int(dt.datetime(year, 1, 1, tzinfo=ZONE).timestamp()) for year in (2019, 2020))
    energy = {second: draw.randint(0, 10**6) for second in range(start, end, HALF_HOUR_S)}
    priced = (
        Fraction(looked_up(schedule, dt.datetime.fromtimestamp(second, ZONE))) * mwh
        for second, mwh in energy.items()
    )
    exact = sum(priced, Fraction(0))
    taken = [
        (
            cell.rate,
            cell.price,
            cell.period,
            sum(energy[each] for each in range(cell.start, cell.end, HALF_HOUR_S)),
        )
        for cell in price_cells(plan, start, end)
    ]
    bill = Bill()
    bill.add_taken(plan, start, end, taken)
    lines = bill.rounded(plan).lines
    assert {line.name for line in lines} <= {season["id"] for season in schedule}
    assert sum(line.mwh or 0 for line in lines) == sum(energy.values())
    assert abs(sum(line.amount for line in lines) - exact) <= Fraction(len(lines), 2)
