"""Publishing to nsqd: a connection of its own, opened at the first publish.

It stays apart from the consumer's connections because nsqd answers every MPUB in order,
and an answer must not wait behind 64 KiB of messages. The first address that answers is
kept until it is lost; publishes that run at the same time share the connection.

An nsqd that fsyncs each message (--sync-every=1) takes some hundred a second, another one
some hundred thousand. So how many messages are with it unanswered follows from how fast it
answers (nsq_pace.py), and no portion outlives the deadline of its answer:

>>> progress = PublishProgress()
>>> await publisher.publish("psd", [b'{"command": ...}'] * 100_000, progress)
>>> progress.known
100000
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from psd.errors import MalformedError, QueueUnavailableError, TooLargeError
from psd.queue.interface import PublishProgress
from psd.queue.nsq_pace import PublishPace

if TYPE_CHECKING:
    from psd.queue.nsq import NsqdConnection

MPUB_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one MPUB; nsqd refuses more than 5 MiB by default (--max-body-size)."""

SIZE_BYTES = 4
"""What each message of an MPUB costs besides its body."""


class Publisher:
    """``addresses`` are tried in order; ``dial`` opens one or raises QueueUnavailableError."""

    def __init__(
        self,
        addresses: Callable[[], Sequence[str]],
        dial: Callable[[str], Awaitable[NsqdConnection]],
    ) -> None:
        self._addresses = addresses
        self._dial = dial
        self._connection: NsqdConnection | None = None
        self._dialling = asyncio.Lock()
        self._pace = PublishPace()

    async def publish(
        self, topic: str, bodies: Sequence[bytes], progress: PublishProgress | None = None
    ) -> None:
        """Return once nsqd has all of them; ``progress`` says how far it is.

        When it is lost before it answered, whether it has the last portion is unknown: that
        raises QueueUnavailableError too, rather than to publish again at the next address.
        Raises TooLargeError for a message above nsqd's limit (1 MiB by default),
        MalformedError for an empty one (nsqd has none), ConfigError for a topic's name
        that nsqd refuses.
        """
        if not all(bodies):
            raise MalformedError("message: empty; a queue message has at least one byte")
        progress = progress or PublishProgress()
        while progress.known < len(bodies):
            room = await self._turn(len(bodies) - progress.known, progress)
            await self._publish_portion(topic, bodies, room, progress)

    async def close(self) -> None:
        """Hang up; every publish that has returned is with nsqd already."""
        if self._connection is not None:
            await self._connection.leave()

    async def _turn(self, messages: int, progress: PublishProgress) -> int:
        """Wait until nsqd may get more; of so many messages, how many may go now."""
        while not progress.given_up:
            if room := self._pace.room(messages):
                self._pace.begin(room)
                return room
            await self._pace.changed()
            progress.moved_at_s = asyncio.get_running_loop().time()
        raise QueueUnavailableError("nsqd: the publish was given up")

    async def _publish_portion(
        self, topic: str, bodies: Sequence[bytes], room: int, progress: PublishProgress
    ) -> None:
        """Send the next messages, ``room`` at most, and wait for the answer."""
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connected()
            if progress.given_up:
                raise QueueUnavailableError("nsqd: it was reached too late")
            portion = first_portion(bodies, progress.known, room, MPUB_BYTES_MAX)
            progress.unknown = len(portion)
            with_nsqd, sent_at_s = self._pace.unanswered, loop.time()
            await connection.publish(topic, portion)
        except TooLargeError:
            # nsqd refuses an MPUB whole.
            progress.unknown = 0
            raise
        except QueueUnavailableError:
            self._pace.failed()
            raise
        else:
            progress.known += len(portion)
            progress.unknown = 0
            progress.moved_at_s = loop.time()
            self._pace.answered(with_nsqd, progress.moved_at_s - sent_at_s)
        finally:
            self._pace.end(room)

    async def _connected(self) -> NsqdConnection:
        async with self._dialling:
            if self._connection is not None and self._connection.alive:
                return self._connection
            reasons = []
            for address in self._addresses():
                try:
                    self._connection = await self._dial(address)
                except QueueUnavailableError as exc:
                    reasons.append(str(exc))
                else:
                    return self._connection
            raise QueueUnavailableError("; ".join(reasons) or "no nsqd address is known")


def first_portion(
    bodies: Sequence[bytes], start: int, messages_max: int, bytes_max: int
) -> Sequence[bytes]:
    """Bodies from ``start`` on that fit into one MPUB; one at least, whatever its size."""
    size = 0
    for end in range(start, min(len(bodies), start + messages_max)):
        size += len(bodies[end]) + SIZE_BYTES
        if size > bytes_max and end > start:
            return bodies[start:end]
    return bodies[start : start + messages_max]
