"""Two servers with which nobody else works: one that is moved, and one that it is moved into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from psd.store import filling
from tests.support.servers.redis_server import RedisServer


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two for all of these tests."""
    with ExitStack() as running:
        folders = [tmp_path_factory.mktemp(name) for name in ("old", "new")]
        old, new = (running.enter_context(RedisServer(folder)) for folder in folders)
        yield old, new


@pytest.fixture
def old(servers: tuple[RedisServer, RedisServer]) -> RedisServer:
    """The server that is moved, empty."""
    servers[0].flush()
    return servers[0]


@pytest.fixture
def new(servers: tuple[RedisServer, RedisServer]) -> RedisServer:
    """The server that it is moved into, empty."""
    servers[1].flush()
    return servers[1]


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process works with these stores, so that nobody has to see a note."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)
