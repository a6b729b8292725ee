"""Numbers at their limits are exact, past them refused, and a refused report leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.engine.events import TIME_END_S, VALUE_MAX, Event
from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.errors import OutOfBoundsError
from psd.runtime import Runtime
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    collected,
    count,
    day,
    increment,
    report,
    second,
    sum_of,
)
from tests.support.stored.keyspace import keyspace

ID_EDGES = (-(2**63), -(2**63) + 1, -(2**53) - 1, -1, 0, 2**53 + 1, 2**63 - 2, 2**63 - 1)
ONE_DAY = Range(NOON_S - 43_200, NOON_S + 43_200)


async def leaves_no_trace(psd: Runtime, before: Sequence[Event], refused: Event) -> None:
    """``refused`` is refused after ``before``, and the store is as if it had not been sent."""
    await book(psd, before)
    held = await keyspace(psd.store.client)
    [outcome] = await psd.engine.book([refused])
    assert outcome.status == "refused"
    assert isinstance(outcome.error, OutOfBoundsError)
    assert outcome.error.code == "out_of_bounds"
    assert await keyspace(psd.store.client) == held


@pytest.mark.parametrize("value", [VALUE_MAX, -VALUE_MAX, VALUE_MAX - 1, 2**52 + 1])
async def test_the_largest_values_are_exact(psd: Runtime, value: int) -> None:
    assert await book(psd, [report(value)]) == ["booked"]
    assert await sum_of(psd) == value
    assert await sum_of(psd, Range(NOON_S, NOON_S + 1)) == value
    assert await collected(psd) == (value, {3: 2})
    assert await psd.engine.activity_sum(1, 1, 3, EVER) == value


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("more", [1, 2, 3, VALUE_MAX])
async def test_a_report_past_the_bound_of_its_year_leaves_no_trace(
    psd: Runtime, sign: int, more: int
) -> None:
    january = report(sign * VALUE_MAX, second("2016-01-05 10:00:00"), aid=1)
    december = report(sign * more, second("2016-12-20 10:00:00"), aid=2, atid=5)
    await leaves_no_trace(psd, [january], december)
    assert await sum_of(psd) == sign * VALUE_MAX


async def test_a_week_over_two_years_is_bounded_like_every_level(psd: Runtime) -> None:
    before = report(VALUE_MAX, second("2020-12-31 10:00:00"), aid=1)
    after = report(1, second("2021-01-01 10:00:00"), aid=2)
    await leaves_no_trace(psd, [before], after)


async def test_an_atid_is_bounded_though_the_total_is_not_reached(psd: Runtime) -> None:
    events = [report(VALUE_MAX, aid=1, atid=1), report(-VALUE_MAX, aid=2, atid=2)]
    await leaves_no_trace(psd, events, report(1, aid=3, atid=1))


async def test_a_booking_past_the_bound_by_its_difference_leaves_no_trace(psd: Runtime) -> None:
    down = report(-VALUE_MAX, NOON_S)
    await leaves_no_trace(psd, [down], report(VALUE_MAX, NOON_S + 60, ts1=NOON_S))


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_correction_by_more_than_the_bound_leaves_no_trace(psd: Runtime, sign: int) -> None:
    # 2^54 - 3 more, which doubles do not hold: the sum was one short.
    await leaves_no_trace(psd, [report(sign * (1 - VALUE_MAX))], report(sign * VALUE_MAX))


async def test_a_correction_by_the_bound_is_exact(psd: Runtime) -> None:
    low, high = -(2**52), VALUE_MAX - 2**52
    assert await book(psd, [report(low), report(high)]) == ["booked", "booked"]
    assert await sum_of(psd) == high
    assert await collected(psd) == (high, {3: 2})


async def test_a_late_report_that_shifts_a_booking_past_the_bound_leaves_no_trace(
    psd: Runtime,
) -> None:
    later = report(VALUE_MAX, NOON_S + 60, ts1=NOON_S)
    await leaves_no_trace(psd, [later], report(-1, NOON_S + 5, ts1=NOON_S))


async def test_an_increment_past_the_bound_leaves_no_trace(psd: Runtime) -> None:
    await leaves_no_trace(psd, [increment("a", VALUE_MAX)], increment("b", 1))


async def test_a_count_past_the_bound_leaves_no_trace(psd: Runtime) -> None:
    await leaves_no_trace(psd, [count("a", VALUE_MAX)], count("b", 1, NOON_S + 100))


async def test_an_hour_of_a_dense_day_is_bounded_like_every_level(psd: Runtime) -> None:
    """The day's total stays small; the hour's alone would pass the bound."""
    dense = [report(1, NOON_S + n * 60, aid=n) for n in range(-600, 100)]
    most = VALUE_MAX - 2000
    hours = [report(-most, NOON_S - 3600, aid=2000), report(most, NOON_S + 7, aid=2001)]
    assert set(await book(psd, [*dense, *hours])) == {"booked"}
    await leaves_no_trace(psd, [], report(5000, NOON_S + 9, aid=2002))
    others = [report(1, NOON_S + 11, aid=2003), report(5000, NOON_S + 9, aid=2002)]
    assert await book(psd, others) == ["booked", "refused"]


async def test_the_others_of_a_batch_are_booked(psd: Runtime) -> None:
    await book(psd, [report(VALUE_MAX, aid=1)])
    batch = [
        report(-40, aid=2),
        report(50, aid=3),
        report(5, aid=4),
        report(9, aid=5, uid=2),
        report(1, aid=6, thing=2),
    ]
    assert await book(psd, batch) == ["booked", "refused", "booked", "booked", "booked"]
    assert await sum_of(psd) == VALUE_MAX - 35
    assert await collected(psd) == (VALUE_MAX - 35, {1: 2, 2: 2, 4: 2})


async def test_a_refused_report_leaves_the_same_keys_as_never_sent(psd: Runtime) -> None:
    good = [report(VALUE_MAX, aid=1), report(-6, aid=2), report(6, aid=2, atid=9, ts2=NOON_S + 5)]
    await psd.store.client.flushdb()
    await book(psd, good)
    held = await keyspace(psd.store.client)
    await psd.store.client.flushdb()
    bad = report(7, second("2016-02-01 00:00:00"), aid=4, atid=33)
    assert await book(psd, [*good, bad]) == ["booked"] * 3 + ["refused"]
    assert await keyspace(psd.store.client) == held


async def test_a_sum_past_the_bound_is_refused_not_rounded(psd: Runtime) -> None:
    years = [report(VALUE_MAX, second(f"{year}-06-01 10:00:00"), aid=year) for year in (2001, 2003)]
    await book(psd, years)
    with pytest.raises(OutOfBoundsError, match="range"):
        await sum_of(psd)
    with pytest.raises(OutOfBoundsError, match="range"):
        await collected(psd)
    assert await sum_of(psd, Range(0, years[1].ts2)) == VALUE_MAX


@pytest.mark.parametrize("activities", [False, True])
async def test_a_sum_within_the_bound_is_exact_or_refused_whatever_it_passes_on_its_way(
    psd: Runtime, activities: bool
) -> None:
    """Three years up and two down come to one, but pass what a double holds between."""
    signs = {2001: 1, 2003: 1, 2005: 1, 2007: -1, 2009: -1}
    events = [
        report(sign * VALUE_MAX, second(f"{year}-06-01 10:00:00"), aid=year)
        for year, sign in signs.items()
    ]
    await book(psd, events)
    try:
        [owner] = await psd.engine.sums([1], [1], [EVER], activities=activities)
    except OutOfBoundsError:
        return
    assert owner.sums == {1: VALUE_MAX}


@pytest.mark.parametrize("sign", [1, -1])
async def test_one_activity_past_the_bound_is_refused_not_rounded(psd: Runtime, sign: int) -> None:
    years = [
        report(sign * VALUE_MAX, second("2001-06-01 10:00:00")),
        report(sign * 2, second("2003-06-01 10:00:00")),
    ]
    await book(psd, years)
    with pytest.raises(OutOfBoundsError):
        await psd.engine.activity_sum(1, 1, 3, EVER)


@pytest.mark.parametrize("uid", ID_EDGES)
async def test_owners_at_the_edges_of_64_bits_are_told_apart(psd: Runtime, uid: int) -> None:
    await book(psd, [report(100 + at, uid=edge) for at, edge in enumerate(ID_EDGES)])
    assert await sum_of(psd, uid=uid) == 100 + ID_EDGES.index(uid)


@pytest.mark.parametrize("atid", ID_EDGES)
async def test_types_at_the_edges_of_64_bits_are_told_apart(psd: Runtime, atid: int) -> None:
    events = [report(100 + at, aid=at, atid=edge) for at, edge in enumerate(ID_EDGES)]
    await book(psd, events)
    value = 100 + ID_EDGES.index(atid)
    assert await sum_of(psd, atid=atid) == value
    assert await sum_of(psd, Range(NOON_S, NOON_S + 1), atid=atid) == value
    [owner] = await psd.engine.sums([1], [1], [EVER], atid=atid, activities=True)
    assert owner.sums == {1: value}
    assert owner.activities == {ID_EDGES.index(atid): atid}


@pytest.mark.parametrize("long", [False, True])
async def test_activities_at_the_edges_of_64_bits_are_told_apart(psd: Runtime, long: bool) -> None:
    ends = range(1, 8) if long else range(1, 2)
    for aid in ID_EDGES:
        events = [report(aid % 1000 + n, NOON_S + n * 900, NOON_S, aid=aid) for n in ends]
        assert await book(psd, events) == ["booked"] * len(ends)
        again = [report(aid % 1000 + n, NOON_S + n * 900, NOON_S, aid=aid) for n in ends]
        assert await book(psd, again) == ["unchanged"] * len(ends)
    for aid in ID_EDGES:
        assert await psd.engine.activity_sum(1, 1, aid, EVER) == aid % 1000 + ends[-1]
    assert (await collected(psd))[1] == dict.fromkeys(ID_EDGES, 2)


SECONDS = {
    "the first second": 1,
    "the last second": TIME_END_S - 1,
    "a leap day": second("2016-02-29 23:59:59"),
    "a century's leap day": second("2000-02-29 00:00:00"),
    "a century without one": second("2100-02-28 23:59:59"),
    "the last day of a leap year": second("2020-12-31 23:59:59"),
    "New Year's Day": second("2021-01-01 00:00:00"),
    "past 32 signed bits": 2**31,
    "past 32 bits": 2**32,
}


@pytest.mark.parametrize("at", SECONDS.values(), ids=SECONDS)
async def test_a_booking_is_in_exactly_the_ranges_that_hold_its_second(
    psd: Runtime, at: int
) -> None:
    await book(psd, [report(7, at)])
    midnight = at - at % DAY_S
    for start, end in (
        *((at, at + 1), (0, at + 1), (at, TIME_END_S), (midnight, midnight + DAY_S)),
        *((0, TIME_END_S), (midnight - 40 * DAY_S, midnight + 40 * DAY_S)),
    ):
        assert await sum_of(psd, Range(start, end)) == 7, (start, end)
        assert await collected(psd, Range(start, end)) == (7, {3: 2}), (start, end)
    for start, end in ((0, at), (at + 1, TIME_END_S), (at, at), (at + 1, at - 1)):
        assert await sum_of(psd, Range(start, end)) == 0, (start, end)
        assert await collected(psd, Range(start, end)) == (0, {}), (start, end)


async def test_a_range_past_all_times_is_cut_to_them(psd: Runtime) -> None:
    await book(psd, [report(7, 1), report(8, TIME_END_S - 1, aid=9)])
    assert await sum_of(psd, Range(-(2**63), 2**63 - 1)) == 15
    assert await collected(psd, Range(-(2**63), 2**63 - 1)) == (15, {3: 2, 9: 2})


@pytest.mark.parametrize(
    ("at", "monday"),
    [
        ("2020-12-31 12:00:00", "2020-12-28"),
        ("2021-01-03 23:59:59", "2020-12-28"),
        ("2021-01-04 00:00:00", "2021-01-04"),
        ("2018-12-31 00:00:00", "2018-12-31"),
        ("2016-01-03 23:59:59", "2015-12-28"),
    ],
)
async def test_an_iso_week_holds_its_days_over_the_edge_of_a_year(
    psd: Runtime, at: str, monday: str
) -> None:
    await book(psd, [report(7, second(at))])
    for weeks in (-1, 0, 1):
        start = second(monday) + weeks * WEEK_S
        assert await sum_of(psd, Range(start, start + WEEK_S)) == (0 if weeks else 7)


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        ("2022-01-31 04:59:59", "2022-01-24 05:00:00"),
        ("2022-01-31 05:00:00", "2022-01-31 05:00:00"),
        ("2021-01-04 04:59:59", "2020-12-28 05:00:00"),
        ("2021-01-04 05:00:00", "2021-01-04 05:00:00"),
        ("2020-12-28 04:59:59", "2020-12-21 05:00:00"),
        ("2016-01-01 00:00:00", "2015-12-28 05:00:00"),
    ],
)
async def test_an_issuance_week_begins_monday_at_five(psd: Runtime, at: str, begins: str) -> None:
    await book(psd, [report(7, second(at), atid=4)])
    assert (second(begins) - ISSUANCE_START_S) % WEEK_S == 0
    for weeks in (-1, 0, 1):
        start = second(begins) + weeks * WEEK_S
        expected = 0 if weeks else 7
        assert await sum_of(psd, Range(start, start + WEEK_S)) == expected
        assert await sum_of(psd, Range(start, start + WEEK_S), atid=4) == expected
        assert await sum_of(psd, Range(start, start + WEEK_S), atid=5) == 0


async def test_a_day_before_and_after_a_leap_day_are_its_neighbours(psd: Runtime) -> None:
    await book(psd, [report(7, second("2016-02-29 12:00:00"))])
    sums = [await sum_of(psd, day(date)) for date in ("2016-02-28", "2016-02-29", "2016-03-01")]
    assert sums == [0, 7, 0]
    assert await sum_of(psd, day("2016-02-01", days=29)) == 7
    assert await sum_of(psd, day("2016-02-01", days=28)) == 0


async def test_an_empty_batch_and_an_empty_question_are_answered(psd: Runtime) -> None:
    assert await book(psd, []) == []
    assert await psd.engine.sums([], [1], []) == []
    assert await psd.engine.counts([], EVER) == []
    [owner] = await psd.engine.sums([1], [], [ONE_DAY])
    assert owner.sums == {}
