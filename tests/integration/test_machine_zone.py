"""No time is read by the zone or the language of the machine that psd runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MACHINES = [
    {"TZ": "UTC", "LC_ALL": "C"},
    {"TZ": "America/New_York", "LC_ALL": "de_DE.UTF-8"},
    {"TZ": "EST5EDT", "LC_ALL": "C.UTF-8"},
    {"TZ": "Pacific/Apia", "LC_ALL": "fr_FR.UTF-8"},
]
NINE_S = 1_452_589_200  # 2016-01-12T09:00:00Z

CELLS: list[tuple[str, str | None, int | None]] = [
    ("2016-01-12 09:00:00", "%Y-%m-%d %H:%M:%S", NINE_S),
    ("2016-01-12 09:00:00 UTC", "%Y-%m-%d %H:%M:%S %Z", NINE_S),
    ("2016-01-12 04:00:00 -0500", "%Y-%m-%d %H:%M:%S %z", NINE_S),
    ("Tue Jan 12 9:00 AM 2016", "%a %b %d %I:%M %p %Y", NINE_S),
    ("2016-01-12T09:00", None, NINE_S),
    ("1452589200", None, NINE_S),
    *((f"2016-01-12 05:00 {name}", "%Y-%m-%d %H:%M %Z", None) for name in ("EST", "EDT", "+13")),
    ("Tue Jan 12 09:00:00 2016", "%c", None),
    ("01/12/16 09:00:00", "%x %X", None),
    ("1452589200", "%s", None),
]
"""A cell, its format, and the second that it is; None where it is refused."""

READING = """
import json, sys
from psd.cli.times import parse_time
found = []
for cell, time_format, _ in json.load(sys.stdin):
    try:
        found.append(parse_time(cell, time_format))
    except ValueError:
        found.append(None)
print(json.dumps(found))
"""


def run(machine: dict[str, str], *arguments: str, text: str = "") -> tuple[int, str]:
    """Python on a machine."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **machine},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine["TZ"])
def test_a_cell_is_the_same_second_on_every_machine(machine: dict[str, str]) -> None:
    code, said = run(machine, "-c", READING, text=json.dumps(CELLS))
    assert code == 0, said
    assert json.loads(said) == [second for _, _, second in CELLS]


def test_an_import_refuses_the_name_that_the_machine_has_for_its_zone(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("user,at,steps\n7,2016-01-12 05:00:00 EST,3\n7,2016-01-12 05:00:00 UTC,4\n")
    newyork = {**MACHINES[1], "PSD_REDIS_URL": redis_url, "PSD_REDIS_DURABILITY": "fast"}
    columns = ("--uid", "user", "--time", "at", "--thing", "steps=steps", "--via", "direct")
    asked = ("-m", "psd", "import", str(file), *columns, "--time-format", "%Y-%m-%d %H:%M:%S %Z")
    code, said = run(newyork, *asked)
    assert (code, "line 2: at: '2016-01-12 05:00:00 EST' does not match" in said) == (1, True)
    assert "%Z reads UTC, GMT and Z alone" in said
    day = ("2016-01-12T05:00:00Z", "2016-01-12T05:00:01Z")
    assert run(newyork, "-m", "psd", "query", "steps", "7", *day)[1].splitlines()[-1] == "4"


def test_a_format_of_a_language_is_a_usage_error(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("user,at,steps\n7,01/12/16,3\n")
    columns = ("--uid", "user", "--time", "at", "--thing", "steps=steps", "--via", "direct")
    asked = ("-m", "psd", "import", str(file), *columns, "--time-format", "%x")
    code, said = run({"PSD_REDIS_URL": redis_url}, *asked)
    assert (code, "%x is not read" in said) == (2, True), said
