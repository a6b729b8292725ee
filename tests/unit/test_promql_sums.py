"""What a query of PromQL comes to: which seconds a window has, what stays exact, what is added."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.engine.series_columns import Series
from psd.errors import DetailExpiredError
from psd.prometheus.evaluated import EvaluatedSeries, added, largest
from psd.prometheus.instants import windows
from psd.prometheus.reading import Counted, exact_sums, sums

DAY_S = 86_400
MIDNIGHT_S = 1_460_419_200


def test_a_window_of_a_day_that_ends_at_midnight_is_that_day() -> None:
    assert windows([MIDNIGHT_S * 1000], 86_400_000) == [Range(MIDNIGHT_S - DAY_S, MIDNIGHT_S)]


def test_between_two_seconds_what_counts_is_what_had_counted_at_the_first() -> None:
    assert windows([MIDNIGHT_S * 1000 + 999], 1000) == [Range(MIDNIGHT_S - 1, MIDNIGHT_S)]


def test_an_instant_before_1970_sees_nothing() -> None:
    assert windows([-5000], None) == [Range(0, 0)]


class ListEngine:
    """An engine over (uid, second, value); before ``kept_s`` it knows whole days alone."""

    def __init__(self, bookings: Sequence[tuple[int, int, int]], kept_s: int = 0) -> None:
        self.bookings = bookings
        self.kept_s = kept_s
        self.calls = 0

    async def series(
        self, uids: Sequence[int], question: BucketQuestion
    ) -> list[dict[int | None, Series]]:
        self.calls += 1
        if any(edge < self.kept_s and edge % DAY_S for edge in question.boundaries):
            raise DetailExpiredError("range: expired", "day")
        ends = list(question.boundaries)
        return [
            {
                None: Series(
                    [self._sum(uid, *ends[at : at + 2]) for at in range(len(ends) - 1)], None
                )
            }
            for uid in uids
        ]

    async def series_of_all(
        self, uids: Sequence[int], question: BucketQuestion
    ) -> dict[int | None, Series]:
        columns = [each[None].sums for each in await self.series(uids, question)]
        return {None: Series([sum(each) for each in zip(*columns, strict=True)], None)}

    async def standings(
        self,
        uids: Sequence[int],
        thing: int,
        range_: Range,
        *,
        atids: frozenset[int] | None = None,
    ) -> list[int]:
        boundaries = [range_.start, range_.end]
        question = BucketQuestion(thing, boundaries, atids, by_atid=False)
        return [each[None].sums[0] for each in await self.series(uids, question)]

    def _sum(self, uid: int, start: int, end: int) -> int:
        return sum(v for who, at, v in self.bookings if who == uid and start <= at < end)


booked = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.integers(0, 400), st.integers(-9, 99)), max_size=30
)


@given(
    booked,
    st.lists(st.integers(-5_000, 500_000), min_size=1, max_size=12),
    st.none() | st.integers(1, 300_000),
    st.booleans(),
)
@pytest.mark.slow("examples of Hypothesis")
def test_windows_are_the_sums_of_their_seconds(
    bookings: list[tuple[int, int, int]], instants: list[int], window: int | None, merged: bool
) -> None:
    counted = Counted([1, 2], 1, None, by_atid=False, merged=merged)
    found = asyncio.run(sums(ListEngine(bookings), counted, windows(instants, window)))
    for place in range(1 if merged else 2):
        expected = [
            sum(
                value
                for uid, second, value in bookings
                if (merged or uid == place + 1)
                # Booked in a second: known when it is over.
                and (second + 1) * 1000 <= at_ms
                and (window is None or (second + 1) * 1000 > at_ms - window)
            )
            for at_ms in instants
        ]
        assert found[place, None] == expected


async def test_instants_whose_detail_has_expired_are_told_and_the_others_stay_exact() -> None:
    bookings = [(1, number * 3600, 1) for number in range(24 * 20)]
    engine = ListEngine(bookings, kept_s=10 * DAY_S)
    instants = list(range(DAY_S, 20 * DAY_S + 1, DAY_S // 2))
    asked_for = windows([each * 1000 for each in instants], 12 * 3_600_000)
    counted = Counted([1], 1, None, by_atid=False, merged=False)
    found = await exact_sums(lambda each: sums(engine, counted, each), asked_for)
    old = {place for place, each in enumerate(asked_for) if each.start < engine.kept_s}
    assert found.expired == old
    assert {
        found.columns[0, None][place] for place in range(len(instants)) if place not in old
    } == {12}
    assert found.resolution == "day"
    assert engine.calls < 12
    days = windows([each * 1000 for each in instants], 86_400_000)
    found = await exact_sums(lambda each: sums(engine, counted, each), days)
    whole = {place for place, each in enumerate(instants) if each % DAY_S == 0}
    assert whole.isdisjoint(found.expired)
    assert {found.columns[0, None][place] for place in whole} == {24}


async def test_labels_that_are_not_kept_are_added_up() -> None:
    rows = [
        EvaluatedSeries({"uid": "1", "atid": "2"}, [1, None]),
        EvaluatedSeries({"uid": "1", "atid": "3"}, [5, None]),
        EvaluatedSeries({"uid": "2", "atid": "2"}, [None, 7]),
    ]
    assert await added(rows, ("uid",)) == [
        EvaluatedSeries({"uid": "1"}, [6, None]),
        EvaluatedSeries({"uid": "2"}, [None, 7]),
    ]
    assert await added(rows, ()) == [EvaluatedSeries({}, [6, 7])]


async def test_the_largest_are_others_at_each_instant() -> None:
    rows = [
        EvaluatedSeries({"uid": "10"}, [1, 9]),
        EvaluatedSeries({"uid": "9"}, [5, 9]),
        EvaluatedSeries({"uid": "8"}, [3, 2]),
    ]
    assert await largest(rows, 1) == [EvaluatedSeries({"uid": "9"}, [5, 9])]
    assert await largest(rows, 2) == [
        EvaluatedSeries({"uid": "9"}, [5, 9]),
        EvaluatedSeries({"uid": "10"}, [None, 9]),
        EvaluatedSeries({"uid": "8"}, [3, None]),
    ]
    assert await largest([], 3) == []
