"""How many messages of a topic wait at nsqd, by its HTTP port.

::

    depth = NsqDepth(settings.queue)
    await depth()    -> 17: in the channel, in the hands of workers, or deferred

An answer is kept for a second, so that a thousand questions a second ask nsqd once.
"""

from __future__ import annotations

import time

from psd.config import QueueSettings
from psd.errors import QueueUnavailableError
from psd.queue.nsq_stats import NsqStats, Topic

KEPT_S = 1.0


class NsqDepth:
    """Tells the depth of one topic and channel over all nsqd."""

    def __init__(self, settings: QueueSettings) -> None:
        self._topic, self._channel = settings.topic, settings.channel
        self._stats = NsqStats(settings)
        self._known: int | None = None
        self._asked_at_s = float("-inf")

    async def __call__(self) -> int | None:
        """Messages that wait; None where no nsqd is known. Raises QueueUnavailableError."""
        if time.monotonic() - self._asked_at_s >= KEPT_S:
            # Noted before the answer: whoever asks meanwhile gets the last one.
            self._asked_at_s = time.monotonic()
            try:
                told = await self._stats.ask(self._topic)
            except QueueUnavailableError:
                self._known = None
                raise
            self._known = sum(map(self._waiting, told.values())) if told else None
        return self._known

    def _waiting(self, topic: Topic) -> int:
        ours = topic.channel(self._channel)
        return topic.depth + ours.depth + ours.in_flight_count + ours.deferred_count
