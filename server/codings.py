"""How a body was packed for its way, and taking it apart again. Pure.

``gzip`` (also called ``x-gzip``) and ``deflate`` are known, one of them at a time; ``identity``
says nothing. What is unpacked is exactly what was packed, or it is refused: a body that is cut
off, damaged or has something behind its end would otherwise be taken for a shorter one::

    body_coding("GZIP")             -> "gzip"
    body_coding("gzip, identity")   -> "gzip"
    body_coding("snappy")           -> UnsupportedCodingError
    b"".join(unpacked(gzip.compress(b"ids=5,6,7"), "gzip"))   -> b"ids=5,6,7"

The pieces come one by one, so that whoever collects them can stop at his limit.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Literal

from psd.errors import MalformedError, UnsupportedCodingError

Coding = Literal["gzip", "deflate"]

_CODINGS: dict[str, Coding] = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}

ACCEPTED = "gzip, deflate"
"""What a client is told that sent something else."""

PIECE_BYTES = 65_536
"""At most so much comes at once: 0.1 ms of the loop, and all that a bomb gets past a limit."""

MEMBERS_MAX = 64
"""A gzip file may be several, one behind the other. Each copies what is behind it."""

SHOWN_CHARACTERS = 64

_READ_AS_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_ASCII_BELOW_128 = re.compile(r"(?:iso-8859-\d+|latin-?\d|windows-125\d|cp125\d)", re.ASCII)


def body_coding(header: str) -> Coding | None:
    """The coding that a Content-Encoding names, None for none; raises UnsupportedCodingError."""
    named = [part.strip().lower() for part in header.split(",")]
    codings = [part for part in named if part not in ("", "identity")]
    if not codings:
        return None
    found = _CODINGS.get(codings[0])
    if found is None or len(codings) > 1:
        shown = header[:SHOWN_CHARACTERS]
        raise UnsupportedCodingError(
            f"Content-Encoding: {shown!r} is not one of gzip, x-gzip and deflate"
        )
    return found


def unpacked(packed: bytes, coding: Coding) -> Iterator[bytes]:
    """What was packed, in pieces; raises MalformedError as soon as it is known to be broken."""
    rest = packed
    for _ in range(MEMBERS_MAX):
        member = zlib.decompressobj(_window_bits(rest, coding))
        yield from _pieces(member, rest, coding)
        rest = member.unused_data
        if not rest:
            return
        if coding == "deflate":
            raise MalformedError(f"body: {len(rest)} bytes behind the end of what deflate packed")
    raise MalformedError(f"body: more than {MEMBERS_MAX} members of gzip")


def _pieces(member: zlib._Decompress, packed: bytes, coding: Coding) -> Iterator[bytes]:
    rest = packed
    while not member.eof:
        try:
            piece = member.decompress(rest, PIECE_BYTES)
        except zlib.error as exc:
            raise MalformedError(f"body: cannot be unpacked as {coding} ({exc})") from exc
        rest = member.unconsumed_tail
        if not piece and not rest and not member.eof:
            raise MalformedError(f"body: cut off, what {coding} packed has no end")
        yield piece


def _window_bits(packed: bytes, coding: Coding) -> int:
    """What zlib calls a coding. Some clients leave out the head and the sum of deflate."""
    if coding == "gzip":
        return zlib.MAX_WBITS + 16
    head = int.from_bytes(packed[:2], "big")
    has_head = len(packed) < 2 or (packed[0] & 15 == zlib.DEFLATED and head % 31 == 0)
    return zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS


def check_charset(charset: str | None, body: bytes) -> None:
    """Refuse text that is no UTF-8 by its own word: raises UnsupportedCodingError.

    A client may call plain ASCII what it wants that begins with it, as some do by habit.
    """
    name = (charset or "").strip().lower()
    if name in _READ_AS_UTF_8:
        return
    if _ASCII_BELOW_128.fullmatch(name) and body.isascii():
        return
    shown = name[:SHOWN_CHARACTERS]
    raise UnsupportedCodingError(f"Content-Type: charset {shown!r}; a body is read as UTF-8")
