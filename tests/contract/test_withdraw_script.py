"""What taking an activity back leaves, what its log says, and what is refused."""

from __future__ import annotations

import pytest

from psd.engine.events import VALUE_MAX, Withdrawal
from psd.engine.withdrawal import LOG_ENTRIES, LogEntry, TakenBack, Withdrawn
from psd.errors import StoreError, TooLateError
from psd.runtime import Runtime
from psd.store.keys import log_key
from psd.store.owner_calls import ONE_SERVER
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    dense_day,
    engine_on,
    increment,
    report,
    sum_of,
)
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.keyspace import keyspace

THINGS = (1, 2)


def withdrawal(aid: int = 3, uid: int = 1, time_s: int = NOON_S, note: str = "") -> Withdrawal:
    return Withdrawal(uid, aid, THINGS, note, "support", time_s)


async def withdraw(psd: Runtime, asked: Withdrawal | None = None) -> Withdrawn:
    [done] = await psd.engine.book([asked or withdrawal()])
    assert isinstance(done, Withdrawn)
    return done


async def test_what_was_taken_is_answered_by_thing(psd: Runtime) -> None:
    await book(
        psd, [report(10, NOON_S, atid=5), report(30, NOON_S + DAY_S, NOON_S), report(thing=2)]
    )
    done = await withdraw(psd)
    assert done.status == "booked"
    assert done.taken == [
        TakenBack(1, 30, 2, NOON_S, NOON_S + DAY_S, atid=5),
        TakenBack(2, 10, 1, NOON_S, NOON_S, atid=2),
    ]
    assert await sum_of(psd) == await sum_of(psd, thing=2) == 0


async def test_a_second_time_takes_nothing_and_is_not_written_down(psd: Runtime) -> None:
    await book(psd, [report()])
    await withdraw(psd)
    before = await keyspace(psd.store.client)
    done = await withdraw(psd, withdrawal(note="again"))
    assert (done.status, done.taken) == ("unchanged", [])
    assert await keyspace(psd.store.client) == before


async def test_reports_that_come_later_are_not_booked(psd: Runtime) -> None:
    await book(psd, [report(10)])
    await withdraw(psd)
    sent = [report(10), report(90, NOON_S + 60, NOON_S), increment("i"), report(7, aid=4)]
    assert await book(psd, sent) == ["withdrawn", "withdrawn", "withdrawn", "booked"]
    assert await book(psd, [increment("i")]) == ["duplicate"]
    assert await sum_of(psd) == 7
    assert await psd.engine.activity_sum(1, 1, 3, EVER) == 0


async def test_a_batch_is_booked_in_the_order_of_its_events(psd: Runtime) -> None:
    sent = [report(10), report(5, aid=9), withdrawal(), report(20, thing=2), report(6, aid=9)]
    assert await book(psd, sent) == ["booked", "booked", "booked", "withdrawn", "booked"]
    [entry] = await psd.engine.withdrawals(1, 10)
    assert [each.sum for each in entry.taken] == [10]


async def test_a_withdrawal_of_what_nobody_knows_holds_for_what_comes(psd: Runtime) -> None:
    assert not await psd.engine.knows_activity(1, 3, THINGS)
    assert (await withdraw(psd)).taken == []
    assert await psd.engine.knows_activity(1, 3, THINGS)
    assert await book(psd, [report()]) == ["withdrawn"]


@pytest.mark.parametrize("aid", [3, -9, 2**40, -(2**63)])
async def test_a_long_activity_leaves_none_of_its_keys(psd: Runtime, aid: int) -> None:
    others = [report(n, NOON_S + n, aid=1000 + n) for n in range(1, 200)]
    await book(psd, others)
    alone = await keyspace(psd.store.client)
    await book(psd, [report(n, NOON_S + n * 400, NOON_S, aid=aid) for n in range(1, 300)])
    assert [key for key in await keyspace(psd.store.client) if f":r:{aid}" in key]
    done = await withdraw(psd, withdrawal(aid))
    assert [(each.sum, each.bookings) for each in done.taken] == [(299, 299)]
    held = await keyspace(psd.store.client)
    assert [key for key in held if ":r:" in key] == []
    leaves = {key: leaf for key, leaf in alone.items() if ":l:" in key}
    assert {key: leaf for key, leaf in held.items() if ":l:" in key} == leaves


async def test_a_day_that_is_sparse_again_is_one_leaf_again(psd: Runtime) -> None:
    await book(psd, [report(5, NOON_S, aid=3), report(5, NOON_S + 1, aid=4)])
    before = await keyspace(psd.store.client)
    await book(psd, dense_day())
    for aid in [*range(590), *range(701, 711), 800]:
        if aid not in (3, 4):
            await withdraw(psd, withdrawal(aid))
    held = await keyspace(psd.store.client)
    assert {k for k in held if ":l:" in k} == {k for k in before if ":l:" in k}


async def test_the_log_tells_who_took_what_and_why_the_newest_first(psd: Runtime) -> None:
    await book(psd, [report(10), report(20, NOON_S + 5, aid=-4)])
    await withdraw(psd, withdrawal(time_s=NOON_S + 100, note="doppelt gezählt"))
    await withdraw(psd, withdrawal(-4, time_s=NOON_S + 100))
    await withdraw(psd, withdrawal(5, time_s=NOON_S + 7))
    found = await psd.engine.withdrawals(1, 10)
    assert [entry.id for entry in found] == [f"{NOON_S + 100}-{n}" for n in (2, 1, 0)]
    assert [(entry.aid, entry.time_s) for entry in found] == [
        (5, NOON_S + 7),
        (-4, NOON_S + 100),
        (3, NOON_S + 100),
    ]
    taken = [TakenBack(1, 10, 1, NOON_S, NOON_S, 2)]
    assert found[2] == LogEntry(
        f"{NOON_S + 100}-0", NOON_S + 100, 3, "support", "doppelt gezählt", THINGS, taken
    )
    assert await psd.engine.withdrawals(1, 1, before=found[0].id) == found[1:2]
    assert await psd.engine.withdrawals(2, 10) == []


async def test_the_log_keeps_the_newest_entries(psd: Runtime) -> None:
    for aid in range(LOG_ENTRIES + 5):
        await withdraw(psd, withdrawal(aid))
    assert await psd.store.client.xlen(log_key(ONE_SERVER.owner_root(1))) == LOG_ENTRIES
    assert len(await psd.engine.withdrawals(1, 2 * LOG_ENTRIES)) == LOG_ENTRIES


async def test_what_would_take_a_sum_past_its_bound_is_refused_whole(psd: Runtime) -> None:
    await book(psd, [report(-VALUE_MAX), report(VALUE_MAX, aid=4), report(VALUE_MAX, aid=5)])
    before = await keyspace(psd.store.client)
    done = await withdraw(psd)
    assert done.error is not None
    assert done.error.code == "out_of_bounds"
    assert await keyspace(psd.store.client) == before


async def test_an_activity_whose_reports_have_expired_is_refused(psd: Runtime) -> None:
    client = psd.store.client
    await book(psd, [report(n, NOON_S + n * 3600, NOON_S) for n in range(1, 9)])
    directory, *hours = sorted(key for key in await keyspace(client) if ":r:" in key)
    await client.delete(hours[2])
    assert isinstance((await withdraw(psd)).error, TooLateError)
    await client.delete(directory)
    assert isinstance((await withdraw(psd)).error, TooLateError)
    assert await sum_of(psd) == 8


async def test_a_mark_lives_as_long_as_activities_do(engine_server: RedisServer) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.activity_s": 10**9}) as psd:
        await withdraw(psd)
        assert await psd.store.client.ttl("psd:{p0}:1:1:a:0") > 10**9
        assert await psd.store.client.ttl(log_key(ONE_SERVER.owner_root(1))) == -1


@pytest.mark.parametrize("key", ["psd:{p0}:1:log", "psd:{p0}:1:2:a:0", "psd:{p0}:1:2:y"])
async def test_a_foreign_key_in_the_way_fails_it_before_anything_is_written(
    psd: Runtime, key: str
) -> None:
    client = psd.store.client
    await book(psd, [report()])
    await client.sadd(key, "foreign")
    before = await keyspace(client)
    with pytest.raises(StoreError):
        await withdraw(psd)
    after = await keyspace(client)
    assert {k: v for k, v in after.items() if "owners" not in k} == {
        k: v for k, v in before.items() if "owners" not in k
    }
