"""Increments and counts are applied once for their id, however late they happened."""

from __future__ import annotations

import itertools

from psd.engine.events import Event
from psd.engine.plan import Range
from psd.runtime import Runtime
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    collected,
    count,
    engine_on,
    forget,
    increment,
    keys_by_level,
    report,
    sum_of,
)
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import owner_key

EIGHT_DAYS_S = 8 * DAY_S
MARKERS = owner_key(1, f"k:{NOON_S // DAY_S}")
NAMES = ("hifive_1", "a:b", "{1}", "{", "}", "%7B", "a%b", "1", "c:{1}", "ü€", "1:1:y")


async def test_an_increment_is_applied_once_for_its_id(psd: Runtime) -> None:
    assert await book(psd, [increment("a")]) == ["booked"]
    assert await book(psd, [increment("a"), increment("b"), increment("b")]) == [
        *("duplicate", "booked", "duplicate"),
    ]
    assert await sum_of(psd) == 20


async def test_an_id_again_with_another_value_or_time_of_the_day_is_a_duplicate(
    psd: Runtime,
) -> None:
    await book(psd, [increment("a", 10)])
    again = [increment("a", 99), increment("a", 10, NOON_S + 60), increment("a", aid=8)]
    assert await book(psd, again) == ["duplicate"] * 3
    assert await sum_of(psd) == 10


async def test_the_same_id_of_another_owner_is_another_increment(psd: Runtime) -> None:
    assert await book(psd, [increment("a", uid=1), increment("a", uid=2)]) == ["booked"] * 2


async def test_the_marker_is_written_by_the_call_that_books(psd: Runtime) -> None:
    await book(psd, [report(aid=9)])
    await psd.store.client.config_resetstat()
    await book(psd, [increment("a")])
    stats = await psd.store.client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 1
    assert await psd.store.client.hlen(MARKERS) == 1


async def test_a_refused_increment_leaves_no_marker(psd: Runtime) -> None:
    await book(psd, [report(2**53 - 1)])
    assert await book(psd, [increment("a", 10, aid=9)]) == ["refused"]
    assert not await psd.store.client.exists(MARKERS)
    await book(psd, [report(0)])
    assert await book(psd, [increment("a", 10, aid=9)]) == ["booked"]


async def test_a_marker_lives_eight_days_from_its_write_whatever_the_time_of_the_event(
    psd: Runtime,
) -> None:
    events: list[Event] = [increment("a", ts2=1), increment("a", ts2=NOON_S), count("m", ts=1)]
    assert await book(psd, events) == ["booked"] * 3
    client = psd.store.client
    for key in (owner_key(1, "k:0"), MARKERS, "psd:c:{hifive_1}:k:0"):
        assert EIGHT_DAYS_S - 2 <= await client.ttl(key) <= EIGHT_DAYS_S
        assert await client.hlen(key) == 1


async def test_the_next_marker_of_the_day_renews_the_lifetime(psd: Runtime) -> None:
    await book(psd, [increment("a")])
    await psd.store.client.expire(MARKERS, 1000)
    await book(psd, [increment("a")])
    assert await psd.store.client.ttl(MARKERS) <= 1000
    await book(psd, [increment("b")])
    assert await psd.store.client.ttl(MARKERS) >= EIGHT_DAYS_S - 2


async def test_the_dedupe_horizon_can_be_set(redis_url: str) -> None:
    async with engine_on(redis_url, {"booking.dedupe_horizon_s": 86_400 * 30}) as psd:
        await book(psd, [increment("a")])
        assert await psd.store.client.ttl(MARKERS) >= 86_400 * 30 - 2


async def test_a_backfill_of_old_events_is_booked_once(psd: Runtime) -> None:
    old = [increment(f"row {n}", n, NOON_S - n * 40_000) for n in range(1, 301)]
    assert await book(psd, old) == ["booked"] * 300
    before = await keyspace(psd.store.client)
    assert await book(psd, [*old[150:], *old[:150]]) == ["duplicate"] * 300
    assert await keyspace(psd.store.client) == before
    assert await sum_of(psd) == sum(range(1, 301))


async def test_increments_of_one_second_add_up(psd: Runtime) -> None:
    events = [increment(f"{n}", n, atid=n % 3) for n in range(20)]
    await book(psd, events)
    assert await sum_of(psd, Range(NOON_S, NOON_S + 1)) == sum(range(20))
    assert await sum_of(psd, atid=1) == sum(range(1, 20, 3))


async def test_an_increment_of_nothing_is_unchanged_and_still_marked(psd: Runtime) -> None:
    assert await book(psd, [increment("a", 0), increment("a", 5)]) == ["unchanged", "duplicate"]


async def test_increments_that_cancel_out_leave_no_activity(psd: Runtime) -> None:
    await book(psd, [increment("a", 5), increment("b", -5)])
    assert await collected(psd) == (0, {})


async def test_a_covering_report_includes_increments_in_any_order(psd: Runtime) -> None:
    events = [
        increment("a", 30, NOON_S + 10),
        increment("b", 5, NOON_S + 50),
        report(100, NOON_S + 40, ts1=NOON_S),
        report(120, NOON_S + 90, ts1=NOON_S),
    ]
    held = []
    for order in itertools.permutations(events):
        await psd.store.client.flushdb()
        for event in order:
            assert await book(psd, [event]) == ["booked"]
        assert await sum_of(psd, Range(NOON_S, NOON_S + 41)) == 100
        assert await sum_of(psd, Range(NOON_S, NOON_S + 91)) == 120
        assert await sum_of(psd, Range(NOON_S + 10, NOON_S + 11)) == 30
        assert await sum_of(psd, Range(NOON_S + 50, NOON_S + 51)) == 5
        held.append(await keyspace(psd.store.client))
    assert held[1:] == held[:-1]


async def test_an_increment_outside_of_every_report_is_added(psd: Runtime) -> None:
    await book(psd, [report(100, NOON_S + 40, ts1=NOON_S), increment("a", 7, NOON_S + 41)])
    assert await sum_of(psd) == 107


async def test_a_count_is_applied_once_for_its_id(psd: Runtime) -> None:
    assert await book(psd, [count("m1", 3), count("m1", 3), count("m2", 3)]) == [
        *("booked", "duplicate", "booked"),
    ]
    assert await psd.engine.counts(["hifive_1", "none"], EVER) == [6, 0]


async def test_a_count_may_be_zero_or_negative(psd: Runtime) -> None:
    await book(psd, [count("m1", 3, NOON_S), count("m2", -8, NOON_S + 1), count("m3", 0)])
    assert await psd.engine.counts(["hifive_1"], EVER) == [-5]
    assert await psd.engine.counts(["hifive_1"], Range(NOON_S + 1, NOON_S + 2)) == [-8]
    assert await book(psd, [count("m3", 9)]) == ["duplicate"]


async def test_a_count_without_an_id_takes_that_of_its_message(psd: Runtime) -> None:
    body = b'{"command": "count", "count": {"thing": "hifive_1", "value": 2, "ts": 1460462400}}'
    for message_id in ("0a1b", "0a1b", "0a1c"):
        await book(psd, psd.rules.events(body, NOON_S, message_id))
    assert await psd.engine.counts(["hifive_1"], EVER) == [4]


async def test_names_of_counts_never_meet(psd: Runtime) -> None:
    values = {name: 1000 + at for at, name in enumerate(NAMES)}
    await book(psd, [count("m", value, name=name) for name, value in values.items()])
    assert await psd.engine.counts(NAMES, EVER) == list(values.values())
    assert await keys_by_level(psd.store.client)


async def test_counts_and_owners_share_no_key(psd: Runtime) -> None:
    await book(psd, [count("m", 5, name=name) for name in NAMES])
    of_counts = set(await keyspace(psd.store.client))
    await psd.store.client.flushdb()
    await book(psd, [report(uid=1), increment("m", uid=1), report(uid=1, thing=2)])
    assert not of_counts & set(await keyspace(psd.store.client))
    assert await psd.engine.counts(NAMES, EVER) == [0] * len(NAMES)


async def test_an_id_whose_marker_is_gone_is_applied_again(psd: Runtime) -> None:
    await book(psd, [increment("a")])
    await forget(psd.store.client, "marker")
    assert await book(psd, [increment("a")]) == ["booked"]
    assert await sum_of(psd) == 20
