"""Points: the messages ``metric``, ``metrics`` and ``count``, booked by the engine.

A batch of messages becomes one list of events and one call of the engine. What a message
did wrong stays with that message: the others of the batch are booked. Two messages, one of
them not JSON, one with three reports of which the engine refuses the second::

    events  = [r1, r2, r3]     origins = [1, 1, 1]
    refused = {0: MalformedError, 1: OutOfBoundsError}

Reports r1 and r3 are booked all the same; a replay of the dead letter books them again,
which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from psd.archive.entries import Entry
from psd.engine.events import Event, EventRules, Report
from psd.engine.store import Outcome
from psd.errors import InputError
from psd.queue.base import Message


class Books(Protocol):
    """What is needed of the engine."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Outcomes by position; raises :class:`psd.errors.StoreUnavailableError`."""
        ...


class PointsBatch(msgspec.Struct):
    """Messages on their way; ``origins[i]`` is the position of the message of ``events[i]``.

    ``refused`` maps the position of a message to its first error.
    """

    messages: list[Message]
    events: list[Event]
    origins: list[int]
    refused: dict[int, InputError]

    def accepted(self, now_ms: int) -> Iterator[Entry]:
        """The messages that are to be booked, for the archive; asked before they are booked."""
        for position, message in enumerate(self.messages):
            if position not in self.refused:
                yield Entry(now_ms, message.id, message.body)

    def newest_s(self) -> int | None:
        """The newest event's time, None when nothing can be booked."""
        times = (event.ts2 if isinstance(event, Report) else event.ts for event in self.events)
        return max(times, default=None)


class PointsHandler:
    """Turns messages into events, and events into bookings."""

    def __init__(self, engine: Books, rules: EventRules) -> None:
        self._engine = engine
        self._rules = rules

    def prepare(self, messages: list[Message], now_s: int) -> PointsBatch:
        """Check every message; no I/O."""
        batch = PointsBatch(messages, [], [], {})
        read = self._rules.events
        for position, message in enumerate(messages):
            try:
                events = read(message.body, now_s, message.id)
            except InputError as error:
                batch.refused[position] = error
            else:
                batch.events += events
                batch.origins += [position] * len(events)
        return batch

    async def book(self, batch: PointsBatch) -> None:
        """Book what can be booked; adds to ``refused``. Safe to repeat."""
        if not batch.events:
            return
        outcomes = await self._engine.book(batch.events)
        for position, outcome in zip(batch.origins, outcomes, strict=True):
            if outcome.error is not None:
                batch.refused.setdefault(position, outcome.error)
