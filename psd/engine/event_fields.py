"""Events as they stand on the wire: one JSON object or msgpack map a message.

::

    {"command": "metric",  "metric":  {"thing": "steps", "uid": 1, "atid": 2, "aid": 3,
                                       "value": 10, "ts1": 1496539746, "ts2": 1496539747}}
    {"command": "metrics", "metrics": [{...}, {...}]}
    {"command": "count",   "count":   {"thing": "hifive_1", "value": 1, "ts": 1458147411}}

Nothing is checked here but the form; psd/engine/event_rules.py makes events of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from psd.engine.decoding import UNREADABLE, decode_fields, is_json, unreadable
from psd.engine.nesting import DEPTH_MAX, JSON, MSGPACK, check_nesting


class MetricFields(msgspec.Struct, gc=False):
    """A metric as it stands on the wire; missing numbers are 0, unknown fields are ignored."""

    thing: str = ""
    uid: int | str = 0
    atid: int = 0
    aid: int = 0
    value: int = 0
    ts1: int = 0
    ts2: int = 0
    mode: str = "total"
    id: str | None = None


class NumberedFields(MetricFields, gc=False):
    """A metric of /v1, whose users have no names."""

    uid: int = 0


class CountFields(msgspec.Struct, gc=False):
    """A count as it stands on the wire."""

    thing: str = ""
    value: int = 0
    ts: int = 0
    id: str | None = None


class Envelope(msgspec.Struct, gc=False):
    """One message: the command and the part that belongs to it."""

    command: str = ""
    metric: MetricFields | None = None
    metrics: list[MetricFields] | None = None
    count: CountFields | None = None


_DECODE_JSON = msgspec.json.Decoder(Envelope).decode
_DECODE_MSGPACK = msgspec.msgpack.Decoder(Envelope).decode
_DECODE_METRIC = msgspec.json.Decoder(NumberedFields).decode


def decode_envelope(body: bytes, depth_max: int = DEPTH_MAX) -> Envelope:
    """Read a message of either format; JSON starts with ``{``, everything else is msgpack.

    It is what a worker does most, so nothing here calls what does not have to be called.
    """
    form, decode = (JSON, _DECODE_JSON) if is_json(body) else (MSGPACK, _DECODE_MSGPACK)
    try:
        envelope = decode(body)
    except UNREADABLE as exc:
        raise unreadable(exc, "message", depth_max) from exc
    siblings = len(envelope.metrics) - 1 if envelope.metrics else 0
    if form.openings(body) - siblings > depth_max:
        check_nesting(body, form, siblings=siblings, depth_max=depth_max)
    return envelope


def decode_metric(body: bytes, depth_max: int = DEPTH_MAX) -> MetricFields:
    """Read the body of a write request, one JSON object of metric fields."""
    return decode_fields(body, _DECODE_METRIC, depth_max)


def encode_metric(report: Mapping[str, Any]) -> bytes:
    """One ``metric`` message as JSON, from wire fields (see :class:`MetricFields`)."""
    return msgspec.json.encode({"command": "metric", "metric": report})
