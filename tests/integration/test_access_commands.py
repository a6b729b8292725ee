"""The commands and who may ask: refusing to start, making tokens, and sending one."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.access.tokens import digest
from psd.cli.main import psd
from psd.config import AccessSettings, RedisSettings, ServerSettings, Settings
from psd.runtime import open_runtime
from tests.support.clients.access import token_for
from tests.support.clients.http import serving
from tests.support.processes.forked import psd_ended
from tests.support.servers.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(psd, words, input=stdin)


def started(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A psd process that is expected to end by itself."""
    return psd_ended(words, tmp_path, os.environ, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "words",
    [
        ("server", "--host", "0.0.0.0", "--port", "0"),
        ("server", "--host", "::", "--port", "0", "--processes", "2"),
        ("up", "--host", "0.0.0.0", "--port", "0"),
    ],
)
def test_an_address_of_other_machines_without_checks_is_refused_with_78(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    ended = started(tmp_path, *words)
    assert ended.returncode == 78
    assert "psd token new" in ended.stderr
    assert "--insecure" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_workers_metrics_on_such_an_address_are_refused_with_78(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    settings = ("server.host=0.0.0.0", f"redis.url={redis_server.url}", "queue.kind=stream")
    options = [word for text in settings for word in ("--set", text)]
    ended = started(tmp_path, *options, "worker", "--metrics-port", "9")
    assert ended.returncode == 78
    assert "worker.metrics_port" in ended.stderr


def test_a_new_token_is_printed_once_with_the_line_that_checks_it(tmp_path: Path) -> None:
    made = run("token", "new", "--name", "phone", "--scope", "read", "--owner", "7")
    assert made.exit_code == 0
    secret, line = made.stdout.split("\n")[:2]
    assert re.fullmatch(r"psd_[\w-]{43}", secret)
    assert line == f"name=phone scopes=read owners=7 sha256={digest(secret)}"
    path = tmp_path / "tokens"
    path.write_text(line)
    where = ("--set", f"access.tokens_file={path}")
    checked = run(*where, "token", "check", stdin=f"{secret}\n")
    assert (checked.exit_code, checked.stdout.strip()) == (0, line)
    wrong = run(*where, "token", "check", stdin=f"{secret}x\n")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert secret not in wrong.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--scope", "root"), 2),
        (("--scope", "read", "--expires", "yesterday"), 2),
        (("--scope", "read", "--expires", "2016-04-12T00:00:00Z"), 2),
        (("--scope", "read", "--owner", " x"), 2),
        (("--scope", "admin", "--owner", "1"), 78),
        ((), 2),
    ],
)
def test_a_token_that_psd_would_refuse_is_not_made(words: tuple[str, ...], code: int) -> None:
    made = run("token", "new", "--name", "phone", *words)
    assert made.exit_code == code
    assert "psd_" not in made.stdout


def test_the_end_of_a_token_may_be_a_time_or_a_span() -> None:
    for text, told in (("90d", r"20\d\d-\d\d-\d\dT"), ("2101-01-01T00:00:00Z", "2101-01-01T00")):
        made = run("token", "new", "--name", "a", "--scope", "read", "--expires", text)
        assert re.search(f" expires={told}", made.stdout), made.output


async def test_an_import_sends_the_token_of_a_file(redis_url: str, tmp_path: Path) -> None:
    token, rows, held = token_for("import", "read write"), tmp_path / "rows.csv", tmp_path / "token"
    rows.write_text("id,at,steps\n7,2016-04-12T08:00:00Z,400\n")
    held.write_text(f"{token.secret}\n")
    runtime = await open_runtime(
        Settings(
            redis=RedisSettings(url=redis_url, durability="fast"),
            server=ServerSettings(port=0),
            access=AccessSettings(tokens=(token.line,)),
        )
    )
    async with serving(runtime) as client:
        columns = ("--uid", "id", "--time", "at", "--thing", "steps=steps", "--url", client.url)
        command = ("import", str(rows), *columns)
        refused = await asyncio.to_thread(run, *command)
        booked = await asyncio.to_thread(run, *command, "--token-file", str(held))
    await runtime.close()
    assert (refused.exit_code, booked.exit_code) == (1, 0), booked.output
    assert "a token is needed" in refused.output
    assert "1 booked" in booked.output
    assert token.secret not in refused.output + booked.output


def test_tokens_of_the_file_are_listed_and_revoked_by_their_marks(tmp_path: Path) -> None:
    file, kept, gone = tmp_path / "tokens", token_for("amp", "admin"), token_for("phone", "read")
    file.write_text(f"# who may ask\n{kept.line}\n{gone.line}\n")
    options = ("--set", f"access.tokens_file={file}", "token")
    listed = run(*options, "ls")
    rows = [line.split() for line in listed.stdout.splitlines()]
    mark = digest(gone.secret)[:16]
    assert rows[2] == [mark, "phone", "read", "everybody", "never", "access.tokens_file"]
    revoked = run(*options, "revoke", mark)
    assert (revoked.exit_code, revoked.stderr) == (0, "phone is revoked\n")
    assert file.read_text() == f"# who may ask\n{kept.line}\n"
    again = run(*options, "revoke", mark)
    assert (again.exit_code, "is the mark of none" in again.stderr) == (
        1,
        True,
    )


def test_a_token_of_the_settings_is_not_revoked(tmp_path: Path) -> None:
    token = token_for("phone", "read")
    told = run("--set", f"access.tokens={token.line}", "token", "revoke", digest(token.secret)[:16])
    assert told.exit_code == 1
    assert "access.tokens" in told.stderr
