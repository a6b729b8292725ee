"""Levels: how many points a week in a row earns, by the length of the streak. Pure.

With the shipped tables a streak of 19 weeks is level 2 (1,000 points), of 20 level 3 (2,000).
The levels of rewards-api begin at 0, 4, 20 and 36 weeks.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.rewards.tables import Level


class LevelStanding(msgspec.Struct, frozen=True):
    """A level as owners see it: ``weeks_max`` is the last week at it, None at the highest."""

    number: int
    weeks_min: int
    weeks_max: int | None
    points: int


def level_of(weeks: int, levels: Sequence[Level]) -> int:
    """The number of the level of a streak, from 1."""
    return sum(level.weeks_min <= weeks for level in levels)


def standing(number: int, levels: Sequence[Level]) -> LevelStanding:
    """A level by its number, with the weeks it lasts."""
    level = levels[number - 1]
    weeks_max = levels[number].weeks_min - 1 if number < len(levels) else None
    return LevelStanding(number, level.weeks_min, weeks_max, level.points)


def minimum_below(weeks: int, levels: Sequence[Level]) -> int:
    """Where a streak drops to: the minimum of the level below its own, 0 at the lowest."""
    below = max(level_of(weeks, levels) - 1, 1)
    return levels[below - 1].weeks_min
