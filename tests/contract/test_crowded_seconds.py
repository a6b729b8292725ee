"""A second with more bookings than a leaf holds: a hash by activity, the same in any order."""

from __future__ import annotations

import random

import pytest

from psd.audit.layout import Limits
from psd.engine.events import Event, Withdrawal
from psd.engine.plan import Range
from psd.runtime import Runtime
from tests.support.engine import NOON_S, book, collected, report, sum_of
from tests.support.stored.audits import audit_of
from tests.support.stored.keyspace import forget_owners, keyspace

CROWD = "psd:{p0}:1:1:b:20160412120000"
NUMBER = 1500


def crowd(number: int = NUMBER) -> list[Event]:
    """Bookings of one second, some of them two types of one activity, ids of every width."""
    sent: list[Event] = []
    for n in range(number):
        aid = n % 1200 - 300 if n % 7 else n * 2**40
        sent.append(report(n % 500 + 1, NOON_S, NOON_S - n // 1200, atid=n % 3, aid=aid))
    return sent


async def test_a_crowd_is_the_same_in_any_order(psd: Runtime) -> None:
    sent = crowd()
    await book(psd, sent)
    first = await keyspace(psd.store.client)
    assert CROWD in first
    await forget_owners(psd.store.client)
    random.Random(5).shuffle(sent)
    for start in range(0, len(sent), 137):
        await book(psd, sent[start : start + 137])
    assert await keyspace(psd.store.client) == first


async def test_sums_activities_and_the_newest_second_know_the_crowd(psd: Runtime) -> None:
    sent = [report(n + 1, NOON_S, aid=n, atid=n % 2) for n in range(NUMBER)]
    await book(psd, [*sent, report(7, NOON_S + 1, aid=5000), report(9, NOON_S - 1, aid=5001)])
    whole = NUMBER * (NUMBER + 1) // 2
    second = Range(NOON_S, NOON_S + 1)
    assert await sum_of(psd, second) == whole
    assert await sum_of(psd, second, atid=0) == sum(range(1, NUMBER + 1, 2))
    total, activities = await collected(psd, Range(NOON_S - 1, NOON_S + 1))
    assert total == whole + 9
    assert len(activities) == NUMBER + 1
    by_atid = await psd.engine.by_atid(1, 1, second)
    assert {atid: each.bookings for atid, each in by_atid.items()} == {0: 750, 1: 750}
    await psd.engine.book([Withdrawal(1, 5000, (1,), "", "me", NOON_S)])
    held = await psd.store.client.hget("psd:{p0}:1:1:y", "newest")
    assert held == b"%d" % NOON_S


async def test_a_crowd_that_falls_back_is_a_leaf_again(psd: Runtime) -> None:
    few = [report(n + 1, NOON_S, aid=n) for n in range(500)]
    await book(psd, few)
    before = await keyspace(psd.store.client)
    more = [report(n + 1, NOON_S, aid=n) for n in range(500, 600)]
    await book(psd, more)
    assert CROWD in await keyspace(psd.store.client)
    await book(psd, [report(0, NOON_S, aid=n) for n in range(500, 600)])
    after = await keyspace(psd.store.client)
    finer = (":l:", ":b:", ":s:", ":n:", ":h:")
    assert {k: v for k, v in after.items() if any(part in k for part in finer)} == {
        k: v for k, v in before.items() if any(part in k for part in finer)
    }


async def test_an_audit_of_a_crowd_is_clean_and_repairs_a_field(psd: Runtime) -> None:
    await book(psd, crowd())
    before = await keyspace(psd.store.client)
    async with audit_of(psd, Limits()) as audits:
        assert [found.outcome for found in await audits.run(repair=False)] == ["clean"]
        [field, *_] = sorted(before[CROWD])
        await psd.store.client.hset(CROWD, field, b"spoiled")
        [found] = await audits.run(repair=True)
    assert found.outcome == "repaired"
    assert [each.key for each in found.differences] == [CROWD]
    assert await keyspace(psd.store.client) == before


@pytest.mark.parametrize("number", [600, 1200])
async def test_a_minute_of_many_seconds_has_totals_of_its_seconds(
    psd: Runtime, number: int
) -> None:
    await book(psd, [report(1, NOON_S + n % 60, aid=n) for n in range(number)])
    held = await keyspace(psd.store.client)
    assert len(held["psd:{p0}:1:1:s:201604121200"]) == 120
    assert "psd:{p0}:1:1:l:20160412120059" in held
    assert await sum_of(psd, Range(NOON_S + 10, NOON_S + 20)) == number // 6
    async with audit_of(psd, Limits()) as audits:
        assert [found.outcome for found in await audits.run(repair=False)] == ["clean"]
