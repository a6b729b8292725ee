"""What a consumer has received and not finished yet.

One part still waits to be handed out, the other is in the worker's hands. The reader of a
queue adds, the worker takes. Taking may be cancelled: a message stays here until it is
handed out. No I/O in this file.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from psd.queue.interface import Message


class InFlight:
    """At most ``messages_max`` messages; ``room`` says how many more may be asked for."""

    def __init__(self, messages_max: int) -> None:
        self._messages_max = messages_max
        self._waiting: deque[Message] = deque()
        self._waiting_ids: set[str] = set()
        self._given_ids: set[str] = set()
        self._changed = asyncio.Event()
        self._ended = False

    @property
    def room(self) -> int:
        """Messages that still fit; 0 or less when there are too many."""
        return self._messages_max - len(self._waiting_ids) - len(self._given_ids)

    def add(self, messages: Sequence[Message]) -> None:
        """Hold messages until they are taken."""
        self._waiting.extend(messages)
        self._waiting_ids.update(message.id for message in messages)
        self._changed.set()

    async def take(self, messages_max: int, wait_s: float) -> list[Message]:
        """Wait for one message, then at most ``wait_s`` for more; empty when all is over."""
        while not self._waiting:
            if self._ended:
                return []
            await self._change()
        if len(self._waiting) < messages_max:
            await self._fill_up(messages_max, wait_s)
        count = min(messages_max, len(self._waiting))
        messages = [self._waiting.popleft() for _ in range(count)]
        ids = [message.id for message in messages]
        self._waiting_ids.difference_update(ids)
        self._given_ids.update(ids)
        return messages

    def let_go(self, ids: Iterable[str]) -> None:
        """These are finished, or the queue has them back."""
        self._given_ids.difference_update(ids)

    def end(self) -> None:
        """Nothing will be added any more."""
        self._ended = True
        self._changed.set()

    def is_waiting(self, message_id: str) -> bool:
        """Whether the message is here and was not handed out."""
        return message_id in self._waiting_ids

    def holds(self, message_id: str) -> bool:
        """Whether the message was received and not finished."""
        return message_id in self._waiting_ids or message_id in self._given_ids

    def clear(self) -> list[str]:
        """Forget everything; returns the ids of what was not finished."""
        ids = [*self._waiting_ids, *self._given_ids]
        self._waiting.clear()
        self._waiting_ids.clear()
        self._given_ids.clear()
        return ids

    async def _fill_up(self, messages_max: int, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while len(self._waiting) < messages_max and not self._ended:
                    await self._change()
        except TimeoutError:
            return

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
