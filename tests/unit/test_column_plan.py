"""Which columns and logs make up a range, against bookings that are in all that holds them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.columns.column_plan import ColumnPlan, plan_columns
from psd.engine.events import TIME_END_S

BEGIN_S = 1_451_520_000
SECONDS = st.integers(BEGIN_S, BEGIN_S + 3 * 366 * 86_400)


def counted(plan: ColumnPlan, second: int, log: str) -> int:
    """How often a plan counts a booking that stands in the log of this format."""
    moment = datetime.fromtimestamp(second, UTC)
    columns = [f":y:{moment:%Y}", f":m:{moment:%Y%m}"]
    if log != "%Y%m":
        columns.append(f":d:{moment:%Y%m%d}")
    cuts = plan.logs.get(f"{moment:{log}}", [])
    return sum(plan.columns.get(column, 0) for column in columns) + sum(
        cut.sign for cut in cuts if cut.start <= second < cut.end
    )


@pytest.mark.parametrize("log", ["%Y%m", "%Y%m%d", "%Y%m%d%H"])
@given(start=SECONDS, end=SECONDS, seconds=st.lists(SECONDS, min_size=1, max_size=20))
def test_a_booking_counts_once_inside_of_the_range_and_never_outside(
    log: str, start: int, end: int, seconds: list[int]
) -> None:
    plan = plan_columns(start, end)
    edges = [max(BEGIN_S, edge + by) for edge in (start, end) for by in (-1, 0, 1, 3600, 86_400)]
    for second in (*seconds, *edges):
        assert counted(plan, second, log) == (start <= second < end)


@given(start=SECONDS, end=SECONDS)
def test_a_range_names_few_columns_and_logs(start: int, end: int) -> None:
    plan = plan_columns(start, end)
    assert sum(suffix.startswith((":y", ":m")) for suffix in plan.columns) <= 16
    assert sum(suffix.startswith(":d") for suffix in plan.columns) <= 32
    assert len(plan.logs) <= 30


def test_all_of_time_is_years_alone() -> None:
    plan = plan_columns(0, TIME_END_S)
    assert set(plan.columns) == {f":y:{year}" for year in range(1970, 2200)}
    assert plan.logs == {}


def test_an_empty_range_is_made_of_nothing() -> None:
    assert plan_columns(BEGIN_S, BEGIN_S) == ColumnPlan({}, {})
