"""Queries after detail has expired: the nearest exact answer, and which one that is."""

from __future__ import annotations

import pytest

from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime
from tests.support.engine import DAY_S, NOON_S, forget, forget_columns, report

WHOLE_DAY = ("2016-04-12T00:00:00Z", "2016-04-13T00:00:00Z")


# Two users, a booking each on three days at noon.
pytestmark = pytest.mark.psd(
    now_s=NOON_S + 30 * DAY_S,
    holds=[
        report(uid * 10**number, NOON_S + number * DAY_S, uid=uid, aid=number)
        for uid in (1, 2)
        for number in range(3)
    ],
)


@pytest.fixture
async def psd(psd: Runtime) -> Runtime:
    """Nothing finer than days is left."""
    await forget(psd.store.client, "second")
    await forget_columns(psd.store.client)
    return psd


async def test_whole_days_are_still_exact(psd: Runtime) -> None:
    answer = await psd.queries.sum(
        SumQuery(thing="steps", uid="1", start="2016-04-12", end="2016-04-13")
    )
    assert (answer.exact, answer.data[0].sum) == (True, 1)


async def test_the_days_inside_of_a_range_are_answered_and_named(psd: Runtime) -> None:
    answer = await psd.queries.sum(
        SumQuery(thing="steps", uid="1", start=NOON_S - 3600, end=NOON_S + 2 * DAY_S - 7200)
    )
    assert (answer.exact, answer.resolution, answer.data[0].sum) == (False, "day", 10)
    assert (answer.range.start, answer.range.end) == (
        "2016-04-13T00:00:00Z",
        "2016-04-14T00:00:00Z",
    )


async def test_only_the_end_that_needs_detail_is_moved(psd: Runtime) -> None:
    answer = await psd.queries.sum(SumQuery(thing="steps", uid="1", start=NOON_S + 1))
    assert (answer.exact, answer.resolution, answer.data[0].sum) == (False, "day", 110)
    assert answer.range.end == "2016-05-12T12:00:00Z"


async def test_a_part_of_a_day_is_answered_by_the_day(psd: Runtime) -> None:
    answer = await psd.queries.sum(
        SumQuery(thing="steps", uid="1", start=NOON_S - 60, end=NOON_S + 60)
    )
    assert (answer.exact, answer.resolution, answer.data[0].sum) == (False, "day", 1)
    assert (answer.range.start, answer.range.end) == WHOLE_DAY


async def test_what_only_bookings_tell_is_null(psd: Runtime) -> None:
    answer = await psd.queries.sum(
        SumQuery(thing="steps", uid="1", end="2016-04-13", aggregates=["sum", "count", "first"])
    )
    row = answer.data[0]
    assert (answer.exact, row.sum, row.count, row.first) == (False, 1, None, None)
    assert answer.watermark.newest == "2016-04-14T12:00:00Z"


async def test_a_series_of_hours_becomes_one_of_days_in_utc(psd: Runtime) -> None:
    answer = await psd.queries.series(
        SeriesQuery(
            thing="steps",
            uid="2",
            every="hour",
            tz="Asia/Kathmandu",
            start="2016-04-12T00:00:00Z",
            end="2016-04-15T00:00:00Z",
        )
    )
    assert (answer.exact, answer.resolution) == (False, "day")
    assert [(point.start[:10], point.sum) for point in answer.data] == [
        ("2016-04-12", 2),
        ("2016-04-13", 20),
        ("2016-04-14", 200),
    ]


async def test_a_board_keeps_its_values_and_loses_the_seconds(psd: Runtime) -> None:
    answer = await psd.queries.leaderboard(
        LeaderboardQuery(thing="steps", start=NOON_S, end="2016-04-14", ties="first_to_reach")
    )
    assert (answer.exact, answer.resolution) == (False, "day")
    assert [(row.uid, row.value, row.reached_at) for row in answer.data] == [
        ("2", 20, None),
        ("1", 10, None),
    ]
    assert (answer.range.start, answer.range.end) == (
        "2016-04-13T00:00:00Z",
        "2016-04-14T00:00:00Z",
    )


async def test_months_answer_when_days_have_expired_too(psd: Runtime) -> None:
    await forget(psd.store.client, "day")
    answer = await psd.queries.sum(
        SumQuery(thing="steps", uid="1", start=NOON_S, end=NOON_S + DAY_S)
    )
    assert (answer.exact, answer.resolution, answer.data[0].sum) == (False, "month", 111)
    assert (answer.range.start, answer.range.end) == (
        "2016-04-01T00:00:00Z",
        "2016-05-01T00:00:00Z",
    )
