"""A year of squares, streaks, and charts from years down to minutes."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from pathlib import Path

import pytest

from psd.engine.plan import Range
from server.pages import user_chart
from server.pages.user_chart import ChartAnswer, bars_of, unit_of, wider
from server.pages.user_year import Days, months_of, squares_of, streaks_of

DAY = dt.timedelta(days=1)
MONDAY = dt.date(2026, 3, 2)
HOUR_S, DATE_S = 3_600, 86_400

UPLOT = Path(user_chart.__file__).parent / "vendored" / "uplot"
UPLOT_VERSION = "1.6.32"
UPLOT_FILES = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def test_what_is_vendored_is_the_release_that_its_licence_came_with() -> None:
    assert {path.name for path in UPLOT.iterdir()} == {*UPLOT_FILES}
    for name, expected in UPLOT_FILES.items():
        assert hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() == expected, name
    assert f"(v{UPLOT_VERSION})" in (UPLOT / "uPlot.iife.min.js").read_text()[:100]
    assert (UPLOT / "LICENSE").read_text().startswith("The MIT License (MIT)")


@pytest.mark.parametrize("year", [2023, 2024, 2026])
def test_each_day_of_a_year_has_one_square_in_the_row_of_its_weekday(year: int) -> None:
    squares = squares_of(year, {})
    assert len({(each.column, each.row) for each in squares}) == len(squares)
    dates = [dt.date.fromisoformat(each.date) for each in squares]
    assert dates == [dates[0] + at * DAY for at in range(len(dates))]
    assert [date.weekday() for date in dates] == [each.row for each in squares]
    assert {each.shade for each in squares} == {0}
    assert [(dates[0].month, dates[-1].month), len(dates)] == [
        (1, 12),
        366 if year == 2024 else 365,
    ]


def test_a_shade_is_the_quarter_of_the_best_day_that_a_day_reaches() -> None:
    values = [8_000, 6_001, 6_000, 2_001, 2_000, 1, 0, -5]
    days: Days = {MONDAY + at * DAY: value for at, value in enumerate(values)}
    shades = {each.date: each.shade for each in squares_of(2026, days)}
    assert [shades[(MONDAY + at * DAY).isoformat()] for at in range(8)] == [4, 4, 3, 2, 1, 1, 0, 0]
    assert [shades["2026-01-01"], shades["2026-12-31"]] == [0, 0]


def test_months_have_the_sums_of_their_own_days() -> None:
    days = {dt.date(2026, 1, 31): 5, dt.date(2026, 2, 1): 7, dt.date(2025, 12, 31): 9}
    months = months_of(2026, days)
    assert [(each.name, each.value) for each in months[:3]] == [
        ("Jan", "5"),
        ("Feb", "7"),
        ("Mar", "0"),
    ]
    assert (months[11].first, months[11].following) == ("2026-12-01", "2027-01-01")


def test_a_streak_of_yesterday_goes_on_and_one_of_the_day_before_does_not() -> None:
    days: Days = {MONDAY + at * DAY: 10 for at in (0, 1, 2, 3, 6, 7)}
    for later, expected in ((0, 2), (1, 2), (2, 0)):
        now, longest = streaks_of(days, 1, MONDAY + (7 + later) * DAY)
        assert now.days == expected
        assert (longest.days, longest.first, longest.last) == (4, MONDAY, MONDAY + 3 * DAY)
    assert streaks_of({**days, MONDAY + DAY: 9}, 10, MONDAY + 7 * DAY)[1].days == 2
    assert [each.days for each in streaks_of({}, 1, MONDAY)] == [0, 0]


@pytest.mark.parametrize(
    ("length_s", "unit"),
    [
        (60, "minute"),
        (12 * HOUR_S, "minute"),
        (12 * HOUR_S + 1, "hour"),
        (14 * DATE_S, "hour"),
        (366 * DATE_S, "day"),
        (3 * 366 * DATE_S, "week"),
        (20 * 366 * DATE_S, "month"),
    ],
)
def test_the_unit_follows_from_the_length_and_leaves_few_enough_bars(
    length_s: int, unit: str
) -> None:
    assert unit_of(length_s) == unit
    longest = {
        "minute": 60,
        "hour": HOUR_S,
        "day": DATE_S,
        "week": 7 * DATE_S,
        "month": 28 * DATE_S,
    }
    assert length_s // longest[unit] < user_chart.POINTS_MAX


def test_zooming_out_gets_wider_around_the_same_middle_and_never_before_1970() -> None:
    shown = Range(100 * DATE_S, 100 * DATE_S + HOUR_S)
    for _ in range(5):
        around = wider(shown)
        assert around.end - around.start > shown.end - shown.start
        assert abs((around.start + around.end) - (shown.start + shown.end)) <= 1 or not around.start
        shown = around
    assert shown.start == 0


def test_bars_stand_on_zero_up_and_down() -> None:
    chart = ChartAnswer(0, 180, "minute", "UTC", [0, 60, 120], [30, 0, -10])
    bars = bars_of(chart)
    assert (bars.top, bars.bottom) == ("30", "-10")
    assert re.findall(r"M(\S+) (\d+)v(-?\d+)h", bars.path) == [
        ("0.0", "150", "-150"),
        ("533.3", "150", "50"),
    ]
    assert bars_of(ChartAnswer(0, 60, "minute", "UTC", [], [])).path == ""
