"""Bytes that are no message of psd's own, under the name of what they are. Pure.

A domain may take a topic whose messages are as somebody else writes them, text of a charger or
frames of a meter. The archive keeps such a body in an envelope, so that whoever reads the archive
reads one kind of thing::

    <frame> of the topic "telemetry"  ->  {"command": "telemetry", "body": <frame>}

The envelope is msgpack, which keeps bytes as they are.
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.engine.decoding import Decoders, decode_message
from psd.engine.event_rules import EventRules, Kind
from psd.errors import MalformedError


class RawMessage(msgspec.Struct):
    """A body and what it is; ``body`` is None in a message that brings none."""

    command: str
    body: bytes | None = None


_encode = msgspec.msgpack.Encoder().encode
_DECODERS = Decoders(RawMessage)


def enveloped(command: str, body: bytes) -> bytes:
    """The body as the archive keeps it."""
    return _encode(RawMessage(command, body))


def unwrapping(read: Kind) -> Kind:
    """Reads the envelope of what ``read`` reads."""

    def events(body: bytes, now_s: int, message_id: str, rules: EventRules) -> list[Any]:
        raw = decode_message(body, _DECODERS, rules.depth_max)
        if raw.body is None:
            raise MalformedError(f"body: missing; command {raw.command!r} needs it")
        return read(raw.body, now_s, message_id, rules)

    return events
