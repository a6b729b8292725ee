r"""The bodies of ``POST /v3/events``, cut into the messages that they hold. Pure.

What comes is told by its first byte, and by its headers where it is CloudEvents::

    [{...}, {...}]              JSON, a list
    {...}\n{...}\n              JSON, one object a line; also one object over several lines
    \x92\x87...\x87...          msgpack, a list of maps, or one map
    Content-Type: application/cloudevents+json          one event (server/cloudevents.py)
    Content-Type: application/cloudevents-batch+json    a list of them
    ce-specversion, ce-id, ce-source, ce-type           one event whose data is the body

A document that can be told from the others but not read stands in its place as the error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from psd.engine.nesting import too_deep
from psd.errors import InputError, MalformedError, TooLargeError
from server.ce_headers import Headers, is_binary
from server.cloudevents import (
    CORE,
    Carried,
    check_event_format,
    is_batch,
    is_structured,
    message_of_binary,
    message_of_structured,
)
from server.writing import one_or_more_documents, split_documents

_MSGPACK_MAPS = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
_MSGPACK_LISTS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
"""First bytes; none of them begins JSON."""

_decode_list = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode

Document = bytes | InputError


def documents_of(
    headers: Headers, body: bytes, documents_max: int, known: Carried = CORE
) -> list[Document]:
    """Every document of a body; raises MalformedError or TooLargeError for the body itself."""
    content_type = headers.get("Content-Type", "")
    check_event_format(content_type)
    read = partial(message_of_structured, known=known)
    if is_structured(content_type):
        return [_message(read, body)]
    if is_batch(content_type):
        if body.lstrip()[:1] != b"[":
            raise MalformedError("body: a batch of CloudEvents is a JSON list")
        documents = split_documents(body, documents_max)
        return [_message(read, document) for document in documents]
    if is_binary(headers):
        return [_message(lambda _: message_of_binary(headers, body, known), body)]
    first = body[0] if body else None
    if first in _MSGPACK_MAPS:
        return [body]
    if first in _MSGPACK_LISTS:
        return [*_msgpack_documents(body, documents_max)]
    return [*one_or_more_documents(body, documents_max)]


def _message(read: Callable[[bytes], bytes], document: bytes) -> Document:
    try:
        return read(document)
    except InputError as error:
        return error


def _msgpack_documents(body: bytes, documents_max: int) -> list[bytes]:
    try:
        documents = [bytes(raw) for raw in _decode_list(body)]
    except msgspec.MsgspecError as exc:
        raise MalformedError(f"body: {exc}") from exc
    except RecursionError as exc:
        raise too_deep() from exc
    if len(documents) > documents_max:
        raise TooLargeError(f"body: {len(documents)} events, at most {documents_max} are allowed")
    return documents
