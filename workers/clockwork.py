"""What is due by the clock and by no message: a domain's steps, one after the other.

::

    every 250 ms    step ── 40 ms ──┐         step that takes 700 ms ──┐      step
    0               250             500       750                      1450   1700

A step that was late is not made up for, and no second one begins beside it. One that fails is
counted and logged, and the next comes at its time; while a dependency is away they come less and
less often, up to 2 s apart. The times are those of the clock that is handed in: where it stands
still nothing is due, and one that is set back makes nobody wait for longer than one period.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from psd.backoff import backoff_s
from psd.clock import Clock
from psd.domain.part import ClockTask
from psd.errors import UnavailableError
from psd.observe.metrics import Metrics

log = logging.getLogger("worker")

AWAY_WAIT_MAX_S = 2.0
END_TIMEOUT_S = 5.0
"""For a step that is under way when the process leaves; then it is cancelled."""


class Clockwork:
    """Runs one task; ``run`` returns after :meth:`stop`, with no step under way."""

    def __init__(self, task: ClockTask, clock: Clock, metrics: Metrics) -> None:
        self._task = task
        self._clock = clock
        self._metrics = metrics
        self._stopping = asyncio.Event()
        self._failed_in_row = 0
        self.trouble = ""
        for outcome in ("done", "failed", "unavailable"):
            metrics.clock_steps.labels(task.name, outcome)

    @property
    def name(self) -> str:
        """What is run."""
        return self._task.name

    def stop(self) -> None:
        """Begin no step any more."""
        self._stopping.set()

    async def run(self) -> None:
        """Step until :meth:`stop`."""
        stepping = asyncio.create_task(self._steps(), name=f"clock {self.name}")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            await asyncio.wait({stepping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({stepping}, timeout=END_TIMEOUT_S)
        finally:
            for task in (stepping, stopping):
                task.cancel()
            await asyncio.gather(stepping, stopping, return_exceptions=True)

    async def _steps(self) -> None:
        due_ms = self._clock.now_ms()
        while not self._stopping.is_set():
            now_ms = self._clock.now_ms()
            due_ms = min(due_ms, now_ms + self._task.every_ms)
            if now_ms < due_ms:
                await self._rest((due_ms - now_ms) / 1000)
                continue
            following_ms = due_ms + self._task.every_ms
            due_ms = following_ms if following_ms > now_ms else now_ms + self._task.every_ms
            if not self._stopping.is_set():
                await self._step(now_ms)

    async def _step(self, now_ms: int) -> None:
        try:
            await self._task.step(now_ms)
        except UnavailableError as error:
            self._note(str(error), "unavailable")
            self._failed_in_row += 1
            await self._rest(backoff_s(self._failed_in_row, 2 * self._wait_s(), AWAY_WAIT_MAX_S))
        except Exception as error:
            log.exception("a step failed", extra={"task": self.name})
            self._note(f"{type(error).__name__}: {error}", "failed")
        else:
            self._failed_in_row = 0
            self._note("", "done")

    def _note(self, trouble: str, outcome: str) -> None:
        if trouble and not self.trouble:
            log.warning("steps fail", extra={"task": self.name, "error": trouble})
        self.trouble = trouble
        self._metrics.clock_steps.labels(self.name, outcome).inc()

    def _wait_s(self) -> float:
        return self._task.every_ms / 1000

    async def _rest(self, seconds: float) -> None:
        """Wait, and no longer once it is to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
