r"""Attributes of a CloudEvent as headers: which they are, and how one is read. Pure.

The HTTP binding encodes whatever is no printable ASCII, and blanks, quotes and percent signs, as
``%xy`` of its UTF-8. Older senders quote instead, so quoted strings are taken first::

    ce-id: 91          -> "91"
    ce-id: "91"        -> "91"
    ce-id: "a \"b\""   -> 'a "b"'
    ce-id: Zo%C3%AB    -> "Zoë"
    ce-id: %FF         -> refused: two texts that are no UTF-8 would become one
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote_to_bytes

from psd.errors import MalformedError
from psd.foreign_texts import shown

NEEDED = ("ce-specversion", "ce-id", "ce-source", "ce-type")
"""Any of them makes a request an event in binary mode, which then needs all of them."""

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([^"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class Headers(Protocol):
    """What is read of a request: its headers, whatever the case of their names."""

    def __contains__(self, name: object) -> bool: ...

    def get(self, name: str, default: str, /) -> str:
        """The first of this name."""
        ...

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """All of this name."""
        ...


def is_binary(headers: Headers) -> bool:
    """Whether the attributes of an event stand in the headers."""
    return any(name in headers for name in NEEDED)


def attribute(headers: Headers, name: str) -> str | None:
    """An attribute, None where it is not given; raises MalformedError."""
    values = headers.getall(f"ce-{name}", ())
    if len(values) > 1:
        raise MalformedError(f"{name}: header ce-{name} is there {len(values)} times")
    return decoded(name, values[0].strip()) if values else None


def decoded(name: str, value: str) -> str:
    """What a header's value stands for; raises MalformedError."""
    parts = list(_PART.finditer(value))
    if sum(len(part[0]) for part in parts) != len(value):
        raise MalformedError(f"{name}: {_printable(value)} has a quote that is not closed")
    text = "".join(_ESCAPED.sub(r"\1", part[1]) if part[2] is None else part[2] for part in parts)
    if _BAD_PERCENT.search(text):
        raise MalformedError(f"{name}: {_printable(value)} has a % without two hexadecimal digits")
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedError(f"{name}: {_printable(value)} is no UTF-8") from exc


def _printable(value: str) -> str:
    """A value as an error may show it: bytes that are no text came as surrogates."""
    return shown(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
