"""Fixtures that more than one kind of test uses.

With PSD_TEST_CLUSTER=1 the shared server is a Redis Cluster of three masters, for the tests that
can run on one (tests/integration/conftest.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.redis_cluster import RedisCluster
from tests.support.redis_server import RedisServer

ON_CLUSTER = os.environ.get("PSD_TEST_CLUSTER") == "1"


@pytest.fixture(scope="session")
def redis_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RedisServer | RedisCluster]:
    """The distribution's Redis, shared by all tests that do not harm it."""
    kind = RedisCluster if ON_CLUSTER else RedisServer
    with kind(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer | RedisCluster) -> str:
    """The shared server, empty."""
    redis_server.flush()
    return redis_server.url
