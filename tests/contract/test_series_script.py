"""Series, activities, scores and the newest second, where detail has expired and at the bounds."""

from __future__ import annotations

import random
from itertools import pairwise

import msgpack
import pytest

from psd.engine.activities import ScoreQuestion
from psd.engine.events import VALUE_MAX, Report
from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.engine.series import BUCKETS_MAX, BucketQuestion, packed_bounds
from psd.engine.series_columns import Series
from psd.errors import DetailExpiredError, OutOfBoundsError
from psd.runtime import Runtime
from psd.store.scripts import Script
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    day,
    dense_day,
    engine_on,
    forget,
    report,
    second,
)
from tests.support.servers.redis_server import RedisServer

MIDNIGHT_S = second("2016-04-12 00:00:00")
DAYS = [MIDNIGHT_S - DAY_S, MIDNIGHT_S, MIDNIGHT_S + DAY_S, MIDNIGHT_S + 2 * DAY_S]
ISSUANCE_WEEK_S = ISSUANCE_START_S - 303 * WEEK_S
"""2016-04-11 05:00:00 UTC."""

SPARSE = [report(n + 1, NOON_S + n * 3600, aid=n, atid=n % 2) for n in range(20)]


def sums(reports: list[Report], boundaries: list[int]) -> list[int]:
    """Of plain reports, each of an activity of its own."""
    return [
        sum(r.value for r in reports if low <= r.ts2 < high) for low, high in pairwise(boundaries)
    ]


async def series(psd: Runtime, boundaries: list[int]) -> list[int]:
    [columns] = await psd.engine.series([1], BucketQuestion(1, boundaries))
    return columns[None].sums


@pytest.mark.parametrize("reports", [SPARSE, dense_day()], ids=["sparse", "dense"])
async def test_without_seconds_buckets_of_whole_days_and_weeks_are_exact(
    engine_server: RedisServer, reports: list[Report]
) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.second_s": 60}) as psd:
        await book(psd, reports)
        await forget(psd.store.client, "second")
        weeks = [ISSUANCE_WEEK_S + number * WEEK_S for number in range(60)]
        for exact in (DAYS, weeks, [0, MIDNIGHT_S], [0, second("2017-01-01 00:00:00")]):
            assert await series(psd, exact) == sums(reports, exact), exact
        shifted = [bound + 3600 for bound in DAYS]
        for cut in (shifted, [*DAYS[:2], MIDNIGHT_S + 7, DAYS[2]], [NOON_S, EVER.end]):
            with pytest.raises(DetailExpiredError) as caught:
                await series(psd, cut)
            assert caught.value.resolution == "day", cut


async def test_without_days_months_are_exact_and_less_is_refused(
    engine_server: RedisServer,
) -> None:
    engine_server.flush()
    flags = {"retention.second_s": 60, "retention.day_s": 120}
    async with engine_on(engine_server.url, flags) as psd:
        await book(psd, SPARSE)
        await forget(psd.store.client, "second", "day")
        months = [second(f"2016-0{month}-01 00:00:00") for month in range(3, 8)]
        assert await series(psd, months) == sums(SPARSE, months)
        with pytest.raises(DetailExpiredError) as caught:
            await series(psd, DAYS)
        assert caught.value.resolution == "month"


async def test_what_reads_bookings_is_refused_where_they_have_expired(
    engine_server: RedisServer,
) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.second_s": 60}) as psd:
        await book(psd, [report(1, second("2016-03-01 10:00:00"))])
        await forget(psd.store.client, "second")
        await book(psd, SPARSE)
        april = day("2016-04-01", 30)
        engine, atids = psd.engine, frozenset((0,))
        assert len(await engine.activities(1, [1], april)) == len(SPARSE)
        assert await engine.reached([ScoreQuestion(1, 1, april, 3)]) == [NOON_S + 3600]
        assert await engine.newest([1], [1]) == SPARSE[-1].ts2
        for refused in (
            engine.activities(1, [1], EVER),
            engine.reached([ScoreQuestion(1, 1, EVER, 10**9)]),
            engine.series([1], BucketQuestion(1, [0, NOON_S], atids, counts=True)),
        ):
            with pytest.raises(DetailExpiredError):
                await refused
        await forget(psd.store.client, "second")
        assert await engine.newest([1], [1]) == SPARSE[-1].ts2


async def test_a_part_that_is_read_from_totals_needs_no_bookings(
    engine_server: RedisServer,
) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.second_s": 60}) as psd:
        await book(psd, SPARSE)
        await forget(psd.store.client, "second")
        odd = [r for r in SPARSE if r.atid == 1]
        question = BucketQuestion(1, DAYS, frozenset((1,)))
        assert await psd.engine.series([1], question) == [{None: Series(sums(odd, DAYS), None)}]


async def test_a_score_counts_at_the_end_of_a_second(psd: Runtime) -> None:
    up_and_down = [
        *(report(9, NOON_S, aid=1), report(-4, NOON_S, aid=2)),
        *(report(3, NOON_S + 9, aid=3), report(-8, NOON_S + 20, aid=4)),
    ]
    await book(psd, up_and_down)
    scores = {-5: NOON_S, 5: NOON_S, 6: NOON_S + 9, 8: NOON_S + 9, 9: None}
    questions = [ScoreQuestion(1, 1, EVER, score) for score in scores]
    assert await psd.engine.reached(questions) == list(scores.values())


async def test_who_has_no_bookings_never_reaches_anything(psd: Runtime) -> None:
    await book(psd, [report(5)])
    later = Range(NOON_S + 1, EVER.end)
    questions = [ScoreQuestion(2, 1, EVER, 0), ScoreQuestion(1, 1, later, -9)]
    assert await psd.engine.reached(questions) == [None, None]
    assert await psd.engine.newest([2], [1, 2]) is None
    assert await psd.engine.newest([], [1]) is None
    assert await psd.engine.activities(2, [1], EVER) == []


async def test_ten_thousand_buckets_of_two_owners(psd: Runtime) -> None:
    reports = [report(n + 1, NOON_S + n * 61, aid=n) for n in range(700)]
    await book(psd, [*reports, *(report(7, NOON_S + n, aid=n, uid=2) for n in range(9))])
    minutes = [NOON_S + number * 60 for number in range(BUCKETS_MAX + 1)]
    first, other = await psd.engine.series([1, 2], BucketQuestion(1, minutes))
    assert first[None].sums == sums(reports, minutes)
    assert first[None].bookings is not None
    assert sum(first[None].bookings) == len(reports)
    assert other[None].sums[0] == 63
    assert not any(other[None].sums[1:])


async def test_an_atid_of_64_bits_is_a_column(psd: Runtime) -> None:
    atids = (-(2**63), -1, 2**53 + 1, 2**63 - 1)
    await book(psd, [report(n + 1, atid=atid, aid=n) for n, atid in enumerate(atids)])
    for counts in (False, True):
        question = BucketQuestion(1, DAYS, by_atid=True, counts=counts)
        [columns] = await psd.engine.series([1], question)
        assert {a: s.sums[1] for a, s in columns.items()} == {
            atid: n + 1 for n, atid in enumerate(atids)
        }


async def test_no_atid_at_all_is_nothing(psd: Runtime) -> None:
    await book(psd, [report(5)])
    none: frozenset[int] = frozenset()
    [owner] = await psd.engine.sums([1], [1], [Range(NOON_S, NOON_S + 9)], atids=none)
    assert owner.sums == {1: 0}
    assert list(await psd.engine.standings([1], 1, EVER, atids=none)) == [0]
    [columns] = await psd.engine.series([1], BucketQuestion(1, DAYS, none))
    assert columns[None].sums == [0, 0, 0]


async def test_sums_past_the_bound_are_refused(psd: Runtime) -> None:
    await book(psd, [report(VALUE_MAX), report(9, NOON_S + 400 * DAY_S, aid=4)])
    engine = psd.engine
    whole = BucketQuestion(1, [0, EVER.end])
    for refused in (
        engine.series([1], whole),
        engine.series_of_all([1, 1], BucketQuestion(1, DAYS)),
        engine.reached([ScoreQuestion(1, 1, EVER, VALUE_MAX + 1)]),
        engine.standings([1], 1, EVER),
        engine.top(1, EVER, 3),
        engine.sums([1], [1], [EVER], atids=frozenset((2, 3))),
    ):
        with pytest.raises(OutOfBoundsError):
            await refused
    assert await series(psd, DAYS) == [0, VALUE_MAX, 0]


async def test_standings_need_the_bookings_of_a_cut_day_alone(engine_server: RedisServer) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"retention.second_s": 60}) as psd:
        await book(psd, SPARSE)
        await forget(psd.store.client, "second")
        april, total = day("2016-04-01", 30), sum(each.value for each in SPARSE)
        assert list(await psd.engine.standings([2, 1], 1, april)) == [0, total]
        assert await psd.engine.top(1, april, 1) == [(1, total)]
        cut = Range(april.start, NOON_S + 1)
        for refused in (psd.engine.standings([2, 1], 1, cut), psd.engine.top(1, cut, 1)):
            with pytest.raises(DetailExpiredError) as caught:
                await refused
            assert caught.value.resolution == "day"


async def test_reads_of_many_owners_write_nothing(psd: Runtime) -> None:
    await book(psd, [*dense_day(), report(4, uid=2)])
    client, engine = psd.store.client, psd.engine
    before = (await client.info("persistence"))["rdb_changes_since_last_save"]
    for question in (BucketQuestion(1, DAYS), BucketQuestion(1, DAYS, by_atid=True, counts=True)):
        await engine.series([1, 2, 3], question)
        await engine.series_of_all([1, 2, 3], question)
    await engine.activities(1, [1, 2], EVER)
    await engine.reached([ScoreQuestion(1, 1, EVER, 9)])
    await engine.newest([1, 2], [1])
    await engine.top(1, EVER, 2)
    await engine.standings(await engine.population(1), 1, EVER)
    assert (await client.info("persistence"))["rdb_changes_since_last_save"] == before


@pytest.mark.parametrize("reports", [SPARSE, dense_day()], ids=["sparse", "dense"])
@pytest.mark.parametrize("step", [60, 3600, 7 * 3600, DAY_S, 30 * DAY_S])
async def test_even_boundaries_hand_over_the_same(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch, reports: list[Report], step: int
) -> None:
    """They travel as five numbers, wherever the first and the last of them are."""
    await book(psd, reports)
    rng = random.Random(step)
    asked, other = [], []
    for _ in range(30):
        begin = NOON_S + rng.randrange(-5_000, 40_000) - rng.randrange(20) * step
        inner = [*range(begin, begin + rng.randrange(15, 40) * step, step)]
        first, last = begin - rng.randrange(1, step + 1), inner[-1] + rng.randrange(1, step + 1)
        asked.append([first, *inner, last])
    for boundaries in asked:
        assert len(msgpack.unpackb(packed_bounds(boundaries, []))[0]) == 0, "as five numbers"
        found = await psd.engine.series([1], BucketQuestion(1, boundaries))
        assert found[0][None].sums == sums(reports, boundaries)
        other.append(await replied(psd, boundaries))
    monkeypatch.setattr("psd.engine.series.EVEN_BOUNDS_MIN", 1_000)
    assert [await replied(psd, boundaries) for boundaries in asked] == other


async def replied(psd: Runtime, boundaries: list[int]) -> object:
    """What the script itself answers."""
    root = psd.store.placement.owner_root(1)
    arguments = BucketQuestion(1, boundaries).arguments([])
    return await psd.store.run(Script("engine.series"), root, *arguments, "")


@pytest.mark.parametrize(
    "boundaries",
    [[0] * 20, [*range(0, 200, 10), 195], [*range(0, 200, 10), 190], [0, *range(0, 190, 10), 500]],
    ids=["at one place", "an end within", "an end twice", "a beginning twice"],
)
def test_only_even_boundaries_are_shortened(boundaries: list[int]) -> None:
    plain, _, *even = msgpack.unpackb(packed_bounds(boundaries, []))
    if even:
        first, begin, step, number, last = even[0]
        inner = [begin + at * step for at in range(number - 2)]
        plain = [first, *inner, last]
    assert plain == boundaries
