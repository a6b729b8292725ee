"""``/v1/rewards/convert``: what points were worth in tokens, to the last digit."""

from __future__ import annotations

import pytest

from tests.support.rewards.reward_weeks import Served, a_family


async def test_points_are_converted_by_the_newest_finished_week_of_a_time(served: Served) -> None:
    await a_family(served)
    answer = await served.client.get("/v1/rewards/convert?points=1000")
    assert answer.text == ('{"points":1000,"tokens":138125,"startOfWeek":"2022-02-28T05:00:00Z"}')
    exact = await served.client.get("/v1/rewards/convert?points=7&time=2022-02-07T04:59:59Z")
    assert exact.json()["startOfWeek"] == "2022-01-31T05:00:00Z"
    assert '"tokens":1547,' in exact.text
    third = await served.client.get("/v1/rewards/convert?points=1&time=2022-02-16T00:00:00%2B01:00")
    assert '"tokens":1105,' in third.text
    later = await served.ok("/v1/rewards/convert?points=1000&time=2030-01-01T00:00:00Z")
    assert later["startOfWeek"] == "2022-02-28T05:00:00Z"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "couldn't parse points value as a number"),
        ("points=x", 400, "couldn't parse points value as a number"),
        ("points=1.5", 400, "couldn't parse points value as a number"),
        ("points=0", 400, "points must be positive"),
        ("points=-5", 400, "points must be positive"),
        (
            "points=5&time=yesterday",
            400,
            "Invalid time format use RFC-3339 e.g. (2024-12-23T12:41:42Z)",
        ),
        (
            "points=5&time=1644210000",
            400,
            "Invalid time format use RFC-3339 e.g. (2024-12-23T12:41:42Z)",
        ),
        ("points=5&time=2021-01-01T00:00:00Z", 404, "no week has finished by then"),
    ],
)
async def test_what_cannot_be_converted_is_refused_in_the_originals_words(
    served: Served, query: str, status: int, message: str
) -> None:
    await a_family(served)
    answer = await served.client.get(f"/v1/rewards/convert?{query}")
    assert (answer.status, answer.json()) == (status, {"code": status, "message": message})


async def test_a_share_that_never_ends_is_written_to_its_last_digit(served: Served) -> None:
    await served.describe(7)
    await served.drive_in(7, "Tesla", 0)
    await served.fleet.earn(0, 7, -1000)
    await served.compute(0)
    answer = await served.client.get("/v1/rewards/convert?points=1")
    assert '"tokens":368.333333333333333333,' in answer.text
