"""The worked example of docs/rewards.md is what the rules say."""

from __future__ import annotations

import re
from pathlib import Path

from psd.rewards.levels import level_of
from psd.rewards.settling import Facts, Settling
from psd.rewards.shares import WEI, cut_of, pool_of
from psd.rewards.tables import load_tables

PAGE = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text(encoding="utf-8")
TABLES = load_tables()


def test_every_row_of_the_example_is_computed_by_the_rules() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if re.match(r"\| \d+ \|", line)
    ]
    assert len(rows) == 9
    settling, before = Settling(TABLES), None
    for cells in rows:
        names = [] if cells[1] == "-" else cells[1].split(", ")
        before = settling.row(Facts(7, active=TABLES.mask(names)), before)
        assert before is not None
        level = level_of(before.connection_streak, TABLES.levels)
        assert cells[2:] == [
            *(str(before.connection_streak), str(before.disconnection_streak), str(level)),
            *(str(before.integration_points), str(before.streak_points), str(before.points)),
        ]


def test_the_share_of_the_example_is_what_the_split_gives() -> None:
    pool = pool_of(3, TABLES.tokens)
    shares = cut_of(pool, {8000: 1, 1_992_000: 1}).shares(())
    assert shares.tokens(7, 8000) == 4420 * WEI


def test_the_numbers_of_the_page_are_those_of_the_tables() -> None:
    text = re.sub(r"\s+", " ", PAGE)
    levels = [level.weeks_min for level in TABLES.levels]
    assert f"1 from {levels[0]} weeks, 2 from {levels[1]}, 3 from {levels[2]}" in text
    points = ", ".join(f"{each.name} {each.points:,}" for each in TABLES.integrations)
    assert points in text
    assert f"{int(TABLES.tokens.pool_wei) // WEI:,}" in text
