"""Messages that can never be booked, kept with the reason, so that nothing is lost silently.

A dead letter is a message of its own on the topic ``psd.dlq`` of the same queue: a msgpack
map with the original bytes and what was wrong with them. The worker writes it before it
finishes the original (PUB, then FIN), so a crash in between writes it twice, never not at
all; letters of the same message count as one here::

    {id: "0f2a...", topic: "psd", code: "wrong_type", reason: "metric.uid: expected `int`...",
     attempts: 1, first_seen_s: 1460419200, body: b'{"command": ...'}

NSQ cannot list a topic without consuming it. So looking is consuming on the channel
``inspect`` without finishing: :class:`DeadLetterBox` takes letters out, and what is not
dropped or replayed goes back. That works on both kinds of queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from psd.errors import MalformedError, PsdError
from psd.queue.base import Message, Queue

INSPECT_CHANNEL = "inspect"

LETTER_BYTES_MAX = 1_000_000
"""nsqd refuses messages past 1 MiB by default (-max-msg-size); a letter that it refuses would
hold its worker up for ever."""

REASON_CHARACTERS_MAX = 500

QUIET_S = 1.0
"""A topic that delivers nothing for this long has been read to its end."""


class Letter(msgspec.Struct, frozen=True):
    """One dead letter; ``id`` is the queue's id of the original message.

    ``cut_bytes`` of the end of a huge original are missing, because the queue would refuse
    the whole; such a letter cannot be replayed.
    """

    id: str
    topic: str
    code: str
    reason: str
    attempts: int
    first_seen_s: int
    body: bytes
    cut_bytes: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Letter).decode


def letter_of(message: Message, topic: str, error: PsdError, now_s: int) -> Letter:
    """The letter for a message that failed; ``now_s`` is for queues that tell no time."""
    kept = message.body[: LETTER_BYTES_MAX - 4 * REASON_CHARACTERS_MAX - 2000]
    return Letter(
        id=message.id,
        topic=topic,
        code=error.code,
        reason=str(error)[:REASON_CHARACTERS_MAX],
        attempts=message.attempts,
        first_seen_s=message.published_at_ns // 1_000_000_000 or now_s,
        body=kept,
        cut_bytes=len(message.body) - len(kept),
    )


class DeadLetters:
    """The end where letters are put in."""

    def __init__(self, queue: Queue, topic: str) -> None:
        self._queue = queue
        self._topic = topic

    async def put(self, letters: Sequence[Letter]) -> None:
        """Returns when the queue has all of them; raises :class:`QueueUnavailableError`."""
        await self._queue.publish(self._topic, [_encode(letter) for letter in letters])


class HeldLetter(msgspec.Struct, frozen=True):
    """A letter and the messages that carry it: more than one after a crash."""

    letter: Letter
    messages: list[Message]


class DeadLetterBox:
    """The end where letters are looked at; ``queue`` is subscribed to (psd.dlq, inspect).

    Use as a context manager: on leaving, letters that were neither dropped nor replayed go
    back. Only what the box holds is seen by it, at most ``max_in_flight`` letters.
    """

    def __init__(self, queue: Queue, first_wait_s: float = 3.0, quiet_s: float = QUIET_S) -> None:
        self._queue = queue
        self._wait_s = first_wait_s
        self._quiet_s = quiet_s
        self._held: dict[tuple[str, str], HeldLetter] = {}

    async def __aenter__(self) -> DeadLetterBox:
        """Subscribe."""
        await self._queue.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave; closing puts back what was neither dropped nor replayed."""
        # Not by requeue: nsqd may hand a message that is put back to its last reader again,
        # as long as that one has not left.
        await self._queue.stop()
        await self._queue.close()

    async def take(self, letters_max: int) -> list[HeldLetter]:
        """Take out up to that many letters more, oldest first; empty when none is left."""
        taken: dict[tuple[str, str], HeldLetter] = {}
        wait_s = self._wait_s
        while len(taken) < letters_max:
            messages = await self._next(letters_max - len(taken), wait_s)
            if not messages:
                break
            wait_s = self._wait_s = self._quiet_s
            for message in messages:
                letter = read_letter(message)
                key = (letter.topic, letter.id)
                held = self._held.setdefault(key, HeldLetter(letter, []))
                held.messages.append(message)
                taken[key] = held
        return sorted(taken.values(), key=lambda held: (held.letter.first_seen_s, held.letter.id))

    async def replay(self, held: HeldLetter) -> None:
        """Publish the original to its topic again, then drop the letter."""
        if held.letter.cut_bytes or not held.letter.topic:
            raise MalformedError(f"{held.letter.id}: the original is not complete in this letter")
        await self._queue.publish(held.letter.topic, [held.letter.body])
        await self.drop(held)

    async def drop(self, held: HeldLetter) -> None:
        """Delete the letter for good."""
        await self._queue.finish(held.messages)
        self._held.pop((held.letter.topic, held.letter.id), None)

    async def _next(self, messages_max: int, wait_s: float) -> list[Message]:
        try:
            async with asyncio.timeout(wait_s):
                return await self._queue.receive(messages_max, 0.05)
        except TimeoutError:
            return []


def read_letter(message: Message) -> Letter:
    """The letter that a message carries; bytes that somebody else put there make one as well."""
    try:
        return _decode(message.body)
    except msgspec.MsgspecError as exc:
        return Letter(
            id=message.id,
            topic="",
            code="not_a_letter",
            reason=f"psd did not write this message ({exc})",
            attempts=message.attempts,
            first_seen_s=message.published_at_ns // 1_000_000_000,
            body=message.body,
        )
