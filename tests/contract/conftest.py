"""Every engine that psd supports, one server each for all contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.redis_server import ENGINES, RedisServer


@pytest.fixture(scope="session", params=ENGINES)
def engine_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A server of each engine."""
    with RedisServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


@pytest.fixture
def redis_url(engine_server: RedisServer) -> str:
    """Each engine, empty: ``psd`` is on it."""
    engine_server.empty()
    return engine_server.url
