"""One thing's detail ends by a lifetime of its own; all others' stays, and their boards too."""

from __future__ import annotations

from typing import Any

import pytest

from psd.clock import ManualClock
from psd.engine.outcomes import Outcome
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, TooLateError
from psd.runtime import Runtime
from tests.support.engine import DAY_S, EVER, NOON_S, engine_on, report, second, sum_of
from tests.support.stored.audits import audit_of
from tests.support.stored.expiring import Ending

KEPT_S, LEAD_S = 10 * DAY_S, 300
DAY_KEPT = {"things": {"short": {"id": 20, "second_s": KEPT_S, "activity_s": KEPT_S}}}
SHORT: dict[str, Any] = {"things": {**DAY_KEPT["things"], "long": {"id": 1}}}
BOTH = (1, 20)


async def book_on_each_day(psd: Runtime, clock: ManualClock, ending: Ending, days: int) -> None:
    """A long activity, and short ones, of both things and two owners; a day at a time."""
    for number in range(days):
        now_s = clock.now_s()
        for thing in BOTH:
            for uid in (1, 2):
                long = [
                    report(5 + n, now_s + n * 60, now_s, uid=uid, thing=thing, aid=1)
                    for n in range(3)
                ]
                short = report(7, now_s, uid=uid, thing=thing, aid=100 + number)
                for outcome in await psd.engine.book([*long, short]):
                    assert outcome.status == "booked", outcome
        await ending.wait(DAY_S)


async def plain_ttls(psd: Runtime, thing: int) -> set[bool]:
    """Whether keys of the detail of a thing have a lifetime."""
    client, found = psd.store.client, set()
    for kind in ("l", "a", "r"):
        async for key in client.scan_iter(f"psd:{{p*}}:1:{thing}:{kind}:*"):
            found.add(await client.ttl(key) > 0)
    return found


async def test_keys_of_a_thing_have_its_lifetimes_and_those_of_others_none(redis_url: str) -> None:
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, SHORT, clock) as psd:
        reports = [report(n, NOON_S + n, thing=thing) for n in range(1, 9) for thing in BOTH]
        await psd.engine.book(reports)
        assert await plain_ttls(psd, 20) == {True}
        assert await plain_ttls(psd, 1) == {False}
        assert await psd.store.client.smembers("psd:retention") == {
            b"second_s:20",
            b"activity_s:20",
        }


async def test_a_report_before_what_is_kept_is_too_late_of_this_thing_alone(redis_url: str) -> None:
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, SHORT, clock) as psd:
        old = [report(9, NOON_S - KEPT_S - 1, thing=thing) for thing in BOTH]
        kept, late = await psd.engine.book(old)
        assert (kept.status, late.status) == ("booked", "refused")
        assert isinstance(late.error, TooLateError)
        [outcome] = await psd.engine.book([report(9, NOON_S - KEPT_S, thing=20)])
        assert outcome == Outcome("booked")


async def test_sums_by_the_day_outlive_a_things_detail(redis_url: str) -> None:
    clock = ManualClock(second("2016-04-01 12:00:00"))
    async with engine_on(redis_url, SHORT, clock) as psd:
        ending = Ending(psd.store.client, clock, {KEPT_S, KEPT_S + LEAD_S})
        await book_on_each_day(psd, clock, ending, 5)
        await ending.wait(KEPT_S + LEAD_S)
        first = Range(second("2016-04-01 00:00:00"), second("2016-04-02 00:00:00"))
        morning = Range(first.start, first.start + 43_300)
        for thing in BOTH:
            assert await sum_of(psd, first, thing=thing) == 14
            assert await sum_of(psd, EVER, thing=thing) == 70
        assert await sum_of(psd, morning, thing=1) == 13
        with pytest.raises(DetailExpiredError) as caught:
            await sum_of(psd, morning, thing=20)
        assert caught.value.resolution == "day"


async def test_boards_of_others_go_by_their_columns_still(redis_url: str) -> None:
    clock = ManualClock(NOON_S)
    async with engine_on(redis_url, SHORT, clock) as psd:
        await psd.engine.book([report(5, NOON_S, uid=uid, thing=t) for uid in (1, 2) for t in BOTH])
        found = await psd.engine.everybody(1, EVER, lambda _bytes: None)
        assert found is not None
        assert sum(found.values) == 10
        assert await psd.engine.everybody(20, EVER, lambda _bytes: None) is None


async def test_verify_is_clean_before_at_and_after_the_end_of_each_key(redis_url: str) -> None:
    clock = ManualClock(second("2016-04-01 12:00:00"))
    async with engine_on(redis_url, SHORT, clock) as psd:
        ending, ended = Ending(psd.store.client, clock, {KEPT_S, KEPT_S + LEAD_S}), 0
        await book_on_each_day(psd, clock, ending, 3)
        for _ in range(14):
            ended += len(await ending.wait(DAY_S))
            async with audit_of(psd) as audits:
                assert await audits.differences() == []
        assert ended > 8


async def test_a_lifetime_that_is_taken_back_ends_with_the_next_write(redis_url: str) -> None:
    clock, reports = ManualClock(NOON_S), [report(n, NOON_S + n, thing=20) for n in range(1, 9)]
    async with engine_on(redis_url, SHORT, clock) as psd:
        await psd.engine.book(reports)
        assert await plain_ttls(psd, 20) == {True}
    unsaid = {"things": {"short": {"id": 20}, "long": {"id": 1}}}
    async with engine_on(redis_url, unsaid, clock) as psd:
        more = [report(n + 1, NOON_S + n, thing=20) for n in range(1, 9)]
        await psd.engine.book(more)
        assert await plain_ttls(psd, 20) == {False}
        assert await sum_of(psd, EVER, thing=20) == sum(each.value for each in more)
