"""Sparklines and bars: what a reader of a terminal sees of numbers."""

from __future__ import annotations

import pytest

from psd.cli.sparkline import bar, sparkline


def test_a_week_of_steps_looks_like_this() -> None:
    steps = [13162, 10735, 10460, 9762, 12669, 9705, 13019]
    assert sparkline(steps, 40) == "█▇▇▆█▆█"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([5, None, 10], "▅ █"),
        ([None, None], "  "),
        ([-7, 0, 7], "▁▅█"),
        ([2**53, 1], "█▁"),
    ],
)
def test_a_column_is_as_high_as_its_value_above_0_or_the_lowest(
    values: list[int | None], line: str
) -> None:
    assert sparkline(values, 40) == line


def test_what_is_wider_than_its_place_is_squeezed_to_means() -> None:
    assert sparkline([0, 0, 7, 7, 14, 14], 3) == "▁▅█"
    assert sparkline([None, None, 4, None], 2) == " █"
    assert len(sparkline(list(range(10_000)), 80)) == 80
    assert len(sparkline(list(range(81)), 80)) == 80


@pytest.mark.parametrize(
    ("value", "highest", "shown"),
    [
        (0, 8, "    "),
        (8, 8, "████"),
        (4, 8, "██  "),
        (1, 32, "▏   "),
        (-5, 8, "    "),
        (9, 8, "████"),
        (0, 0, "    "),
    ],
)
def test_a_bar_has_its_length_in_eighths(value: int, highest: int, shown: str) -> None:
    assert bar(value, highest, 4) == shown
