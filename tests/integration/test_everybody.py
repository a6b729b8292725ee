"""What a process remembers of who everybody is, and when it has to ask again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.runtime import Runtime
from psd.store.keys import owner_shard
from tests.conftest import AnyStore
from tests.support.engine import EVER, book, engine_on, report
from tests.support.servers.redis_server import RedisServer


@pytest.fixture
def redis_url(own_redis: AnyStore) -> str:
    """One that the test may kill."""
    return own_redis.url


@pytest.fixture
async def psd(psd: Runtime) -> Runtime:
    """A process that has asked before, on both of its connections."""
    await book(psd, [report(uid, uid=uid) for uid in (1, 2, 3)])
    for _ in range(3):
        assert await psd.engine.population(1) == [1, 2, 3]
    return psd


async def asked(psd: Runtime) -> list[list[int]]:
    """Whom the parts of a question for everybody are about."""

    async def ask(uids: Sequence[int]) -> list[int]:
        return [*uids]

    return await psd.engine.of_everybody(1, ask)


async def test_nobody_is_asked_for_twice_while_nobody_is_new(psd: Runtime) -> None:
    await psd.store.client.config_resetstat()
    assert await psd.engine.population(1) == [1, 2, 3]
    assert "cmdstat_smembers" not in await psd.store.client.info("commandstats")
    assert await asked(psd) == [[1, 2, 3]]


async def test_who_comes_by_another_process_is_asked_for_beside(
    psd: Runtime, own_redis: RedisServer
) -> None:
    async with engine_on(own_redis.url) as other:
        await book(other, [report(uid=uid) for uid in (7, 0, 2)])
    assert await asked(psd) == [[1, 2, 3], [0, 7]]
    assert await asked(psd) == [[0, 1, 2, 3, 7]]
    assert await psd.engine.population(2) == []


async def test_only_the_parts_that_grew_are_read_again(
    psd: Runtime, own_redis: RedisServer
) -> None:
    nodes = len(own_redis.ask_each("PING"))
    await book(psd, [report(uid=4)])
    await psd.store.client.config_resetstat()
    assert await psd.engine.population(1) == [1, 2, 3, 4]
    stats = await psd.store.client.info("commandstats")
    # The sizes of all parts, and who of those known and of the new one has bookings.
    assert stats["cmdstat_evalsha"]["calls"] <= 3 * nodes
    assert stats["cmdstat_smembers"]["calls"] == 1
    assert owner_shard(4) not in {owner_shard(uid) for uid in (1, 2, 3)}


async def test_a_store_that_was_emptied_has_nobody(psd: Runtime, own_redis: RedisServer) -> None:
    own_redis.flush()
    assert await psd.engine.population(1) == []
    assert await psd.engine.top(1, EVER, 9) == []


async def test_a_store_that_came_back_as_another_is_asked_whole(
    psd: Runtime, own_redis: RedisServer
) -> None:
    """As many owners in each part, and not the same: sizes alone would not tell."""
    others = [
        next(uid for uid in range(1000, 10**6) if owner_shard(uid) == owner_shard(known))
        for known in (1, 2, 3)
    ]
    own_redis.flush()
    async with engine_on(own_redis.url) as other:
        await book(other, [report(uid=uid) for uid in others])
    own_redis.kill9()
    own_redis.start()
    assert await psd.engine.population(1) == sorted(others)
    assert await asked(psd) == [sorted(others)]
