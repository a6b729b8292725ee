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

import msgspec

from psd.clock import Clock, SystemClock
from psd.errors import MalformedError, PsdError, QueueUnavailableError
from psd.queue.interface import Message, PublishProgress, Queue

INSPECT_CHANNEL = "inspect"

LETTER_BYTES_MAX = 1_000_000
"""nsqd refuses messages past 1 MiB by default (-max-msg-size); a letter that it refuses would
hold its worker up for ever."""

REASON_CHARACTERS_MAX = 500

LETTERS_MAX = 2500
"""nsqd hands out no more than this at once (-max-rdy-count)."""

TOUCH_EVERY_S = 20.0
"""A third of the default of ``queue.msg_timeout_s``."""

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

    async def put(self, letters: list[Letter]) -> None:
        """Returns when the queue has all of them; raises :class:`QueueUnavailableError`.

        Those that it is known to have are taken out of the list, so that a queue that keeps
        few before each outage gets all of them in the end.
        """
        progress = PublishProgress()
        try:
            await self._queue.publish(self._topic, [_encode(each) for each in letters], progress)
        finally:
            del letters[: progress.known]


class HeldLetter(msgspec.Struct, frozen=True):
    """A letter and the messages that carry it: more than one after a crash."""

    letter: Letter
    messages: list[Message]

    @property
    def key(self) -> tuple[str, str]:
        """What letters of the same message have in common."""
        return (self.letter.topic, self.letter.id)


class DeadLetterBox:
    """The end where letters are looked at; ``queue`` is subscribed to (psd.dlq, inspect).

    Use as a context manager: on leaving, letters that were neither dropped nor replayed go
    back. Only what the box holds is seen by it, at most ``LETTERS_MAX`` letters.

    Letters that were put in before the box was opened, by the queue's clock, are taken out;
    those that come meanwhile are ``newer``: they are held as well, and never acted on. So
    whoever empties a box comes to an end, however fast others fill it.
    """

    def __init__(
        self,
        queue: Queue,
        first_wait_s: float = 3.0,
        quiet_s: float = QUIET_S,
        *,
        clock: Clock | None = None,
        touch_every_s: float = TOUCH_EVERY_S,
    ) -> None:
        self._queue = queue
        self._wait_s = first_wait_s
        self._quiet_s = quiet_s
        self._clock = clock or SystemClock()
        self._touch_every_s = touch_every_s
        self._touched_at_s = 0.0
        self._opened_at_ms = 0
        self._held: dict[tuple[str, str], HeldLetter] = {}
        self._ended: set[tuple[str, str]] = set()
        self.newer: dict[tuple[str, str], HeldLetter] = {}

    async def __aenter__(self) -> DeadLetterBox:
        """Subscribe; raises :class:`QueueUnavailableError` where no letter could be seen."""
        self._opened_at_ms = self._clock.now_ms()
        self._touched_at_s = asyncio.get_running_loop().time()
        await self._queue.start()
        reach = await self._queue.reach()
        if not reach.works:
            await self.__aexit__()
            raise QueueUnavailableError("; ".join(reach.away) or "no nsqd is known")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave; closing puts back what was neither dropped nor replayed."""
        # Not by requeue: nsqd may hand a message that is put back to its last reader again,
        # as long as that one has not left.
        await self._queue.stop()
        await self._queue.close()

    @property
    def room(self) -> int:
        """How many letters more the box can hold."""
        return LETTERS_MAX - len(self._held) - len(self.newer)

    async def away(self) -> str:
        """The servers whose letters were not seen; empty when all were."""
        reach = await self._queue.reach()
        return f"letters may be missing: {'; '.join(reach.away)}" if reach.away else ""

    async def take(self, letters_max: int) -> list[HeldLetter]:
        """Take out up to that many letters more, oldest first; empty when none is left."""
        taken: dict[tuple[str, str], HeldLetter] = {}
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._wait_s
        while len(taken) < letters_max and self.room > 0:
            messages = await self._next(letters_max - len(taken), until_s - loop.time())
            for message in messages:
                held = await self._sort_in(message)
                if held is not None:
                    taken[held.key] = held
                    until_s = loop.time() + self._quiet_s
            # Quiet is when no letter of before comes: newer ones may come for ever.
            if loop.time() >= until_s:
                break
            await self._touch()
        self._wait_s = self._quiet_s
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
        self._held.pop(held.key, None)
        self._ended.add(held.key)

    async def _sort_in(self, message: Message) -> HeldLetter | None:
        """Hold a letter; returns it unless it is newer than the box, or was ended already."""
        found = HeldLetter(read_letter(message), [message])
        if found.key in self._ended:
            # Written twice by a worker that died in between: its letter is gone, so is this.
            await self._queue.finish(found.messages)
            return None
        is_newer = message.published_at_ns > self._opened_at_ms * 1_000_000 + 999_999
        held = (self.newer if is_newer else self._held).setdefault(found.key, found)
        if held is not found:
            held.messages.append(message)
        return None if is_newer else held

    async def _touch(self) -> None:
        """What is held long must not time out, and come to somebody else."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._touched_at_s < self._touch_every_s:
            return
        self._touched_at_s = now_s
        for held in (*self._held.values(), *self.newer.values()):
            await self._queue.touch(held.messages)

    async def _next(self, messages_max: int, wait_s: float) -> list[Message]:
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
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
