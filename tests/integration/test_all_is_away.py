"""Every command while what it needs is away: exit code 75, one sentence, nothing written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from psd.cli.main import commands
from tests.support.processes.forked import psd_ended
from tests.support.processes.worker_process import environment

NOWHERE = {
    "redis.url": "redis://127.0.0.1:1/0",
    "queue.nsqd_addresses": "127.0.0.1:1",
    "server.port": "1",
}
MESSAGE = (
    b'{"command":"metric","metric":{"thing":"steps","uid":7,"aid":1,"value":4,"ts2":1460419200}}'
)
COLUMNS = "--uid u --time t --thing steps=s"
DAYS = "--start 2016-04-12 --end 2016-04-13"

COMMAND_LINES = (
    "publish m.ndjson",
    f"import w.csv {COLUMNS} --via http",
    f"import w.csv {COLUMNS} --via queue",
    f"import w.csv {COLUMNS} --via direct",
    "verify",
    "verify 7 --repair",
    "migrate --from redis://127.0.0.1:1/1",
    "migrate --from redis://127.0.0.1:1/1 --dry-run",
    "seal",
    "query steps 7 2016-04-12 2016-04-13",
    "write --thing steps --uid 7 --value 1 --ts2 2016-04-12",
    f"sum steps 7 {DAYS}",
    f"series steps 7 {DAYS} --every day",
    f"top steps {DAYS}",
    f"around steps 7 {DAYS}",
    f"compare steps {DAYS} --compare-to 2016-04-12",
    f"activities 7 {DAYS}",
    "activities 7 --withdraw 1",
    "replay --from 2016-04-12",
    "replay --from 2016-04-12 --dry-run",
    "dlq ls",
    "dlq show x",
    "dlq replay --all",
    "dlq replay x",
    "dlq drop --all",
    "names alice@example.com",
    "names --prefix alice",
    "users erase alice@example.com --yes",
    "boards ls",
    "boards show cup",
    "boards rm cup",
    "boards members ls cup",
    "boards standing cup",
    "rewards calculate",
    "rewards weeks",
    "rewards history 42",
    "rewards export 0",
    "rewards statement 7",
    "rewards blacklist ls",
    "rewards override ls",
    "pages users list",
    "pages users remove alice",
    "swaps add --driver 1 --station 1 --battery-out B1 --odometer 1",
    "swaps show 1",
    "swaps driver 1",
    "swaps station 1",
    "swaps battery 1",
    "swaps days 1",
    "swaps events",
    "swaps check",
    "swaps verify",
    "swaps rebuild",
    "swaps sample",
    "energy usage m-1 2016-04-12 2016-04-13",
    "energy gaps m-1 2016-04-12 2016-04-13",
    "energy cost m-1 --start 2016-04-12 --end 2016-04-13 --plan p",
    "energy compare m-1 --start 2016-04-12 --end 2016-04-13",
    "energy recommend m-1 --start 2016-04-12 --end 2016-04-13",
    "energy meter show m-1",
    "energy meter set m-1 --digits 5",
    "energy plans ls",
    "energy plans rm p",
    "energy import i.csv --format csv --meter m-1",
    "energy import i.csv --format csv --meter m-1 --via direct",
    "charging ledger u1",
    "charging post u1 5 --id a --note n",
    "export bookings",
    "backup b",
    "export boards out",
    "convert pointspaced --from redis://127.0.0.1:2/0",
    "watch steps",
    "up --port 0 --redis redis://127.0.0.1:1/0",
)

ASKS_NOBODY = {"token", "config", "completion"}
STAYS_AND_WAITS = {"server", "worker"}
"""They start without their dependencies, answer 503 or pause, and go on by themselves."""

BEGINS_WITH_FILES = {"restore"}
"""Asks nobody before its files are whole; tests/integration/backups has the rest."""

REPORTS_ITSELF = {"doctor"}
"""What is away is what it is there to say: exit code 1."""


@pytest.mark.parametrize("line", COMMAND_LINES)
async def test_it_is_exit_code_75_with_a_sentence(line: str, tmp_path: Path) -> None:
    (tmp_path / "m.ndjson").write_bytes(MESSAGE + b"\n")
    (tmp_path / "w.csv").write_text("u,t,s\n7,1460462400,5\n")
    (tmp_path / "i.csv").write_text("2016-04-12T12:00:00Z,0.25\n")
    (tmp_path / "archive").mkdir()
    code, out, err = await run(tmp_path, line)
    assert code == 75, (out, err)
    assert err.splitlines()[-1].startswith("psd: "), err
    assert "Traceback" not in err
    assert "Errno" not in err


@pytest.mark.parametrize(
    "line", ["publish m.ndjson", f"import w.csv {COLUMNS} --via queue", "dlq ls", "dlq drop --all"]
)
async def test_a_store_that_is_there_does_not_stand_in_for_the_queue(
    redis_url: str, tmp_path: Path, line: str
) -> None:
    (tmp_path / "m.ndjson").write_bytes(MESSAGE + b"\n")
    (tmp_path / "w.csv").write_text("u,t,s\n7,1460462400,5\n")
    code, out, err = await run(tmp_path, f"--set redis.url={redis_url} {line}")
    assert code == 75, (out, err)
    assert "nsqd 127.0.0.1:1: nothing listens there (connection refused)" in err.splitlines()[-1]


def test_every_command_is_walked_through() -> None:
    walked = {line.split()[0] for line in COMMAND_LINES}
    others = ASKS_NOBODY | STAYS_AND_WAITS | BEGINS_WITH_FILES | REPORTS_ITSELF
    assert walked | others == set(commands())


async def run(folder: Path, line: str) -> tuple[int, str, str]:
    """``psd`` with everything away."""
    settings = [word for key, value in NOWHERE.items() for word in ("--set", f"{key}={value}")]
    words = [*settings, *line.split()]
    ended = await asyncio.to_thread(psd_ended, words, folder, environment())
    return ended.returncode, ended.stdout, ended.stderr
