"""``psd backup`` and ``psd restore``: what comes back, what is refused, and what is left behind.

tests/chaos/experiments/backups.py has workers that book meanwhile; here somebody writes between any
two pages.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from psd.backup import manifest as manifests
from psd.backup import store_copy
from psd.backup.manifest import NAME, read_manifest
from psd.cli.interrupted import EXIT_INTERRUPTED
from psd.cli.main import psd as command
from psd.errors import ConfigError
from psd.store import filling
from psd.store.changed_keys import ChangedKeys
from psd.store.keys import LIFE_KEY, MIGRATION_KEY, PARTITIONS_KEY, SCHEMA_VERSION
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.stored_shapes import Stored, held_by
from tests.support.stored.stored_shapes import restore as fill
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("tests/integration/cluster/test_backing_up.py has a cluster")

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
SUM = "psd:{p0}:1:1:y"
MARKS = "psd:{p0}:1:k:16903"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all of these tests."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def server(running: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """The same with some of everything in it; nobody else works with it."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)
    running.flush()
    async with running.client() as client:
        await fill(client, SCHEMA_VERSION)
    running.ask("SET", "psd:store", "5a1e09c3b7d2")
    return running


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The folder that every process of a test takes for its archive, with one file."""
    file = tmp_path / "archive" / "20160412" / "host7-1-1-0.5a1e09c3b7d2.psda"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    return tmp_path / "archive"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the backup is."""
    return tmp_path / "backup"


async def psd(server: RedisServer, *words: str, url: str = "") -> Result:
    """What a command says."""
    arguments = ["--set", f"redis.url={url or server.url}", *words]
    return await asyncio.to_thread(CliRunner().invoke, command, arguments)


async def done(server: RedisServer, *words: str, url: str = "") -> str:
    """What a command prints that ends well."""
    found = await psd(server, *words, url=url)
    assert found.exit_code == 0, found.output
    return found.stdout


def is_there(path: Path) -> bool:
    return path.exists()


def write(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text("x")
    return path


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file()]


async def held(server: RedisServer) -> Stored:
    async with server.client() as client:
        return await held_by(client)


def ends_at_ms(server: RedisServer, key: str) -> int:
    """When a key ends, in Unix milliseconds."""
    return int(server.ask("PEXPIRETIME", key))


async def test_everything_comes_back_to_the_byte_and_ends_when_it_was_to(
    server: RedisServer, archive: Path, folder: Path
) -> None:
    server.ask("EXPIRE", SUM, 1_000)
    ends_ms, life = ends_at_ms(server, SUM), server.ask("GET", LIFE_KEY)
    before = await held(server)
    told = await done(server, "backup", str(folder))
    assert re.match(r"\d+ keys as of 20\d\d-\S+Z, [\d.]+ MB, and 1 files of the archive", told)
    server.flush()
    shutil.rmtree(archive)
    told = await done(server, "restore", str(folder))
    assert "all whole" in told
    assert re.search(r"next: psd replay --from 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", told)
    assert await held(server) == before
    # By the server's clock of just before it was asked how long the key has left.
    assert 0 <= ends_ms - ends_at_ms(server, SUM) < 30_000
    assert server.ask("GET", "psd:store") == b"5a1e09c3b7d2"
    # Processes that knew the empty store hear that it is another one.
    assert server.ask("GET", LIFE_KEY) not in (None, life)
    assert server.ask("EXISTS", MIGRATION_KEY) == 0
    assert names_in(archive) == ["host7-1-1-0.5a1e09c3b7d2.psda"]


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
    told = msgspec.json.decode(await done(server, "backup", str(folder), "--json"))
    assert told["read_again"] >= 3
    before = await held(server)
    server.flush()
    await done(server, "restore", str(folder))
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
        await done(server, "backup", str(folder))
    finally:
        is_over.set()
    written = await writing
    server.flush()
    await done(server, "restore", str(folder))
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
    await done(server, "backup", str(folder), url=url)
    server.flush()
    await done(server, "restore", str(folder), url=url)
    assert await held(server) == before


@pytest.mark.usefixtures("archive")
async def test_who_may_not_follow_changes_is_told_where_it_stands(
    server: RedisServer, folder: Path
) -> None:
    found = await psd(server, "backup", str(folder), url=user(server))
    assert (found.exit_code, is_there(folder)) == (78, False)
    assert "docs/security.md" in found.stderr


@pytest.mark.usefixtures("archive")
async def test_who_may_not_hold_others_copies_what_nobody_writes_to_and_else_is_told(
    server: RedisServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = user(server, *(word for word in of_backups() if word != "+client|pause"))
    await done(server, "backup", str(folder), url=url)
    monkeypatch.setattr(store_copy, "AGAIN_AFTER_S", 0.0)
    take = ChangedKeys.take

    def busy(changed: ChangedKeys) -> list[bytes]:
        server.ask("HINCRBY", SUM, "tries", 1)
        return take(changed)

    monkeypatch.setattr(ChangedKeys, "take", busy)
    found = await psd(server, "backup", str(tmp_path / "other"), url=url)
    assert found.exit_code == 75
    assert "CLIENT PAUSE (docs/security.md)" in found.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("archive")
async def test_a_store_that_is_emptied_meanwhile_is_no_backup(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between_pages(monkeypatch, lambda: server.ask("FLUSHALL"))
    found = await psd(server, "backup", str(folder))
    assert found.exit_code == 75
    assert "emptied while it was copied" in found.stderr
    assert not is_there(folder)


@pytest.mark.usefixtures("archive")
async def test_a_folder_with_something_in_it_is_left_alone(
    server: RedisServer, folder: Path
) -> None:
    mine = write(folder / "mine")
    found = await psd(server, "backup", str(folder))
    assert (found.exit_code, names_in(folder)) == (78, [mine.name])
    assert "is there and not empty" in found.stderr


@pytest.mark.usefixtures("archive")
async def test_a_store_that_has_something_is_left_as_it_is(
    server: RedisServer, folder: Path
) -> None:
    await done(server, "backup", str(folder))
    before = await held(server)
    found = await psd(server, "restore", str(folder))
    assert found.exit_code == 78
    assert "the store is not empty: it has psd:" in found.stderr
    assert await held(server) == before
    assert server.ask("EXISTS", MIGRATION_KEY) == 0


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-2])


def _spoil(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("name", "damage", "code", "said"),
    [
        ("store/00001.keys", _cut, 1, "it has"),
        ("store/00001.keys", _spoil, 1, "its checksum is another"),
        ("store/00001.keys", Path.unlink, 1, "it is missing"),
        (NAME, Path.unlink, 78, "this is no backup, or one that was broken off"),
        (NAME, _cut, 1, "cannot be read"),
        (
            NAME,
            lambda file: file.write_text(file.read_text().replace('"keys": ', '"keys": 1')),
            1,
            "its checksum is another",
        ),
    ],
)
async def test_a_backup_that_is_not_what_was_written_is_refused_before_anything_is_written(
    name: str,
    damage: Callable[[Path], Any],
    code: int,
    said: str,
    server: RedisServer,
    folder: Path,
) -> None:
    await done(server, "backup", str(folder))
    server.flush()
    damage(folder / name)
    found = await psd(server, "restore", str(folder))
    assert found.exit_code == code, found.output
    assert said in found.stderr
    assert server.ask("DBSIZE") == 0


@pytest.mark.usefixtures("archive")
async def test_a_dry_run_checks_everything_and_writes_nothing(
    server: RedisServer, archive: Path, folder: Path
) -> None:
    await done(server, "backup", str(folder))
    assert (await psd(server, "restore", str(folder), "--dry-run")).exit_code == 78
    server.flush()
    shutil.rmtree(archive)
    told = await done(server, "restore", str(folder), "--dry-run")
    assert "nothing was written" in told
    assert (server.ask("DBSIZE"), is_there(archive)) == (0, False)


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("schema", ["3", "5"])
async def test_a_backup_of_another_version_names_who_can_restore_it(
    schema: str, server: RedisServer, folder: Path
) -> None:
    await done(server, "backup", str(folder))
    other = msgspec.structs.replace(read_manifest(folder), schema=schema, checksum="")
    (folder / NAME).unlink()
    manifests.write_manifest(folder, other)
    server.flush()
    found = await psd(server, "restore", str(folder))
    assert found.exit_code == 78
    assert ("`psd migrate`" if schema == "3" else "as new") in found.stderr
    assert server.ask("DBSIZE") == 0


@pytest.mark.usefixtures("archive")
async def test_a_store_of_other_partitions_is_refused(server: RedisServer, folder: Path) -> None:
    await done(server, "backup", str(folder))
    server.flush()
    server.ask("SET", PARTITIONS_KEY, "16")
    found = await psd(server, "restore", str(folder))
    assert found.exit_code == 78
    assert "begun with 16 partitions, and the backup is of one of 1" in found.stderr
    server.flush()
    found = await psd(server, "--set", "redis.partitions=4", "restore", str(folder))
    assert found.exit_code == 78
    assert "redis.partitions = 4: the backup is of a store of 1" in found.stderr


AT_A_TERMINAL = """
import signal
from psd.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""A shell without jobs gives what it starts behind itself deaf ears for Ctrl-C, these tests too."""


def started(server: RedisServer, tmp_path: Path, *words: str, **environ: str) -> Any:
    """A command in a process of its own, which Ctrl-C reaches."""
    flags = ["--set", f"redis.url={server.url}"]
    return subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, *flags, *words],
        env={**os.environ, "PSD_ARCHIVE_FOLDER": str(tmp_path / "archive"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("archive")
async def test_a_restore_that_was_killed_is_taken_for_no_whole_one_and_goes_on(
    server: RedisServer, folder: Path, tmp_path: Path
) -> None:
    await done(server, "backup", str(folder))
    await done(server, "backup", str(tmp_path / "another"))
    before = await held(server)
    server.flush()
    process = started(server, tmp_path, "restore", str(folder), PSD_FAILPOINT="restored_page:1")
    await asyncio.to_thread(process.communicate)
    assert process.returncode == -signal.SIGKILL
    assert server.ask("DBSIZE") > 100
    with pytest.raises(ConfigError, match=r"being filled from backup .*; `psd restore` ends that"):
        async with engine_on(server.url):
            pass
    found = await psd(server, "restore", str(tmp_path / "another"))
    assert found.exit_code == 78
    assert "being filled from backup" in found.stderr
    await done(server, "restore", str(folder))
    assert await held(server) == before


@pytest.mark.usefixtures("archive")
async def test_ctrl_c_leaves_nothing_and_says_how_to_go_on(
    server: RedisServer, folder: Path, tmp_path: Path
) -> None:
    process = started(server, tmp_path, "backup", str(folder), "--rate", "1")
    beside = folder.with_name("backup.unfinished")
    await wait_until("it writes", lambda: [*beside.glob("store/*")] != [])
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, out) == (EXIT_INTERRUPTED, "")
    assert f"psd: interrupted; nothing is left of it: psd backup {folder} begins anew" in err
    assert not is_there(folder)
    assert not is_there(beside)


@pytest.mark.usefixtures("archive")
async def test_marks_of_increments_outlive_an_old_backup_until_it_is_replayed(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ask("HSET", MARKS, "12345678", "")
    server.ask("PEXPIRE", MARKS, 60_000)
    await done(server, "backup", str(folder))
    server.flush()
    now_s = time.time()
    monkeypatch.setattr("psd.backup.restoring.time.time", lambda: now_s + 7 * 86_400)
    told = await done(server, "restore", str(folder))
    assert told.endswith(" --forgotten\n")
    assert ends_at_ms(server, MARKS) - now_s * 1000 > 1.9 * DAY_MS


async def test_without_an_archive_it_says_so(server: RedisServer, folder: Path) -> None:
    found = await psd(server, "backup", str(folder))
    assert found.exit_code == 78
    assert "--no-archive" in found.stderr
    found = await psd(server, "backup", str(folder), "--no-archive")
    assert found.exit_code == 0
    assert "without the archive" in found.stderr
    assert json.loads((folder / NAME).read_text())["files"][0]["path"] == "store/00001.keys"


@pytest.mark.usefixtures("archive")
async def test_a_store_that_is_away_is_tried_later(tmp_path: Path, folder: Path) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    found = await asyncio.to_thread(
        CliRunner().invoke, command, ["--set", f"redis.url={url}", "backup", str(folder)]
    )
    assert (found.exit_code, is_there(folder)) == (75, False)
