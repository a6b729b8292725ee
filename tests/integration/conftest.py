"""The servers that a worker runs on, for both kinds of queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from psd.runtime import open_runtime
from tests.support.nsqd import Nsqd
from tests.support.redis_server import KEEP, RedisServer
from tests.support.worker_stack import WorkerStack


@pytest.fixture(autouse=True)
def archive_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that a test starts leaves an archive in the checkout, or finds another test's."""
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    with RedisServer(tmp_path / "redis", options=KEEP) as server:
        yield server


@pytest.fixture(params=["nsq", "stream"])
async def stack(
    request: pytest.FixtureRequest, own_redis: RedisServer, tmp_path: Path
) -> AsyncIterator[WorkerStack]:
    """Redis and each kind of queue."""
    with ExitStack() as servers:
        nsqd = servers.enter_context(Nsqd(tmp_path)) if request.param == "nsq" else None
        built = WorkerStack(request.param, own_redis, nsqd)
        built.runtime = await open_runtime(built.settings)
        yield built
        await built.runtime.close()
