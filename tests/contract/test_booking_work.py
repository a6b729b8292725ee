"""What one call of a writing script touches, however much an owner holds: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgpack
import pytest
from redis.exceptions import ResponseError

from psd.engine.booking import calls_for, lifetimes
from psd.engine.events import Event
from psd.runtime import Runtime
from psd.store.codec import pack_id
from psd.store.scripts import load_script
from tests.support.engine import NOON_S, book, count, report
from tests.support.scripts.counted_lua import Touched, Work

BATCH = 100
TRIP = 500
HELD = 600
MORE = 8
"""What is held is eight times as much: work that grows with it would be 8 times, or 64."""

GROWTH_MAX = 1.6
"""A leaf of a second is read whole until it has 512 bookings."""

HOUR_S = 3_600
HOURS_LISTED = 120
"""Below 128 an activity has no blocks of hours."""

PARTED = 45
"""Lists of so many hours are more than one call may read."""

Sent = Callable[[int], Event]


def activity_of_one_second(n: int) -> Event:
    return report(n % 90 + 1, NOON_S, aid=n * 7919 % 65_536)


def type_of_one_second(n: int) -> Event:
    return report(n % 90 + 1, NOON_S, atid=n * 7919 % 65_536, aid=n)


def second_of_one_minute(n: int) -> Event:
    return report(n % 90 + 1, NOON_S + n % 60, aid=n)


def day_of_one_activity(n: int) -> Event:
    return report(n + 1, NOON_S + n * 86_400, NOON_S, aid=3)


def hour_of_a_count(n: int) -> Event:
    return count(f"{n}", 1, NOON_S + n * 3_600)


def late_in_a_count(n: int) -> Event:
    return count(f"late {n}", 1, NOON_S + n % 100 * 3_600 + 7)


async def calls_of(psd: Runtime, events: Sequence[Event]) -> list[Work]:
    """The calls that book these events, none of them sent again in parts."""
    touched = Touched(load_script("engine.book"))
    kept = lifetimes(psd.settings.retention, psd.settings.booking, ())
    calls = calls_for(events, range(len(events)), b"key")
    return [await touched.run(psd.store.client, c.roots, c.packed(), kept) for c in calls]


async def work_of(psd: Runtime, events: Sequence[Event]) -> int:
    """What the calls that book these events touch."""
    return sum(run.total for run in await calls_of(psd, events))


async def hold(psd: Runtime, sent: Sent, first: int, last: int) -> None:
    for start in range(first, last, TRIP):
        await book(psd, [sent(n) for n in range(start, min(start + TRIP, last))])


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        (activity_of_one_second, activity_of_one_second),
        (type_of_one_second, type_of_one_second),
        (second_of_one_minute, second_of_one_minute),
        (day_of_one_activity, day_of_one_activity),
        (hour_of_a_count, hour_of_a_count),
        (hour_of_a_count, late_in_a_count),
    ],
)
async def test_a_batch_touches_as_much_where_eight_times_as_much_is_held(
    psd: Runtime, held: Sent, sent: Sent
) -> None:
    await hold(psd, held, 0, HELD)
    few = await work_of(psd, [sent(n) for n in range(HELD, HELD + BATCH)])
    await hold(psd, held, HELD + BATCH, MORE * HELD)
    many = await work_of(psd, [sent(n) for n in range(MORE * HELD, MORE * HELD + BATCH)])
    assert many < GROWTH_MAX * few


def hours_of(aid: int, number: int) -> list[Event]:
    return [report(1, NOON_S + n * HOUR_S, aid=aid) for n in range(number)]


@pytest.mark.parametrize("began_s", [10, 70, HOUR_S + 70])
async def test_what_reaches_back_an_hour_touches_as_much_however_many_hours_are_listed(
    psd: Runtime, began_s: int
) -> None:
    works = []
    for aid, hours in ((3, MORE), (4, HOURS_LISTED)):
        await book(psd, hours_of(aid, hours))
        last_s = NOON_S + (hours - 1) * HOUR_S
        await book(psd, [report(1, last_s + 60, aid=aid)])
        sent = [report(5, last_s + 80, last_s + 80 - began_s, aid=aid)]
        works.append(await work_of(psd, sent))
    few, many = works
    assert many < GROWTH_MAX * few


async def test_a_list_of_hours_is_counted_so_that_a_call_does_not_read_many(psd: Runtime) -> None:
    aids = range(PARTED)
    await book(psd, [each for aid in aids for each in hours_of(aid, HOURS_LISTED)])
    begun_s, last_s = NOON_S + 60, NOON_S + (HOURS_LISTED - 1) * HOUR_S + 60
    over_all = [report(500, last_s, begun_s, aid=aid) for aid in aids]
    [call] = await calls_of(psd, over_all)
    assert isinstance(call.reply, ResponseError)
    assert "PSD_HEAVY" in str(call.reply)
    assert {outcome.status for outcome in await psd.engine.book(over_all)} == {"booked"}


async def test_a_call_of_a_withdrawal_touches_as_much_however_long_its_activity(
    psd: Runtime,
) -> None:
    touched = Touched(load_script("engine.withdraw"))
    kept = lifetimes(psd.settings.retention, psd.settings.booking, ())
    asked = (msgpack.packb([1]), kept, NOON_S, "me", "", 1000, 100)
    works = []
    for aid, number in ((3, HELD), (4, MORE * HELD)):
        for start in range(0, number, TRIP):
            days = range(start, min(start + TRIP, number))
            await book(psd, [report(1, NOON_S + n * 9_000, aid=aid) for n in days])
        run = await touched.run(psd.store.client, ["psd:{p0}:1"], pack_id(aid), *asked)
        assert run.reply == [6]
        works.append(run.total)
    few, many = works
    assert many < GROWTH_MAX * few
