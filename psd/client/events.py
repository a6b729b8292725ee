"""Events in any number: cut into requests, each sent until its answer is known.

::

    answer = await psd.events([{"thing": "steps", "uid": 7, "aid": 1, "value": 90,
                                "ts1": 1460419200, "ts2": 1460419260}])
    answer.summary                     -> {"booked": 1, "unchanged": 0, ...}
    [result.message for result in answer.refused]                         -> []
    [row.value for row in await psd.reported(the_same_events)]            -> [90]
    async for answer in psd.event_batches(rows, key="import-2016-04"): ...

A request holds up to 5,000 events and a megabyte, and has an ``Idempotency-Key``: ``key`` and its
number. So a request whose answer was lost gets that answer when it is sent again, also by another
process that is given the same ``key`` and the same events.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Iterable

import msgspec

from psd.client.answers import EventResult, EventsAnswer
from psd.client.documents import Event, document_of
from psd.client.transport import Request, Resource
from psd.queries.reported import WINDOWS_MAX, ReportedAnswer, StandingRow

EVENTS_MAX = WINDOWS_MAX
"""5,000 of one request, as the server takes them."""

BODY_BYTES_MAX = 1_000_000
"""Below the megabyte of ``server.body_bytes_max``; 5,000 reports of a minute take half of it."""

Events = Iterable[Event] | AsyncIterable[Event]


class Batch:
    """The documents of one request."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []
        self._bytes = 0

    def has_room(self, document: bytes) -> bool:
        """Whether one more fits; the first always does."""
        is_short = self._bytes + len(document) + 2 <= BODY_BYTES_MAX
        return not self.documents or (is_short and len(self.documents) < EVENTS_MAX)

    def add(self, document: bytes) -> None:
        """Put one in."""
        self.documents.append(document)
        self._bytes += len(document) + 1

    def body(self) -> bytes:
        """The list of them, in JSON."""
        return b"[" + b",".join(self.documents) + b"]"


class EventsPart(Resource):
    """The part of a client that books."""

    async def events(self, events: Events, *, key: str = "") -> EventsAnswer:
        """Book all of them; the answer has a result for each, in order.

        What is refused stands there and raises nothing. Raises what refuses a whole request, with
        those before it booked.
        """
        data: list[EventResult] = []
        summary: Counter[str] = Counter()
        async for answer in self.event_batches(events, key=key):
            data += answer.data
            summary.update(answer.summary)
        return EventsAnswer(data, dict(summary))

    async def event_batches(self, events: Events, *, key: str = "") -> AsyncIterator[EventsAnswer]:
        """Book them request by request; an index counts from the first of all events."""
        named = key or uuid.uuid4().hex
        done = 0
        number = 0
        async for batch in _batches(events):
            answer = await self._book(batch, f"{named}-{number}")
            yield EventsAnswer([_moved(each, done) for each in answer.data], answer.summary)
            done += len(batch.documents)
            number += 1

    async def reported(self, windows: Iterable[Event]) -> list[StandingRow]:
        """What stands in the window of each of these reports, in order.

        Only ``thing``, ``uid``, ``aid``, ``ts1`` and ``ts2`` are looked at.
        """
        found: list[StandingRow] = []
        async for batch in _batches(windows):
            sent = Request("POST", "/v3/reports", batch.body(), is_repeatable=True)
            found += (await self._transport.send(sent)).read(ReportedAnswer).data
        return found

    async def _book(self, batch: Batch, key: str) -> EventsAnswer:
        headers = {"Idempotency-Key": key}
        sent = Request("POST", "/v3/events", batch.body(), headers, is_repeatable=True)
        return (await self._transport.send(sent)).read(EventsAnswer)


async def _batches(events: Events) -> AsyncIterator[Batch]:
    batch = Batch()
    async for event in _each(events):
        document = document_of(event)
        if not batch.has_room(document):
            yield batch
            batch = Batch()
        batch.add(document)
    if batch.documents:
        yield batch


async def _each(events: Events) -> AsyncIterator[Event]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


def _moved(result: EventResult, by: int) -> EventResult:
    return msgspec.structs.replace(result, index=result.index + by) if by else result
