"""What has expired is noticed, what is coarser stays exact.

Nothing waits for a lifetime to end: the keys of a level are deleted instead.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from psd.engine.events import Report
from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.errors import DetailExpiredError
from psd.runtime import Runtime
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    collected,
    day,
    dense_day,
    engine_on,
    forget,
    report,
    second,
    sum_of,
)
from tests.support.stored.placements import owner_key

SHORT_SECONDS = {"retention.second_s": 60}
SHORT_DAYS = {"retention.second_s": 60, "retention.day_s": 120}
SHORT_MONTHS = {**SHORT_DAYS, "retention.month_s": 180}
MORNING = Range(second("2016-04-12 00:00:00"), NOON_S)
ISSUANCE_WEEK_S = ISSUANCE_START_S - 303 * WEEK_S
"""2016-04-11 05:00:00 UTC, the issuance week of NOON_S."""


def april() -> list[Report]:
    """A booking every nine hours from 1 April to 10 May 2016, each of another activity."""
    first = second("2016-04-01 02:00:00")
    return [report(n + 1, first + n * 32_400, aid=n, atid=n % 3) for n in range(105)]


def plain_sum(reports: Sequence[Report], range_: Range) -> int:
    return sum(each.value for each in reports if range_.start <= each.ts2 < range_.end)


async def expired(psd: Runtime, range_: Range, activities: bool = False) -> str:
    """The resolution that the refusal of this range names."""
    with pytest.raises(DetailExpiredError) as caught:
        await (collected(psd, range_) if activities else sum_of(psd, range_))
    assert caught.value.resolution in str(caught.value)
    return caught.value.resolution


@pytest.mark.parametrize("flags", [{}, SHORT_SECONDS], ids=["unconfigured", "configured"])
@pytest.mark.parametrize("reports", [april(), dense_day()], ids=["sparse", "dense"])
async def test_without_seconds_days_and_coarser_are_exact_and_a_part_of_a_day_is_refused(
    redis_url: str, flags: dict[str, int], reports: list[Report]
) -> None:
    async with engine_on(redis_url, flags) as psd:
        await book(psd, reports)
        await forget(psd.store.client, "second")
        for exact in (
            *(day("2016-04-12"), day("2016-04-12", 3), day("2016-04-01", 30)),
            *(day("2016-04-11", 7), day("2016-01-01", 366), day("2016-04-05", 30), EVER),
            Range(ISSUANCE_WEEK_S, ISSUANCE_WEEK_S + WEEK_S),
            *(day("2016-06-01"), Range(second("2016-06-01 00:00:05"), EVER.end)),
        ):
            assert await sum_of(psd, exact) == plain_sum(reports, exact), exact
        for cut in (MORNING, Range(MORNING.start + 1, EVER.end), Range(0, NOON_S + 1)):
            assert await expired(psd, cut) == "day", cut
            assert await expired(psd, cut, activities=True) == "day", cut
        assert await expired(psd, day("2016-04-12"), activities=True) == "day"


@pytest.mark.parametrize("flags", [{}, SHORT_DAYS], ids=["unconfigured", "configured"])
@pytest.mark.parametrize("reports", [april(), dense_day()], ids=["sparse", "dense"])
async def test_without_days_months_and_coarser_are_exact_and_less_is_refused(
    redis_url: str, flags: dict[str, int], reports: list[Report]
) -> None:
    async with engine_on(redis_url, flags) as psd:
        await book(psd, reports)
        await forget(psd.store.client, "second", "day")
        for exact in (
            *(day("2016-04-01", 30), day("2016-04-01", 61), day("2016-01-01", 366), EVER),
            *(day("2016-04-11", 7), Range(ISSUANCE_WEEK_S, ISSUANCE_WEEK_S + WEEK_S)),
        ):
            assert await sum_of(psd, exact) == plain_sum(reports, exact), exact
        for cut in (day("2016-04-12"), day("2016-04-05", 20), MORNING, Range(0, NOON_S)):
            assert await expired(psd, cut) == "month", cut


@pytest.mark.parametrize("flags", [{}, SHORT_MONTHS], ids=["unconfigured", "configured"])
async def test_without_months_years_are_exact_and_less_is_refused(
    redis_url: str, flags: dict[str, int]
) -> None:
    async with engine_on(redis_url, flags) as psd:
        await book(psd, april())
        await forget(psd.store.client, "second", "day", "month")
        for exact in (day("2016-01-01", 366), day("2015-01-01", 365 + 366), EVER):
            assert await sum_of(psd, exact) == plain_sum(april(), exact), exact
        for cut in (day("2016-04-01", 30), day("2016-04-12"), MORNING, Range(0, NOON_S)):
            assert await expired(psd, cut) == "year", cut
            assert await expired(psd, cut, activities=True) == "year", cut


async def test_days_that_expired_are_noticed_by_the_activities_of_a_dense_month(
    redis_url: str,
) -> None:
    async with engine_on(redis_url, SHORT_DAYS) as psd:
        await book(psd, dense_day())
        await forget(psd.store.client, "second", "day")
        assert await expired(psd, MORNING, activities=True) == "month"


@pytest.mark.parametrize("activities", [False, True])
@pytest.mark.parametrize("reports", [april(), dense_day()], ids=["sparse", "dense"])
async def test_seconds_that_expired_and_were_made_anew_are_noticed(
    redis_url: str, reports: list[Report], activities: bool
) -> None:
    async with engine_on(redis_url, SHORT_SECONDS) as psd:
        await book(psd, reports)
        await forget(psd.store.client, "second")
        later = report(50, NOON_S + 2, aid=999)
        await book(psd, [later])
        assert await expired(psd, MORNING, activities) == "day"
        assert await expired(psd, Range(NOON_S, NOON_S + 3), activities) == "day"
        for exact in (day("2016-04-12"), day("2016-04-13"), EVER):
            assert await sum_of(psd, exact) == plain_sum([*reports, later], exact)


async def test_days_that_expired_and_were_made_anew_are_noticed(redis_url: str) -> None:
    async with engine_on(redis_url, SHORT_DAYS) as psd:
        await book(psd, april())
        await forget(psd.store.client, "second", "day")
        later = report(50, NOON_S + 2, aid=999)
        await book(psd, [later])
        for cut in (day("2016-04-12"), day("2016-04-14"), MORNING, day("2016-04-02", 9)):
            assert await expired(psd, cut) == "month", cut
        for exact in (day("2016-04-01", 30), day("2016-04-11", 7), EVER):
            assert await sum_of(psd, exact) == plain_sum([*april(), later], exact)


async def test_months_that_expired_and_were_made_anew_are_noticed(redis_url: str) -> None:
    async with engine_on(redis_url, SHORT_MONTHS) as psd:
        await book(psd, april())
        await forget(psd.store.client, "second", "day", "month")
        later = report(50, NOON_S + 2, aid=999)
        await book(psd, [later])
        for cut in (day("2016-04-01", 30), day("2016-05-01", 31), day("2016-04-12")):
            assert await expired(psd, cut) == "year", cut
        assert await sum_of(psd, day("2016-01-01", 366)) == plain_sum(april(), EVER) + 50


async def test_a_day_whose_own_bookings_are_all_there_is_answered(redis_url: str) -> None:
    """The month's leaf lost the days before; the day that came after is whole."""
    async with engine_on(redis_url, SHORT_SECONDS) as psd:
        await book(psd, april())
        await forget(psd.store.client, "second")
        fresh = second("2016-05-20 08:00:00")
        await book(psd, [report(50, fresh, aid=999)])
        assert await sum_of(psd, Range(fresh - 5, fresh + 5)) == 50
        assert await sum_of(psd, Range(fresh - 5, fresh)) == 0


async def test_a_filter_by_type_notices_as_well(redis_url: str) -> None:
    async with engine_on(redis_url, SHORT_SECONDS) as psd:
        await book(psd, april())
        await forget(psd.store.client, "second")
        assert await sum_of(psd, day("2016-04-12"), atid=1) == sum(
            each.value
            for each in april()
            if each.atid == 1 and 0 <= each.ts2 - MORNING.start < DAY_S
        )
        with pytest.raises(DetailExpiredError):
            await sum_of(psd, MORNING, atid=1)


async def test_one_expired_owner_of_a_page_refuses_the_question(redis_url: str) -> None:
    async with engine_on(redis_url, SHORT_SECONDS) as psd:
        await book(psd, [report(uid=1), report(uid=2)])
        await psd.store.client.delete(owner_key(2, "1:l:201604"))
        assert await sum_of(psd, MORNING, uid=1) == 0
        with pytest.raises(DetailExpiredError):
            await psd.engine.sums([1, 2], [1], [MORNING] * 2)


async def test_an_owner_without_bookings_in_the_range_has_expired_nothing(psd: Runtime) -> None:
    await book(psd, [report(4, second("2016-03-01 10:00:00"))])
    await forget(psd.store.client, "second")
    assert await sum_of(psd, MORNING) == 0
    assert await sum_of(psd, MORNING, uid=99) == 0
    assert await collected(psd, MORNING) == (0, {})


async def test_weeks_are_right_though_their_own_sums_have_expired(redis_url: str) -> None:
    async with engine_on(redis_url, {"retention.week_s": 60}) as psd:
        await book(psd, april())
        await forget(psd.store.client, "week")
        await book(psd, [report(50, NOON_S + 2, aid=999)])
        for start in (second("2016-04-11 00:00:00"), ISSUANCE_WEEK_S):
            for weeks in (1, 2, 5):
                asked = Range(start, start + weeks * WEEK_S)
                assert await sum_of(psd, asked) == plain_sum(april(), asked) + 50


@pytest.mark.parametrize("activities", [400, 4000], ids=["one leaf a month", "split leaves"])
@pytest.mark.parametrize("seed", range(3))
async def test_with_short_lifetimes_and_continued_writes_aligned_ranges_stay_exact(
    redis_url: str, seed: int, activities: int
) -> None:
    """Levels expire at random between writes, corrections of older bookings among them."""
    rng = random.Random(seed)
    async with engine_on(redis_url, SHORT_DAYS) as psd:
        sent: dict[int, Report] = {}
        days_lost = False
        for step in range(30):
            await book_some(psd, rng, sent, activities)
            if step % 4 == 3:
                levels = ["second", "day"] if step > 20 and rng.random() < 0.5 else ["second"]
                days_lost = days_lost or "day" in levels
                await forget(psd.store.client, *levels)
            booked = list(sent.values())
            for exact in (day("2016-04-01", 30), day("2016-01-01", 366), day("2016-04-11", 14)):
                assert await sum_of(psd, exact) == plain_sum(booked, exact)
            for number in range(9):
                asked = day(f"2016-04-{12 + number}")
                try:
                    assert await sum_of(psd, asked) == plain_sum(booked, asked)
                except DetailExpiredError:
                    assert days_lost, "days were never deleted"
            await seconds_are_right_or_refused(psd, rng, booked)


async def book_some(
    psd: Runtime, rng: random.Random, sent: dict[int, Report], activities: int
) -> None:
    """One to 200 reports: new activities, and other values of known ones."""
    batch = {}
    for _ in range(rng.choice((1, 5, 60, 200))):
        aid = rng.randrange(activities)
        at = sent[aid].ts2 if aid in sent else MORNING.start + rng.randrange(9 * DAY_S)
        batch[aid] = report(rng.randint(-5, 50), at, aid=aid, atid=aid % 3)
    assert "refused" not in await book(psd, batch.values())
    sent.update(batch)


async def seconds_are_right_or_refused(
    psd: Runtime, rng: random.Random, booked: list[Report]
) -> None:
    for activities in (False, True):
        start = MORNING.start + rng.randrange(9 * DAY_S)
        asked = Range(start, start + rng.choice((1, 60, 4000, 200_000)))
        try:
            [owner] = await psd.engine.sums([1], [1], [asked], activities=activities)
        except DetailExpiredError:
            continue
        assert owner.sums == {1: plain_sum(booked, asked)}
