"""Reading bytes as one type, with errors that name the field. Pure.

What lives here: both formats of a message, and the turning of a decoder's complaint into ours.
What the fields may hold is in events.py::

    decode_message(b'{"command": 5}', Decoders(Envelope))
    -> WrongTypeError: command: expected `str`, got `int`
    decode_message(b"PING", Decoders(Envelope))
    -> MalformedError: message: neither a JSON object nor a msgpack map (...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from psd.engine.nesting import DEPTH_MAX, JSON, check_nesting, too_deep
from psd.errors import InputError, MalformedError, WrongTypeError

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoders raise."""


class Decoders(Generic[T]):
    """Read a body of either format as one type."""

    def __init__(self, kind: type[T]) -> None:
        self.json = msgspec.json.Decoder(kind).decode
        self.msgpack = msgspec.msgpack.Decoder(kind).decode


def is_json(body: bytes) -> bool:
    """Whether a message is JSON; everything else is msgpack."""
    return body.startswith(b"{") or body.lstrip(b" \t\r\n").startswith(b"{")


def decode_message(body: bytes, decoders: Decoders[T], depth_max: int = DEPTH_MAX) -> T:
    """Read a message; its nesting is not checked beyond what the decoder can take."""
    decode = decoders.json if is_json(body) else decoders.msgpack
    return _decoded(body, decode, "message", depth_max)


def decode_fields(body: bytes, decode: Callable[[bytes], T], depth_max: int = DEPTH_MAX) -> T:
    """Read one JSON object of a request's body with the decoder of its fields."""
    check_nesting(body, JSON, depth_max=depth_max)
    return _decoded(body, decode, "body", depth_max)


def _decoded(body: bytes, decode: Callable[[bytes], T], what: str, depth_max: int) -> T:
    try:
        return decode(body)
    except UNREADABLE as exc:
        raise unreadable(exc, what, depth_max) from exc


def unreadable(exc: Exception, what: str, depth_max: int) -> InputError:
    """What is wrong with a body, by what its decoder raised (one of UNREADABLE)."""
    if isinstance(exc, msgspec.MsgspecError):
        return _as_input_error(exc)
    if isinstance(exc, RecursionError):
        return too_deep(depth_max)
    return MalformedError(f"{what}: {exc}")


def _as_input_error(exc: msgspec.MsgspecError) -> InputError:
    message, _, where = str(exc).partition(" - at ")
    field = where.strip("`").removeprefix("$.").removeprefix("$")
    if isinstance(exc, msgspec.ValidationError) and field:
        return WrongTypeError(f"{field}: {message[0].lower()}{message[1:]}")
    return MalformedError(f"message: neither a JSON object nor a msgpack map ({message})")
