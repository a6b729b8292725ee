"""The servers that a worker runs on, for both kinds of queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from psd.runtime import open_runtime
from tests.support.nsqd import KILL_SAFE, Nsqd
from tests.support.redis_server import KEEP, RedisServer
from tests.support.worker_stack import WorkerStack


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
    nsqd = Nsqd(tmp_path, KILL_SAFE).start() if request.param == "nsq" else None
    built = WorkerStack(request.param, own_redis, nsqd)
    built.runtime = await open_runtime(built.settings)
    try:
        yield built
    finally:
        await built.runtime.close()
        if nsqd is not None:
            nsqd.kill9()
