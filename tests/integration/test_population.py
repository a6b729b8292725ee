"""Who has bookings of a thing: everybody who booked is told, whatever happened to the store."""

from __future__ import annotations

import random

import pytest

from psd.config_sources import load_settings
from psd.engine.events import VALUE_MAX
from psd.errors import StoreError, StoreUnavailableError
from psd.runtime import Runtime, open_runtime
from psd.store.keys import owner_shard, owners_key
from tests.support.engine import EVER, NOON_S, book, count, engine_on, report
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified

UIDS = [-(2**63), -7, 0, 1, 2, 300, 2**53 + 1, 2**63 - 1]


async def index_writes(psd: Runtime) -> int:
    """SADD commands that the server has executed since its counters were reset."""
    stats = await psd.store.client.info("commandstats")
    return int(stats.get("cmdstat_sadd", {"calls": 0})["calls"])


async def test_everybody_who_booked_a_thing_is_told_in_order(psd: Runtime) -> None:
    shuffled = random.Random("population").sample(UIDS, len(UIDS))
    await book(psd, [report(uid=uid) for uid in shuffled])
    await book(psd, [report(uid=7, thing=2), count("a")])
    assert await psd.engine.population(1) == UIDS
    assert await psd.engine.population(2) == [7]
    assert await psd.engine.population(0) == []


async def test_a_thousand_owners_are_spread_over_the_parts(psd: Runtime) -> None:
    await book(psd, [report(uid=uid) for uid in range(1000)])
    assert await psd.engine.population(1) == list(range(1000))
    sizes = [await psd.store.client.scard(owners_key(shard, 1)) for shard in range(64)]
    assert min(sizes) > 5
    assert max(sizes) < 40


async def test_an_owner_is_indexed_once_by_a_process(psd: Runtime) -> None:
    await book(psd, [report(uid=uid) for uid in UIDS])
    await psd.store.client.config_resetstat()
    await book(psd, [report(5, NOON_S + 9, uid=uid, aid=4) for uid in UIDS])
    assert await index_writes(psd) == 0
    await book(psd, [report(5, thing=2, uid=1), report(6, NOON_S + 1, thing=2, uid=1, aid=9)])
    assert await index_writes(psd) == 1


async def test_a_refused_booking_leaves_its_owner_in_the_index(psd: Runtime) -> None:
    assert await book(psd, [report(VALUE_MAX, uid=1), report(9, uid=1, aid=8)]) != ["booked"] * 2
    assert await psd.engine.population(1) == [1]


async def test_a_store_that_lost_its_keys_is_indexed_anew(own_redis: RedisServer) -> None:
    """A server that comes back empty, or with an older state, has forgotten owners."""
    async with engine_on(own_redis.url) as psd:
        await book(psd, [report(uid=uid) for uid in UIDS])
        own_redis.flush()
        own_redis.kill9()
        own_redis.start()
        async with engine_on(own_redis.url) as other:
            assert await other.engine.population(1) == []
        await book(psd, [report(5, NOON_S + 9, uid=uid, aid=4) for uid in UIDS[:3]])
        assert await psd.engine.population(1) == UIDS[:3]
        assert [uid for uid, _ in await psd.engine.top(1, EVER, 9)] == UIDS[:3]


async def test_what_is_tried_again_after_an_outage_is_indexed(own_redis: RedisServer) -> None:
    async with engine_on(own_redis.url) as psd:
        await book(psd, [report(uid=1)])
        own_redis.kill9()
        with pytest.raises(StoreUnavailableError):
            await book(psd, [report(uid=2)])
        own_redis.start()
        assert await book(psd, [report(uid=2)]) == ["booked"]
        assert await psd.engine.population(1) == [1, 2]


async def test_an_index_of_a_foreign_type_books_nothing_that_is_answered(psd: Runtime) -> None:
    await psd.store.client.set(owners_key(owner_shard(1), 1), "foreign")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await book(psd, [report(uid=1)])


async def test_verify_tells_of_owners_that_are_not_indexed_and_puts_them_there(
    psd: Runtime, redis_url: str
) -> None:
    await book(psd, [*(report(uid=uid) for uid in UIDS), count("a")])
    key = owners_key(owner_shard(300), 1)
    await psd.store.client.srem(key, 300)
    line = f"{key} 300: nothing, should be a member by its keys"
    found = await verified(redis_url)
    assert found.output == f"{line}\n9 audited: 8 clean, 1 different; 1 difference\n"
    assert found.exit_code == 1
    assert 300 not in await psd.engine.population(1)
    repaired = await verified(redis_url, "--repair")
    assert repaired.output == f"{line}\n9 audited: 8 clean, 1 repaired; 1 difference\n"
    assert await psd.engine.population(1) == UIDS
    assert (await verified(redis_url)).exit_code == 0


async def test_a_new_process_knows_everybody_and_indexes_again_whom_it_books(
    psd: Runtime, redis_url: str
) -> None:
    await book(psd, [report(uid=uid) for uid in UIDS])
    flags = {"redis.url": redis_url, "redis.durability": "fast"}
    other = await open_runtime(load_settings(flags=flags).settings)
    await psd.store.client.config_resetstat()
    await book(other, [report(5, NOON_S + 9, uid=1, aid=4)])
    # A connection that is made on the way may be to another store, so it indexes once more.
    assert 1 <= await index_writes(psd) <= other.store.writes.epoch
    assert await other.engine.population(1) == UIDS
    await other.close()
