"""A day's half-hours as bars."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from psd.energy.day_chart import Bar, Mark, day_chart
from psd.energy.live import days_at

LONDON = ZoneInfo("Europe/London")
NOON_S = 1_764_331_200
"""2025-11-28 12:00:00 UTC."""


def test_the_highest_bar_is_as_high_as_the_chart_and_the_others_are_its_share() -> None:
    chart = day_chart([(NOON_S, 1_000_000), (NOON_S + 1800, 250_000)], NOON_S + 1800, LONDON)
    assert chart.bars == [
        Bar(0, 12, 140, "12:00 to 12:30: 1.000 kWh", is_now=False),
        Bar(10, 117, 35, "12:30 to 13:00: 0.250 kWh", is_now=True),
    ]
    assert (chart.width, chart.height, chart.top) == (20, 172, "1.000 kWh")
    assert chart.marks == [Mark(0, "12:00")]


def test_a_day_without_energy_has_bars_of_no_height() -> None:
    chart = day_chart([(NOON_S, 0)], NOON_S, LONDON)
    assert [bar.height for bar in chart.bars] == [0]
    assert day_chart([], NOON_S, LONDON).bars == []


@pytest.mark.parametrize(
    ("now_s", "half_hours", "marks"),
    [
        (NOON_S, 48, ["00:00", "06:00", "12:00", "18:00"]),
        (1_774_785_600, 46, ["00:00", "06:00", "12:00", "18:00"]),
        (1_792_929_600, 50, ["00:00", "06:00", "12:00", "18:00"]),
    ],
)
def test_a_day_has_its_half_hours_also_when_the_clocks_jump(
    now_s: int, half_hours: int, marks: list[str]
) -> None:
    days = days_at(now_s, LONDON)
    assert len(days.edges) == half_hours + 1
    assert days.month <= days.today <= now_s < days.edges[-1]
    chart = day_chart([(start, 1) for start in days.edges[:-1]], now_s, LONDON)
    assert [mark.text for mark in chart.marks] == marks
    assert sum(bar.is_now for bar in chart.bars) == 1
