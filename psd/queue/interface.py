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


class PublishProgress(msgspec.Struct):
    """How far one publish is, kept up to date while it runs and true when it has failed.

    In order: the queue has the first ``known`` messages. The ``unknown`` after them were sent
    and are not answered. The rest never left::

        PublishProgress(known=1240, unknown=64)    of 5,000: 1,240 queued, 64 perhaps, 3,696 not

    ``moved_at_s`` is when the queue last answered whoever publishes there (of the loop's
    clock; 0 before the first time). With ``given_up`` nothing more is sent.
    """

    known: int = 0
    unknown: int = 0
    moved_at_s: float = 0.0
    given_up: bool = False

    def told(self, total: int) -> str:
        """``of 5,000 messages 1,240 are queued, and perhaps the 64 behind them``."""
        perhaps = f", and perhaps the {self.unknown:,} behind them" if self.unknown else ""
        return f"of {total:,} messages {self.known:,} are queued{perhaps}"


class Reach(msgspec.Struct, frozen=True):
    """Whether a consumer gets messages, and a sentence for each server that it cannot reach."""

    works: bool
    away: tuple[str, ...] = ()


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

    async def publish(
        self, topic: str, bodies: Sequence[bytes], progress: PublishProgress | None = None
    ) -> None:
        """Put messages on a topic; returns when the queue has all of them.

        ``progress`` is told how far it is: after an error, how many the queue has.
        """
        ...

    async def reach(self) -> Reach:
        """Which servers a started consumer reaches; never raises."""
        ...
