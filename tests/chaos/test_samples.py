"""What samples call flat, and what they do not."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.samples import Samples

MINUTES = 30


def sampled(of_minute: Callable[[int], float], unit: str = "MB") -> Samples:
    samples = Samples()
    for minute in range(MINUTES):
        samples.add("worker", unit, of_minute(minute))
    return samples


def test_what_grows_only_at_the_start_is_flat() -> None:
    assert sampled(lambda minute: 20.0 + 4 * min(minute, 10)).growing() == []


def test_a_spike_is_not_growth() -> None:
    assert sampled(lambda minute: 500.0 if minute == 25 else 60.0).growing() == []


def test_steady_growth_is_told_with_its_figures() -> None:
    assert sampled(lambda minute: 60.0 + 2 * minute).growing() == [
        "worker: 89.0 MB in the middle third, 109.0 in the last"
    ]


def test_a_descriptor_left_open_every_minute_is_growth() -> None:
    assert len(sampled(lambda minute: 20.0 + minute, "descriptors").growing()) == 1
