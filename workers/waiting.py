"""Which refused messages wait, because it may be a clock that is wrong and not the message.

An event whose time is not there yet comes true by waiting. So a worker whose clock is ten minutes
behind puts live events back on the queue, where they come again, also to workers whose clock is
right, and buries none::

    too_early by 5 min                  back for 30 s at a time, until it is time
    too_early by 40 years               the dead letter: no clock that anybody keeps is that wrong
    too_late by 10 days                 the dead letter
    the same, and the store's clock is 40 days behind this one     back: one of both is wrong

Which of both is wrong nobody knows, so nothing is booked by the other's word: readiness, log and
``psd_clock_difference_seconds`` tell that they differ, and somebody sets one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from psd.errors import InputError, TooEarlyError, TooLateError
from psd.observe.metrics import Metrics

log = logging.getLogger("worker")

EARLY_MAX_S = 21_600
"""Six hours: more than any clock is off that somebody has set, in whatever zone he took it for,
save those that were never set at all."""

DELAY_MAX_S = 30.0
"""A clock that was set right, or another worker, sees the message again after this."""

LINE_EVERY_S = 60.0

StoreTime = Callable[[], Awaitable[int]]
"""Milliseconds; raises :class:`psd.errors.StoreUnavailableError`."""


class ArrivalWait:
    """Decides for one worker; ``store_ms`` asks what time it is by the store's clock."""

    def __init__(self, metrics: Metrics, store_ms: StoreTime | None) -> None:
        self._metrics = metrics
        self._store_ms = store_ms
        self._line_at_s = 0.0

    async def delays(self, refused: Mapping[int, InputError], now_ms: int) -> dict[int, float]:
        """How long messages are to wait, by position; of those that are not to, nothing.

        They were refused at ``now_ms`` of this machine's clock. One trip where any was for its
        time, none else.
        """
        if not any(isinstance(each, TooEarlyError | TooLateError) for each in refused.values()):
            return {}
        ahead_s = 0.0 if self._store_ms is None else (await self._store_ms() - now_ms) / 1000
        found = {at: delay_s(error, ahead_s) for at, error in refused.items()}
        return {at: delay for at, delay in found.items() if delay}

    def note(self, errors: list[InputError]) -> None:
        """These messages were put back: count them, and say so once a minute."""
        for error in errors:
            self._metrics.waited.labels(error.code).inc()
        now_s = asyncio.get_running_loop().time()
        if now_s < self._line_at_s:
            return
        self._line_at_s = now_s + LINE_EVERY_S
        fields = {"messages": len(errors), "code": errors[0].code, "reason": str(errors[0])}
        log.warning("messages wait: their time is not that of this clock", extra=fields)


def delay_s(error: InputError, store_ahead_s: float) -> float:
    """How long a message that was refused with this error is to wait; 0 is not at all."""
    if isinstance(error, TooEarlyError):
        patience_s = EARLY_MAX_S + max(0.0, store_ahead_s)
    elif isinstance(error, TooLateError):
        patience_s = max(0.0, -store_ahead_s)
    else:
        return 0.0
    return min(max(1.0, error.excess_s), DELAY_MAX_S) if error.excess_s <= patience_s else 0.0
