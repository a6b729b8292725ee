r"""What a command is fed: a file or standard input, packed by gzip or not, in parts and in lines.

::

    psd import steps.csv.gz ...      psd import - ... < steps.csv      zcat e.gz | psd publish

Whether it is packed is told by its first two bytes, whatever its name. A pipe that stays open is
served as it comes: what is there is read, instead of waiting until a block is full. ::

    b"a\nb\nc"   -> [(1, b"a"), (2, b"b")], [(3, b"c")]

Data that ends in the middle, or is none of gzip's, raises a MalformedError behind all that could be
read.
"""

from __future__ import annotations

import contextlib
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from psd.errors import MalformedError

READ_BYTES = 262_144
UNPACKED_BYTES = 1 << 20
"""Of one part: gzip packs a gigabyte of zeros into a megabyte."""

LINE_BYTES_MAX = 1_000_000
"""nsqd refuses messages past 1 MiB by default, and no row is as long."""

Progress = Callable[[int], None]

NumberedLine = tuple[int, bytes | MalformedError]

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, or standard input where the path is ``-``; the latter stays open."""
    if str(path) == "-":
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


def parts_of(source: BinaryIO, progress: Progress = lambda _bytes: None) -> Iterator[bytes]:
    """The text, unpacked if it is packed; ``progress`` is told the bytes that were read."""
    parts = _read(source, progress)
    first = b""
    for part in parts:
        first += part
        if len(first) >= len(_GZIP):
            break
    if first.startswith(_GZIP):
        yield from _unpacked(first, parts)
    elif first:
        yield first
        yield from parts


def lines_of(parts: Iterator[bytes]) -> Iterator[list[NumberedLine]]:
    """The lines that each part completes, with their numbers from 1 on, stripped.

    Blank lines are left out; of a line past LINE_BYTES_MAX comes just enough to tell. Where the
    parts break off, the error stands for the line in which they do.
    """
    number, rest = 0, b""
    try:
        for part in parts:
            *lines, rest = (rest + part).split(b"\n")
            if number == 0 and lines:
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            portion = [(number + at, line.strip()) for at, line in enumerate(lines, start=1)]
            number += len(lines)
            rest = rest[: LINE_BYTES_MAX + 1]
            if filled := [(at, line) for at, line in portion if line]:
                yield [*filled]
    except MalformedError as error:
        yield [(number + 1, error)]
        return
    last = (rest if number else rest.removeprefix(_BYTE_ORDER_MARK)).strip()
    if last:
        yield [(number + 1, last)]


def _read(source: BinaryIO, progress: Progress) -> Iterator[bytes]:
    read: Callable[[int], bytes] = getattr(source, "read1", source.read)
    while part := read(READ_BYTES):
        progress(len(part))
        yield part


def _unpacked(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    """One gzip stream after another, as ``cat a.gz b.gz`` has them."""
    packed, is_ended = first, True
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    while True:
        while packed:
            if is_ended:
                unpacker, is_ended = zlib.decompressobj(_GZIP_WINDOW), False
            try:
                text = unpacker.decompress(packed, UNPACKED_BYTES)
            except zlib.error as exc:
                raise MalformedError(f"file: its gzip data is damaged ({exc})") from exc
            is_ended = unpacker.eof
            packed = unpacker.unused_data if is_ended else unpacker.unconsumed_tail
            if text:
                yield text
        packed = next(parts, b"")
        if not packed:
            break
    if not is_ended:
        raise MalformedError("file: its gzip data ends in the middle")
