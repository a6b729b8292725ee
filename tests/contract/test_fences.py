"""Whoever booked with a greater number is not booked over by one that had older facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from psd.clock import ManualClock
from psd.engine.events import Report, Withdrawal
from psd.errors import OutOfBoundsError, StoreError
from psd.runtime import Runtime
from psd.store.keys import fence_key
from psd.store.owner_calls import ONE_SERVER
from psd.store.routed import RoutedLane
from tests.support.engine import NOON_S, count, engine_on, increment, report, sum_of
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.keyspace import keyspace

KEY = fence_key(ONE_SERVER.owner_root(1), "rides")


async def booked(
    psd: Runtime, number: int, sent: Sequence[Any], name: str = "rides", uid: int = 1
) -> list[str]:
    outcomes = await psd.engine.book(sent, fences={uid: (name, number)})
    return [outcome.status for outcome in outcomes]


async def test_a_smaller_number_writes_nothing_and_a_greater_or_equal_one_books(
    psd: Runtime,
) -> None:
    assert await booked(psd, 18, [report(55), increment("a", 5)]) == ["booked", "booked"]
    before = await keyspace(psd.store.client)
    late = [report(40), report(7, aid=4, thing=2), increment("b", 5)]
    assert await booked(psd, 17, late) == ["superseded"] * 3
    assert_unwritten(before, await keyspace(psd.store.client))
    assert await booked(psd, 18, [report(55)]) == ["unchanged"]
    assert await booked(psd, 2**53 - 1, [report(60)]) == ["booked"]
    assert await booked(psd, 2**53 - 2, [report(40)]) == ["superseded"]
    assert await psd.store.client.get(KEY) == b"9007199254740991"
    assert await sum_of(psd) == 60, "the increment is counted in"


async def test_only_reports_of_its_owner_are_superseded(psd: Runtime) -> None:
    await booked(psd, 9, [report()])
    sent = [report(11), report(1, uid=2), count("c"), report(12, aid=8)]
    fences = {1: ("rides", 8), 2: ("rides", 8), 3: ("rides", 8)}
    outcomes = [each.status for each in await psd.engine.book(sent, fences=fences)]
    assert outcomes == ["superseded", "booked", "booked", "superseded"]
    assert await psd.store.client.get(fence_key(ONE_SERVER.owner_root(2), "rides")) == b"8"
    assert not await psd.store.client.exists(fence_key(ONE_SERVER.owner_root(3), "rides"))


async def test_each_name_has_a_number_of_its_own_and_who_gives_none_is_not_fenced(
    psd: Runtime,
) -> None:
    assert await booked(psd, 9, [report(1)]) == ["booked"]
    assert await booked(psd, 3, [report(2)], name="swaps") == ["booked"]
    assert [each.status for each in await psd.engine.book([report(3)])] == ["booked"]
    assert await psd.store.client.get(KEY) == b"9"


async def test_a_number_rises_also_where_nothing_changes(psd: Runtime) -> None:
    await booked(psd, 1, [report(5)])
    assert await booked(psd, 2, [report(5)]) == ["unchanged"]
    assert await booked(psd, 1, [report(4)]) == ["superseded"]


async def test_a_withdrawal_is_not_fenced(psd: Runtime) -> None:
    await booked(psd, 9, [report(5)])
    gone = Withdrawal(1, 3, (1,), "", "ops", NOON_S)
    assert await booked(psd, 1, [gone, report(6)]) == ["booked", "superseded"]
    assert await sum_of(psd) == 0


async def test_a_call_that_is_refused_whole_is_fenced_report_by_report(psd: Runtime) -> None:
    """An hour of a busy day that passes the bound refuses the call; each report goes alone then."""
    await psd.engine.book([report(1, NOON_S + n % 9, aid=n) for n in range(600)])
    sent = [report(2**52, NOON_S + 10 + n, aid=9_000 + n) for n in range(2)]
    sent += [report(-(2**52), NOON_S + 7_200 + n, aid=9_100 + n) for n in range(2)]
    outcomes = await psd.engine.book([*sent, report(5, aid=9_200)], fences={1: ("rides", 4)})
    assert {type(each.error) for each in outcomes if each.error} == {OutOfBoundsError}
    assert outcomes[-1].status == "booked"
    assert await booked(psd, 3, sent) == ["superseded"] * 4


MONTHS = [month * 30 * 86_400 for month in range(24, 124)]


def too_much(value: int) -> list[Report]:
    """One report more for each month of :func:`full_months`, which splits its leaf."""
    return [report(value, at, aid=900) for at in MONTHS]


async def full_months(psd: Runtime) -> None:
    full = [report(1, at + n, aid=n) for at in MONTHS for n in range(128)]
    for start in range(0, len(full), 500):
        await psd.engine.book(full[start : start + 500])


async def test_somebody_with_newer_facts_between_two_portions_is_not_booked_over(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await full_months(psd)
    call_pages, trips = RoutedLane.call_pages, 0

    async def interrupted(lane: RoutedLane, *given: Any, **named: Any) -> Any:
        nonlocal trips
        trips += 1
        if trips == 4:
            monkeypatch.setattr(RoutedLane, "call_pages", call_pages)
            assert "superseded" not in await booked(psd, 2, too_much(100))
        return await call_pages(lane, *given, **named)

    monkeypatch.setattr(RoutedLane, "call_pages", interrupted)
    outcomes = await booked(psd, 1, too_much(7))
    assert set(outcomes) == {"booked", "superseded"}, "some portions came first, others behind"
    assert await booked(psd, 2, too_much(100)) == ["unchanged"] * len(outcomes)


async def test_a_number_lives_as_long_as_activities(
    psd: Runtime, engine_server: RedisServer
) -> None:
    assert await booked(psd, 1, [report()]) == ["booked"]
    assert await psd.store.client.ttl(KEY) == -1
    kept = {"retention.activity_s": 9_000, "booking.max_event_lead_s": 1_000}
    clock = ManualClock(NOON_S)
    async with engine_on(engine_server.url, kept, clock) as lasting:
        assert await booked(lasting, 2, [report(11)]) == ["booked"]
        assert 9_000 < await psd.store.client.ttl(KEY) <= 10_000
        assert await booked(lasting, 1, [report(12)]) == ["superseded"]
    async with engine_on(engine_server.url) as again:
        assert await booked(again, 3, [report(12)]) == ["booked"]
        assert await psd.store.client.ttl(KEY) == -1


@pytest.mark.parametrize("held", ["", "x", "1:x"])
async def test_a_number_that_is_none_fails_before_anything_is_written(
    psd: Runtime, held: str
) -> None:
    await psd.store.client.set(KEY, held)
    before = await keyspace(psd.store.client)
    with pytest.raises(StoreError):
        await booked(psd, 1, [report()])
    assert_unwritten(before, await keyspace(psd.store.client))


async def test_a_number_of_another_type_fails_before_anything_is_written(psd: Runtime) -> None:
    await psd.store.client.hset(KEY, "a", "1")
    before = await keyspace(psd.store.client)
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await booked(psd, 1, [report()])
    assert_unwritten(before, await keyspace(psd.store.client))


def assert_unwritten(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Save that the owner may have bookings, which is noted first."""
    held = [{k: v for k, v in each.items() if "psd:owners:" not in k} for each in (before, after)]
    assert held[0] == held[1]
