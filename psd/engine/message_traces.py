"""The trace that a message is of: its optional fields ``traceparent`` and ``tracestate``. Pure.

::

    {"command": "count", "count": {...}, "traceparent": "00-4bf92f35...-00f067aa...-01",
     "tracestate": "congo=t61rcWkgMzE"}

They are read and added here. They stand in the envelope, where everybody passes over what he does
not know; what is none is passed over as well. Nobody reads them, and nobody adds them, who records
no traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from psd.engine.decoding import Decoders, decode_message, is_json
from psd.errors import InputError
from psd.observe.spans import Attributes, current_span
from psd.observe.traceparents import (
    TRACEPARENT,
    TRACESTATE,
    Traceparent,
    read_traceparent,
    read_tracestate,
)

CARRYING_BYTES_MAX = 262_144
"""A message that is longer carries none: the 70 bytes, or 600 with a state, may be those that a
queue does not take."""

_FIELD = TRACEPARENT.encode()
_FIXMAP, _FIXMAP_LAST = 0x80, 0x8F
"""First bytes of a msgpack map of 0 and of 15 entries."""


class _Traced(msgspec.Struct):
    traceparent: str = ""
    # One that is no text is passed over, and its traceparent is not.
    tracestate: object = None


_DECODERS = Decoders(_Traced)


def trace_of_message(body: bytes) -> Traceparent | None:
    """The span that a message was sent in; None where it names none."""
    if _FIELD not in body:
        return None
    try:
        told = decode_message(body, _DECODERS)
    except InputError:
        return None
    named = read_traceparent(told.traceparent)
    if named is None or not isinstance(told.tracestate, str):
        return named
    return msgspec.structs.replace(named, state=read_tracestate(told.tracestate))


def carrying(body: bytes, traceparent: Traceparent) -> bytes:
    """A valid message with the fields before its others, unless it has one, or is too long."""
    if _FIELD in body or len(body) > CARRYING_BYTES_MAX:
        return body
    fields = {TRACEPARENT: str(traceparent)}
    if traceparent.state and TRACESTATE.encode() not in body:
        fields[TRACESTATE] = traceparent.state
    if is_json(body):
        begin = body.index(b"{") + 1
        return body[:begin] + msgspec.json.encode(fields)[1:-1] + b"," + body[begin:]
    if not _FIXMAP <= body[0] <= _FIXMAP_LAST - len(fields):
        return body
    return bytes([body[0] + len(fields)]) + msgspec.msgpack.encode(fields)[1:] + body[1:]


@contextmanager
def sending(topic: str, messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The messages as they are sent in the body; with a span of its own where one is recorded."""
    current = current_span()
    if current is None or not current.is_open:
        yield messages
        return
    told: Attributes = {
        "messaging.destination.name": topic,
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "messaging.batch.message_count": len(messages),
    }
    span, error = current.child(f"publish {topic}", "producer", told), "_OTHER"
    try:
        yield [carrying(each, span.named) for each in messages]
        error = ""
    finally:
        span.end(error)
