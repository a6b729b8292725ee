"""Waiting for a fact instead of sleeping: a test says what must become true, and by when.

>>> await wait_until("the message is back", lambda: queue_depth() == 1, timeout_s=2)

The predicate is asked again every 10 ms; when it is still false at the end, the failure carries
the description and the last thing the predicate answered or raised. A minute is for machines that
are very busy: a test of how long something takes is marked ``timed`` (tests/conftest.py) and says
less.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.01

Predicate = Callable[[], object] | Callable[[], Awaitable[object]]


async def wait_until(description: str, predicate: Predicate, timeout_s: float = 60) -> float:
    """Return the seconds it took until ``predicate`` was true; fail after ``timeout_s``.

    A predicate may be async, and it may raise while what it looks at is not there yet
    (``OSError``, ``LookupError``, ``AssertionError``): that counts as false.
    """
    started_s = time.monotonic()
    while True:
        answer = await _ask(predicate)
        elapsed_s = time.monotonic() - started_s
        if answer and not isinstance(answer, Exception):
            return elapsed_s
        if elapsed_s > timeout_s:
            raise AssertionError(f"not within {timeout_s} s: {description} (last: {answer!r})")
        await asyncio.sleep(POLL_S)


async def _ask(predicate: Predicate) -> object:
    try:
        answer = predicate()
        return await answer if inspect.isawaitable(answer) else answer
    except (OSError, LookupError, AssertionError) as exc:
        return exc


async def loop_turns() -> None:
    """A few turns of the loop, in which commands leave that can."""
    answers = iter((False, True))
    await wait_until("the loop has turned", lambda: next(answers))


async def passed(seconds: float) -> None:
    """So much time, in which a server stands still."""
    end_s = time.monotonic() + seconds
    await wait_until("time has passed", lambda: time.monotonic() >= end_s)
