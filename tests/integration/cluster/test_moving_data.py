"""An export, its import, and what a pointspaced on a cluster holds: every master is walked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import EVER, engine_on, report
from tests.support.processes.commands import printed
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.old_pointspaced import PHASES, write_pointspaced

OWNERS = range(1, 61)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[RedisServer]:
    """A single server."""
    with RedisServer(tmp_path / "one") as server:
        yield server


def redis_of(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The store that commands speak to from now on."""
    monkeypatch.setenv("PSD_REDIS_URL", url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


async def sums_in(url: str) -> list[int]:
    """What the owners have."""
    async with engine_on(url) as psd:
        found = await psd.engine.sums(OWNERS, [1], [EVER] * len(OWNERS))
        return [each.sums[1] for each in found]


async def test_an_export_of_a_cluster_has_what_every_master_holds_and_comes_back(
    cluster: RedisCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_of(monkeypatch, cluster.url)
    async with engine_on(cluster.url) as psd:
        await psd.engine.book([report(uid=uid, aid=uid, value=uid) for uid in OWNERS])
    assert all(node.ask("DBSIZE") for node in cluster.nodes)
    out = str(tmp_path / "out")
    assert await printed("export", "bookings", out) == f"60 rows in 1 part: {out}\n"
    cluster.empty()
    assert await printed("import", out) == "60 rows of bookings, 60 booked, 0 refused\n"
    assert await sums_in(cluster.url) == [*OWNERS]


async def test_a_pointspaced_on_a_cluster_is_converted_whole(
    cluster: RedisCluster, one: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_of(monkeypatch, one.url)
    held: Counter[tuple[int, int]] = Counter()
    with cluster.sync_client() as client:
        write_pointspaced(client, PHASES["random"])  # type: ignore[arg-type]  (it has the commands)
    keys = [node.ask("KEYS", "hz:*:????") for node in cluster.nodes]
    assert all(keys)
    for node, years in zip(cluster.nodes, keys, strict=True):
        for key in years:
            _, thing, uid, _ = key.decode().split(":")
            held[int(thing), int(uid)] += sum(map(int, node.ask("HVALS", key)))
    told = await printed("convert", "pointspaced", "--from", cluster.url)
    assert " 0 refused" in told
    async with engine_on(one.url) as psd:
        for (thing, uid), total in held.items():
            [found] = await psd.engine.sums([uid], [thing], [EVER])
            assert found.sums[thing] == total
