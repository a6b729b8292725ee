"""Which files a run imports, when all of its tests have a marker: those that say its name.

pytest imports each file to find what is marked in it: all of 480 take 13 s of CPU, in each process
of a run. ``-m "timed and not slow"`` can only choose tests of files that say ``timed``::

    always("timed and not slow")                    -> {"timed"}
    always("not slow"), always("timed or slow")     -> set()
    says(tests/bare/test_dockerfile.py, "bare")     -> True: the conftest.py beside it does

A marker is therefore given in the file of the test, or in a conftest.py of a folder above it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
WORD = re.compile(r"\w+")


def always(expression: str) -> set[str]:
    """The markers that every test has which an expression chooses, as far as it says so plainly."""
    words = WORD.findall(expression)
    if "or" in words or "(" in expression:
        return set()
    return {
        term.strip() for term in re.split(r"\band\b", expression) if WORD.fullmatch(term.strip())
    }


def says(path: Path, word: str) -> bool:
    """Whether a file of tests, or a conftest.py above it, has the word."""
    folders = [
        folder for folder in path.parents if folder.is_relative_to(TESTS) and folder != TESTS
    ]
    files = [path, *(folder / "conftest.py" for folder in folders)]
    named = re.compile(rf"\b{word}\b")
    return any(named.search(file.read_text(encoding="utf-8")) for file in files if file.is_file())


def has_nothing_of(path: Path, config: pytest.Config) -> bool:
    """Whether no test of a file can be one that this run chooses."""
    if path.suffix != ".py" or not path.name.startswith("test_"):
        return False
    return not all(says(path, word) for word in always(config.option.markexpr))
