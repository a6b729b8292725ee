"""Series over buckets of any alignment equal sums over a plain list of bookings."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate

import pytest

from psd.engine.plan import ISO_MONDAY_S, ISSUANCE_START_S, WEEK_S
from psd.engine.series import BucketQuestion
from psd.engine.series_columns import Series
from psd.runtime import Runtime
from tests.property.test_booking_order import book_in_batches
from tests.property.test_sums import Booked
from tests.support.draws.random_reports import ATIDS, random_reports

DAY_S = 86_400
QUESTIONS = 25


def random_boundaries(rng: random.Random, seconds: list[int]) -> list[int]:
    """Days of a zone, weeks of either kind, minutes, hours, months of 28 to 31 days, anything."""
    start = max(0, rng.choice(seconds) - rng.choice((0, 1, 3600, 40 * DAY_S, 500 * DAY_S)))
    buckets = rng.choice((1, 2, 7, 40, 300))
    match rng.randint(0, 4):
        case 0:
            offset_s = rng.choice((0, 3600, -18_000, 20_700))
            start = max(0, start - start % DAY_S + offset_s)
            return [start + number * DAY_S for number in range(buckets + 1)]
        case 1:
            anchor = rng.choice((ISO_MONDAY_S, ISSUANCE_START_S))
            start = max(anchor % WEEK_S, start - (start - anchor) % WEEK_S)
            return [start + number * WEEK_S for number in range(buckets + 1)]
        case 2:
            size = rng.choice((60, 3600))
            return [start - start % size + number * size for number in range(buckets + 1)]
        case 3:
            sizes = [rng.randint(28, 31) * DAY_S for _ in range(buckets)]
            return list(accumulate(sizes, initial=start - start % DAY_S))
    near = {rng.choice(seconds) + rng.choice((-1, 0, 1)) for _ in range(buckets)}
    return sorted({start, start + rng.randint(1, 90 * DAY_S), *near})


def naive(booked: Booked, question: BucketQuestion, is_counted: bool) -> dict[int | None, Series]:
    """The same from a list of everything booked."""
    bounds = question.boundaries
    columns: dict[int | None, Series] = {} if question.by_atid else {None: empty(bounds)}
    for thing, _, (second, atid, delta) in booked.entries:
        bucket = bisect_right(bounds, second) - 1
        wanted = question.atids is None or atid in question.atids
        if thing == question.thing and wanted and 0 <= bucket < len(bounds) - 1:
            column = columns.setdefault(atid if question.by_atid else None, empty(bounds))
            column.sums[bucket] += delta
            assert column.bookings is not None
            column.bookings[bucket] += 1
    if is_counted:
        return columns
    shown = {atid: s for atid, s in columns.items() if atid is None or any(s.sums)}
    return {atid: Series(series.sums, None) for atid, series in shown.items()}


def empty(bounds: object) -> Series:
    """Buckets of nothing."""
    buckets = len(bounds) - 1
    return Series([0] * buckets, [0] * buckets)


def with_bookings(columns: dict[int | None, Series]) -> dict[int | None, Series]:
    """Without columns of atids whose sums cancel out, which totals do not tell of."""
    return {a: s for a, s in columns.items() if a is None or any(s.sums) or s.bookings is not None}


@pytest.mark.parametrize("seed", range(6))
async def test_a_series_equals_a_plain_list(runtime: Runtime, seed: int) -> None:
    for number in range(8):
        rng = random.Random(f"series {seed}/{number}")
        reports = random_reports(rng)
        await runtime.store.client.flushdb()
        await book_in_batches(runtime, rng, reports)
        booked = Booked(reports)
        seconds = sorted(b.second for _, _, b in booked.entries) or [1_460_000_000]
        for _ in range(QUESTIONS):
            atids = rng.choice((None, None, frozenset(rng.sample(ATIDS, rng.randint(1, 5)))))
            question = BucketQuestion(
                thing=rng.choice((1, 2)),
                boundaries=random_boundaries(rng, seconds),
                atids=atids,
                by_atid=rng.random() < 0.4,
                counts=rng.random() < 0.4,
            )
            where = f"seed {seed}/{number} {question}"
            expected = naive(booked, question, question.is_counted)
            mine, stranger = await runtime.engine.series([1, 2], question)
            assert with_bookings(mine) == expected, where
            assert stranger == naive(Booked([]), question, question.is_counted), where
            together = await runtime.engine.series_of_all([2, 1, 1], question)
            assert with_bookings(together) == twice(expected), where


def twice(columns: dict[int | None, Series]) -> dict[int | None, Series]:
    """The columns of an owner who is asked for two times."""
    return {
        atid: Series(
            [2 * each for each in series.sums],
            None if series.bookings is None else [2 * each for each in series.bookings],
        )
        for atid, series in columns.items()
    }
