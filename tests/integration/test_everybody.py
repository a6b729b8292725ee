"""What a process remembers of who everybody is, and when it has to ask again."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from psd.engine.events import VALUE_MAX
from psd.engine.newest import Newest
from psd.engine.plan import Range
from psd.errors import OutOfBoundsError
from psd.runtime import Runtime
from psd.store.keys import owner_shard
from tests.conftest import AnyStore
from tests.support.engine import EVER, NOON_S, book, engine_on, report, second
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


@pytest.mark.parametrize("atids", [None, frozenset((1,))], ids=["columns", "one by one"])
async def test_the_largest_of_everybody_are_those_of_all_who_are_asked_about(
    psd: Runtime, atids: frozenset[int] | None
) -> None:
    rng = random.Random("the largest of everybody")
    await book(
        psd,
        [
            report(rng.randint(-2, 2), NOON_S + rng.randrange(90_000), aid=100 + at, uid=at % 23)
            for at in range(300)
        ],
    )
    everybody = await psd.engine.population(1)
    for _ in range(20):
        range_ = Range(*sorted(NOON_S + rng.randrange(-9, 90_009) for _ in range(2)))
        limit, newest, others = rng.randint(1, 25), Newest(), Newest()
        asked = await psd.engine.booked_top(everybody, 1, range_, limit, atids=atids, newest=others)
        told = await psd.engine.top(1, range_, limit, atids=atids, newest=newest)
        assert (told, newest.second) == (asked.standings, others.second), range_


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_sum_past_the_bound_is_refused_by_columns_too(psd: Runtime, sign: int) -> None:
    years = [second(f"{year}-06-01 10:00:00") for year in (2001, 2003)]
    await book(psd, [report(sign * VALUE_MAX, at, aid=at, uid=2) for at in years])
    found = await psd.engine.everybody(1, Range(0, years[1]), lambda _bytes: None)
    assert found is not None
    assert sign * VALUE_MAX in found.values
    for refused in (
        psd.engine.everybody(1, EVER, lambda _bytes: None),
        psd.engine.top(1, EVER, 1),
        psd.engine.booked_top([1, 2, 3], 1, EVER, 1),
    ):
        with pytest.raises(OutOfBoundsError, match="range"):
            await refused
