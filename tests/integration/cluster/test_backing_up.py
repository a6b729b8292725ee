"""A backup of a cluster is of one moment of all masters, and comes back into one, or one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from psd.backup import store_copy
from psd.store import filling
from tests.support.engine import EVER, engine_on, report
from tests.support.processes.commands import printed
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import RedisServer

OWNERS = range(1, 60)


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process works with these stores, so that nobody has to see a note."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[RedisServer]:
    """A single server."""
    with RedisServer(tmp_path / "one") as server:
        yield server


async def sums_in(url: str) -> list[int]:
    """What the owners have."""
    async with engine_on(url) as psd:
        found = await psd.engine.sums(OWNERS, [1], [EVER] * len(OWNERS))
        return [each.sums[1] for each in found]


async def test_what_a_cluster_holds_comes_back_into_one_and_into_a_server(
    cluster: RedisCluster, one: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_on(cluster.url) as psd:
        await psd.engine.book([report(uid=uid, value=uid) for uid in OWNERS])
    keys = [key_at(cluster, node.port) for node in cluster.nodes]
    rounds = iter(range(1, 10_000))

    def write() -> None:
        number = next(rounds)
        for node, key in zip(cluster.nodes, keys, strict=True):
            node.ask("SET", key, number)

    monkeypatch.setattr(store_copy, "OWNERS_KEYS", 20)
    monkeypatch.setattr(store_copy, "reach", lambda _: write())
    await printed("backup", str(tmp_path / "backup"), "--no-archive", url=cluster.url)
    before = await sums_in(cluster.url)
    cluster.flush()
    await printed("restore", str(tmp_path / "backup"), "--no-archive", url=cluster.url)
    assert await sums_in(cluster.url) == before == [*OWNERS]
    last = str(next(rounds) - 1).encode()
    held = [node.ask("GET", key) for node, key in zip(cluster.nodes, keys, strict=True)]
    assert held == [last] * len(keys)
    await printed("restore", str(tmp_path / "backup"), "--no-archive", url=one.url)
    assert await sums_in(one.url) == before
    assert one.ask("GET", "psd:partitions:{psd:schema}") == b"16"


def key_at(cluster: RedisCluster, port: int) -> str:
    """A key of psd's that a master has."""
    for number in range(10_000):
        key = f"psd:at:{{{number}}}"
        if cluster.node_of(key).port == port:
            return key
    raise AssertionError(f"no key is at {port}")
