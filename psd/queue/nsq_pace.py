"""How many messages may be with an nsqd unanswered, from how fast it answers. No I/O here.

nsqd writes the messages of an MPUB one by one and answers the whole. So a portion of a fixed
size is right for one disk alone: 2,000 messages are answered in 10 ms from memory, and in 10 s
where each costs an fsync of 5 ms, when the deadline of the answer has long passed. Here the
first portion is small, and what is with nsqd grows while it answers within ``TARGET_S``::

    5 us a message    16, 64, 256, 1,024, 4,096, 16,384, 50,000
    5 ms a message    16, 50, 50, 50, ...

The deadline is twenty times the target, so a disk may get that much slower from one portion to
the next before an answer is missed.
"""

from __future__ import annotations

import asyncio

MESSAGES_FIRST = 16
"""At 300 ms a message, which is a very busy disk, still answered within 5 s."""

MESSAGES_MAX = 65_536
TARGET_S = 0.25
GROWTH = 4


class PublishPace:
    """The room at one nsqd, shared by whoever publishes there."""

    def __init__(self) -> None:
        self.messages_max = MESSAGES_FIRST
        self.unanswered = 0
        self._changed = asyncio.Event()

    def room(self, messages: int) -> int:
        """Of so many messages, how many may be sent now: all that one portion takes, or none."""
        portion = min(messages, self.messages_max)
        fits = self.unanswered + portion <= self.messages_max
        return portion if fits or not self.unanswered else 0

    async def changed(self) -> None:
        """Wait until something was answered, or failed."""
        await self._changed.wait()

    def begin(self, messages: int) -> None:
        """These are on their way."""
        self.unanswered += messages

    def end(self, messages: int) -> None:
        """These are not any more, whatever became of them."""
        self.unanswered -= messages
        self._changed.set()
        self._changed = asyncio.Event()

    def answered(self, messages: int, took_s: float) -> None:
        """So many messages, those sent before included, were answered in this time."""
        fits = round(messages * TARGET_S / max(took_s, 1e-6))
        if took_s > TARGET_S:
            self.messages_max = max(1, min(fits, self.messages_max))
        elif messages * 2 > self.messages_max:
            grown = min(fits, self.messages_max * GROWTH, MESSAGES_MAX)
            self.messages_max = max(grown, self.messages_max)

    def failed(self) -> None:
        """No answer: begin anew, smaller than before."""
        self.messages_max = max(1, min(MESSAGES_FIRST, self.messages_max // GROWTH))
