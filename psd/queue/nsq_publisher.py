"""Publishing to nsqd: a connection of its own, opened at the first publish.

It stays apart from the consumer's connections because nsqd answers every MPUB in order,
and an answer must not wait behind 64 KiB of messages. The first address that answers is
kept until it is lost; publishes that run at the same time share the connection.

>>> await publisher.publish("psd", [b'{"command": ...}'] * 100_000)    # about five MPUBs
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from psd.errors import MalformedError, QueueUnavailableError

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

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Return once nsqd has all of them.

        When it is lost before it answered, whether it has them is unknown: that raises
        QueueUnavailableError too, rather than to publish again at the next address.
        Raises TooLargeError for a message above nsqd's limit (1 MiB by default),
        MalformedError for an empty one (nsqd has none), ConfigError for a topic's name
        that nsqd refuses.
        """
        if not all(bodies):
            raise MalformedError("message: empty; a queue message has at least one byte")
        for chunk in mpub_chunks(bodies, MPUB_BYTES_MAX):
            connection = await self._connected()
            await connection.publish(topic, chunk)

    async def close(self) -> None:
        """Hang up; every publish that has returned is with nsqd already."""
        if self._connection is not None:
            await self._connection.leave()

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


def mpub_chunks(bodies: Sequence[bytes], bytes_max: int) -> Iterator[Sequence[bytes]]:
    """Cut into runs of at most ``bytes_max`` bytes, each with one message at least."""
    start, size = 0, 0
    for index, body in enumerate(bodies):
        size += len(body) + SIZE_BYTES
        if size > bytes_max and index > start:
            yield bodies[start:index]
            start, size = index, len(body) + SIZE_BYTES
    if start < len(bodies):
        yield bodies[start:]
