"""``psd backup``: what is copied while others write, what is refused, and what is left behind.

tests/chaos/experiments/backups.py has workers that book meanwhile; here somebody writes between any
two pages.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.backup import store_copy
from psd.backup.manifest import NAME
from psd.cli.interrupted import EXIT_INTERRUPTED
from psd.store.changed_keys import ChangedKeys
from tests.support.processes.commands import printed, run
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.backed_up import SUM, is_there, names_in, started
from tests.support.stored.whole_stores import held
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("tests/integration/cluster/test_backing_up.py has a cluster")

PAGE = Path(__file__).parents[3] / "docs" / "security.md"


def between_pages(monkeypatch: pytest.MonkeyPatch, write: Callable[[], Any]) -> None:
    """Let somebody write behind each page that was read."""
    monkeypatch.setattr(store_copy, "OWNERS_KEYS", 20)
    monkeypatch.setattr(store_copy, "reach", lambda _: write())


@pytest.mark.usefixtures("archive")
async def test_what_is_written_meanwhile_is_copied_as_it_is_in_the_end(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(sorted(server.ask("KEYS", "psd:{p0}:*")))

    def write() -> None:
        server.ask("HINCRBY", SUM, "tries", 1)
        server.ask("SADD", "psd:owners:{o1}:9", os.urandom(4))
        server.ask("UNLINK", next(keys))

    between_pages(monkeypatch, write)
    told = msgspec.json.decode(await printed("backup", str(folder), "--json", url=server.url))
    assert told["read_again"] >= 3
    before = await held(server)
    server.flush()
    await printed("restore", str(folder), url=server.url)
    assert await held(server) == before


@pytest.mark.usefixtures("archive")
async def test_two_keys_that_are_written_together_all_the_time_are_of_one_moment(
    server: RedisServer, folder: Path
) -> None:
    """Whoever writes is held for the moment, and nobody is refused."""
    is_over = asyncio.Event()

    def write_on() -> int:
        with server.sync_client() as client:
            pipe = client.pipeline()
            while not is_over.is_set():
                pipe.incr("psd:a").incr("psd:z").execute()
            return int(client.get("psd:a"))

    writing = asyncio.create_task(asyncio.to_thread(write_on))
    try:
        await wait_until("somebody writes", lambda: server.ask("EXISTS", "psd:a") == 1)
        await printed("backup", str(folder), url=server.url)
    finally:
        is_over.set()
    written = await writing
    server.flush()
    await printed("restore", str(folder), url=server.url)
    one, other = server.ask("MGET", "psd:a", "psd:z")
    assert 0 < int(one) == int(other) <= written


def user(server: RedisServer, *more: str) -> str:
    """A user of psd's, who may also do that; the address for it."""
    text = PAGE.read_text(encoding="utf-8")
    [line] = re.findall(r"^ACL SETUSER psd (.+)$", text, re.MULTILINE)
    server.ask("ACL", "SETUSER", "psd", *line.replace("PASSWORD", "p").split(), *more)
    return server.url.replace("unix://", "unix://psd:p@")


def of_backups() -> list[str]:
    """What docs/security.md says that a backup needs beside."""
    [words] = re.findall(
        r"`psd backup` and `psd restore` need `([^`]+)`", PAGE.read_text(encoding="utf-8")
    )
    return words.split()


@pytest.mark.usefixtures("archive")
async def test_the_documented_user_may_back_up_and_restore(
    server: RedisServer, folder: Path
) -> None:
    url = user(server, *of_backups())
    before = await held(server)
    await printed("backup", str(folder), url=url)
    server.flush()
    await printed("restore", str(folder), url=url)
    assert await held(server) == before


@pytest.mark.usefixtures("archive")
async def test_who_may_not_follow_changes_is_told_where_it_stands(
    server: RedisServer, folder: Path
) -> None:
    found = await run("backup", str(folder), url=user(server))
    assert (found.exit_code, is_there(folder)) == (78, False)
    assert "docs/security.md" in found.stderr


@pytest.mark.usefixtures("archive")
async def test_who_may_not_hold_others_copies_what_nobody_writes_to_and_else_is_told(
    server: RedisServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = user(server, *(word for word in of_backups() if word != "+client|pause"))
    await printed("backup", str(folder), url=url)
    monkeypatch.setattr(store_copy, "AGAIN_AFTER_S", 0.0)
    take = ChangedKeys.take

    def busy(changed: ChangedKeys) -> list[bytes]:
        server.ask("HINCRBY", SUM, "tries", 1)
        return take(changed)

    monkeypatch.setattr(ChangedKeys, "take", busy)
    found = await run("backup", str(tmp_path / "other"), url=url)
    assert found.exit_code == 75
    assert "CLIENT PAUSE (docs/security.md)" in found.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("archive")
async def test_a_store_that_is_emptied_meanwhile_is_no_backup(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between_pages(monkeypatch, lambda: server.ask("FLUSHALL"))
    found = await run("backup", str(folder), url=server.url)
    assert found.exit_code == 75
    assert "emptied while it was copied" in found.stderr
    assert not is_there(folder)


def written(path: Path) -> Path:
    """A file in a folder of its own."""
    path.parent.mkdir()
    path.write_text("x")
    return path


@pytest.mark.usefixtures("archive")
async def test_a_folder_with_something_in_it_is_left_alone(
    server: RedisServer, folder: Path
) -> None:
    mine = written(folder / "mine")
    found = await run("backup", str(folder), url=server.url)
    assert (found.exit_code, names_in(folder)) == (78, [mine.name])
    assert "is there and not empty" in found.stderr


async def test_ctrl_c_leaves_nothing_and_says_how_to_go_on(
    server: RedisServer, archive: Path, folder: Path
) -> None:
    process = started(server, archive, "backup", str(folder), "--rate", "1")
    beside = folder.with_name("backup.unfinished")
    await wait_until("it writes", lambda: [*beside.glob("store/*")] != [])
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, out) == (EXIT_INTERRUPTED, "")
    assert f"psd: interrupted; nothing is left of it: psd backup {folder} begins anew" in err
    assert not is_there(folder)
    assert not is_there(beside)


async def test_without_an_archive_it_says_so(server: RedisServer, folder: Path) -> None:
    found = await run("backup", str(folder), url=server.url)
    assert found.exit_code == 78
    assert "--no-archive" in found.stderr
    found = await run("backup", str(folder), "--no-archive", url=server.url)
    assert found.exit_code == 0
    assert "without the archive" in found.stderr
    assert json.loads((folder / NAME).read_text())["files"][0]["path"] == "store/00001.keys"


@pytest.mark.usefixtures("archive")
async def test_a_store_that_is_away_is_tried_later(tmp_path: Path, folder: Path) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    found = await run("backup", str(folder), url=url)
    assert (found.exit_code, is_there(folder)) == (75, False)
