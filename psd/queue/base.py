"""The seam between a queue and the worker: what both kinds of queue can do.

``nsq.py`` (nsqd, the production queue) and ``stream.py`` (a Redis Stream, for a laptop)
implement :class:`Queue`; the worker, ``psd publish`` and ``POST /v1/enqueue`` know only
this module. Delivery is at least once: a message comes back until it is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False):
    """One delivery.

    ``id`` is unique in its queue and the same at each redelivery; ``attempts`` starts at 1.
    ``published_at_ns`` is the queue's own time of publication (0 when unknown). ``receipt``
    belongs to the queue: it finds the connection that the message came from.
    """

    id: str
    body: bytes
    attempts: int
    published_at_ns: int
    receipt: Any = None


class Queue(Protocol):
    """A source of messages with at-least-once delivery, and a place to publish to.

    One instance serves one consumer or one producer in one event loop. All methods raise
    :class:`psd.errors.QueueUnavailableError` when no address of the queue can be reached;
    ``receive`` never does: it waits and reconnects, because a worker has nothing better to do.
    """

    async def start(self) -> None:
        """Connect and subscribe; returns even when no address answers yet."""
        ...

    async def receive(self, messages_max: int, wait_s: float) -> list[Message]:
        """Up to ``messages_max`` messages.

        Waits without limit for the first message, then at most ``wait_s`` for more of them.
        Returns an empty list once :meth:`stop` was called and no message is left over.
        """
        ...

    async def finish(self, messages: Sequence[Message]) -> None:
        """Never deliver these again. A message whose connection is lost is left alone."""
        ...

    async def requeue(self, messages: Sequence[Message], delay_s: float) -> None:
        """Deliver these again, not before ``delay_s`` from now."""
        ...

    async def touch(self, messages: Sequence[Message]) -> None:
        """Still working on these: start their message timeout anew."""
        ...

    async def pause(self) -> None:
        """Ask for no further messages (RDY 0) until :meth:`resume`."""
        ...

    async def resume(self) -> None:
        """Ask for messages again."""
        ...

    async def stop(self) -> None:
        """Take no further messages; what was received may still be finished."""
        ...

    async def close(self) -> None:
        """Leave the channel (CLS) and close every connection; waits for pending writes."""
        ...

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Put messages on a topic; returns when the queue has them."""
        ...
