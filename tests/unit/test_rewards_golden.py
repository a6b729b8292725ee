"""Every recorded vector of the rewards: streaks, weeks, integrations, scenarios, tokens."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.errors import InvalidTimeError
from psd.rewards.integrations import integration_points
from psd.rewards.levels import level_of
from psd.rewards.rows import Row, Why
from psd.rewards.settling import Facts, Settling
from psd.rewards.shares import cut_of, pool_of
from psd.rewards.streaks import Streak, advance
from psd.rewards.tables import load_tables
from psd.rewards.weeks import bounds, last_ended, week_of

GOLDEN: dict[str, Any] = msgspec.json.decode(
    (Path(__file__).parents[1] / "golden" / "rewards.json").read_bytes()
)
TABLES = load_tables()


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_every_transition_of_the_streak_table_is_ours() -> None:
    assert len(GOLDEN["streak_table_seed_text"]) == 1098
    for connected, off, active, *after, level, points in GOLDEN["streak_table_seed_text"]:
        before = Row(1, connected, off, 0, 0, 0, 0, Why.STREAK)
        row = Settling(TABLES).row(Facts(1, active=active << 1), before)
        assert row is not None
        assert [row.connection_streak, row.disconnection_streak] == after
        assert level_of(row.connection_streak, TABLES.levels) == level
        assert row.streak_points == points
        assert advance(Streak(connected, off), connected=bool(active), tables=TABLES) == Streak(
            *after
        )


@pytest.mark.parametrize("vector", GOLDEN["week_of_time"], ids=lambda vector: vector["t"])
def test_a_second_lies_in_its_week_or_before_all_weeks(vector: dict[str, Any]) -> None:
    if vector["unix"] < unix("2022-01-31T05:00:00Z"):
        with pytest.raises(InvalidTimeError, match="before issuance week 0"):
            week_of(vector["unix"])
        return
    assert week_of(vector["unix"]) == vector["week"]
    if vector["week"]:
        assert last_ended(vector["unix"]) == vector["week"] - 1


@pytest.mark.parametrize("vector", GOLDEN["week_bounds"], ids=lambda vector: str(vector["n"]))
def test_a_week_has_its_recorded_bounds(vector: dict[str, Any]) -> None:
    assert bounds(vector["n"]).start == unix(vector["start"])
    assert bounds(vector["n"]).end == unix(vector["end"])


@pytest.mark.parametrize("vector", GOLDEN["activity_bounds"], ids=lambda vector: vector["t"])
def test_a_week_includes_its_first_second_and_not_its_end(vector: dict[str, Any]) -> None:
    week = bounds(vector["week"])
    assert (week.start <= unix(vector["t"]) < week.end) is vector["inside"]


@pytest.mark.parametrize("vector", GOLDEN["integration_points"], ids=str)
def test_a_set_of_integrations_earns_its_recorded_points(vector: dict[str, Any]) -> None:
    assert integration_points(TABLES.mask(vector["active"]), TABLES) == vector["points"]


@pytest.mark.parametrize("scenario", GOLDEN["scenarios"], ids=lambda each: each["name"])
def test_a_scenario_earns_week_by_week_what_was_recorded(scenario: dict[str, Any]) -> None:
    settling, before, found = Settling(TABLES), None, []
    for week, names in enumerate(scenario["weeks"]):
        before = settling.row(Facts(1, active=TABLES.mask(names)), before)
        if before is not None:
            found.append(
                [
                    *(week, before.connection_streak, before.disconnection_streak),
                    level_of(before.connection_streak, TABLES.levels),
                    *(before.integration_points, before.streak_points),
                ]
            )
    assert found == scenario["seed_text"]
    assert sum(row[4] + row[5] for row in found) == scenario["total_points_seed"]


@pytest.mark.parametrize("vector", GOLDEN["weekly_limits"], ids=lambda each: str(each["week"]))
def test_a_week_has_its_recorded_pool(vector: dict[str, Any]) -> None:
    tokens = msgspec.structs.replace(TABLES.tokens, first_week=vector["first_automated_week"])
    assert pool_of(vector["week"], tokens) == int(vector["limit_wei"])


@pytest.mark.parametrize(
    "vector", GOLDEN["token_assignment_split"], ids=lambda each: str(each["week"])
)
def test_floor_splits_a_pool_as_recorded(vector: dict[str, Any]) -> None:
    cells = [points for row in vector["rows_points"] for points in row.values()]
    counts = {points: cells.count(points) for points in cells}
    pool = int(vector["weekly_limit"])
    shares = cut_of(pool, counts, "floor").shares(())
    tokens = [shares.tokens(0, points) for points in cells]
    assert tokens == [int(each) for row in vector["rows_tokens"] for each in row.values()]
    assert pool - sum(tokens) == int(vector["remainder"])
