"""CloudEvents 1.0 as the messages that psd's queue carries. Pure.

``type`` names the command behind ``psd.``, ``data`` is what stands beside it in a message. What
``data`` leaves out comes from the event: its ``time`` is the time of what happened, its ``source``
and ``id``, which together name an event, the id of what is applied once per id::

    {"specversion": "1.0", "id": "91", "source": "/app", "type": "psd.count",
     "time": "2016-04-12T12:00:00Z", "data": {"thing": "signups", "value": 1}}
    -> {"command": "count", "count": {"thing": "signups", "value": 1, "ts": 1460462400,
                                      "id": "/app 91"}}

Ids that differ never meet: a source has no blank, so the first one ends it, and the elements of a
list have a number before it, ``" 0 /app 91"``, where no source can begin.

In binary mode the attributes stand in headers ``ce-*`` (server/ce_headers.py) and the body is the
data, JSON or msgpack by its Content-Type. Attributes that are not named here, extensions among
them, are passed over, and null is as good as none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

from psd.domain.command import Command
from psd.domain.rules import names_of
from psd.engine.event_times import second_in
from psd.errors import MalformedError, UnknownCommandError, WrongTypeError
from psd.foreign_texts import shown
from server.ce_headers import Headers, attribute

SPECVERSION = "1.0"
PREFIX = "psd."
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENT_TYPES = "application/cloudevents"
"""With this every event format begins; of another type is an event in binary mode, or none."""
MSGPACK_TYPES = frozenset(
    {"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"}
)


class Carried(msgspec.Struct, frozen=True):
    """What an event of a command leaves to the CloudEvent that carries it.

    ``time_fields`` say where a command keeps when something happened. Those of ``applied_once``
    need an id; a metric needs one when its mode is increment.
    """

    time_fields: Mapping[str, str]
    applied_once: frozenset[str]


CORE = Carried({"metric": "ts2", "metrics": "ts2", "count": "ts"}, frozenset({"count"}))


def carried(commands: Iterable[Command]) -> Carried:
    """What is so of the core's commands and of these."""
    time_fields, applied_once = dict(CORE.time_fields), set(CORE.applied_once)
    for command in commands:
        for name in names_of([command]):
            if name in time_fields:
                continue
            time_fields[name] = command.time_field
            if command.needs_id:
                applied_once.add(name)
    return Carried(time_fields, frozenset(applied_once))


_JSON_TYPE = re.compile(r"(?:[\w.+-]+/json|[\w.-]+/[\w.-]+\+json)", re.ASCII)

_NO_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What no text of a CloudEvent may have."""

_BLANK = re.compile(r"\s")

Raw = msgspec.Raw
Fields = dict[str, msgspec.Raw]


class Attributes(msgspec.Struct):
    """The attributes and data of one event."""

    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
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
_decode_event = msgspec.json.Decoder(Attributes).decode


def message_of_structured(document: bytes, known: Carried = CORE) -> bytes:
    """The message of an event that is one JSON object; raises an :class:`InputError`."""
    try:
        event = _decode_event(document)
    except msgspec.ValidationError as exc:
        rule, _, where = str(exc).partition(" - at ")
        field = where.strip("`").removeprefix("$.") or "event"
        raise WrongTypeError(f"{field}: {rule[0].lower()}{rule[1:]}") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"event: {exc}") from exc
    content_type = event.datacontenttype or "application/json"
    if event.data_base64 is None:
        if bytes(event.data) and _format_name(content_type) != "json":
            raise MalformedError("data: of msgpack stands in data_base64")
        return _message(event, bytes(event.data), content_type, known)
    if bytes(event.data):
        raise MalformedError("data_base64: beside data; an event has one of both")
    try:
        data = base64.b64decode(event.data_base64, validate=True)
    except ValueError as exc:
        raise MalformedError(f"data_base64: {exc}") from exc
    return _message(event, data, content_type, known)


def message_of_binary(headers: Headers, body: bytes, known: Carried = CORE) -> bytes:
    """The message of an event in binary mode; raises an :class:`InputError`."""
    if "ce-datacontenttype" in headers:
        raise MalformedError("datacontenttype: is the Content-Type and no header ce-*")
    event = Attributes(
        specversion=attribute(headers, "specversion"),
        id=attribute(headers, "id"),
        source=attribute(headers, "source"),
        type=attribute(headers, "type"),
        time=attribute(headers, "time"),
    )
    return _message(event, body, headers.get("Content-Type", "application/json"), known)


def _message(event: Attributes, data: bytes, content_type: str, known: Carried) -> bytes:
    command = _command(event)
    form = _FORMATS[_format_name(content_type)]
    if not data:
        raise MalformedError("data: missing")
    try:
        fields = form.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"data: neither an object nor a list of them ({exc})") from exc
    event_id = f"{event.source} {event.id}"
    if isinstance(fields, list):
        for number, each in enumerate(fields):
            _complete(each, event, command, f" {number} {event_id}", form, known)
    else:
        _complete(fields, event, command, event_id, form, known)
    return form.encode({"command": command, command: fields})


def _command(event: Attributes) -> str:
    """The command of an event whose attributes are in order."""
    for name in ("specversion", "id", "source", "type"):
        text = getattr(event, name)
        if not text:
            raise MalformedError(f"{name}: missing; every CloudEvent has it")
        if _NO_CHARACTERS.search(text):
            raise MalformedError(f"{name}: {shown(text)} has a control character")
    if event.specversion != SPECVERSION:
        raise MalformedError(
            f"specversion: {shown(event.specversion or '')} must be {SPECVERSION!r}"
        )
    if _BLANK.search(event.source or ""):
        raise MalformedError(f"source: {shown(event.source or '')} has a blank; no URI has one")
    kind = event.type or ""
    if not kind.startswith(PREFIX):
        raise UnknownCommandError(
            f"type: {shown(kind)} is unknown; it is {PREFIX!r} and a command, as psd.metric"
        )
    return kind.removeprefix(PREFIX)


def _format_name(content_type: str) -> Literal["json", "msgpack"]:
    kind = media_type(content_type)
    if kind in MSGPACK_TYPES:
        return "msgpack"
    if _JSON_TYPE.fullmatch(kind):
        return "json"
    raise MalformedError(f"datacontenttype: {shown(kind)} is neither JSON nor msgpack")


def _complete(
    fields: Fields, event: Attributes, command: str, event_id: str, form: _Format, known: Carried
) -> None:
    """Put in what the data leaves to the event."""
    time_field = known.time_fields.get(command)
    if time_field and event.time is not None and _value(fields, time_field, form) is None:
        fields[time_field] = Raw(form.encode(second_in("time", event.time)))
    is_once = command in known.applied_once or _value(fields, "mode", form) == "increment"
    if is_once and _value(fields, "id", form) is None:
        fields["id"] = Raw(form.encode(event_id))


def _value(fields: Fields, name: str, form: _Format) -> Any:
    """A field; None where there is none, or null."""
    found = fields.get(name)
    try:
        return None if found is None else form.decode_any(bytes(found))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Whoever reads the message says what is wrong with it.
        return found


def is_structured(content_type: str) -> bool:
    """Whether a body is one event."""
    return media_type(content_type) == STRUCTURED


def is_batch(content_type: str) -> bool:
    """Whether a body is a list of events."""
    return media_type(content_type) == BATCH


def check_event_format(content_type: str) -> None:
    """Refuse the event formats that are not read here; what is none of them is no concern."""
    kind = media_type(content_type)
    if kind.startswith(EVENT_TYPES) and kind not in (STRUCTURED, BATCH):
        raise MalformedError(f"Content-Type: {shown(kind)} is neither {STRUCTURED} nor {BATCH}")


def media_type(content_type: str) -> str:
    """What a Content-Type says, without its parameters."""
    return content_type.partition(";")[0].strip().lower()
