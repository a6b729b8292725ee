"""How a worker sits out an outage: it pauses its queue, waits, and tries the same call again.

Every call that is tried again here is safe to repeat: booking is idempotent, a dead letter
that is written twice counts as one, a message finished twice is finished. While any call
waits, the queue asks for nothing (RDY 0). With waits of 0.1 s that double up to 2 s, and
calls that give up after 1.5 s, work goes on at most 3.5 s after Redis is back.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from psd.backoff import backoff_s
from psd.errors import QueueUnavailableError, UnavailableError
from psd.observe.metrics import Metrics
from psd.queue.interface import Queue

log = logging.getLogger(__name__)

T = TypeVar("T")

WAIT_FIRST_S = 0.1
WAIT_MAX_S = 2.0


class Backoff:
    """The waits of one outage, one after the other (psd/backoff.py)."""

    def __init__(
        self,
        first_s: float = WAIT_FIRST_S,
        max_s: float = WAIT_MAX_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._tried = 0
        self._first_s = first_s
        self._max_s = max_s
        self._chance = chance

    def next_s(self) -> float:
        """How long to wait now, in seconds."""
        self._tried += 1
        return backoff_s(self._tried, self._first_s, self._max_s, self._chance())


class Patience:
    """Tries a call until its dependency answers; pauses ``queue`` meanwhile.

    ``waits_for`` is the last that was heard of what it waits for; empty while it works.
    ``answered_at_s`` is when a call was answered last, by the running loop.
    """

    def __init__(
        self, queue: Queue, metrics: Metrics, backoff: Callable[[], Backoff] = Backoff
    ) -> None:
        self._queue = queue
        self._metrics = metrics
        self._backoff = backoff
        self._waiting = 0
        self.waits_for = ""
        self.answered_at_s = 0.0
        self._stopping = False

    def stop(self) -> None:
        """The worker is leaving: an outage that ends now must not ask for messages again."""
        self._stopping = True

    async def until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of ``call``, tried until it raises no :class:`UnavailableError`."""
        try:
            return await self._answered(call)
        except UnavailableError as error:
            await self._pause(error)
        try:
            return await self._again(call)
        finally:
            await self._go_on()

    async def _answered(self, call: Callable[[], Awaitable[T]]) -> T:
        answer = await call()
        self.answered_at_s = asyncio.get_running_loop().time()
        return answer

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        backoff = self._backoff()
        while True:
            await asyncio.sleep(backoff.next_s())
            try:
                return await self._answered(call)
            except UnavailableError as error:
                self.waits_for = str(error)
                log.debug("still away", extra={"code": error.code, "error": str(error)})

    async def _pause(self, error: UnavailableError) -> None:
        self._waiting += 1
        self.waits_for = str(error)
        if self._waiting > 1:
            return
        self._metrics.pauses.inc()
        log.warning("paused until it answers", extra={"code": error.code, "error": str(error)})
        try:
            await self._queue.pause()
        except QueueUnavailableError as unreachable:
            log.debug("a lost queue needs no pause", extra={"error": str(unreachable)})

    async def _go_on(self) -> None:
        self._waiting -= 1
        if self._waiting:
            return
        self.waits_for = ""
        if self._stopping:
            return
        log.info("working again")
        try:
            await self._queue.resume()
        except QueueUnavailableError as unreachable:
            log.debug("resumes with the connection", extra={"error": str(unreachable)})
