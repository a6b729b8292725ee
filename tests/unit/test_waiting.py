"""A message that only a wrong clock refuses waits; what no clock would take is buried at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from psd.clock import ManualClock
from psd.config import Settings
from psd.engine.event_rules import EventRules
from psd.errors import InputError, OutOfBoundsError, TooEarlyError, TooLateError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.queue.interface import Message
from tests.support.processes.worker_fakes import MemoryEngine, MemoryQueue, message
from tests.support.waiting import wait_until
from workers.handlers.bookings import BookingHandler
from workers.runner import Worker
from workers.waiting import DELAY_MAX_S, EARLY_MAX_S, delay_s

NOW_S = 1_460_419_200
DAY_S = 86_400

CASES: list[tuple[InputError, float, float]] = [
    (TooEarlyError("x", excess_s=1), 0.0, 1.0),
    (TooEarlyError("x", excess_s=20), 0.0, 20.0),
    (TooEarlyError("x", excess_s=600), 0.0, DELAY_MAX_S),
    (TooEarlyError("x", excess_s=EARLY_MAX_S), 0.0, DELAY_MAX_S),
    (TooEarlyError("x", excess_s=EARLY_MAX_S + 1), 0.0, 0.0),
    (TooEarlyError("x", excess_s=40 * 365 * DAY_S), 9 * DAY_S, 0.0),
    (TooEarlyError("x", excess_s=9 * DAY_S), 9 * DAY_S, DELAY_MAX_S),
    (TooEarlyError("x", excess_s=9 * DAY_S), -9 * DAY_S, 0.0),
    (TooLateError("x", excess_s=1), 0.0, 0.0),
    (TooLateError("x", excess_s=10 * DAY_S), -40 * DAY_S, DELAY_MAX_S),
    (TooLateError("x", excess_s=50 * DAY_S), -40 * DAY_S, 0.0),
    (TooLateError("x", excess_s=10 * DAY_S), 40 * DAY_S, 0.0),
    (TooLateError("some of its reports have expired"), -40 * DAY_S, 0.0),
    (OutOfBoundsError("x"), 40 * DAY_S, 0.0),
]


@pytest.mark.parametrize(("error", "store_ahead_s", "expected"), CASES)
def test_a_message_waits_as_long_as_some_clock_would_take_it(
    error: InputError, store_ahead_s: float, expected: float
) -> None:
    assert delay_s(error, store_ahead_s) == expected


class Bench:
    """A worker whose clock can be set, with an oldest time that books."""

    def __init__(self) -> None:
        self.queue = MemoryQueue()
        self.engine = MemoryEngine()
        self.metrics = Metrics()
        self.clock = ManualClock(NOW_S)
        self.store_ahead_s = 0.0
        rules = EventRules({"steps": 1}, age_max_s=30 * DAY_S)
        handler = BookingHandler(rules)
        self.worker = Worker(
            self.queue,
            handler,
            Settings(),
            self.metrics,
            self.clock,
            Intake(self.engine),
            store_ms=self.store_ms,
        )

    async def store_ms(self) -> int:
        return self.clock.now_ms() + round(self.store_ahead_s * 1000)

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.worker.run())
    try:
        yield
    finally:
        bench.worker.stop()
        async with asyncio.timeout(60):
            await task


def at(second: int, message_id: str) -> Message:
    fields = {"thing": "steps", "uid": 7, "aid": 1, "value": 1, "ts2": second}
    return message(msgspec.json.encode({"command": "metric", "metric": fields}), message_id)


async def test_live_events_of_a_worker_whose_clock_is_behind_wait_and_are_booked() -> None:
    bench = Bench()
    bench.clock.advance(-600)
    bench.store_ahead_s = 600.0
    async with running(bench):
        bench.queue.deliver(*(at(NOW_S, f"m{n}") for n in range(3)), at(NOW_S - 900, "old"))
        await wait_until("they wait", lambda: len(bench.queue.requeued) == 3)
        await wait_until("the others do not", lambda: bench.queue.finished == ["old"])
        assert set(bench.queue.requeued.values()) == {DELAY_MAX_S}
        assert bench.queue.published == []
        assert bench.sample("psd_worker_waits_total", code="too_early") == 3
        bench.clock.advance(600)
        bench.queue.deliver(*(at(NOW_S, f"m{n}") for n in range(3)))
        await wait_until("booked", lambda: len(bench.queue.finished) == 4)
    assert len(bench.engine.booked) == 4


async def test_also_of_one_whose_clock_is_months_behind() -> None:
    bench = Bench()
    bench.clock.advance(-40 * DAY_S)
    bench.store_ahead_s = 40.0 * DAY_S
    async with running(bench):
        bench.queue.deliver(at(NOW_S, "live"), at(NOW_S + 2 * DAY_S, "early"))
        await wait_until("one is buried", lambda: bench.queue.finished == ["early"])
    assert list(bench.queue.requeued) == ["live"]


async def test_what_lies_years_ahead_is_buried_at_once() -> None:
    bench = Bench()
    async with running(bench):
        bench.queue.deliver(at(NOW_S + 40 * 365 * DAY_S, "m1"), at(NOW_S + 400, "m2"))
        await wait_until("finished", lambda: bench.queue.finished == ["m1"])
    assert len(bench.queue.published) == 1
    assert list(bench.queue.requeued) == ["m2"]


async def test_live_events_of_a_worker_whose_clock_is_ahead_are_not_buried_as_too_late() -> None:
    bench = Bench()
    bench.clock.advance(40 * DAY_S)
    bench.store_ahead_s = -40.0 * DAY_S
    async with running(bench):
        bench.queue.deliver(at(NOW_S, "live"), at(NOW_S - 60 * DAY_S, "late"))
        await wait_until("one is buried", lambda: bench.queue.finished == ["late"])
    assert list(bench.queue.requeued) == ["live"]
    assert bench.sample("psd_events_too_late_total") == 1
