"""A replica takes the place of its master while everybody books and sums."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from tests.support.engine import EVER, book, engine_on, report, sum_of
from tests.support.servers.redis_cluster import ClusterNode, RedisCluster
from tests.support.stored.audits import audit_of
from tests.support.stored.cluster_load import OWNERS, Writer, book_on, busy
from tests.support.stored.placements import IN_A_CLUSTER
from tests.support.waiting import wait_until

CAREFUL = {"redis.durability": "replicated", "redis.timeout_s": 0.5}
"""Answers once a replica has the batch."""

AT_ONCE = (
    *("--repl-diskless-sync-delay", "0"),
    *("--cluster-node-timeout", "1000"),
    *("--cluster-replica-no-failover", "yes"),
)
"""A master waits 5 s for more replicas before it sends anything to the first; a vote that failed is
repeated after four times the timeout. Only who is told to takes a master's place."""


class Pair:
    """A master with its replica."""

    def __init__(self, cluster: RedisCluster, master: ClusterNode) -> None:
        self.master = master
        self.replica = cluster.add_replica(master)

    def follows(self, one: ClusterNode, other: ClusterNode) -> bool:
        """Whether one is the other's replica, and linked to it."""
        told = one.ask("INFO", "replication").decode()
        is_linked = f"master_port:{other.port}\r" in told and "master_link_status:up" in told
        return is_linked and "master_sync_in_progress:0" in told

    def is_even(self) -> bool:
        """Whether the replica has all that its master has."""
        told = (node.ask("INFO", "replication").decode() for node in (self.master, self.replica))
        one, other = (text.partition("master_repl_offset:")[2].split()[0] for text in told)
        return one == other


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """Three masters of this test alone: afterwards others are masters."""
    with RedisCluster(tmp_path, options=AT_ONCE) as running:
        yield running


@pytest.fixture
async def pairs(cluster: RedisCluster) -> list[Pair]:
    made = (asyncio.to_thread(Pair, cluster, master) for master in cluster.nodes)
    found = await asyncio.gather(*made)
    for pair in found:
        await wait_until("it follows", lambda p=pair: p.follows(p.replica, p.master))
    return found


async def hand_over(pair: Pair) -> None:
    """Let master and replica change places.

    The vote may fail, soon after another one; the replica then gives up after 5 s.
    """
    for attempt in range(5):
        await asyncio.to_thread(pair.replica.ask, "CLUSTER", "FAILOVER")
        try:
            await wait_until(
                "both have changed places",
                lambda: pair.follows(pair.master, pair.replica),
                timeout_s=6,
            )
        except AssertionError:
            if attempt == 4:
                raise
        else:
            return


async def all_is_there(psd: Runtime, writers: list[Writer]) -> None:
    for writer in writers:
        found = [await sum_of(psd, EVER, uid, writer.thing) for uid in OWNERS]
        assert found == writer.sums(len(writer.booked))
    async with audit_of(psd) as audits:
        assert await audits.differences() == []


async def test_a_master_that_hands_over_is_not_noticed(
    cluster: RedisCluster, pairs: list[Pair]
) -> None:
    # Where a vote fails, Redis holds everybody back for up to 5 s.
    async with engine_on(cluster.url, {"redis.timeout_s": 10}) as psd:
        async with busy(psd) as (writers, _):
            await book_on(writers)
            for pair in pairs:
                await hand_over(pair)
                await book_on(writers)
        await all_is_there(psd, writers)


async def test_a_master_that_dies_loses_nothing_that_was_answered(
    cluster: RedisCluster, pairs: list[Pair]
) -> None:
    async with engine_on(cluster.url, CAREFUL) as psd:
        async with busy(psd, patient=True) as (writers, _):
            await book_on(writers)
            for pair in pairs:
                await asyncio.to_thread(pair.master.end, signal.SIGKILL)
                await asyncio.to_thread(pair.replica.ask, "CLUSTER", "FAILOVER", "TAKEOVER")
                # Until somebody follows it, the new master has nobody to keep what it books.
                pair.master.start()
                await book_on(writers)
        assert sum(writer.refused for writer in writers) > 0
        await all_is_there(psd, writers)


async def test_without_a_master_or_a_replica_it_is_told_and_not_taken_for_nothing(
    cluster: RedisCluster, pairs: list[Pair]
) -> None:
    async with engine_on(cluster.url, {"redis.timeout_s": 0.5}) as psd:
        await book(psd, [report(uid=uid) for uid in OWNERS])
        lost = next(
            pair for pair in pairs if pair.master is cluster.node_of(IN_A_CLUSTER.owner_root(7))
        )
        await wait_until("it has all", lost.is_even)
        await asyncio.to_thread(lost.master.end, signal.SIGKILL)
        with pytest.raises(StoreUnavailableError):
            await sum_of(psd, uid=7)
        with pytest.raises(StoreUnavailableError):
            await psd.engine.sums(list(OWNERS), [1], [EVER] * len(OWNERS))
        await asyncio.to_thread(lost.replica.ask, "CLUSTER", "FAILOVER", "TAKEOVER")
        await wait_until("it answers", lambda: _answers(psd))
        assert [await sum_of(psd, uid=uid) for uid in OWNERS] == [10] * len(OWNERS)
        assert await book(psd, [report(12, uid=uid) for uid in OWNERS]) == ["booked"] * len(OWNERS)


async def _answers(psd: Runtime) -> bool:
    try:
        return await sum_of(psd, uid=7) == 10
    except StoreUnavailableError:
        return False
