"""The order of what was accepted is a number that the store knows, whatever any clock shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from psd.archive.folders import APART
from psd.archive.messages import metrics_entries
from psd.archive.reader import Span, read_placed
from psd.clock import SystemClock
from psd.engine.event_fields import MetricFields
from psd.errors import StoreUnavailableError
from psd.runtime import Runtime, open_runtime
from tests.support.clocks import DAY_S, ShiftedClock
from tests.support.processes.archiving import archived
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps
from tests.support.waiting import wait_until
from workers.crew import build_workers

EVER = ("--from", "2000-01-01")


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive."""
    return archived(stack, tmp_path)


@asynccontextmanager
async def host(stack: WorkerStack, ahead_s: int = 0) -> AsyncIterator[Runtime]:
    """A process whose clock is wrong."""
    runtime = await open_runtime(stack.settings, ShiftedClock(ahead_s), archiving=True)
    try:
        yield runtime
    finally:
        await runtime.close()


async def accept(runtime: Runtime, **fields: Any) -> None:
    """Archive, then book, as everybody does."""
    metric = MetricFields(**{"thing": "steps", "uid": 1, "ts2": NOON_S, **fields})
    now_ms = runtime.clock.now_ms()
    await runtime.archive.append(metrics_entries(now_ms, [metric]))
    [outcome] = await runtime.books.book([runtime.rules.report(metric, now_ms // 1000)])
    assert outcome.error is None


def numbers(stack: WorkerStack) -> list[int]:
    """The numbers in the archive, in its order."""
    folder = Path(stack.settings.archive.folder)
    return [placed.stamp.number for placed in read_placed(folder, Span())]


async def test_a_clock_that_was_ahead_for_one_write_loses_none(
    stack: WorkerStack, tmp_path: Path
) -> None:
    async with host(stack) as runtime:
        clock = runtime.clock
        assert isinstance(clock, ShiftedClock)
        for aid in range(102):
            clock.ahead_s = 40 * DAY_S if aid == 1 else 0
            await accept(runtime, aid=aid, value=1)
    assert len(list((tmp_path / "archive").rglob(f"*{APART}*"))) == 1, "the wrong one is told apart"
    stack.redis.flush()
    code, out, _ = await psd(stack, tmp_path, "replay", *EVER)
    assert (code, out) == (0, "102 entries read: 102 booked\n")
    assert await stack.sum_of(1) == 102


@pytest.mark.parametrize("ahead_s", [40 * DAY_S, 600, -600, -40 * DAY_S])
async def test_of_corrections_by_two_hosts_the_later_one_comes_back(
    stack: WorkerStack, tmp_path: Path, ahead_s: int
) -> None:
    async with host(stack, ahead_s) as wrong, host(stack) as right:
        for value, runtime in enumerate([wrong, right, right, wrong, right, wrong, right], 1):
            await accept(runtime, aid=1, value=value)
        for value, runtime in enumerate([right, wrong, right, wrong], 1):
            await accept(runtime, aid=2, value=value * 100)
    assert numbers(stack) == sorted(set(numbers(stack)))
    before = await stack.sum_of(1)
    assert before == 7 + 400
    stack.redis.flush()
    assert (await psd(stack, tmp_path, "replay", *EVER))[0] == 0
    assert await stack.sum_of(1) == before


async def test_a_lost_store_goes_on_above_what_lies_in_the_archive(
    stack: WorkerStack, tmp_path: Path
) -> None:
    """Both clocks were wrong once, so that no clock alone would get above it."""
    async with host(stack) as runtime:
        runtime.store.order.reached((runtime.clock.now_ms() + 40 * DAY_S * 1000) * 1000)
        await accept(runtime, aid=1, value=500)
    stack.redis.flush()
    async with host(stack) as runtime:
        await accept(runtime, aid=1, value=300)
    found = numbers(stack)
    assert found[0] < found[1]
    stack.redis.flush()
    code, out, _ = await psd(stack, tmp_path, "replay", *EVER)
    assert (code, out) == (0, "2 entries read: 1 booked, 1 superseded\n")
    async with host(stack) as runtime:
        await accept(runtime, aid=1, value=200)
    assert numbers(stack)[2] > found[1], "a replay tells the store how far the archive is"
    assert await stack.sum_of(1) == 200


async def test_what_cannot_be_put_in_order_is_not_accepted(stack: WorkerStack) -> None:
    async with host(stack) as runtime:
        await accept(runtime, aid=1, value=1)
        stack.redis.stop()
        with pytest.raises(StoreUnavailableError):
            await accept(runtime, aid=2, value=1)
    assert len(numbers(stack)) == 1


async def test_a_window_of_time_has_what_any_clock_puts_there(
    stack: WorkerStack, tmp_path: Path
) -> None:
    async with host(stack, -3 * DAY_S) as behind, host(stack, 3 * DAY_S) as ahead:
        await accept(behind, aid=1, value=1)
        await accept(ahead, aid=2, value=10)
    stack.redis.flush()
    for window in (("-5m",), ("-5m", "--to", "now"), ("-5m", "--to", "2100-01-01")):
        _, out, _ = await psd(stack, tmp_path, "replay", "--from", *window)
        assert out.startswith("2 entries read"), window
    _, out, _ = await psd(stack, tmp_path, "replay", "--from", "-4d", "--to", "-2d")
    assert out.startswith("1 entries read"), "an interval: between the clocks nobody knows"


@pytest.mark.one_server("doctor names each node of a cluster")
async def test_readiness_and_doctor_say_that_the_clocks_differ(
    stack: WorkerStack, tmp_path: Path
) -> None:
    async with host(stack, -600) as runtime:
        for _ in range(2):
            checks = await runtime.readiness()
        assert re.fullmatch(
            r"ok: the store's clock is (599|600)\.\d s ahead of .+", checks["clock"]
        )
    async with host(stack) as runtime:
        for _ in range(2):
            checks = await runtime.readiness()
        assert checks["clock"] == "ok"


async def test_live_events_wait_for_a_clock_that_is_behind(
    stack: WorkerStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.waiting.DELAY_MAX_S", 0.2)
    clock = ShiftedClock(-600)
    runtime = await open_runtime(stack.settings, clock, archiving=True)
    worker = build_workers(runtime)[0].worker
    working = asyncio.create_task(worker.run())
    now_s = SystemClock().now_s()
    await stack.publish([steps(1, aid, 10, ts2=now_s) for aid in range(20)])
    waits = runtime.metrics.registry.get_sample_value
    labels = {"code": "too_early"}
    await wait_until("they wait", lambda: (waits("psd_worker_waits_total", labels) or 0) >= 40)
    assert await stack.sum_of(1) == 0
    clock.ahead_s = 0
    await wait_until("they are booked", lambda: stack.sum_is(1, 200))
    await wait_until("nothing is left over", stack.drained)
    worker.stop()
    await working
    await runtime.close()
    assert await stack.letters() == []
