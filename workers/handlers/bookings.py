"""Every kind of message, as the events that it stands for. Pure.

A batch of messages becomes one list of events, and one call of the books. What a message
did wrong stays with that message: the others of the batch are booked. Two messages, one of
them not JSON, one with three reports of which the books refuse the second::

    events  = [r1, r2, r3]     origins = [1, 1, 1]
    refused = {0: MalformedError, 1: OutOfBoundsError}

Reports r1 and r3 are booked all the same; a replay of the dead letter books them again,
which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from psd.archive.entries import Entry
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted, second_of
from psd.engine.outcomes import Outcome
from psd.errors import InputError
from psd.queue.interface import Message


class BookingBatch(msgspec.Struct):
    """Messages on their way; ``origins[i]`` is the position of the message of ``events[i]``.

    ``refused`` maps the position of a message to its first error.
    """

    messages: list[Message]
    events: list[Accepted]
    origins: list[int]
    refused: dict[int, InputError]

    def accepted(self, now_ms: int) -> Iterator[Entry]:
        """The messages that are to be booked, for the archive; asked before they are booked."""
        for position, message in enumerate(self.messages):
            if position not in self.refused:
                yield Entry(now_ms, message.id, message.body)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Add to ``refused`` whose events were refused; outcomes by position of the events."""
        for position, outcome in zip(self.origins, outcomes, strict=True):
            if outcome.error is not None:
                self.refused.setdefault(position, outcome.error)

    def newest_s(self) -> int | None:
        """The newest event's time, None when nothing can be booked."""
        return max(map(second_of, self.events), default=None)


class BookingHandler:
    """Turns messages into events."""

    def __init__(self, rules: EventRules) -> None:
        self._rules = rules

    def prepare(self, messages: list[Message], now_s: int) -> BookingBatch:
        """Check every message."""
        batch = self.new_batch(messages)
        for position, message in enumerate(messages):
            try:
                events = self.events_of(message, now_s)
            except InputError as error:
                batch.refused[position] = error
            else:
                batch.events += events
                batch.origins += [position] * len(events)
        return batch

    def new_batch(self, messages: list[Message]) -> BookingBatch:
        """An empty one for these messages."""
        return BookingBatch(messages, [], [], {})

    def events_of(self, message: Message, now_s: int) -> list[Accepted]:
        """What one message says; raises InputError."""
        return self._rules.events(message.body, now_s, message.id)
