"""Spans of messages, from when the queue had them until they are settled.

A message that is recorded has a consumer's span under the one that its producer named
(psd/engine/message_traces.py), or a trace of its own. A batch is booked together, so what is done
for it is under the first of them that is recorded, and linked with all::

    publish psd (producer)                     process psd (of another message)
      process psd, from its publication on       | link
        process psd batch  <---------------------+
          PIPELINE EVALSHA engine.book
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from psd.config import QueueSettings
from psd.engine.message_traces import trace_of_message
from psd.errors import PsdError
from psd.observe.spans import Attributes, Tracer, TraceSpan, working_for
from psd.observe.traceparents import Traceparent
from psd.queue.interface import Message

SYSTEMS = {"nsq": "nsq", "stream": "redis"}
"""What each kind of queue is called in a trace."""


class SettledSpans:
    """What is told of a batch, by position of its messages that are recorded."""

    def __init__(self, spans: Mapping[int, TraceSpan]) -> None:
        self._spans = spans
        self._errors: dict[int, str] | None = None

    def settled(self, refused: Mapping[int, PsdError], waiting: Collection[int]) -> None:
        """What was refused, and which of those come again."""
        self._errors = {at: error.code for at, error in refused.items()}
        for at, span in self._spans.items():
            outcome = "requeued" if at in waiting else "dead_lettered"
            span.tell({"psd.outcome": outcome if at in refused else "finished"})

    def end(self, error: str) -> None:
        """``error`` is of what was not settled: it is tried one by one, or comes again."""
        for at, span in self._spans.items():
            span.end(error if self._errors is None else self._errors.get(at, ""))


class MessageSpans:
    """Of one topic; without a tracer nothing is recorded."""

    def __init__(self, tracer: Tracer | None, queue: QueueSettings, topic: str) -> None:
        self._tracer = tracer
        self._name = f"process {topic}"
        self._told: Attributes = {
            "messaging.system": SYSTEMS[queue.kind],
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": queue.channel,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
        }

    @contextmanager
    def over(self, messages: Sequence[Message]) -> Iterator[SettledSpans]:
        """The body settles these messages, and says what became of them."""
        spans = {} if self._tracer is None else self._begun(self._tracer, messages)
        told = SettledSpans(spans)
        if not spans:
            yield told
            return
        first, *_ = spans.values()
        batch = self._batch_under(first, [*spans.values()], len(messages))
        error = ""
        try:
            with working_for(batch):
                yield told
        except BaseException as exc:
            error = exc.code if isinstance(exc, PsdError) else type(exc).__name__
            raise
        finally:
            batch.end(error)
            told.end(error)

    def _begun(self, tracer: Tracer, messages: Sequence[Message]) -> dict[int, TraceSpan]:
        """Spans of those that are recorded, by position."""
        begun: dict[int, TraceSpan] = {}
        for at, message in enumerate(messages):
            parent = trace_of_message(message.body)
            if tracer.records(parent):
                begun[at] = self._of(tracer, message, parent)
        return begun

    def _of(self, tracer: Tracer, message: Message, parent: Traceparent | None) -> TraceSpan:
        told = {
            **self._told,
            "messaging.message.id": message.id,
            "messaging.message.body.size": len(message.body),
            "psd.message.attempts": message.attempts,
        }
        return tracer.begin(
            self._name, "consumer", told, parent=parent, start_ns=message.published_at_ns
        )

    def _batch_under(self, first: TraceSpan, spans: Sequence[TraceSpan], number: int) -> TraceSpan:
        told = {**self._told, "messaging.batch.message_count": number}
        batch = first.child(f"{self._name} batch", "internal", told, spans[1:])
        for span in spans[1:]:
            span.link(batch)
        return batch
