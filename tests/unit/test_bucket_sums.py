"""Sums by bucket are those of plain addition, however large the numbers."""

from __future__ import annotations

import random

import pytest

from psd.engine.bucket_sums import BucketSums

SUM_MAX = 2**53 - 1


@pytest.mark.parametrize("most", [9, SUM_MAX])
def test_buckets_hold_what_plain_addition_gives(most: int) -> None:
    rng = random.Random(most)
    found = BucketSums([0, 10, 10, 25, 40])
    expected: dict[tuple[int, int], list[int]] = {}
    for _ in range(200):
        rows = [rng.randrange(5) for _ in range(rng.randrange(30))]
        seconds = [rng.randrange(40) for _ in rows]
        sums = [rng.choice((-most, most, rng.randint(-most, most))) for _ in rows]
        found.add(rows, found.of_seconds(seconds), sums, 1, most)
        for row, second, value in zip(rows, seconds, sums, strict=True):
            bucket = 0 if second < 10 else 2 if second < 25 else 3
            cell = expected.setdefault((row, bucket), [0, 0])
            cell[0] += value
            cell[1] += 1
    for row in range(5):
        cells = [expected.get((row, bucket), [0, 0]) for bucket in range(4)]
        assert found.row(row) == ([each for each, _ in cells], [each for _, each in cells])


def test_sums_past_64_bits_are_exact_also_where_they_come_back() -> None:
    found = BucketSums([0, 1])
    for sign in (1, 1, -1):
        found.add([0] * 2_000, [0] * 2_000, [sign * SUM_MAX] * 2_000, 1, SUM_MAX)
    assert found.row(0) == ([2_000 * SUM_MAX], [6_000])
    found.add([0] * 2_000, [0] * 2_000, [-SUM_MAX] * 2_000, 1, SUM_MAX)
    assert found.row(0) == ([0], [8_000])


def test_rows_are_begun_when_something_is_added_to_them() -> None:
    found = BucketSums([0, 1, 2], rows=2)
    found.add([9], [1], [-5], [3], 5)
    assert found.row(9) == ([0, -5], [0, 3])
    assert found.row(1) == ([0, 0], [0, 0])
