"""The registry of users' names: written with the first event of a name, and before it."""

from __future__ import annotations

import msgspec

from psd.engine.events import Event, Withdrawal
from psd.engine.outcomes import Outcome
from psd.errors import ConflictError
from psd.runtime import Runtime
from psd.store.keys import names_key, names_shard
from psd.users import user_of
from tests.support.engine import EVER, NOON_S, count, engine_on, report
from tests.support.servers.redis_server import RedisServer

ALICE = "alice@example.com"
UID = user_of(ALICE)
KEY = names_key(names_shard(UID), "user")


def named(name: str, value: int = 10, ts2: int = NOON_S) -> Event:
    """A report of a user by name."""
    return msgspec.structs.replace(report(value, ts2, uid=user_of(name)), name=name)


async def registry_writes(psd: Runtime) -> int:
    stats = await psd.store.client.info("commandstats")
    return int(stats.get("cmdstat_hsetnx", {"calls": 0})["calls"])


async def total(psd: Runtime, uid: int) -> int:
    [owner] = await psd.engine.sums([uid], [1], [EVER])
    return owner.sums[1]


async def test_the_first_event_of_a_name_registers_it_and_books(psd: Runtime) -> None:
    outcomes = await psd.engine.book([named(ALICE), report(uid=7), named("bob", 5)])
    assert [each.status for each in outcomes] == ["booked"] * 3
    assert await psd.store.client.hget(KEY, str(UID)) == ALICE.encode()
    assert await total(psd, UID) == 10
    assert await psd.engine.names.names([UID, 7, user_of("bob"), user_of("carol")]) == {
        UID: ALICE,
        user_of("bob"): "bob",
    }


async def test_a_process_writes_a_name_once_and_none_for_numbers(psd: Runtime) -> None:
    await psd.engine.book([named(ALICE), named(ALICE, 11, NOON_S + 1)])
    await psd.store.client.config_resetstat()
    await psd.engine.book(
        [named(ALICE, 12, NOON_S + 2), report(uid=UID), report(uid=8), count("a")]
    )
    assert await registry_writes(psd) == 0
    await psd.engine.book([named("bob")])
    assert await registry_writes(psd) == 1


async def test_another_process_that_reads_asks_once_for_a_page_of_names(
    psd: Runtime, redis_url: str
) -> None:
    await psd.engine.book([named(f"user {each}") for each in range(100)])
    uids = [user_of(f"user {each}") for each in range(100)]
    async with engine_on(redis_url) as other:
        names = await other.engine.names.names(uids)
        assert names == {uid: f"user {each}" for each, uid in enumerate(uids)}
        # What came over a connection that was made for it is not remembered.
        for _ in range(4):
            assert await other.engine.names.names(uids) == names
        await psd.store.client.config_resetstat()
        assert await other.engine.names.names([*uids, 7, -7]) == names
        stats = await psd.store.client.info("commandstats")
        assert "cmdstat_hmget" not in stats


async def test_another_name_of_a_number_is_a_conflict_and_nothing_of_it_is_written(
    psd: Runtime,
) -> None:
    await psd.store.client.hset(KEY, str(UID), "mallory")
    before = sorted(await psd.store.client.keys("*"))
    for _ in range(2):
        first, second = await psd.engine.book([named(ALICE), named(ALICE, 5, NOON_S + 1)])
        for outcome in (first, second):
            assert outcome.status == "refused"
            assert isinstance(outcome.error, ConflictError)
            assert str(outcome.error).startswith(f"uid: {ALICE!r} has the number of another name")
        assert sorted(await psd.store.client.keys("*")) == before
    assert await psd.store.client.hget(KEY, str(UID)) == b"mallory"
    withdrawal = Withdrawal(UID, 3, (1,), "", "", NOON_S, ALICE)
    [outcome] = await psd.engine.book([withdrawal])
    assert isinstance(outcome.error, ConflictError)
    assert sorted(await psd.store.client.keys("*")) == before


async def test_others_of_a_batch_are_booked_beside_a_conflict(psd: Runtime) -> None:
    await psd.store.client.hset(KEY, str(UID), "mallory")
    outcomes = await psd.engine.book([named("bob"), named(ALICE), report(uid=7), count("a")])
    assert [each.status for each in outcomes] == ["booked", "refused", "booked", "booked"]
    assert await total(psd, UID) == 0
    assert await total(psd, user_of("bob")) == 10


async def test_whatever_happened_to_the_store_who_books_again_has_a_name_there(
    own_redis: RedisServer,
) -> None:
    async with engine_on(own_redis.url) as psd:
        await psd.engine.book([named(ALICE)])
        own_redis.kill9()
        own_redis.start()
        await psd.store.client.flushall()
        assert await psd.engine.book([named(ALICE, 20)]) == [Outcome("booked")]
        assert await psd.store.client.hget(KEY, str(UID)) == ALICE.encode()
