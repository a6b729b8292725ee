"""``psd restore``: what comes back, and what is refused before anything is written."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.backup import manifest as manifests
from psd.backup.manifest import NAME, read_manifest
from psd.errors import ConfigError
from psd.store.keys import LIFE_KEY, MIGRATION_KEY, PARTITIONS_KEY
from tests.support.engine import engine_on
from tests.support.processes.commands import printed, run
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.backed_up import SUM, ends_at_ms, is_there, names_in, started
from tests.support.stored.whole_stores import held

pytestmark = pytest.mark.one_server("tests/integration/cluster/test_backing_up.py has a cluster")

MARKS = "psd:{p0}:1:k:16903"
DAY_MS = 86_400_000


async def test_everything_comes_back_to_the_byte_and_ends_when_it_was_to(
    server: RedisServer, archive: Path, folder: Path
) -> None:
    server.ask("EXPIRE", SUM, 1_000)
    ends_ms, life = ends_at_ms(server, SUM), server.ask("GET", LIFE_KEY)
    before = await held(server)
    told = await printed("backup", str(folder), url=server.url)
    assert re.match(r"\d+ keys as of 20\d\d-\S+Z, [\d.]+ MB, and 1 files of the archive", told)
    server.flush()
    shutil.rmtree(archive)
    told = await printed("restore", str(folder), url=server.url)
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


@pytest.mark.usefixtures("archive")
async def test_a_store_that_has_something_is_left_as_it_is(
    server: RedisServer, folder: Path
) -> None:
    await printed("backup", str(folder), url=server.url)
    before = await held(server)
    found = await run("restore", str(folder), url=server.url)
    assert found.exit_code == 78
    assert "the store is not empty: it has psd:" in found.stderr
    assert await held(server) == before
    assert server.ask("EXISTS", MIGRATION_KEY) == 0


@pytest.mark.usefixtures("archive")
async def test_who_waits_for_messages_in_a_store_that_was_lost_is_in_nobodys_way(
    server: RedisServer, folder: Path
) -> None:
    await printed("backup", str(folder), url=server.url)
    before = await held(server)
    server.flush()
    server.ask("XGROUP", "CREATE", "psd:stream:psd", "psd", "0", "MKSTREAM")
    server.ask("XADD", "psd:stream:psd", "1-1", "b", "a message")
    found = await run("restore", str(folder), url=server.url)
    assert found.exit_code == 78
    assert "it has psd:stream:psd" in found.stderr
    server.ask("XDEL", "psd:stream:psd", "1-1")
    await printed("restore", str(folder), url=server.url)
    assert server.ask("DEL", "psd:stream:psd") == 1
    assert await held(server) == before


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
    await printed("backup", str(folder), url=server.url)
    server.flush()
    damage(folder / name)
    found = await run("restore", str(folder), url=server.url)
    assert found.exit_code == code, found.output
    assert said in found.stderr
    assert server.ask("DBSIZE") == 0


@pytest.mark.usefixtures("archive")
async def test_a_dry_run_checks_everything_and_writes_nothing(
    server: RedisServer, archive: Path, folder: Path
) -> None:
    await printed("backup", str(folder), url=server.url)
    assert (await run("restore", str(folder), "--dry-run", url=server.url)).exit_code == 78
    server.flush()
    shutil.rmtree(archive)
    told = await printed("restore", str(folder), "--dry-run", url=server.url)
    assert "nothing was written" in told
    assert (server.ask("DBSIZE"), is_there(archive)) == (0, False)


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("schema", ["3", "5"])
async def test_a_backup_of_another_version_names_who_can_restore_it(
    schema: str, server: RedisServer, folder: Path
) -> None:
    await printed("backup", str(folder), url=server.url)
    other = msgspec.structs.replace(read_manifest(folder), schema=schema, checksum="")
    (folder / NAME).unlink()
    manifests.write_manifest(folder, other)
    server.flush()
    found = await run("restore", str(folder), url=server.url)
    assert found.exit_code == 78
    assert ("`psd migrate`" if schema == "3" else "as new") in found.stderr
    assert server.ask("DBSIZE") == 0


@pytest.mark.usefixtures("archive")
async def test_a_store_of_other_partitions_is_refused(server: RedisServer, folder: Path) -> None:
    await printed("backup", str(folder), url=server.url)
    server.flush()
    server.ask("SET", PARTITIONS_KEY, "16")
    found = await run("restore", str(folder), url=server.url)
    assert found.exit_code == 78
    assert "begun with 16 partitions, and the backup is of one of 1" in found.stderr
    server.flush()
    found = await run("--set", "redis.partitions=4", "restore", str(folder), url=server.url)
    assert found.exit_code == 78
    assert "redis.partitions = 4: the backup is of a store of 1" in found.stderr


async def test_a_restore_that_was_killed_is_taken_for_no_whole_one_and_goes_on(
    server: RedisServer, archive: Path, folder: Path, tmp_path: Path
) -> None:
    await printed("backup", str(folder), url=server.url)
    await printed("backup", str(tmp_path / "another"), url=server.url)
    before = await held(server)
    server.flush()
    process = started(server, archive, "restore", str(folder), PSD_FAILPOINT="restored_page:1")
    await asyncio.to_thread(process.communicate)
    assert process.returncode == -signal.SIGKILL
    assert server.ask("DBSIZE") > 100
    with pytest.raises(ConfigError, match=r"being filled from backup .*; `psd restore` ends that"):
        async with engine_on(server.url):
            pass
    found = await run("restore", str(tmp_path / "another"), url=server.url)
    assert found.exit_code == 78
    assert "being filled from backup" in found.stderr
    await printed("restore", str(folder), url=server.url)
    assert await held(server) == before


@pytest.mark.usefixtures("archive")
async def test_marks_of_increments_outlive_an_old_backup_until_it_is_replayed(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ask("HSET", MARKS, "12345678", "")
    server.ask("PEXPIRE", MARKS, 60_000)
    await printed("backup", str(folder), url=server.url)
    server.flush()
    now_s = time.time()
    monkeypatch.setattr("psd.backup.restoring.time.time", lambda: now_s + 7 * 86_400)
    told = await printed("restore", str(folder), url=server.url)
    assert told.endswith(" --forgotten\n")
    assert ends_at_ms(server, MARKS) - now_s * 1000 > 1.9 * DAY_MS
