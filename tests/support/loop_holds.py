"""How long callbacks hold the event loop, in CPU time, so that a loaded machine changes little.

Whatever runs on a loop is a step of a task or another callback, from which nobody is answered
until it ends. ::

>>> with loop_holds() as holds:
...     await client.get("/v3/leaderboard?thing=steps")
>>> holds.longest_s, holds.total_s
(0.004, 0.031)
>>> assert holds.are_short(0.1), holds.longest
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

SHARE_MAX = 1 / 3
"""Of all the work: what is done in one piece is nearly all of it, on a slow machine too."""


class Holds:
    """The longest step so far, and what it was; beside all steps together."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self.longest_s = 0.0
        self.longest = ""

    def note(self, seconds: float, handle: asyncio.Handle) -> None:
        """A step has ended."""
        self.total_s += seconds
        if seconds > self.longest_s:
            self.longest_s, self.longest = seconds, repr(handle)

    def are_short(self, most_s: float) -> bool:
        """No step took more; or none more than a share of all, where a slow machine stretches both.

        >>> holds.longest_s, holds.total_s, holds.are_short(0.1)
        (0.107, 0.52, True)
        """
        return self.longest_s < max(most_s, self.total_s * SHARE_MAX)


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
