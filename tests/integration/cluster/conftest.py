"""A cluster of its own for tests that move slots and kill masters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.redis_cluster import RedisCluster


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three masters for all of these tests: they take two seconds to form."""
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """The same, empty."""
    shared_cluster.restore()
    return shared_cluster


@pytest.fixture
def redis_url(cluster: RedisCluster) -> str:
    """Where ``psd`` is."""
    return cluster.url
