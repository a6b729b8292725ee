"""How long psd waits between two tries."""

from __future__ import annotations

import pytest

from psd.backoff import backoff_s


def test_waits_double_up_to_the_longest() -> None:
    assert [backoff_s(tried, 0.1, 1.0, 0.0) for tried in range(1, 7)] == [0.1, 0.2, 0.4, 0.8, 1, 1]


def test_chance_takes_off_up_to_half() -> None:
    assert backoff_s(2, 0.1, 1.0, 1.0) == 0.1
    assert all(0.5 <= backoff_s(9, 0.1, 1.0) <= 1.0 for _ in range(1000))
    assert len({backoff_s(9, 0.1, 1.0) for _ in range(10)}) > 1


@pytest.mark.parametrize("tried", [1_000, 10**6])
def test_an_outage_of_a_year_overflows_nothing(tried: int) -> None:
    assert backoff_s(tried, 0.1, 2.0, 0.0) == 2.0
