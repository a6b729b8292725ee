"""A store of a version before moves into a cluster, and out of it again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.store import filling
from psd.store.slots import slot_of
from tests.support.engine import EVER, engine_on
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.stored_shapes import restore

OWNERS = (1, 2, 3, 4, 6)


@pytest.fixture
def one(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisServer]:
    """A single server, with which nobody works."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)
    with RedisServer(tmp_path_factory.mktemp("one")) as server:
        yield server


async def migrate(origin: str, url: str) -> str:
    """Move a store; what the command says."""
    arguments = ["--set", f"redis.url={url}", "migrate", "--from", origin]
    done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


async def sums_in(url: str) -> list[dict[int, int]]:
    """What the owners have of two things."""
    async with engine_on(url) as psd:
        found = await psd.engine.sums(OWNERS, [1, 2], [EVER] * len(OWNERS))
        return [each.sums for each in found]


async def test_a_store_of_one_server_moves_into_a_cluster_and_back(
    cluster: RedisCluster, one: RedisServer
) -> None:
    async with one.client() as client:
        await restore(client, "1.7")
    assert "of a partition (16)" in await migrate(one.url, cluster.url)
    in_cluster = await sums_in(cluster.url)
    held = [slot_of(key) for node in cluster.nodes for key in node.ask("KEYS", "psd:{p*")]
    assert 3 <= len(set(held)) <= 16
    one.flush()
    assert "of a partition (1)" in await migrate(cluster.url, one.url)
    assert await sums_in(one.url) == in_cluster
    assert all(sums[1] or sums[2] for sums in in_cluster)
