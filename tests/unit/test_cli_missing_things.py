"""Commands that are about certain things say which one is missing, before they do anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd
from psd.rewards.tables import shipped_tables

AWAY = ("--set", "redis.url=redis://127.0.0.1:1/0", "--set", "redis.timeout_s=0.2")
ALL = {"signals": 6, "promotions": 7, "corrections": 8}
TABLES = str(shipped_tables())

NEED_REWARDS = {
    "calculate": ["rewards", "calculate", "0"],
    "dry run": ["rewards", "calculate", "0", "--dry-run"],
    "what-if": ["rewards", "what-if", "--conf", TABLES, "--weeks", "0..1"],
    "serve": ["rewards", "serve", "--port", "0"],
}
OTHERS = {
    "statement": ["rewards", "statement", "7"],
    "history": ["rewards", "history", "7"],
    "weeks": ["rewards", "weeks"],
    "export": ["rewards", "export", "0"],
    "blacklist": ["rewards", "blacklist", "ls"],
    "boards": ["boards", "ls"],
    "verify": ["verify"],
    "doctor": ["doctor"],
}


def run(arguments: Sequence[str], things: dict[str, int]) -> Result:
    pairs = ",".join(f"{name}={number}" for name, number in things.items())
    return CliRunner().invoke(psd, [*AWAY, "--set", f"things={pairs}", *arguments])


@pytest.mark.parametrize("missing", ALL)
@pytest.mark.parametrize("arguments", NEED_REWARDS.values(), ids=NEED_REWARDS)
def test_the_weekly_rewards_need_all_of_their_things(arguments: list[str], missing: str) -> None:
    """A week without one of them would be computed as if nothing of it had been booked."""
    things = {"steps": 1, **{name: number for name, number in ALL.items() if name != missing}}
    result = run(arguments, things)
    assert result.exit_code == 78, result.output
    assert f"things.{missing}: missing, needed by the weekly rewards" in result.stderr


def test_with_only_steps_the_first_that_is_missing_is_named() -> None:
    result = run(["rewards", "calculate"], {"steps": 1})
    assert (result.exit_code, result.stderr) == (
        78,
        "psd: things.signals: missing, needed by the weekly rewards; there is only steps\n",
    )


def test_the_sample_needs_the_thing_that_it_counts(tmp_path: Path) -> None:
    result = run(["up", "--sample", "--data", str(tmp_path / "data")], {"calories": 2})
    assert result.exit_code == 78, result.output
    assert "things.steps: missing, needed by the sample" in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", OTHERS.values(), ids=OTHERS)
def test_what_needs_no_certain_thing_goes_without(arguments: list[str]) -> None:
    result = run(arguments, {"likes": 9})
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 75), (result.exit_code, result.output)
