"""What psd makes of servers that stall, restart, forget its scripts or keep less than they should.

What a lane to one of them does is in test_store_lane.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from psd.config_sources import load_settings
from psd.errors import StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.redis import READ_CONNECTIONS, Store
from psd.store.scripts import read_sources
from tests.conftest import ON_CLUSTER, AnyStore
from tests.support.engine import EVER, book, engine_on, report, sum_of
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_cluster import ClusterNode, RedisCluster, stalled
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.placements import IN_A_CLUSTER
from tests.support.waiting import wait_until

TIMEOUT_S = 4.0
LIMIT_S = 30.0
"""Within this all of ten callers must know that Redis is away: one after the other takes forty."""

UIDS = range(40)


def servers(store: AnyStore) -> int:
    """How many servers it is made of."""
    return len(store.ask_each("PING"))


async def test_a_stalled_server_is_known_to_all_in_the_time_of_one(own_redis: AnyStore) -> None:
    async with engine_on(own_redis.url, {"redis.timeout_s": TIMEOUT_S}) as psd:
        await book(psd, [report()])
        with stalled(own_redis):
            asked = [sum_of(psd, uid=uid) for uid in range(8)]
            started_s = time.monotonic()
            found = await asyncio.gather(
                book(psd, [report(7)]), *asked, psd.store.readiness(), return_exceptions=True
            )
            took_s = time.monotonic() - started_s
    assert {type(each) for each in found[:-1]} == {StoreUnavailableError}
    assert set(found[-1]) == {"writable"}
    assert took_s < LIMIT_S


async def test_a_server_that_was_restarted_is_used_again(own_redis: AnyStore) -> None:
    async with engine_on(own_redis.url) as psd:
        await book(psd, [report()])
        own_redis.kill9()
        with pytest.raises(StoreUnavailableError):
            await book(psd, [report()])
        own_redis.start()
        assert await book(psd, [report(7)]) == ["booked"]
        assert await sum_of(psd) == 7


async def test_scripts_that_are_gone_are_loaded_once_a_trip(
    redis_server: AnyStore, redis_url: str
) -> None:
    async with engine_on(redis_url) as psd:
        await psd.store.client.script_flush()
        await psd.store.client.config_resetstat()
        asked = [psd.engine.sums([uid], [1], [EVER]) for uid in UIDS]
        found = await asyncio.gather(*asked)
        assert [owners[0].sums for owners in found] == [{1: 0}] * len(UIDS)
        stats = await psd.store.client.info("commandstats")
        trips, left = divmod(stats["cmdstat_script|load"]["calls"], len(read_sources()))
        # A connection that is still dialling may find what the other one has loaded.
        assert servers(redis_server) <= trips <= servers(redis_server) * READ_CONNECTIONS
        assert left == 0


async def test_concurrent_questions_of_one_turn_travel_in_a_trip_a_connection(
    redis_server: AnyStore, redis_url: str
) -> None:
    async with engine_on(redis_url) as psd:
        await book(psd, [report(10 + uid, uid=uid) for uid in UIDS])
        sample = psd.metrics.registry.get_sample_value
        before = sample("psd_trip_commands_count") or 0
        found = await asyncio.gather(*(psd.engine.sums([uid], [1], [EVER]) for uid in UIDS))
        assert [owners[0].sums[1] for owners in found] == [10 + uid for uid in UIDS]
        trips = READ_CONNECTIONS * servers(redis_server)
        assert sample("psd_trip_commands_count") == before + trips


class Replicated:
    """A store where the server of owner 1 has a replica."""

    def __init__(
        self,
        store: AnyStore,
        primary: RedisServer | ClusterNode,
        replica: RedisServer | ClusterNode,
    ) -> None:
        self.store = store
        self.primary = primary
        self.replica = replica

    def has_all(self) -> bool:
        """Whether the replica follows, and has what was written."""
        told = self.primary.ask("INFO", "replication").decode()
        fields = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
        offset = fields["master_repl_offset"]
        replica = fields.get("slave0", "")
        return "state=online" in replica and f"offset={offset}," in replica


@contextmanager
def replicated(folder: Path) -> Iterator[Replicated]:
    at_once = ("--repl-diskless-sync-delay", "0")
    if ON_CLUSTER:
        with RedisCluster(folder, options=at_once) as cluster:
            primary = cluster.node_of(IN_A_CLUSTER.owner_root(1))
            yield Replicated(cluster, primary, cluster.add_replica(primary))
        return
    (port,) = free_ports(1)
    served = ("--port", str(port), *at_once)
    follows = ("--replicaof", f"127.0.0.1 {port}")
    with (
        RedisServer(folder / "primary", options=served) as primary,
        RedisServer(folder / "replica", options=follows) as replica,
    ):
        yield Replicated(primary, primary, replica)


@pytest.mark.parametrize("flushed", [False, True], ids=["scripts known", "scripts flushed"])
async def test_a_batch_waits_for_its_replicas_also_when_its_script_had_to_be_loaded(
    tmp_path: Path, flushed: bool
) -> None:
    """A replica that answers nothing cannot have the batch, so the batch is not kept."""
    flags = {"redis.durability": "replicated", "redis.replica_timeout_ms": 300}
    with replicated(tmp_path) as on:
        async with engine_on(on.store.url, flags) as psd:
            await wait_until("the replica follows", on.has_all)
            assert await book(psd, [report(10)]) == ["booked"]
            if flushed:
                await psd.store.client.script_flush()
            await wait_until("the replica has all", on.has_all)
            with (
                stalled(on.replica),
                pytest.raises(StoreUnavailableError, match="0 of 1 replicas"),
            ):
                await book(psd, [report(11)])


@pytest.mark.parametrize(
    ("appendonly", "advice"),
    [
        ("no", "durability is durable, but the server has appendonly no"),
        ("yes", "appendonly yes, appendfsync everysec"),
    ],
)
async def test_readiness_advises_where_the_server_keeps_less_than_is_configured(
    own_redis: AnyStore, appendonly: str, advice: str
) -> None:
    own_redis.configure("appendonly", appendonly)
    own_redis.configure("appendfsync", "everysec")
    settings = load_settings(flags={"redis.url": own_redis.url}).settings
    store = Store(settings.redis, Metrics())
    found = await store.readiness()
    await store.close()
    assert found["writable"] == found["scripts"] == found["policy"] == "ok"
    assert found["durability"].startswith("ok: ")
    assert advice in found["durability"]
