"""Every engine that psd supports, one server each for all contract tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from psd.runtime import Runtime
from tests.support.engine import engine_on
from tests.support.servers.redis_server import ENGINES, RedisServer


@pytest.fixture(scope="session", params=ENGINES)
def engine_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A server of each engine."""
    with RedisServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


@pytest.fixture
async def psd(engine_server: RedisServer) -> AsyncIterator[Runtime]:
    """A runtime on an empty store."""
    engine_server.empty()
    async with engine_on(engine_server.url) as runtime:
        yield runtime
