"""How long callbacks hold the event loop, in CPU time, so that a loaded machine changes little.

Whatever runs on a loop is a step of a task or another callback, from which nobody is answered
until it ends. ::

>>> with loop_holds() as holds:
...     await client.get("/v3/leaderboard?thing=steps")
>>> holds.longest_s
0.004
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


class Holds:
    """The longest step so far, and what it was."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.longest = ""

    def note(self, seconds: float, handle: asyncio.Handle) -> None:
        """A step has ended."""
        if seconds > self.longest_s:
            self.longest_s, self.longest = seconds, repr(handle)


@contextmanager
def loop_holds() -> Iterator[Holds]:
    """Measure every step of every loop of this process."""
    holds, run = Holds(), asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> Any:
        started = time.thread_time()
        try:
            return run(handle)
        finally:
            holds.note(time.thread_time() - started, handle)

    # The garbage of all tests before would be collected in some step.
    gc.collect()
    gc.disable()
    try:
        with patch.object(asyncio.Handle, "_run", measured):
            yield holds
    finally:
        gc.enable()
