"""A way out to the queue for whoever publishes now and then: opened at the first message.

::

    outlet = Outlet(runtime.new_queue)
    await outlet.publish("commands_s1", [body])     returns once the queue has it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psd.queue.interface import Queue


class Outlet:
    """One per event loop; the queue that it opens is never read."""

    def __init__(self, new_queue: Callable[[], Queue]) -> None:
        self._new_queue = new_queue
        self._queue: Queue | None = None

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Return once the queue has all; raises QueueUnavailableError."""
        if self._queue is None:
            self._queue = self._new_queue()
        await self._queue.publish(topic, bodies)

    async def close(self) -> None:
        """Hang up, if anything was published."""
        if self._queue is not None:
            await self._queue.close()
