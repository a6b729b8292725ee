"""The oracle of the rewards against every recorded vector, before it judges psd."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.rewards.reward_model import (
    LEVELS,
    Activity,
    Description,
    Earning,
    Overriding,
    RewardModel,
    bounds_of,
    level_of,
    points_of,
    pool_of_week,
    split,
    streak_after,
    week_of_second,
)

GOLDEN: dict[str, Any] = msgspec.json.decode(
    (Path(__file__).parents[1] / "golden" / "rewards.json").read_bytes()
)


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def in_week(week: int, seconds: int = 0) -> int:
    return bounds_of(week)[0] + seconds


def test_the_model_makes_every_recorded_transition() -> None:
    for connected, off, active, *after, level, points in GOLDEN["streak_table_seed_text"]:
        assert streak_after(connected, off, bool(active)) == tuple(after)
        assert level_of(after[0]) == level
        assert points == (LEVELS[level - 1][1] if active else 0)


def test_the_model_has_the_recorded_weeks() -> None:
    for vector in GOLDEN["week_bounds"]:
        assert bounds_of(vector["n"]) == (unix(vector["start"]), unix(vector["end"]))
    for vector in GOLDEN["week_of_time"]:
        if vector["unix"] >= bounds_of(0)[0]:
            assert week_of_second(vector["unix"]) == vector["week"]
    for vector in GOLDEN["activity_bounds"]:
        assert (week_of_second(unix(vector["t"])) == vector["week"]) is vector["inside"]


def test_the_model_has_the_recorded_points_and_pools() -> None:
    for vector in GOLDEN["integration_points"]:
        assert points_of(vector["active"]) == vector["points"]
    for vector in GOLDEN["weekly_limits"]:
        if vector["first_automated_week"] == 44:
            assert pool_of_week(vector["week"]) == int(vector["limit_wei"])


@pytest.mark.parametrize("scenario", GOLDEN["scenarios"], ids=lambda each: each["name"])
def test_the_model_earns_what_a_recorded_scenario_does(scenario: dict[str, Any]) -> None:
    model = RewardModel()
    for week, names in enumerate(scenario["weeks"]):
        model.send(Activity(1, name, in_week(week)) for name in names)
    model.calculate(0, len(scenario["weeks"]) - 1)
    rows = [(week, rows[1]) for week, rows in model.weeks.items() if 1 in rows]
    assert [
        [week, row.streak, row.off, row.level, row.integration_points, row.streak_points]
        for week, row in rows
    ] == scenario["seed_text"]
    assert sum(row.points for _, row in rows) == scenario["total_points_seed"]


@pytest.mark.parametrize("vector", GOLDEN["token_assignment_split"], ids=lambda v: str(v["week"]))
def test_shares_add_up_to_the_pool_and_differ_from_the_recorded_floors_by_less_than_4_wei(
    vector: dict[str, Any],
) -> None:
    pool = int(vector["weekly_limit"])
    points = {at: sum(row.values()) for at, row in enumerate(vector["rows_points"])}
    shares = split(pool, points)
    assert sum(shares.values()) == (pool if any(points.values()) else 0)
    for at, row in enumerate(vector["rows_tokens"]):
        # The original rounded each of its three columns down.
        assert 0 <= shares[at] - sum(int(tokens) for tokens in row.values()) < 4


def test_what_is_left_of_a_pool_goes_to_the_largest_fractions_then_the_smaller_numbers() -> None:
    assert split(100, {9: 1, 7: 1, 8: 1}) == {7: 34, 8: 33, 9: 33}
    assert split(10, {1: 1, 2: 2}) == {1: 3, 2: 7}
    assert split(10, {1: 0, 2: -5}) == {1: 0, 2: 0}


def test_the_later_minted_earns_on_a_vin_and_the_streak_of_the_other_stands_still() -> None:
    model = RewardModel()
    model.send([Description(1, 5, {"vin": "abc", "minted_at": 10})])
    model.send([Description(2, 5, {"vin": "ABC", "minted_at": 9})])
    model.send(Activity(1, "Tesla", in_week(week)) for week in (1, 2))
    model.send(Activity(2, "Tesla", in_week(week)) for week in (0, 1, 2, 3))
    model.calculate(0, 3)
    assert [model.weeks[week][2].streak for week in range(4)] == [1, 1, 1, 2]
    assert [model.weeks[week][2].points for week in range(4)] == [4000, 0, 0, 4000]
    assert [model.weeks[week][1].streak for week in (1, 2, 3)] == [1, 2, 2]


def test_only_what_is_paired_opted_in_and_not_constant_counts() -> None:
    model = RewardModel()
    model.send([Description(1, 5, {"integrations": ["Smartcar"]})])
    model.send([Description(2, 5, {"opted_in": False})])
    model.send(Activity(1, name, in_week(0)) for name in ("Smartcar", "AutoPi"))
    model.send([Activity(2, "Tesla", in_week(0)), Activity(3, "Tesla", in_week(0), ("vin",))])
    model.calculate(0, 0)
    assert {vehicle: row.points for vehicle, row in model.weeks[0].items()} == {1: 1000}


def test_what_is_sent_twice_or_late_counts_once_and_when_the_week_is_computed_again() -> None:
    model = RewardModel()
    model.send([Activity(1, "Tesla", in_week(1))])
    model.calculate(0, 1)
    model.send([Earning(1, "promotions", 500, in_week(1), "p")] * 2)
    model.send([Activity(1, "Tesla", in_week(0)), Overriding(1, 1, 20)])
    assert model.weeks[1][1].points == 4000
    model.calculate(0, 1)
    assert (model.weeks[1][1].streak, model.weeks[1][1].points) == (20, 6500)
