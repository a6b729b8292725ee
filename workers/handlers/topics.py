"""Messages of a topic of a domain's own: bytes that the domain reads (psd/domain/command.py).

They are booked, refused and put aside as psd's own messages are; the archive keeps each in an
envelope that says what it is (psd/engine/envelopes.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from psd.archive.entries import Entry
from psd.domain.command import RawTopic
from psd.engine.envelopes import enveloped
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted
from psd.queue.interface import Message
from workers.handlers.bookings import BookingBatch, BookingHandler


class TopicBatch(BookingBatch):
    """As of psd's own messages; ``command`` names what the bodies are."""

    command: str

    def accepted(self, now_ms: int) -> Iterator[Entry]:
        """The messages that are to be booked, each in its envelope."""
        for entry in super().accepted(now_ms):
            yield Entry(entry.accepted_ms, entry.id, enveloped(self.command, entry.body))


class TopicHandler(BookingHandler):
    """Turns the messages of one topic into events."""

    def __init__(self, topic: RawTopic, rules: EventRules) -> None:
        super().__init__(rules)
        self._topic = topic

    def new_batch(self, messages: list[Message]) -> BookingBatch:
        """An empty one for these messages."""
        return TopicBatch(messages, [], [], {}, self._topic.command)

    def events_of(self, message: Message, now_s: int) -> list[Accepted]:
        """What one message says; raises InputError."""
        return self._topic.read(message.body, now_s, message.id, self._rules)
