"""``psd import`` into a real store, by each of its three ways."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from psd.cli.main import psd
from psd.config_sources import load_settings
from psd.embedded.stack import Stack, running_stack
from psd.store.keys import ORDER_KEY
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.unsteady import unsteady

WRITER = token_for("loader", "write")
LOADER = token_for("careful-loader", "read write")
GOOD = """user,at,steps,kcal
7,2016-04-12T08:00:00,400,20
7,2016-04-12T09:00:00,100,5
8,1460451600,1,0
"""
MIXED = """user,at,steps
7,2016-04-12T08:00:00,400
7,never,1
8,1460451600,
8,1460451601,9
"""
COLUMNS = ("--uid", "user", "--time", "at", "--thing", "steps=steps")


def run(redis_url: str, *arguments: str) -> Result:
    """The psd command over one store."""
    options = ["--set", f"redis.url={redis_url}", "--set", "queue.kind=stream"]
    return CliRunner().invoke(psd, [*options, *arguments])


def run_import(redis_url: str, file: Path, *arguments: str) -> Result:
    """Import the steps of a file."""
    return run(redis_url, "import", str(file), *COLUMNS, *arguments)


async def import_over_http(redis_url: str, file: Path, url: str, *arguments: str) -> Result:
    """The same through a server of this process."""
    options = ("--via", "http", "--url", url, *arguments)
    return await asyncio.to_thread(run_import, redis_url, file, *options)


def told(result: Result) -> str:
    """What stands on stderr but for the id of the import."""
    lines = result.stderr.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"import \d{8}-", line))


def steps_of(redis_url: str, uid: int) -> int:
    """All steps of a user in April 2016."""
    return int(run(redis_url, "query", str(uid), "steps", "2016-04-01", "2016-05-01").output)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Three rows that keep every rule."""
    file = tmp_path / "good.csv"
    file.write_text(GOOD)
    return file


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two good rows around two bad ones."""
    file = tmp_path / "mixed.csv"
    file.write_text(MIXED)
    return file


def contents(redis_url: str) -> dict[bytes, bytes]:
    """Every key with its value as the server writes it to disk, but for what counts archived."""
    with Redis.from_url(redis_url) as client:
        return {key: client.dump(key) for key in client.scan_iter() if key != ORDER_KEY.encode()}


@contextlib.asynccontextmanager
async def stack_on(redis_url: str, more: Mapping[str, Any] | None = None) -> AsyncIterator[Stack]:
    """A server and a worker over the store, with more settings."""
    flags = {"redis.url": redis_url, "queue.kind": "stream", "server.port": 0}
    flags |= {"archive.enabled": False, **(more or {})}
    async with running_stack(load_settings(flags=flags).settings, None) as stack:
        yield stack


def test_direct_books_every_row_and_again_changes_nothing(redis_url: str, good: Path) -> None:
    both = ("--thing", "calories=kcal", "--via", "direct")
    first = run_import(redis_url, good, *both)
    assert (first.exit_code, first.stdout) == (0, "3 rows, 5 booked, 1 unchanged, 0 refused\n")
    assert (steps_of(redis_url, 7), steps_of(redis_url, 8)) == (500, 1)
    before = contents(redis_url)
    again = run_import(redis_url, good, *both)
    assert (again.exit_code, again.stdout) == (0, "3 rows, 6 unchanged, 0 refused\n")
    assert contents(redis_url) == before


def test_refused_rows_are_told_with_their_lines_and_the_rest_is_booked(
    redis_url: str, mixed: Path
) -> None:
    result = run_import(redis_url, mixed, "--via", "direct")
    assert result.exit_code == 1
    assert result.stdout == "4 rows, 2 booked, 2 refused\n"
    assert told(result).splitlines() == [
        "line 3: at: 'never' is neither RFC 3339 nor whole Unix seconds nor a date; "
        "--time-format says how times are written (wrong_type)",
        "line 4: steps: blank (malformed)",
    ]
    assert (steps_of(redis_url, 7), steps_of(redis_url, 8)) == (400, 9)


def test_a_row_whose_sum_leaves_the_range_is_refused_with_its_line(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "big.csv"
    file.write_text(
        "user,at,steps\n7,1460451600,9007199254740991\n7,1460451700,1\n8,1460451600,5\n"
    )
    result = run_import(redis_url, file, "--via", "direct")
    assert (result.exit_code, result.stdout) == (1, "3 rows, 2 booked, 1 refused\n")
    assert told(result).startswith("line 3: ")
    assert "(out_of_bounds)" in result.stderr


async def test_http_books_and_refuses_as_direct_does(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "big.csv"
    file.write_text(
        "user,at,steps\n7,1460451600,9007199254740991\n7,1460451700,1\nx,1,1\n8,1460451600,5\n"
    )
    async with stack_on(redis_url) as stack:
        first = await import_over_http(redis_url, file, stack.url)
        again = await import_over_http(redis_url, file, stack.url)
    assert (first.exit_code, first.stdout) == (1, "4 rows, 2 booked, 2 refused\n")
    assert [line.partition(":")[0] for line in told(first).splitlines()] == ["line 3", "line 4"]
    assert again.stdout == "4 rows, 2 unchanged, 2 refused\n"


async def test_an_address_that_is_not_a_psd_server_is_exit_code_1(
    redis_url: str, good: Path
) -> None:
    async with stack_on(redis_url) as stack:
        result = await import_over_http(redis_url, good, f"{stack.url}/elsewhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "/elsewhere answers 404: 404 page not found" in result.stderr


async def test_rows_whose_answer_was_lost_are_sent_again_and_told_as_booked(
    redis_url: str, good: Path
) -> None:
    async with stack_on(redis_url) as stack, unsteady(stack.url, "503", "lost") as front:
        result = await import_over_http(redis_url, good, front.url, "--no-undo")
    assert (result.exit_code, result.stdout) == (0, "3 rows, 3 booked, 0 refused\n")
    assert [seen.path for seen in front.requests] == ["/v3/events"] * 3
    assert len({seen.headers["Idempotency-Key"] for seen in front.requests}) == 1


async def test_http_shows_the_token_of_its_file(redis_url: str, good: Path, tmp_path: Path) -> None:
    (tmp_path / "writer").write_text(WRITER.secret)
    (tmp_path / "loader").write_text(LOADER.secret)
    writer = ("--token-file", str(tmp_path / "writer"))
    loader = ("--token-file", str(tmp_path / "loader"))
    async with stack_on(redis_url, asked_of(WRITER, LOADER)) as stack:
        nobody = await import_over_http(redis_url, good, stack.url)
        blind = await import_over_http(redis_url, good, stack.url, *writer)
        given_up = await import_over_http(redis_url, good, stack.url, *writer, "--no-undo")
        again = await import_over_http(redis_url, good, stack.url, *loader)
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "token" in nobody.stderr
    assert (blind.exit_code, blind.stdout) == (1, "")
    assert "give it a token that may read too, or --no-undo" in blind.stderr
    assert (given_up.exit_code, given_up.output) == (0, "3 rows, 3 booked, 0 refused\n")
    assert (again.exit_code, again.stdout) == (0, "3 rows, 3 unchanged, 0 refused\n")


async def test_queue_with_wait_returns_when_the_worker_has_booked_all(
    redis_url: str, good: Path
) -> None:
    async with stack_on(redis_url):
        arguments = (redis_url, good, "--via", "queue", "--wait")
        result = await asyncio.to_thread(run_import, *arguments)
        booked = await asyncio.to_thread(steps_of, redis_url, 7)
    assert (result.exit_code, result.stdout) == (0, "3 rows, 3 queued, 0 refused\n")
    assert booked == 500


def test_ndjson_is_taken_by_its_name(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_text('{"user":7,"at":"2016-04-12T08:00:00Z","steps":400}\n')
    assert run_import(redis_url, file, "--via", "direct").exit_code == 0
    assert steps_of(redis_url, 7) == 400


def test_a_column_name_twice_books_nothing(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "twice.csv"
    file.write_text("user,at,steps,steps\n7,2016-04-12T08:00:00Z,400,9\n")
    result = run_import(redis_url, file, "--via", "direct")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "psd: line 1: column 'steps' stands twice\n"
    assert steps_of(redis_url, 7) == 0


def test_rows_behind_a_quote_that_is_never_closed_are_not_booked_by_half(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "quote.csv"
    rows = [
        "user,at,steps,note",
        "7,1460451600,400,-",
        '7,1460451700,1,"left open',
        "8,1460451600,9,-",
        "",
    ]
    file.write_text("\n".join(rows))
    result = run_import(redis_url, file, "--via", "direct")
    assert (result.exit_code, result.stdout) == (1, "2 rows, 1 booked, 1 refused\n")
    assert told(result).startswith("line 3: row: a quote is opened and never closed")


def test_type_and_id_may_be_constants(redis_url: str, good: Path) -> None:
    constants = ("--atid", "3", "--aid", "77", "--via", "direct")
    assert run_import(redis_url, good, *constants).exit_code == 0
    query = ("query", "steps", "7", "2016-04-01", "2016-05-01")
    assert run(redis_url, *query, "--atid", "3").output == "500\n"
    assert run(redis_url, *query, "--atid", "4").output == "0\n"
    assert run(redis_url, *query, "--aid", "77").output == "500\n"
    assert run(redis_url, *query, "--aid", "78").output == "0\n"


def test_only_the_first_twenty_refused_lines_are_shown(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("user,at,steps\n" + "7,100,x\n" * 25)
    result = run_import(redis_url, file, "--via", "direct")
    assert result.stdout == "25 rows, 25 refused\n"
    assert len(told(result).splitlines()) == 21
    assert told(result).endswith("... and 5 more refused lines\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--thing", "miles=steps"),
            "'miles' is not configured; known are battery_charge, calories, cb,",
        ),
        (("--thing", "steps=kcal"), "'steps' is given twice"),
        (("--thing", "calories=fat"), "no column 'fat'; columns are user, at, steps, kcal"),
        (("--atid", "kind"), "'kind' is neither a column nor a whole number"),
        (("--wait",), "--wait needs --via queue"),
        (("--url", "psd:1155", "--via", "http"), "is not an http:// or https:// address"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    redis_url: str, good: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run_import(redis_url, good, "--via", "direct", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")


def test_a_store_or_server_that_is_away_is_exit_code_75(good: Path) -> None:
    away = "redis://127.0.0.1:1/0"
    direct = run_import(away, good, "--via", "direct")
    assert (direct.exit_code, direct.stdout) == (75, "")
    assert direct.stderr.startswith("psd: redis: ")
    http = run_import(away, good, "--via", "http", "--url", "http://127.0.0.1:1")
    assert http.exit_code == 75
    assert run_import(away, good, "--via", "queue").exit_code == 75
