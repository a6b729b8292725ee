"""CloudEvents 1.0 as the messages that psd's queue carries. Pure.

``type`` names the command behind ``psd.``, ``data`` is what stands beside it in a message. What
``data`` leaves out comes from the event: its ``time`` is the time of what happened, its ``source``
and ``id``, which together name an event, the id of what is applied once per id::

    {"specversion": "1.0", "id": "91", "source": "/app", "type": "psd.count",
     "time": "2016-04-12T12:00:00Z", "data": {"thing": "signups", "value": 1}}
    -> {"command": "count", "count": {"thing": "signups", "value": 1, "ts": 1460462400,
                                      "id": "/app 91"}}

In binary mode the attributes stand in headers ``ce-*`` and the body is the data, JSON or msgpack
by its Content-Type. Attributes that are not named here, extensions among them, are passed over.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from psd.engine.events import shown
from psd.errors import MalformedError, UnknownCommandError, WrongTypeError
from psd.rewards.messages import second_in

SPECVERSION = "1.0"
PREFIX = "psd."
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MSGPACK_TYPES = frozenset(
    {"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"}
)

TIME_FIELDS = {
    "metric": "ts2",
    "metrics": "ts2",
    "count": "ts",
    "activity": "time",
    "activities": "time",
    "earnings": "time",
    "vehicle": "time",
    "vehicles": "time",
}
"""Where a command keeps when something happened."""

APPLIED_ONCE = frozenset({"count", "earnings"})
"""Commands that need an id; a metric needs one when its mode is increment."""

_JSON_TYPE = re.compile(r"(?:[\w.+-]+/json|[\w.-]+/[\w.-]+\+json)", re.ASCII)

Raw = msgspec.Raw
Fields = dict[str, msgspec.Raw]


class Event(msgspec.Struct):
    """The attributes and data of one event; texts that are missing are empty."""

    specversion: str = ""
    id: str = ""
    source: str = ""
    type: str = ""
    time: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw = Raw(b"")
    data_base64: str | None = None


class _Format(msgspec.Struct, frozen=True):
    decode: Callable[[bytes], Fields | list[Fields]]
    decode_any: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


_FORMATS: dict[Literal["json", "msgpack"], _Format] = {
    "json": _Format(
        msgspec.json.Decoder(Fields | list[Fields]).decode,
        msgspec.json.Decoder().decode,
        msgspec.json.Encoder().encode,
    ),
    "msgpack": _Format(
        msgspec.msgpack.Decoder(Fields | list[Fields]).decode,
        msgspec.msgpack.Decoder().decode,
        msgspec.msgpack.Encoder().encode,
    ),
}
_decode_event = msgspec.json.Decoder(Event).decode


def message_of_structured(document: bytes) -> bytes:
    """The message of an event that is one JSON object; raises an :class:`InputError`."""
    try:
        event = _decode_event(document)
    except msgspec.ValidationError as exc:
        rule, _, where = str(exc).partition(" - at ")
        field = where.strip("`").removeprefix("$.") or "event"
        raise WrongTypeError(f"{field}: {rule[0].lower()}{rule[1:]}") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"event: {exc}") from exc
    if event.data_base64 is None:
        return _message(event, bytes(event.data), event.datacontenttype or "application/json")
    try:
        data = base64.b64decode(event.data_base64, validate=True)
    except ValueError as exc:
        raise MalformedError(f"data_base64: {exc}") from exc
    return _message(event, data, event.datacontenttype or "application/json")


def message_of_binary(headers: Mapping[str, str], body: bytes) -> bytes:
    """The message of an event in binary mode; raises an :class:`InputError`."""
    event = Event(
        specversion=_header(headers, "ce-specversion"),
        id=_header(headers, "ce-id"),
        source=_header(headers, "ce-source"),
        type=_header(headers, "ce-type"),
        time=_header(headers, "ce-time") or None,
    )
    return _message(event, body, headers.get("Content-Type", "application/json"))


def _header(headers: Mapping[str, str], name: str) -> str:
    """An attribute; whatever is not printable ASCII is percent-encoded in a header."""
    return unquote(headers.get(name, "").strip(), errors="replace")


def _message(event: Event, data: bytes, content_type: str) -> bytes:
    command = _command(event)
    form = _FORMATS[_format_name(content_type)]
    try:
        fields = form.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"data: neither an object nor a list of them ({exc})") from exc
    event_id = f"{event.source} {event.id}"
    if isinstance(fields, list):
        for number, each in enumerate(fields):
            _complete(each, event, command, f"{event_id} {number}", form)
    else:
        _complete(fields, event, command, event_id, form)
    return form.encode({"command": command, command: fields})


def _command(event: Event) -> str:
    """The command of an event whose attributes are in order."""
    for name in ("specversion", "id", "source", "type"):
        if not getattr(event, name):
            raise MalformedError(f"{name}: missing; every CloudEvent has it")
    if event.specversion != SPECVERSION:
        raise MalformedError(f"specversion: {shown(event.specversion)} must be {SPECVERSION!r}")
    if not event.type.startswith(PREFIX):
        raise UnknownCommandError(
            f"type: {shown(event.type)} is unknown; it is {PREFIX!r} and a command, as psd.metric"
        )
    return event.type.removeprefix(PREFIX)


def _format_name(content_type: str) -> Literal["json", "msgpack"]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in MSGPACK_TYPES:
        return "msgpack"
    if _JSON_TYPE.fullmatch(kind):
        return "json"
    raise MalformedError(f"datacontenttype: {shown(kind)} is neither JSON nor msgpack")


def _complete(fields: Fields, event: Event, command: str, event_id: str, form: _Format) -> None:
    """Put in what the data leaves to the event."""
    time_field = TIME_FIELDS.get(command)
    if time_field and time_field not in fields and event.time is not None:
        fields[time_field] = Raw(form.encode(second_in("time", event.time)))
    if "id" not in fields and (command in APPLIED_ONCE or _is_increment(fields, form)):
        fields["id"] = Raw(form.encode(event_id))


def _is_increment(fields: Fields, form: _Format) -> bool:
    mode = fields.get("mode")
    try:
        return mode is not None and form.decode_any(bytes(mode)) == "increment"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Whoever reads the message says what is wrong with it.
        return False


def is_structured(content_type: str) -> bool:
    """Whether a body is one event."""
    return content_type.partition(";")[0].strip().lower() == STRUCTURED


def is_batch(content_type: str) -> bool:
    """Whether a body is a list of events."""
    return content_type.partition(";")[0].strip().lower() == BATCH


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether the attributes of an event stand in the headers."""
    return "ce-specversion" in headers
