"""The store answers in time, or the request says that it cannot, and what was done.

A trip to Redis has a time limit of its own (``redis.timeout_s``, 1.5 s), a trip can wait for
the one before it, and some questions take two. Together they must stay under the 2 s within
which the server promises an answer, so each use of the engine stands in :class:`StoreDeadline`.

A request that writes may be given up until its first write leaves for Redis, and not in the middle:
from then on it is waited for, so that its answer says what became of it. What is not known then is
said to be so::

    503 store_unavailable   nothing was done: not sent, or refused before anything was written
    504 outcome_unknown     all of it was done, a part, or nothing; sending it again makes it whole

Every write of psd may be sent again: it is found done, or it is done then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from psd.errors import OutcomeUnknownError, StoreUnavailableError, UnavailableError
from psd.store.trail import Trail

ANSWER_TIMEOUT_S = 1.8
"""Leaves 0.2 s of the promised 2 s for everything around it."""

WRITE_TIMEOUT_S = 8.0
"""From the first write on: several trips of 1.5 s each. Past it somebody changes the same board
all the time, or each trip is just not too late."""


def deadline_unless(is_patient: bool) -> AbstractAsyncContextManager[None]:
    """The deadline, but for what is not asked of the store alone."""
    return contextlib.nullcontext() if is_patient else StoreDeadline()


class StoreDeadline:
    """A timeout whose end is our error, and is put off once something is written.

    It cancels its task as ``asyncio.timeout`` does. Whether it is put off is looked at when it
    ends, because every write would have to set it anew, and next to none takes so long.
    """

    __slots__ = ("_alarm", "_cancels", "_has_ended", "_task", "_trail")

    def __init__(self) -> None:
        self._trail = Trail()
        self._has_ended = False

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "a coroutine that runs is of a task"
        self._task, self._cancels = task, task.cancelling()
        self._alarm = loop.call_later(ANSWER_TIMEOUT_S, self._end)
        self._trail.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._trail.__exit__(kind, error, trace)
        self._alarm.cancel()
        if error is None and not self._has_ended:
            return
        # A cancellation of somebody else goes on.
        is_ours = self._has_ended and self._task.uncancel() <= self._cancels
        if is_ours and kind is asyncio.CancelledError:
            raise self._told() from error
        if isinstance(error, UnavailableError) and self._trail.has_written:
            raise self._told() from error

    def _end(self) -> None:
        """Give up, unless something has been written and may still be answered."""
        if self._trail.has_written:
            left_s = self._trail.since_s + WRITE_TIMEOUT_S - time.monotonic()
            if left_s > 0:
                self._alarm = asyncio.get_running_loop().call_later(left_s, self._end)
                return
        self._has_ended = True
        self._task.cancel()

    def _told(self) -> UnavailableError:
        if self._trail.has_written:
            return OutcomeUnknownError(
                "the store did not say whether all of it was done, a part, or nothing; it may be "
                "sent again"
            )
        return StoreUnavailableError(f"the store did not answer within {ANSWER_TIMEOUT_S:g} s")
