"""How long callbacks hold the event loop, in lines of Python that they run: no machine changes it.

Whatever runs on a loop is a step of a task or another callback, from which nobody is answered
until it ends. Seconds of it, CPU time too, depend on who else works on the machine; lines do not,
and each row of a comprehension is one. ::

>>> with loop_lines() as holds:
...     await client.get("/v3/leaderboard?thing=steps")
>>> holds.longest, holds.total
(2_304, 41_730)
>>> assert holds.longest < 10_000, holds.which

What one call of C does with many rows is no line: a sort, a copy of a list, an array of numpy.
``tests/unit/test_slices.py`` holds sorts. Where numpy is what takes long, ``loop_cpu_s`` measures
it, for tests that are marked ``timed`` alone and take the best of several tries.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any
from unittest.mock import patch


class Holds:
    """The longest step so far, and which it was; beside all steps together."""

    def __init__(self) -> None:
        self.total: float = 0
        self.longest: float = 0
        self.which = ""

    def start(self) -> None:
        """A step begins."""
        raise NotImplementedError

    def stop(self) -> float:
        """How long it was, now that it has ended."""
        raise NotImplementedError

    def note(self, length: float, handle: asyncio.Handle) -> None:
        """A step has ended."""
        self.total += length
        if length > self.longest:
            self.longest, self.which = length, f"{length} of {handle!r}"


class LineHolds(Holds):
    """In lines that a step ran, in whatever module."""

    def start(self) -> None:
        """Only frames that are entered from now on are traced."""
        self._lines, self._before = 0, sys.gettrace()
        sys.settrace(self._trace)

    def stop(self) -> int:
        """The lines since."""
        sys.settrace(self._before)
        return self._lines

    def _trace(self, _frame: FrameType, event: str, _said: Any) -> Any:
        if event == "line":
            self._lines += 1
        return self._trace


class CpuHolds(Holds):
    """In seconds of CPU that the thread of the loop took."""

    def start(self) -> None:
        """Now."""
        self._started_s = time.thread_time()

    def stop(self) -> float:
        """The seconds since."""
        return time.thread_time() - self._started_s


def loop_lines() -> AbstractContextManager[Holds]:
    """Count every step of every loop of this thread."""
    return _measured(LineHolds())


@contextmanager
def loop_cpu_s() -> Iterator[Holds]:
    """Measure the same."""
    # The garbage of all tests before would be collected in some step.
    gc.collect()
    gc.disable()
    try:
        with _measured(CpuHolds()) as holds:
            yield holds
    finally:
        gc.enable()


@contextmanager
def _measured(holds: Holds) -> Iterator[Holds]:
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> Any:
        holds.start()
        try:
            return run(handle)
        finally:
            holds.note(holds.stop(), handle)

    with patch.object(asyncio.Handle, "_run", measured):
        yield holds
