"""Messages that have arrived and that nobody has asked for yet.

Connections put them in as they come; one consumer takes them out in batches:

>>> inbox.put([first, second])
>>> await inbox.take(500, wait_s=0.005)     # both, after 5 ms of waiting for 498 more
[first, second]

There is no limit here: nsqd sends no more than the RDY counts allow, 2,500 by default.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from psd.queue.interface import Message


class Inbox:
    """A queue in memory with one reader, who waits for a batch rather than for a message."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._closed = False
        self._enough = 1
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages, and wake the reader when there are enough for it."""
        self._messages.extend(messages)
        self._notify()

    def drain(self) -> list[Message]:
        """Take everything at once, without waiting."""
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def discard(self, receipt: Any) -> None:
        """Forget the messages of a connection that is lost: nsqd delivers them again."""
        self._messages = deque(each for each in self._messages if each.receipt is not receipt)

    def close(self) -> None:
        """Let :meth:`take` hand out what is left, and then empty batches."""
        self._closed = True
        self._notify()

    async def take(self, messages_max: int, wait_s: float) -> list[Message]:
        """Up to ``messages_max`` messages, as :meth:`psd.queue.interface.Queue.receive` says."""
        # A reader that always finds a full batch would otherwise never let the sockets be
        # read, and nsqd hangs up on a client that misses two heartbeats.
        await asyncio.sleep(0)
        while True:
            await self._until(1)
            if len(self._messages) < messages_max:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._until(messages_max)
            # Both may have changed while it waited: a pause drains the inbox.
            batch = self._pop(messages_max)
            if batch or self._closed:
                return batch

    def _pop(self, messages_max: int) -> list[Message]:
        size = min(messages_max, len(self._messages))
        return [self._messages.popleft() for _ in range(size)]

    async def _until(self, enough: int) -> None:
        while len(self._messages) < enough and not self._closed:
            assert self._waiter is None, "one instance serves one consumer"
            self._enough = enough
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _notify(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._closed or len(self._messages) >= self._enough:
            waiter.set_result(None)
