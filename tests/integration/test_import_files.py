"""What ``psd import`` and ``psd publish`` take, what they count, and what they warn of."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd

COLUMNS = ("--uid", "user", "--time", "at", "--thing", "steps=steps")
IN_2016 = ("2016-01-01", "2017-01-01")
METRIC = {"thing": "steps", "uid": 7, "aid": 1, "value": 4, "ts1": 1460451600, "ts2": 1460451600}
MESSAGE = json.dumps({"command": "metric", "metric": METRIC}).encode()


def run(redis_url: str, *arguments: str, fed: bytes = b"") -> Result:
    """The psd command over one store."""
    options = ["--set", f"redis.url={redis_url}", "--set", "queue.kind=stream"]
    return CliRunner().invoke(psd, [*options, *arguments], input=fed)


def run_import(redis_url: str, text: str | bytes, *arguments: str) -> Result:
    """Import the steps of a text, which comes on standard input, directly."""
    fed = text.encode() if isinstance(text, str) else text
    return run(redis_url, "import", "-", *COLUMNS, "--via", "direct", *arguments, fed=fed)


def steps_of(redis_url: str, uid: int) -> int:
    """All steps of a user."""
    return int(run(redis_url, "query", "steps", str(uid), *IN_2016).stdout)


def test_two_rows_of_one_user_and_second_are_counted_as_what_they_are(redis_url: str) -> None:
    text = "user,at,steps\n7,2016-04-12T08:00:00Z,100\n7,2016-04-12T08:00:00Z,50\n"
    result = run_import(redis_url, text)
    assert result.stdout == "2 rows, 1 booked, 1 replaced a row of the file, 0 refused\n"
    assert result.stderr.splitlines()[1:3] == [
        "line 3: activity 1460448000 of user 7 at Tue 2016-04-12 08:00:00Z is that of line 2: "
        "steps 100 became 50",
        "warning: rows of a user and a second that a row before them has: 1; the last one stands. "
        "Where they are activities of their own, --aid tells them apart",
    ]
    assert steps_of(redis_url, 7) == 50


def test_rows_of_one_second_in_different_batches_are_told_as_well(redis_url: str) -> None:
    rows = "".join(f"7,{1460448000 + at},1\n" for at in range(600))
    result = run_import(redis_url, f"user,at,steps\n{rows}7,1460448000,9\n")
    assert result.stdout == "601 rows, 600 booked, 1 replaced a row of the file, 0 refused\n"
    assert "line 602: activity 1460448000 of user 7" in result.stderr
    assert steps_of(redis_url, 7) == 608


def test_an_id_of_its_own_tells_them_apart(redis_url: str) -> None:
    text = "user,at,steps,walk\n7,2016-04-12T08:00:00Z,100,1\n7,2016-04-12T08:00:00Z,50,2\n"
    result = run_import(redis_url, text, "--aid", "walk")
    assert result.stdout == "2 rows, 2 booked, 0 refused\n"
    assert "warning" not in result.stderr
    assert steps_of(redis_url, 7) == 150


def test_what_was_booked_before_is_counted_apart_from_what_is_unchanged(redis_url: str) -> None:
    head = "user,at,steps\n7,2016-04-12T08:00:00Z,100\n"
    run_import(redis_url, f"{head}7,2016-04-12T09:00:00Z,5\n")
    result = run_import(redis_url, f"{head}7,2016-04-12T09:00:00Z,6\n7,2016-04-12T10:00:00Z,1\n")
    assert result.stdout == (
        "3 rows, 1 booked, 1 replaced what was booked before, 1 unchanged, 0 refused\n"
    )


@pytest.mark.parametrize(
    "arguments", [(), ("--delimiter", ";"), ("--format", "csv"), ("--tz", "UTC")]
)
def test_packed_text_with_semicolons_comes_in_by_standard_input(
    redis_url: str, arguments: tuple[str, ...]
) -> None:
    text = 'user;at;steps\r\n7;2016-04-12T08:00:00Z;200.0\r\n"8";2016-04-12T08:00:00Z;3\r\n'
    result = run_import(redis_url, gzip.compress(text.encode()), *arguments)
    assert (result.exit_code, result.stdout) == (0, "2 rows, 2 booked, 0 refused\n")
    assert (steps_of(redis_url, 7), steps_of(redis_url, 8)) == (200, 3)


def test_a_packed_file_that_breaks_off_is_exit_code_1_and_told(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "steps.csv.gz"
    file.write_bytes(gzip.compress(b"user,at,steps\n7,2016-04-12T08:00:00Z,200\n")[:-4])
    result = run(redis_url, "import", str(file), *COLUMNS, "--via", "direct")
    assert (result.exit_code, result.stdout) == (1, "2 rows, 1 booked, 1 refused\n")
    assert "line 3: file: its gzip data ends in the middle (malformed)" in result.stderr


def test_values_are_scaled_zones_are_named_and_blanks_are_left_out(redis_url: str) -> None:
    rows = ("user\tat\tsteps", "7\t2016-04-12 10:00\t0.125", "7\t2016-04-12 11:00\t")
    text = "\n".join((*rows, "7\t2016-04-12 12:00\t1e3"))
    options = ("--scale", "1000", "--tz", "Europe/Berlin", "--skip-blank")
    result = run_import(redis_url, text, *options)
    assert result.stdout == "3 rows, 1 booked, 1 blank left out, 1 refused\n"
    assert "line 4: steps: '1e3' is not a number; a spreadsheet has rounded it" in result.stderr
    at = ("2016-04-12T08:00:00Z", "2016-04-12T08:00:01Z")
    assert run(redis_url, "query", "steps", "7", *at).stdout == "125\n"


def test_milliseconds_are_refused_with_what_they_look_like(redis_url: str) -> None:
    result = run_import(redis_url, "user,at,steps\n7,1460448000000,1\n")
    assert result.exit_code == 1
    assert "looks like milliseconds" in result.stderr


def test_a_dry_run_shows_what_the_rows_mean_and_asks_nobody(tmp_path: Path) -> None:
    text = "user,at,steps\n7,2016-04-12T08:00:00Z,400\n8,2016-04-12T09:30:00Z,-3\n8,never,1\n"
    away = "redis://127.0.0.1:1/0"
    result = run(away, "import", "-", *COLUMNS, "--dry-run", fed=text.encode())
    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["line", "user", "thing", "value", "time", "activity", "type"],
        ["2", "7", "steps", "400", "Tue", "2016-04-12", "08:00:00Z", "1460448000", "0"],
        ["3", "8", "steps", "-3", "Tue", "2016-04-12", "09:30:00Z", "1460453400", "0"],
        [],
        ["thing", "reports", "users", "smallest", "largest", "first", "last"],
        [
            *("steps", "2", "2", "-3", "400"),
            *("Tue", "2016-04-12", "08:00:00Z", "Tue", "2016-04-12", "09:30:00Z"),
        ],
        [],
        ["3", "rows,", "2", "would", "be", "booked,", "1", "refused"],
    ]
    assert result.stderr.endswith("dry run: nothing was sent\n")
    assert not Path(os.environ["PSD_IMPORTS_FOLDER"]).exists()


def test_a_dry_run_warns_of_columns_that_were_swapped() -> None:
    rows = "".join(f"{at},{15039603 + at % 2},2016-04-12T08:{at:02}:00Z\n" for at in range(30))
    text = f"steps,user,at\n{rows}"
    swapped = ("--uid", "steps", "--time", "at", "--thing", "steps=user")
    result = run("redis://127.0.0.1:1/0", "import", "-", *swapped, "--dry-run", fed=text.encode())
    assert result.stderr.splitlines()[:2] == [
        "warning: all 30 uids differ: no user has two rows; is --uid the right column?",
        "warning: every value of steps is past 1,000,000, and there are 2 of them in 30 rows: they "
        "look like user numbers",
    ]
    old = run(
        "redis://127.0.0.1:1/0",
        *("import", "-", *COLUMNS, "--dry-run"),
        fed=b"user,at,steps\n7,1970-05-01,1\n",
    )
    assert "1 of 1 reports lie before 1971; is --time the right column?" in old.stderr
    right = ("--uid", "user", "--time", "at", "--thing", "steps=steps")
    fine = run("redis://127.0.0.1:1/0", "import", "-", *right, "--dry-run", fed=text.encode())
    assert (fine.exit_code, fine.stderr) == (0, "dry run: nothing was sent\n")


def test_messages_come_packed_with_a_byte_order_mark_or_by_standard_input(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "messages"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbf" + MESSAGE + b"\n\n" + MESSAGE))
    assert run(redis_url, "publish", str(file)).stderr == "2 published, 0 refused\n"
    fed = run(redis_url, "publish", "-", fed=MESSAGE + b"\nx\n")
    assert (fed.exit_code, fed.stderr.splitlines()[-1]) == (1, "1 published, 1 refused")


def test_messages_that_break_off_are_told_with_their_line(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "messages.gz"
    file.write_bytes(gzip.compress(MESSAGE + b"\n" + MESSAGE + b"\n")[:-4])
    result = run(redis_url, "publish", str(file))
    assert (result.exit_code, result.stderr.splitlines()) == (
        1,
        ["line 3: malformed: file: its gzip data ends in the middle", "2 published, 1 refused"],
    )
