"""What one accepted message is in the archive, and how such entries look on disk.

A day file is a row of frames. A frame is one append: a head of 32 bytes, then a zlib stream
(level 1) of a msgpack list of ``[accepted_ms, id, body]``::

    70736401  magic: "psd" and the version of this format
    000000d7  bytes that follow the head
    9b1c20e4  CRC-32 of the rest of the head and of those bytes
    ...       first and last accepted_ms (8 bytes each), number of entries (4 bytes)

Length and CRC tell a frame that was torn by a crash from a whole one, and what lies behind a
spoiled frame is found again by the magic. The times in the head let a reader pass over frames
outside its window without unpacking them. 500 sparse metrics of 131 bytes make a frame of
about 11 kB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

MAGIC = b"psd\x01"

_HEAD = struct.Struct(">4sII")
_SPAN = struct.Struct(">QQI")
HEAD_BYTES = _HEAD.size + _SPAN.size

FRAME_BODY_BYTES = 1 << 20
"""An append with longer bodies is cut into frames of about this, so that a reader holds a
little of each file however much was waiting for one fsync."""

PACKED_BYTES_MAX = 64 << 20
"""A longer frame is not ours: bodies are limited to 1 MiB by nsqd and by HTTP."""

LEVEL = 1


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One accepted message; ``id`` is the queue's, empty for what came over HTTP.

    ``accepted_ms`` are Unix milliseconds; within one file they never go back.
    """

    accepted_ms: int
    id: str
    body: bytes


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the head of a frame says; the window of its entries is [first, last], both included."""

    packed_bytes: int
    crc: int
    first_ms: int
    last_ms: int
    entries: int
    span: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


def frame_of(entries: Sequence[Entry]) -> bytes:
    """One frame; ``entries`` are in order of time and not empty."""
    packed = zlib.compress(_encode(entries), LEVEL)
    span = _SPAN.pack(entries[0].accepted_ms, entries[-1].accepted_ms, len(entries))
    return _HEAD.pack(MAGIC, len(packed), _crc(span, packed)) + span + packed


def read_head(head: bytes) -> Head | None:
    """The head that these 32 bytes are; None when they are none."""
    if len(head) < HEAD_BYTES:
        return None
    magic, packed_bytes, crc = _HEAD.unpack_from(head)
    if magic != MAGIC or packed_bytes > PACKED_BYTES_MAX:
        return None
    span = head[_HEAD.size : HEAD_BYTES]
    first_ms, last_ms, entries = _SPAN.unpack(span)
    return Head(packed_bytes, crc, first_ms, last_ms, entries, span)


def is_whole(head: Head, packed: bytes) -> bool:
    """Whether these are the bytes that the head was written for."""
    return len(packed) == head.packed_bytes and _crc(head.span, packed) == head.crc


def unpack(packed: bytes) -> list[Entry]:
    """The entries of a whole frame."""
    return _decode(zlib.decompress(packed))


def pieces(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """The entries in pieces that make frames of a bounded size."""
    start = size = 0
    for position, entry in enumerate(entries):
        size += len(entry.body)
        if size > FRAME_BODY_BYTES:
            yield entries[start : position + 1]
            start, size = position + 1, 0
    if start < len(entries):
        yield entries[start:]


def _crc(span: bytes, packed: bytes) -> int:
    return zlib.crc32(packed, zlib.crc32(span))
