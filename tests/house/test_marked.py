"""A run of marked tests imports the files that say the marker, and misses none of these tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.marked import TESTS, always, says

MARKERS = ("timed", "slow", "bare", "long")


@pytest.mark.parametrize(
    ("expression", "markers"),
    [
        ("", set()),
        ("slow", {"slow"}),
        ("timed and not slow and not bare", {"timed"}),
        ("not slow and not timed", set()),
        ("not slow and timed", {"timed"}),
        ("timed or slow", set()),
        ("slow or not long and timed", set()),
        ("not (slow or timed) and bare", set()),
    ],
)
def test_a_marker_is_needed_where_an_expression_says_so(expression: str, markers: set[str]) -> None:
    assert always(expression) == markers


def test_a_file_says_what_it_or_the_conftest_of_its_folder_says() -> None:
    assert says(TESTS / "property" / "test_million.py", "slow")
    assert says(TESTS / "bare" / "test_dockerfile.py", "bare")
    assert not says(TESTS / "property" / "test_million.py", "timed")


def test_a_marker_is_given_where_it_is_looked_for() -> None:
    """Nowhere else: what another module gives to a test would be left out of a run of its own."""
    gives = re.compile(rf"\bmark\.(?:{'|'.join(MARKERS)})\b")
    others = [path for path in TESTS.rglob("*.py") if not is_looked_at(path)]
    assert len(others) > 100
    assert [path.name for path in others if gives.search(path.read_text("utf-8"))] == []


def is_looked_at(path: Path) -> bool:
    return path.name.startswith("test_") or path.name == "conftest.py"
