"""What one accepted message is in the archive, and how such entries look on disk.

A day file is a row of frames. A frame is one append: a head of 48 bytes, then a zlib stream
(level 1) of a msgpack list of ``[accepted_ms, id, body]``::

    70736402  magic: "psd" and the version of this format
    000000d7  bytes that follow the head
    9b1c20e4  CRC-32 of the rest of the head and of those bytes
    ...       first and last accepted_ms (8 bytes each), number of entries (4 bytes),
              the number that orders it and the store's clock in ms (8 bytes each; order.py)

Version 1 is without the last two: its frames are in the order of their time. Length and CRC tell
a frame that was torn by a crash from a whole one, and what lies behind a spoiled frame is found
again by the magic. What the head says lets a reader pass over frames outside its window without
unpacking them. 500 sparse metrics of 131 bytes make a frame of about 11 kB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from psd.archive.order import Stamp, unnumbered

MAGIC = b"psd"
"""The version is the byte behind it."""

VERSION = 2
"""Rises with each change of a head or of what is packed, and _SPANS keeps how the older ones are
read: tests/golden/archive has a file of each."""

VERSIONS_TO_COME = range(VERSION + 1, VERSION + 16)
"""What a newer psd may write; another byte in its place is a damage."""

_HEAD = struct.Struct(">3sBII")
_SPANS = {1: struct.Struct(">QQI"), VERSION: struct.Struct(">QQIQQ")}
HEAD_BYTES = _HEAD.size + _SPANS[VERSION].size
"""Of a head of this version; an older one is shorter."""

FRAME_BODY_BYTES = 1 << 20
"""An append with longer bodies is cut into frames of about this, so that a reader holds a
little of each file however much was waiting for one fsync."""

PACKED_BYTES_MAX = 64 << 20
"""A longer frame is not ours: bodies are limited to 1 MiB by nsqd and by HTTP."""

LEVEL = 1


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One accepted message; ``id`` is the queue's, empty for what came over HTTP.

    ``accepted_ms`` are Unix milliseconds of the clock by which it was checked.
    """

    accepted_ms: int
    id: str
    body: bytes


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the head of a frame says; ``stamp`` is None in version 1.

    The window of its entries is [first, last], both included; ``size`` is how long the head is.
    """

    size: int
    packed_bytes: int
    crc: int
    first_ms: int
    last_ms: int
    entries: int
    stamp: Stamp | None
    span: bytes

    @property
    def first_number(self) -> int:
        """The number of its first entry."""
        return (self.stamp or unnumbered(self.first_ms)).number

    @property
    def last_number(self) -> int:
        """The number of its last entry; all have the same but in version 1."""
        return (self.stamp or unnumbered(self.last_ms)).number


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


def frame_of(entries: Sequence[Entry], stamp: Stamp | None = None) -> bytes:
    """One frame of some entries, not empty; without a stamp they are in order of their time."""
    packed = zlib.compress(_encode(entries), LEVEL)
    times = [entry.accepted_ms for entry in entries]
    first_ms, last_ms = min(times), max(times)
    if stamp is None:
        version, span = 1, _SPANS[1].pack(first_ms, last_ms, len(entries))
    else:
        numbers = (stamp.number, stamp.store_ms)
        version, span = VERSION, _SPANS[VERSION].pack(first_ms, last_ms, len(entries), *numbers)
    return _HEAD.pack(MAGIC, version, len(packed), _crc(span, packed)) + span + packed


def read_head(head: bytes) -> Head | None:
    """The head that these bytes begin with, at most HEAD_BYTES are looked at; None for none."""
    if len(head) < _HEAD.size:
        return None
    magic, version, packed_bytes, crc = _HEAD.unpack_from(head)
    layout = _SPANS.get(version)
    if magic != MAGIC or packed_bytes > PACKED_BYTES_MAX or layout is None:
        return None
    span = head[_HEAD.size : _HEAD.size + layout.size]
    if len(span) < layout.size:
        return None
    first_ms, last_ms, entries, *numbers = layout.unpack(span)
    stamp = Stamp(*numbers) if numbers else None
    size = _HEAD.size + layout.size
    return Head(size, packed_bytes, crc, first_ms, last_ms, entries, stamp, span)


def version_to_come(head: bytes) -> int | None:
    """The version of a newer psd that these bytes begin with; None for any other."""
    if len(head) < _HEAD.size or not head.startswith(MAGIC):
        return None
    version = head[len(MAGIC)]
    return version if version in VERSIONS_TO_COME else None


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
