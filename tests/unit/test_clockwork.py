"""What a worker does by the clock: at its times, one step after the other, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from psd.clock import ManualClock
from psd.domain.part import ClockTask
from psd.errors import StoreUnavailableError
from psd.observe.metrics import Metrics
from tests.support.waiting import wait_until
from workers.clockwork import Clockwork

NOW_S = 1_460_419_200


class Ticks:
    """A task that notes its steps; ``fail`` may raise, ``gate`` holds a step up."""

    def __init__(self, every_ms: int = 10) -> None:
        self.clock = ManualClock(NOW_S)
        self.metrics = Metrics()
        self.seen: list[int] = []
        self.ended: list[int] = []
        self.fail: Callable[[], None] = lambda: None
        self.gate = asyncio.Event()
        self.gate.set()
        task = ClockTask(name="ticks", every_ms=every_ms, step=self.step)
        self.clockwork = Clockwork(task, self.clock, self.metrics)

    async def step(self, now_ms: int) -> None:
        assert len(self.seen) == len(self.ended), "two steps at once"
        self.seen.append(now_ms // 1000 - NOW_S)
        try:
            await self.gate.wait()
            self.fail()
        finally:
            self.ended.append(now_ms // 1000 - NOW_S)

    def counted(self, outcome: str) -> float | None:
        labels = {"task": "ticks", "outcome": outcome}
        return self.metrics.registry.get_sample_value("psd_clock_steps_total", labels)

    def has_ended(self, number: int) -> bool:
        return len(self.ended) >= number

    async def after(self, *seconds: int) -> None:
        """Move the clock to each of these in turn, and wait for the step."""
        for second in seconds:
            number = len(self.ended) + 1
            self.clock.advance(NOW_S + second - self.clock.now_s())
            await wait_until(f"a step at {second}", partial(self.has_ended, number))


async def some_periods() -> None:
    """So long that a step which is wrongly due would have begun."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 0.05
    await wait_until("some periods", lambda: loop.time() > until_s)


@asynccontextmanager
async def running(ticks: Ticks) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(ticks.clockwork.run())
    try:
        yield task
    finally:
        ticks.gate.set()
        ticks.clockwork.stop()
        async with asyncio.timeout(60):
            await task


async def test_a_step_is_at_once_and_then_at_each_period_of_the_clock() -> None:
    ticks = Ticks()
    async with running(ticks):
        await wait_until("the first", lambda: ticks.ended == [0])
        await ticks.after(1, 2, 3)
    assert ticks.seen == [0, 1, 2, 3]
    assert ticks.counted("done") == 4


async def test_where_the_clock_stands_still_nothing_is_due() -> None:
    ticks = Ticks(every_ms=1)
    async with running(ticks):
        await wait_until("the first", lambda: ticks.ended == [0])
        await some_periods()
        assert ticks.seen == [0]


async def test_what_was_late_is_one_step() -> None:
    ticks = Ticks()
    async with running(ticks):
        await ticks.after(0, 500, 501)
    assert ticks.seen == [0, 500, 501]


async def test_a_clock_that_is_set_back_is_followed() -> None:
    ticks = Ticks()
    async with running(ticks):
        await ticks.after(1_000)
        ticks.clock.advance(-900)

        def is_stepped() -> bool:
            ticks.clock.advance(1)
            return len(ticks.ended) > before

        before = len(ticks.ended)
        await wait_until("a step by the clock as it is now", is_stepped)
        assert 100 < ticks.seen[-1] < 1_000


async def test_two_steps_never_run_at_once() -> None:
    ticks = Ticks()
    async with running(ticks):
        await wait_until("the first", lambda: ticks.ended == [0])
        ticks.gate.clear()
        ticks.clock.advance(1)
        await wait_until("a step that is held up", lambda: len(ticks.seen) == 2)
        ticks.clock.advance(100)
        await some_periods()
        assert ticks.seen == [0, 1]
        ticks.gate.set()
        await wait_until("the next", lambda: len(ticks.ended) == 3)
    assert ticks.seen == [0, 1, 101]


async def test_a_step_that_fails_is_counted_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticks = Ticks()

    def fail() -> None:
        raise KeyError("plug")

    async with running(ticks):
        await wait_until("the first", lambda: ticks.ended == [0])
        ticks.fail = fail
        await ticks.after(1)
        await wait_until("it is told", lambda: ticks.clockwork.trouble == "KeyError: 'plug'")
        ticks.fail = lambda: None
        await ticks.after(2)
        await wait_until("it is over", lambda: not ticks.clockwork.trouble)
    assert (ticks.counted("done"), ticks.counted("failed")) == (2, 1)
    assert "a step failed" in caplog.text


async def test_a_dependency_that_is_away_is_asked_again() -> None:
    ticks = Ticks(every_ms=1)

    def fail() -> None:
        raise StoreUnavailableError("redis: timed out")

    ticks.fail = fail
    async with running(ticks):
        await wait_until("it is told", lambda: ticks.clockwork.trouble == "redis: timed out")
        ticks.fail = lambda: None
        ticks.clock.advance(1)
        await wait_until("it is over", lambda: not ticks.clockwork.trouble)
    assert ticks.counted("unavailable") == 1


async def test_a_step_under_way_is_finished_before_it_ends() -> None:
    ticks = Ticks()
    ticks.gate.clear()
    async with running(ticks) as task:
        await wait_until("a step that is held up", lambda: ticks.seen == [0])
        ticks.clockwork.stop()
        await some_periods()
        assert not task.done()
    assert ticks.ended == [0]
