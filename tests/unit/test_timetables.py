"""Cells of timetables are what the clocks of their zone say, whatever the clocks do."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.tariffs.cells import rated_cells
from psd.tariffs.documents import load_plan
from psd.tariffs.plans import PricePlan, Rate
from psd.tariffs.timetables import NO_RATE, Timetable

STEP_S = 900

JUMPS = {
    "Europe/London": "2026-03-27",
    "Australia/Lord_Howe": "2026-04-03",
    # The clocks jump at midnight, so a date begins at 01:00; and one of Samoa's never was.
    "America/Havana": "2026-03-06",
    "Asia/Beirut": "2026-10-23",
    "Pacific/Apia": "2011-12-28",
    "UTC": "1970-01-01",
}


def any_plan(draw: random.Random, tz: str, first: dt.date) -> PricePlan:
    dates = [first + dt.timedelta(days=day) for day in range(8)]
    rates: list[dict[str, Any]] = []
    for name in "abc":
        rate: dict[str, Any] = {"name": name, "rate": 1}
        if draw.random() < 0.8:
            quarters = draw.sample(range(96), 2)
            rate["from"], rate["to"] = (f"{at // 4:02}:{at % 4 * 15:02}" for at in quarters)
        if draw.random() < 0.6:
            rate["days"] = draw.sample(range(1, 8), 3)
        if draw.random() < 0.4:
            rate["months"] = draw.sample(range(1, 13), 8)
        if draw.random() < 0.4:
            rate["holidays"] = draw.random() < 0.5
        rates.append(rate)
    tiers: dict[str, Any] = {"name": "base", "rate": 2}
    if draw.random() < 0.5:
        tiers = {"name": "base", "tiers_per": "day"}
        tiers["tiers"] = [{"up_to_kwh": 1, "rate": 1}, {"rate": 2}]
    holidays = [date.isoformat() for date in draw.sample(dates, 2)]
    document = {"plan": "p", "currency": "GBP", "tz": tz, "holidays": holidays}
    return load_plan({**document, "rates": [*rates, tiers]})


def rate_at(plan: PricePlan, second: int) -> int:
    """The place of the rate, by what the clocks show."""
    shown = dt.datetime.fromtimestamp(second, plan.zone)
    day_second = shown.hour * 3_600 + shown.minute * 60 + shown.second

    def is_on(rate: Rate, date: dt.date) -> bool:
        is_holiday = date in plan.holidays
        if date.month not in rate.months:
            return False
        if rate.holidays is not None:
            return rate.holidays is is_holiday and date.isoweekday() in rate.days
        return (7 if is_holiday else date.isoweekday()) in rate.days

    for place, rate in enumerate(plan.rates):
        if is_on(rate, shown.date()) and day_second in rate.window:
            return place
        before = shown.date() - dt.timedelta(days=1)
        if is_on(rate, before) and day_second + 86_400 in rate.window:
            return place
    raise AssertionError("the last rate matches always")


@pytest.mark.long("each quarter of an hour of six days, of 12 plans")
@pytest.mark.parametrize("tz", JUMPS)
def test_each_quarter_of_an_hour_has_the_rate_and_period_that_its_clocks_say(tz: str) -> None:
    first, zone = dt.date.fromisoformat(JUMPS[tz]), ZoneInfo(tz)
    start = int(dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC).timestamp())
    start, end = start + 5 * STEP_S, start + 6 * 86_400 + 3 * STEP_S
    draw = random.Random(f"timetables {tz}")
    for _ in range(12):
        plan = any_plan(draw, tz, first)
        cells = rated_cells(plan, plan.rates, start, end)
        assert [cell.start for cell in cells] == [start, *(cell.end for cell in cells[:-1])]
        assert cells[-1].end == end
        for cell in cells:
            for second in range(cell.start, cell.end, STEP_S):
                shown = dt.datetime.fromtimestamp(second, zone)
                day = shown.day if plan.has_daily_tiers else 0
                assert cell.rate == rate_at(plan, second), second
                assert cell.period == (shown.year, shown.month, day), second
        alike = [(cell.rate, cell.period) for cell in cells]
        assert all(one != another for one, another in pairwise(alike))


def test_groups_are_the_same_cells_by_rate_and_period() -> None:
    draw = random.Random("groups")
    start, end = 1_774_569_600, 1_774_569_600 + 40 * 86_400
    for _ in range(8):
        plan = any_plan(draw, "Europe/London", dt.date(2026, 3, 27))
        cells = rated_cells(plan, plan.rates, start, end)
        groups = Timetable.of(plan, plan.rates).groups(start, end)
        firsts = [*groups.firsts.tolist(), len(groups.starts)]
        assert [*groups.keys] == [*dict.fromkeys((cell.rate, cell.period) for cell in cells)]
        assert len({*groups.keys}) == len(groups.keys) == len(firsts) - 1
        for key, opens, closes in zip(groups.keys, firsts[:-1], firsts[1:], strict=True):
            own = [cell for cell in cells if (cell.rate, cell.period) == key]
            assert groups.starts[opens:closes].tolist() == [cell.start for cell in own]
            assert groups.ends[opens:closes].tolist() == [cell.end for cell in own]


def test_a_plan_without_rates_has_months_alone() -> None:
    plan = load_plan({"plan": "agile", "series": "agile-c"})
    cells = Timetable.of(plan, ()).cells(0, 60 * 86_400)
    assert cells.starts.tolist() == [0, 31 * 86_400, 59 * 86_400]
    assert set(cells.rates.tolist()) == {NO_RATE}
    assert rated_cells(plan, (), 5, 5) == []
