"""A queue and an engine in memory, for the worker's rules: what it does, and in which order.

>>> queue = MemoryQueue([message(b"{}")])
>>> queue.calls
["start", "publish psd.dlq 1", "finish 1", "stop", "close"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from psd.engine.events import Accepted
from psd.errors import InputError, QueueUnavailableError
from psd.queue.interface import Message, PublishProgress, Reach


def message(body: bytes, message_id: str = "m1", attempts: int = 1) -> Message:
    """A delivery without a queue."""
    return Message(message_id, body, attempts, published_at_ns=0)


class MemoryQueue:
    """Hands out what it was given; ``fail`` may raise before a call, by the call's name."""

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self.waiting = list(messages)
        self.in_hand: list[str] = []
        self.given_back: list[str] = []
        self.finished: list[str] = []
        self.requeued: dict[str, float] = {}
        self.touched: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.calls: list[str] = []
        self.takes_at_once = 1_000_000
        self.reached = Reach(True)
        self.fail: Callable[[str], None] = lambda _call: None
        self._changed = asyncio.Event()
        self._stopped = False

    def deliver(self, *messages: Message) -> None:
        """Make more messages arrive."""
        self.waiting += messages
        self._changed.set()

    async def start(self) -> None:
        self._called("start")

    async def receive(self, messages_max: int, wait_s: float) -> list[Message]:
        while not self.waiting and not self._stopped:
            self._changed.clear()
            await self._changed.wait()
        taken, self.waiting = self.waiting[:messages_max], self.waiting[messages_max:]
        self.in_hand += [each.id for each in taken]
        return taken

    async def finish(self, messages: Sequence[Message]) -> None:
        self._called("finish", f" {len(messages)}")
        self.finished += [each.id for each in messages]
        self._let_go(messages)

    async def requeue(self, messages: Sequence[Message], delay_s: float) -> None:
        self._called("requeue", f" {len(messages)}")
        self.requeued.update((each.id, delay_s) for each in messages)
        self._let_go(messages)

    async def touch(self, messages: Sequence[Message]) -> None:
        self._called("touch", f" {len(messages)}")
        self.touched += [each.id for each in messages]

    async def pause(self) -> None:
        self._called("pause")

    async def resume(self) -> None:
        self._called("resume")

    async def stop(self) -> None:
        self._called("stop")
        self._stopped = True
        self._changed.set()

    async def close(self) -> None:
        self._called("close")
        self.given_back += self.in_hand

    async def publish(
        self, topic: str, bodies: Sequence[bytes], progress: PublishProgress | None = None
    ) -> None:
        self._called("publish", f" {topic} {len(bodies)}")
        taken = bodies[: self.takes_at_once]
        self.published += [(topic, body) for body in taken]
        if progress is not None:
            progress.known = len(taken)
        if len(taken) < len(bodies):
            raise QueueUnavailableError("the queue stopped amid the messages")

    async def reach(self) -> Reach:
        return self.reached

    def _let_go(self, messages: Sequence[Message]) -> None:
        for each in messages:
            self.in_hand.remove(each.id)

    def _called(self, call: str, about: str = "") -> None:
        self.fail(call)
        self.calls.append(call + about)


class Answer(msgspec.Struct):
    """What the engine says about one event."""

    status: str
    error: InputError | None = None


class MemoryEngine:
    """Keeps what is booked; ``refuse`` names the error of an event, ``fail`` may raise."""

    def __init__(self) -> None:
        self.booked: list[Accepted] = []
        self.batches: list[int] = []
        self.refuse: Callable[[Accepted], InputError | None] = lambda _event: None
        self.takes_at_once = 1_000_000
        self.fail: Callable[[Sequence[Accepted]], None] = lambda _events: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def book(self, events: Sequence[Accepted]) -> list[Answer]:
        self.batches.append(len(events))
        await self.gate.wait()
        self.fail(events)
        answers = [Answer("booked", self.refuse(event)) for event in events]
        self.booked += [
            event for event, answer in zip(events, answers, strict=True) if not answer.error
        ]
        return answers
