"""What is backed up and restored: a server with some of everything, and an archive beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from psd.store import filling
from psd.store.keys import SCHEMA_VERSION
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.whole_stores import fill


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all of these tests."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def server(running: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """The same with some of everything in it; nobody else works with it."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)
    running.flush()
    await fill(running, SCHEMA_VERSION)
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
