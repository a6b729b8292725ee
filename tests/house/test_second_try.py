"""A test that starts servers is asked again when it fails, which is told; another never."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.sources import ROOT

CONFTEST = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.support.second_try import mark_second_tries as pytest_collection_modifyitems
"""

CHANCE = """
import pathlib, pytest

TRIED = pathlib.Path(__file__).with_suffix(".tried")

@pytest.fixture
def tried():
    TRIED.write_text(TRIED.read_text() + "." if TRIED.exists() else ".")
    yield len(TRIED.read_text())

def test_the_third_time(tried):
    assert tried > {passes_after}

def test_at_once(): ...
"""

HANGS = """
import pytest, threading

@pytest.mark.timeout(0.2)
def test_hangs():
    threading.Event().wait()
"""


def file_at(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_chance_is_asked_again_beside_others_and_told(tmp_path: Path) -> None:
    file_at(tmp_path / "pytest.ini", "[pytest]\nmarkers = timed(what): alone\n")
    file_at(tmp_path / "tests/conftest.py", CONFTEST)
    timed = "\npytestmark = pytest.mark.timed('how long')\n"
    tests = {
        "tests/integration/test_once_more.py": CHANCE.format(passes_after=1),
        "tests/integration/test_too_often.py": CHANCE.format(passes_after=2),
        "tests/e2e/test_process.py": CHANCE.format(passes_after=1),
        "tests/e2e/test_hangs.py": HANGS,
        "tests/unit/test_rule.py": CHANCE.format(passes_after=1),
        "tests/unit/test_timed.py": CHANCE.format(passes_after=2) + timed,
    }
    for name, text in tests.items():
        file_at(tmp_path / name, text)
    command = "-m pytest -ra --import-mode=importlib --rerun-show-tracebacks"
    unused = "-p no:cacheprovider -p no:valkey -p no:schemathesis -p no:hypothesispytest"
    beside = "--numprocesses 2 --dist worksteal tests"
    ended = subprocess.run(
        [sys.executable, *command.split(), *unused.split(), *beside.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "3 failed, 8 passed, 5 rerun" in ended.stdout, ended.stdout + ended.stderr
    told = ended.stdout.partition("rerun test summary info")[2].partition("short test summary")[0]
    assert sorted(re.findall(r"^PASSED (\S+)::", told, re.MULTILINE)) == [
        "tests/e2e/test_process.py",
        "tests/integration/test_once_more.py",
        "tests/unit/test_timed.py",
    ]
    assert "assert 1 > 2" in told
