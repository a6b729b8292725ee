"""The servers that a worker runs on, for both kinds of queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from psd.runtime import open_runtime
from psd.store.redis import Store
from tests.conftest import ON_CLUSTER
from tests.support.nsqd import Nsqd
from tests.support.one_server import ONE_SERVER_ONLY, WITHOUT_STORE
from tests.support.redis_cluster import RedisCluster, StoreClient
from tests.support.redis_server import KEEP, RedisServer
from tests.support.worker_stack import WorkerStack


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the cluster: the tests that are given their store, but for those that cannot."""
    if ON_CLUSTER:
        config.hook.pytest_deselected(items=[item for item in items if not is_for_cluster(item)])
        items[:] = filter(is_for_cluster, items)


def is_for_cluster(item: pytest.Item) -> bool:
    """Whether a test is about a store that it is given, one server or another."""
    name = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    names = {item.path.parent.name, item.path.name, name}
    is_given = not {"redis_server", "own_redis"}.isdisjoint(getattr(item, "fixturenames", ()))
    return is_given and names.isdisjoint(WITHOUT_STORE) and names.isdisjoint(ONE_SERVER_ONLY)


@pytest.fixture(autouse=True)
def clients_of_the_whole_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks of a store's plain client, it asks of all nodes."""
    if ON_CLUSTER:
        monkeypatch.setattr(Store, "client", StoreClient(), raising=False)
        monkeypatch.setattr(Store, "close", StoreClient.closing(Store.close))


@pytest.fixture(autouse=True)
def archive_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process that a test starts leaves an archive in the checkout, or finds another test's."""
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(tmp_path / "archive"))


@pytest.fixture(scope="session")
def kept_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster that the tests may kill, one after the other: it takes two seconds to form."""
    with RedisCluster(tmp_path_factory.mktemp("cluster"), options=KEEP) as cluster:
        yield cluster


@pytest.fixture
def own_redis(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[RedisServer | RedisCluster]:
    """A Redis that the test may kill."""
    if ON_CLUSTER:
        cluster: RedisCluster = request.getfixturevalue("kept_cluster")
        cluster.restore()
        yield cluster
        return
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
