"""``psd import --undo``: what an import booked goes, what it replaced comes back, by each way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd
from psd.config_sources import load_settings
from psd.embedded.stack import Stack, running_stack
from psd.operations.import_journal import VERSION, opened
from tests.support.processes.psd_up import without_settings

COLUMNS = ("--uid", "user", "--time", "at", "--thing", "steps=steps")
WRONG = """user,at,steps
7,2016-04-12T08:00:00Z,5
7,2016-04-12T09:00:00Z,6
8,2016-04-12T08:00:00Z,7
"""
RIGHT = WRONG.replace(",5\n", ",400\n").replace(",7\n", ",1\n")
IN_2016 = ("2016-01-01", "2017-01-01")


def run(redis_url: str, *arguments: str) -> Result:
    """The psd command over one store."""
    options = ["--set", f"redis.url={redis_url}", "--set", "queue.kind=stream"]
    return CliRunner().invoke(psd, [*options, *arguments])


def run_import(redis_url: str, text: str, *arguments: str) -> Result:
    """Import the steps of a text, which comes on standard input."""
    options = ["--set", f"redis.url={redis_url}", "--set", "queue.kind=stream"]
    command = ["import", "-", *COLUMNS, *arguments]
    return CliRunner().invoke(psd, [*options, *command], input=text.encode())


def id_of(result: Result) -> str:
    """The id that an import tells first."""
    found = re.match(r"import (\S+): psd import --undo \1 takes it back\n", result.stderr)
    assert found, result.stderr
    return found[1]


def sums(redis_url: str) -> tuple[int, ...]:
    """All steps of users 7 and 8."""
    told = [run(redis_url, "query", "steps", str(uid), *IN_2016).stdout for uid in (7, 8)]
    return tuple(map(int, told))


def is_clean(redis_url: str) -> bool:
    """Whether every key is as the bookings say."""
    return run(redis_url, "verify").exit_code == 0


@contextlib.asynccontextmanager
async def stack_on(redis_url: str) -> AsyncIterator[Stack]:
    """A server and a worker over the store."""
    flags = {"redis.url": redis_url, "queue.kind": "stream", "server.port": 0}
    flags |= {"archive.enabled": False}
    async with running_stack(load_settings(flags=flags).settings, None) as stack:
        yield stack


def test_what_was_imported_goes_and_what_it_replaced_comes_back(redis_url: str) -> None:
    run_import(redis_url, "user,at,steps\n7,2016-04-12T09:00:00Z,100\n", "--via", "direct")
    wrong = run_import(redis_url, WRONG, "--via", "direct")
    assert wrong.stdout == "3 rows, 2 booked, 1 replaced what was booked before, 0 refused\n"
    assert sums(redis_url) == (11, 7)
    back = run(redis_url, "import", "--undo", id_of(wrong))
    assert back.stdout == "2 taken back, 1 brought back to what stood before\n"
    assert (back.exit_code, sums(redis_url)) == (0, (100, 0))
    assert is_clean(redis_url)


def test_the_right_file_can_be_imported_afterwards(redis_url: str) -> None:
    wrong = run_import(redis_url, WRONG, "--via", "direct")
    assert run(redis_url, "import", "--undo", id_of(wrong)).exit_code == 0
    right = run_import(redis_url, RIGHT, "--via", "direct")
    assert (right.exit_code, sums(redis_url)) == (0, (406, 1))
    again = run(redis_url, "import", "--undo", id_of(wrong))
    assert again.exit_code == 0
    assert re.match(r"import \S+ was taken back at 20\S+Z: 3 taken back\n", again.stdout)
    assert sums(redis_url) == (406, 1)
    assert is_clean(redis_url)


def test_a_replay_keeps_what_was_taken_back_and_what_came_after(redis_url: str) -> None:
    run_import(redis_url, "user,at,steps\n7,2016-04-12T09:00:00Z,100\n", "--via", "direct")
    wrong = run_import(redis_url, WRONG, "--via", "direct")
    run(redis_url, "import", "--undo", id_of(wrong))
    assert run(redis_url, "replay", "--from", "2016-01-01").exit_code == 0
    assert sums(redis_url) == (100, 0)
    run_import(redis_url, RIGHT, "--via", "direct")
    assert run(redis_url, "replay", "--from", "2016-01-01").exit_code == 0
    assert sums(redis_url) == (406, 1)


def test_an_import_that_changed_nothing_takes_nothing_back(redis_url: str) -> None:
    run_import(redis_url, WRONG, "--via", "direct")
    again = run_import(redis_url, WRONG, "--via", "direct")
    assert again.stdout == "3 rows, 3 unchanged, 0 refused\n"
    back = run(redis_url, "import", "--undo", id_of(again))
    assert (back.exit_code, back.stdout) == (0, "3 as before already\n")
    assert sums(redis_url) == (11, 7)


def test_what_was_replaced_since_is_told_and_left(redis_url: str) -> None:
    wrong = run_import(redis_url, WRONG, "--via", "direct")
    run_import(redis_url, "user,at,steps\n8,2016-04-12T08:00:00Z,50\n", "--via", "direct")
    back = run(redis_url, "import", "--undo", id_of(wrong))
    assert (back.exit_code, back.stdout) == (1, "2 taken back, 1 replaced since\n")
    assert back.stderr.splitlines()[0] == (
        "line 4: steps of user 8, activity 1460448000: replaced since: the import booked 7, "
        "there is 50"
    )
    assert sums(redis_url) == (0, 50)
    assert "undone, 1 left" in run(redis_url, "import", "--list").stdout


def test_a_withdrawn_activity_stays_withdrawn(redis_url: str) -> None:
    wrong = run_import(redis_url, WRONG, "--via", "direct")
    message = '{"command":"withdraw","withdraw":{"uid":8,"aid":1460448000}}\n'
    options = ["--set", f"redis.url={redis_url}", "--set", "queue.kind=stream"]
    assert CliRunner().invoke(psd, [*options, "publish"], input=message).exit_code == 0

    async def book() -> None:
        async with stack_on(redis_url):
            await asyncio.to_thread(run_import, redis_url, WRONG, "--via", "queue", "--wait")

    asyncio.run(book())
    back = run(redis_url, "import", "--undo", id_of(wrong))
    assert (back.exit_code, sums(redis_url)) == (0, (0, 0))
    assert back.stdout == "2 taken back, 1 withdrawn since\n"


async def test_over_http_it_goes_the_same_way(redis_url: str) -> None:
    async with stack_on(redis_url) as stack:
        via = ("--via", "http", "--url", stack.url)
        wrong = await asyncio.to_thread(run_import, redis_url, WRONG, *via)
        unnamed = await asyncio.to_thread(run, redis_url, "import", "--undo", id_of(wrong))
        undo = ("import", "--undo", id_of(wrong), "--url", stack.url)
        rehearsed = await asyncio.to_thread(run, redis_url, *undo, "--dry-run")
        between = await asyncio.to_thread(sums, redis_url)
        back = await asyncio.to_thread(run, redis_url, *undo)
        after = await asyncio.to_thread(sums, redis_url)
    assert unnamed.exit_code == 2
    assert f"give --url {stack.url}" in " ".join(unnamed.stderr.split())
    assert (rehearsed.exit_code, rehearsed.stdout) == (0, "3 taken back\n")
    assert between == (11, 7)
    assert (back.exit_code, back.stdout) == (0, "3 taken back\n")
    assert after == (0, 0)


async def test_through_the_queue_a_second_look_settles_it(redis_url: str) -> None:
    wrong = await asyncio.to_thread(run_import, redis_url, WRONG, "--via", "queue")
    assert wrong.stdout == "3 rows, 3 queued, 0 refused\n"
    undo = ("import", "--undo", id_of(wrong))
    early = await asyncio.to_thread(run, redis_url, *undo)
    assert (early.exit_code, early.stdout) == (1, "3 not booked yet\n")
    async with stack_on(redis_url):
        await asyncio.to_thread(run_import, redis_url, WRONG, "--via", "queue", "--wait")
        assert await asyncio.to_thread(sums, redis_url) == (11, 7)
        back = await asyncio.to_thread(run, redis_url, *undo, "--wait")
        assert (back.exit_code, back.stdout) == (0, "3 as before already\n")
        assert await asyncio.to_thread(sums, redis_url) == (0, 0)


async def test_the_queue_without_waiting_says_that_it_has_to_be_looked_at(redis_url: str) -> None:
    async with stack_on(redis_url):
        wrong = await asyncio.to_thread(run_import, redis_url, WRONG, "--via", "queue", "--wait")
    back = await asyncio.to_thread(run, redis_url, "import", "--undo", id_of(wrong))
    assert (back.exit_code, back.stdout) == (1, "3 queued to be taken back\n")
    assert f"psd import --undo {id_of(wrong)} again looks after the rest" in back.stderr


@pytest.mark.parametrize("place", ["before_script", "after_send", "after_reply"])
def test_a_killed_import_and_a_killed_undo_are_taken_back_whole(
    redis_url: str, tmp_path: Path, place: str
) -> None:
    file = tmp_path / "many.csv"
    rows = "".join(f"7,{1460448000 + at},1\n" for at in range(1700))
    file.write_text(f"user,at,steps\n{rows}")
    run_import(redis_url, "user,at,steps\n7,1460448600,30\n", "--via", "direct")
    folders = ("PSD_IMPORTS_FOLDER", "PSD_ARCHIVE_FOLDER")
    environment = {**without_settings(), **{name: os.environ[name] for name in folders}}
    psd_over = [sys.executable, "-m", "psd", "--set", f"redis.url={redis_url}"]

    def killed(batch: int, *arguments: str) -> str:
        done = subprocess.run(
            [*psd_over, "--set", "queue.kind=stream", "import", *arguments],
            env={**environment, "PSD_FAILPOINT": f"{place}:{batch}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        return done.stderr

    told = killed(2, str(file), *COLUMNS, "--via", "direct")
    import_id = told.split()[1].rstrip(":")
    # A batch leaves in trips of 10 ms, so the second send may still be of the first batch.
    assert 0 < sums(redis_url)[0] <= 1029
    assert "broke off" in run(redis_url, "import", "--list").stdout
    killed(1, "--undo", import_id)
    back = run(redis_url, "import", "--undo", import_id)
    assert (back.exit_code, sums(redis_url)[0]) == (0, 30)
    assert is_clean(redis_url)


def test_an_import_that_runs_is_not_taken_back(redis_url: str) -> None:
    wrong = id_of(run_import(redis_url, WRONG, "--via", "direct"))
    folder = Path(os.environ["PSD_IMPORTS_FOLDER"])
    with contextlib.closing(opened(folder, wrong)) as journal, journal.batch():
        back = run(redis_url, "import", "--undo", wrong)
        listed = run(redis_url, "import", "--list")
    assert back.exit_code == 75
    assert "another psd works on it" in back.stderr
    assert "in hand" in listed.stdout


def test_a_journal_is_only_read_by_its_owner_and_listed(redis_url: str) -> None:
    wrong = id_of(run_import(redis_url, WRONG, "--via", "direct"))
    [journal] = Path(os.environ["PSD_IMPORTS_FOLDER"]).iterdir()
    assert (journal.name, journal.stat().st_mode & 0o777) == (f"{wrong}.journal", 0o600)
    names, row = run(redis_url, "import", "--list").stdout.splitlines()
    assert names.split() == ["id", "began", "file", "via", "state"]
    assert row.split(maxsplit=4)[0] == wrong
    assert row.rstrip().endswith("-     direct  3 rows, 3 booked, 0 refused")


def test_without_a_way_back_nothing_is_kept(redis_url: str) -> None:
    result = run_import(redis_url, WRONG, "--via", "direct", "--no-undo")
    assert (result.exit_code, result.output) == (0, "3 rows, 3 booked, 0 refused\n")
    assert not Path(os.environ["PSD_IMPORTS_FOLDER"]).exists()


def test_an_import_into_another_store_is_not_taken_back_from_this_one(redis_url: str) -> None:
    wrong = id_of(run_import(redis_url, WRONG, "--via", "direct"))
    back = run(f"{redis_url}&x=1", "import", "--undo", wrong)
    assert back.exit_code == 2
    assert "went to" in back.stderr


def test_a_folder_that_cannot_be_written_is_exit_code_78(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = ("--set", f"imports.folder={tmp_path / 'file' / 'in'}")
    result = run(redis_url, *options, "import", str(tmp_path / "file"), *COLUMNS)
    assert result.exit_code == 78
    assert "imports.folder" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'FILE'"),
        (("-",), "Missing option '--uid'"),
        (("-", "--uid", "user", "--time", "at"), "Missing option '--thing'"),
        (("--undo", "nothing"), "there is no import 'nothing'"),
        (("--undo", "x", "--uid", "user"), "stand alone"),
        (("-", "--list"), "stand alone"),
        (("-", *COLUMNS, "--scale", "miles=2"), "'miles' is no --thing"),
        (("-", *COLUMNS, "--tz", "Mars/Base"), "is no time zone"),
        (("-", *COLUMNS, "--delimiter", "::"), "is neither one sign nor one of"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    redis_url: str, arguments: tuple[str, ...], message: str
) -> None:
    result = run(redis_url, "import", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def set_version(folder: Path, version: int) -> None:
    """Make the only journal one of another version."""
    [path] = folder.iterdir()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")


def test_a_journal_of_before_there_were_versions_is_taken_back(redis_url: str) -> None:
    wrong = id_of(run_import(redis_url, WRONG, "--via", "direct"))
    set_version(Path(os.environ["PSD_IMPORTS_FOLDER"]), 0)
    assert run(redis_url, "import", "--undo", wrong).exit_code == 0


def test_a_journal_of_a_newer_psd_is_refused_and_listed(redis_url: str) -> None:
    wrong = id_of(run_import(redis_url, WRONG, "--via", "direct"))
    before = sums(redis_url)
    set_version(Path(os.environ["PSD_IMPORTS_FOLDER"]), VERSION + 1)
    back = run(redis_url, "import", "--undo", wrong)
    assert back.exit_code == 78
    assert f"a newer psd wrote it, in version {VERSION + 1} of journals" in back.stderr
    assert "a newer psd wrote it" in run(redis_url, "import", "--list").stdout
    assert sums(redis_url) == before
