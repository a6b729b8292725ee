"""What has a lifetime and for how long, and what is booked once something has expired.

Nothing waits for a lifetime to end: keys are deleted instead.
"""

from __future__ import annotations

import pytest

from psd.clock import ManualClock
from psd.config_sources import load_settings
from psd.engine.plan import Range
from psd.errors import ConfigError, DetailExpiredError, TooLateError
from psd.runtime import Runtime
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    count,
    dense_day,
    engine_on,
    forget,
    increment,
    keys_by_level,
    report,
    sum_of,
)
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import owner_key

LIFETIMES_S = {
    "year": 9_000_000,
    "month": 8_000_000,
    "week": 7_500_000,
    "day": 7_000_000,
    "second": 6_000_000,
    "activity": 8_500_000,
}
LEAD_S = 300
"""How far an event may be ahead of the clock, by default."""

ALL_LEVELS = {f"retention.{level}_s": seconds for level, seconds in LIFETIMES_S.items()}


async def ttls(psd: Runtime, level: str) -> set[int]:
    keys = (await keys_by_level(psd.store.client)).get(level, [])
    return {await psd.store.client.ttl(key) for key in keys}


async def test_by_default_nothing_but_markers_has_a_lifetime(redis_url: str) -> None:
    long = [report(n, NOON_S + n, NOON_S, uid=2) for n in range(9)]
    async with engine_on(redis_url) as psd:
        await book(psd, [*dense_day(), *long, increment("a", uid=3), count("m")])
        for level in LIFETIMES_S:
            assert await ttls(psd, level) == {-1}, level
        assert -1 not in await ttls(psd, "marker")


@pytest.mark.parametrize("level", LIFETIMES_S)
async def test_each_level_has_its_lifetime_and_a_write_renews_it(
    redis_url: str, level: str
) -> None:
    first = [*dense_day(), *(report(n, NOON_S + n, NOON_S, aid=9000) for n in range(9))]
    async with engine_on(redis_url, ALL_LEVELS, ManualClock(NOON_S + 2 * DAY_S)) as psd:
        await book(psd, first)
        seconds = LIFETIMES_S[level] + (LEAD_S if level == "activity" else 0)
        full = {seconds, seconds - 1, seconds - 2}
        assert await ttls(psd, level) <= full
        keys = (await keys_by_level(psd.store.client))[level]
        for key in keys:
            await psd.store.client.expire(key, 1000)
        await book(psd, [report(77, NOON_S + 5, aid=1), report(78, NOON_S + 60, NOON_S, aid=9000)])
        assert await ttls(psd, level) & full
        await book(psd, [report(each.value + 1, each.ts2, aid=each.aid) for each in first[:601]])
        renewed = await ttls(psd, level)
        assert renewed <= full, "each key of the level was written again"


async def test_a_report_that_changes_nothing_renews_nothing(redis_url: str) -> None:
    async with engine_on(redis_url, {"retention.second_s": 60}) as psd:
        await book(psd, [report()])
        await psd.store.client.expire(owner_key(1, "1:l:201604"), 10)
        assert await book(psd, [report()]) == ["unchanged"]
        assert await ttls(psd, "second") <= {9, 10}


async def test_a_lifetime_that_was_taken_back_ends_with_the_next_write(redis_url: str) -> None:
    """The level is kept for ever from then on, so its keys must not end by the older setting."""
    async with engine_on(redis_url, ALL_LEVELS, ManualClock(NOON_S)) as psd:
        await book(psd, dense_day())
    async with engine_on(redis_url) as psd:
        await book(psd, [report(each.value + 1, each.ts2, aid=each.aid) for each in dense_day()])
        for level in ("year", "month", "week", "day"):
            assert await ttls(psd, level) == {-1}, level


async def test_a_report_older_than_what_is_kept_of_activities_is_too_late(redis_url: str) -> None:
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, {"retention.activity_s": 1000}, clock) as psd:
        await psd.engine.book([])
        before = await keyspace(psd.store.client)
        events = [report(9, NOON_S, ts1=NOON_S - 1001), increment("a", ts2=NOON_S - 1001)]
        for outcome in await psd.engine.book(events):
            assert outcome.status == "refused"
            assert isinstance(outcome.error, TooLateError)
            assert "ts1" in str(outcome.error)
        assert await keyspace(psd.store.client) == before
        assert await book(psd, [report(9, NOON_S, ts1=NOON_S - 1000)]) == ["booked"]


async def test_one_activity_is_not_summed_past_what_is_kept_of_activities(redis_url: str) -> None:
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, {"retention.activity_s": 1000}, clock) as psd:
        await book(psd, [report(9)])
        with pytest.raises(DetailExpiredError, match="start"):
            await psd.engine.activity_sum(1, 1, 3, EVER)
        assert await psd.engine.activity_sum(1, 1, 3, Range(NOON_S - 1000, NOON_S + 1)) == 9


async def test_an_event_is_not_booked_again_once_its_activity_has_expired(redis_url: str) -> None:
    """It was booked ahead of the clock, as is allowed; its record lives on by as much."""
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, {"retention.activity_s": 1000}, clock) as psd:
        ahead = report(9, NOON_S + 300)
        await book(psd, [ahead])
        assert await ttls(psd, "activity") <= {1000 + LEAD_S, 999 + LEAD_S}
        clock.advance(1000 + LEAD_S + 1)
        await forget(psd.store.client, "activity")
        assert await book(psd, [ahead]) == ["refused"]
        assert await sum_of(psd) == 9


async def test_a_long_activity_that_expired_is_booked_anew(redis_url: str) -> None:
    """Its records end by themselves; the mark in the shard lives on with other activities."""
    clock = ManualClock(NOON_S + 10)
    async with engine_on(redis_url, {"retention.activity_s": 1000}, clock) as psd:
        await book(psd, [report(n, NOON_S + n, NOON_S) for n in range(1, 9)])
        clock.advance(1500)
        keys = (await keys_by_level(psd.store.client))["activity"]
        await psd.store.client.delete(*(key for key in keys if ":r:" in key))
        after = NOON_S + 1400
        assert await book(psd, [report(70, after, ts1=after - 10)]) == ["booked"]
        assert await sum_of(psd) == 78
        assert await psd.engine.activity_sum(1, 1, 3, Range(after - 10, after + 1)) == 70


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"retention.year_s": 100}, "month_s"),
        ({"retention.month_s": 100, "retention.day_s": 50}, "second_s"),
        ({"retention.day_s": 100, "retention.second_s": 101}, "second_s"),
        ({"retention.month_s": 100, "retention.day_s": 200, "retention.second_s": 50}, "day_s"),
    ],
)
def test_lifetimes_that_contradict_each_other_are_refused(
    flags: dict[str, int], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        load_settings(flags=flags)


@pytest.mark.parametrize("level", LIFETIMES_S)
def test_a_lifetime_below_nothing_is_refused(level: str) -> None:
    """Refusing reports older than -1 s would refuse every report."""
    with pytest.raises(ConfigError, match="retention"):
        load_settings(flags={f"retention.{level}_s": -1})
