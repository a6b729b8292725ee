"""Accounts over HTTP and at the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.engine import NOON_S

pytestmark = pytest.mark.psd(now_s=NOON_S)


def command(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"PSD_REDIS_URL": url, "PSD_ARCHIVE_FOLDER": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "psd", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **own},
        check=False,
        timeout=120,
    )


def test_an_entry_is_posted_by_hand_once_and_shown(redis_url: str, tmp_path: Path) -> None:
    def psd(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command(redis_url, tmp_path, *arguments)

    opening = (
        "charging",
        "post",
        "u1",
        "5000",
        "--kind",
        "opening",
        "--id",
        "o",
        "--note",
        "moved",
    )
    assert psd(*opening).stdout == "1 posted: 5000\n"
    assert psd(*opening).stdout == "1 was there: 5000\n"
    assert psd("charging", "post", "u1", "--id", "x", "--note", "n", "--", "-12").stdout == (
        "2 posted: 4988\n"
    )
    told = psd("charging", "ledger", "u1", "--json")
    rows = json.loads(told.stdout)["data"]
    assert [(row["id"], row["cents_aud"], row["balance_cents"]) for row in rows] == [
        ("x", -12, 4988),
        ("o", 5000, 5000),
    ]
    assert rows[0]["note"] == "n"
    assert psd("charging", "post", "u1", "5", "--id", "y").returncode == 2, "it needs a note"
    other = psd("charging", "post", "u1", "5", "--id", "x", "--note", "n")
    assert (other.returncode, other.stdout) == (1, "")
    assert psd("charging", "ledger", "u2").returncode == 1
    assert psd("charging", "link", "u1").returncode == 78
