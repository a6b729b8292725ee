"""Clocks that differ are told once, and so is that they agree again."""

from __future__ import annotations

import logging

import pytest

from psd.clock import ManualClock
from psd.observe.metrics import Metrics
from psd.store.clocks import Clocks, SlowerClock

NOW_S = 1_460_419_200


class Bench:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.clocks = Clocks(ManualClock(NOW_S), self.metrics)

    def heard(self, ahead_s: float, node: str = "") -> None:
        self.clocks.heard(node, round((NOW_S + ahead_s) * 1_000_000))


@pytest.mark.parametrize(
    ("ahead_s", "told"),
    [
        (777_600.0, "ok: the store's clock is 777600.0 s ahead of this machine's"),
        (-600.0, "ok: the store's clock is 600.0 s behind this machine's"),
    ],
)
def test_a_difference_is_told_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, ahead_s: float, told: str
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    for _ in range(5):
        bench.heard(ahead_s)
    assert bench.clocks.check() == told
    assert not bench.clocks.agree
    value = bench.metrics.registry.get_sample_value("psd_clock_difference_seconds")
    assert value == ahead_s
    for _ in range(5):
        bench.heard(0.01)
    assert (bench.clocks.check(), bench.clocks.agree) == ("ok", True)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_one_answer_that_took_long_is_no_difference(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    for ahead_s in (-3.0, 0.0, -3.0, 0.0):
        bench.heard(ahead_s)
        assert bench.clocks.check() == "ok"
    assert not caplog.records


def test_of_several_nodes_the_one_that_differs_most_is_named() -> None:
    bench = Bench()
    for _ in range(2):
        bench.heard(0.0, "10.0.0.1:6379")
        bench.heard(-5.0, "10.0.0.2:6379")
        bench.heard(-9.0, "10.0.0.3:6379")
    assert bench.clocks.check() == "ok: the clock of 10.0.0.3:6379 is 9.0 s behind this machine's"


@pytest.mark.parametrize(("ahead_s", "expected_s"), [(-3456000, NOW_S - 3456000), (60, NOW_S)])
def test_of_two_clocks_the_slower_one_ends_a_week(ahead_s: int, expected_s: int) -> None:
    bench = Bench()
    clock = SlowerClock(ManualClock(NOW_S), bench.clocks)
    assert clock.now_s() == NOW_S
    bench.heard(ahead_s)
    assert clock.now_s() == expected_s
