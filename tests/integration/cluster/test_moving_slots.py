"""Slots move to other masters while everybody books, sums and looks at boards: no answer changes.

The keys of a slot are moved one by one, as every resharding tool does it, with an owner's keys
for a while on two masters at once; so are the columns of its partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from psd.errors import MisplacedError, StoreUnavailableError
from psd.runtime import Runtime
from psd.store.keys import stream_key
from psd.store.slots import slot_of
from tests.support.engine import EVER, NOON_S, book, engine_on, increment, report, sum_of
from tests.support.servers.redis_cluster import ClusterNode, RedisCluster
from tests.support.stored.audits import audit_of
from tests.support.stored.cluster_load import OWNERS, book_on, busy, by_columns
from tests.support.stored.placements import IN_A_CLUSTER

BUSY = 7
BUSY_ROOT = IN_A_CLUSTER.owner_root(7)
"""The owner whose partition's slot is moved."""

MOVES = 6

HASTY = {"redis.timeout_s": 0.2}
"""It gives up soon where a slot does not arrive."""


async def move(cluster: RedisCluster, key: str, target: ClusterNode, keys_max: int = 10**6) -> None:
    """Move a key's slot; with fewer keys than it has it stays half moved."""
    slot, source = slot_of(key), cluster.node_of(key)
    await asyncio.to_thread(cluster.begin_move, slot, source, target)
    for _ in range(keys_max):
        if not await asyncio.to_thread(cluster.move_key, slot, source, target):
            await asyncio.to_thread(cluster.end_move, slot, target)
            return


def another(cluster: RedisCluster, key: str) -> ClusterNode:
    """The next master after the one that has a key."""
    at = cluster.nodes.index(cluster.node_of(key))
    return cluster.nodes[(at + 1) % len(cluster.nodes)]


def neighbours(number: int) -> Sequence[int]:
    """Owners in the partition of the busy one, whom it shares script calls with."""
    partition_of = IN_A_CLUSTER.partitions.of
    uids = (uid for uid in range(100, 1000) if partition_of(uid) == partition_of(BUSY))
    return [uid for uid, _ in zip(uids, range(number), strict=False)]


async def test_a_slot_that_moves_under_load_changes_no_answer(
    cluster: RedisCluster, psd: Runtime
) -> None:
    async with busy(psd) as (writers, readers):
        for _ in range(MOVES):
            await move(cluster, BUSY_ROOT, another(cluster, BUSY_ROOT))
            await book_on(writers)
    for writer in writers:
        found = [await sum_of(psd, EVER, uid, writer.thing) for uid in OWNERS]
        assert found == writer.sums(len(writer.booked))
    assert all(reader.answers > MOVES for reader in readers)
    async with audit_of(psd) as audits:
        assert await audits.differences() == []


async def test_of_an_owner_on_its_way_nothing_is_answered_rather_than_half(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await book(psd, [report(n, NOON_S + n * 86_400, uid=BUSY, aid=n) for n in range(1, 40)])
    target = another(cluster, BUSY_ROOT)
    await move(cluster, BUSY_ROOT, target, keys_max=3)
    async with engine_on(cluster.url, HASTY) as hasty:
        with pytest.raises(MisplacedError):
            await sum_of(hasty, uid=BUSY)
        with pytest.raises(MisplacedError):
            await book(hasty, [report(5, uid=BUSY, aid=99)])
        with pytest.raises(StoreUnavailableError):
            await by_columns(hasty, 1, EVER)
    await asyncio.to_thread(_finish, cluster, target)
    assert await sum_of(psd, uid=BUSY) == sum(range(1, 40))
    assert sum(await by_columns(psd, 1, EVER)) == sum(range(1, 40))


async def test_of_a_call_with_an_owner_on_its_way_nothing_is_written(
    cluster: RedisCluster, psd: Runtime
) -> None:
    """Its keys are all still there: only the first new one would be refused, amid the writes."""
    uids = [*neighbours(3), BUSY]
    await book(psd, [report(10, uid=uid) for uid in uids])
    target = another(cluster, BUSY_ROOT)
    await move(cluster, BUSY_ROOT, target, keys_max=0)
    more = [report(10, NOON_S + 86_400, uid=uid, aid=aid) for uid in uids for aid in (4, 5)]
    async with engine_on(cluster.url, HASTY) as hasty:
        with pytest.raises(MisplacedError):
            await book(hasty, more)
    await asyncio.to_thread(_finish, cluster, target)
    assert [await sum_of(psd, uid=uid) for uid in uids] == [10] * 4
    assert await book(psd, more) == ["booked"] * len(more)
    assert [await sum_of(psd, uid=uid) for uid in uids] == [30] * 4


async def test_owners_whose_partition_has_moved_are_booked_once_each(
    cluster: RedisCluster, psd: Runtime
) -> None:
    """The map that this process has is of before the move."""
    uids = [*neighbours(20), BUSY]
    assert await book(psd, [report(10, uid=uid) for uid in uids]) == ["booked"] * len(uids)
    await move(cluster, BUSY_ROOT, another(cluster, BUSY_ROOT))
    once = [increment(f"once-{uid}", 5, uid=uid, aid=4) for uid in uids]
    assert await book(psd, once) == ["booked"] * len(uids)
    await move(cluster, BUSY_ROOT, another(cluster, BUSY_ROOT))
    found = await psd.engine.sums(uids, [1], [EVER] * len(uids))
    assert [owner.sums[1] for owner in found] == [15] * len(uids)


async def test_a_stream_that_moves_loses_no_message(cluster: RedisCluster, psd: Runtime) -> None:
    queue_of = {"queue.kind": "stream", "queue.msg_timeout_s": 5}
    async with engine_on(cluster.url, queue_of) as runtime:
        queue = runtime.new_queue()
        await queue.start()
        received: set[bytes] = set()

        async def receive() -> None:
            while len(received) < 300:
                messages = await queue.receive(50, 0.1)
                received.update(message.body for message in messages)
                await queue.finish(messages)

        receiving = asyncio.create_task(receive())
        key = stream_key("psd")
        for n in range(300):
            await queue.publish("psd", [b"%d" % n])
            if n in (100, 200):
                await move(cluster, key, another(cluster, key))
        await asyncio.wait_for(receiving, 30)
        await queue.close()
    assert received == {b"%d" % n for n in range(300)}


def _finish(cluster: RedisCluster, target: ClusterNode) -> None:
    slot, source = slot_of(BUSY_ROOT), cluster.node_of(BUSY_ROOT)
    while cluster.move_key(slot, source, target):
        pass
    cluster.end_move(slot, target)
