"""Keys of a store as they stand in the files of a backup: name, end of life, and Redis' own dump.

A file is 8 bytes that say what it is, then records. A key that changed while it was copied comes
again, later; the last record of a key counts, and one without a dump says that it is gone::

    0012 0000000000000000 0000001d  psd:{p0}:7:1:y...  <29 bytes of DUMP>      for ever
    0012 000001536d1b2a00 00000000  psd:{p0}:7:k:42..                          gone
    name Unix ms           dump      a length each, then both

Files end at FILE_BYTES or so, so that no tool has to handle a single huge one.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from psd.backup.manifest import BackupFile
from psd.errors import ShapeError

MAGIC = b"psdkeys\x01"
FILE_BYTES = 256 << 20
READ_BYTES = 1 << 20
PAGE_BYTES = 4 << 20
"""Records are handed over by so many bytes, or by PAGE_KEYS: what one trip to Redis takes."""

PAGE_KEYS = 250

_HEAD = struct.Struct(">IQI")

Tell = Callable[[int], None]


class CopiedKey(msgspec.Struct, frozen=True, gc=False):
    """A key; ``expires_ms`` are Unix milliseconds by the store's clock, 0 is never.

    Without a ``dump`` there is none of this name.
    """

    name: bytes
    expires_ms: int
    dump: bytes


class KeyFiles:
    """Writes records into files ``00001.keys``, ``00002.keys``, ... of a folder."""

    def __init__(self, folder: Path, within: str, file_bytes: int = FILE_BYTES) -> None:
        self.files: list[BackupFile] = []
        self._folder = folder
        self._within = within
        self._file_bytes = file_bytes
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._bytes = 0

    def write(self, keys: Sequence[CopiedKey]) -> None:
        """Append records."""
        packed = bytearray()
        for key in keys:
            packed += _HEAD.pack(len(key.name), key.expires_ms, len(key.dump))
            packed += key.name
            packed += key.dump
        if packed:
            self._append(bytes(packed))

    def __enter__(self) -> Self:
        """Nothing is written before there is something."""
        return self

    def __exit__(self, *_: object) -> None:
        """What is left of one that was broken off is closed, and stands for nothing."""
        if self._file is not None:
            self._file.close()

    def end(self) -> None:
        """Bring all of it to the disk."""
        self._end_file()

    def _append(self, packed: bytes) -> None:
        if self._file is None:
            name = f"{len(self.files) + 1:05}.keys"
            self._file = (self._folder / name).open("xb")
            self._digest, self._bytes = hashlib.sha256(), 0
            self._put(MAGIC)
        self._put(packed)
        if self._bytes >= self._file_bytes:
            self._end_file()

    def _put(self, packed: bytes) -> None:
        assert self._file is not None
        self._file.write(packed)
        self._digest.update(packed)
        self._bytes += len(packed)

    def _end_file(self) -> None:
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        name = f"{self._within}/{Path(self._file.name).name}"
        self._file.close()
        self._file = None
        self.files.append(BackupFile(name, self._bytes, self._digest.hexdigest()))


def read_pages(path: Path) -> Iterator[list[CopiedKey]]:
    """The records of a file, some hundred or some megabytes at a time; raises ShapeError."""
    page: list[CopiedKey] = []
    size = 0
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ShapeError(f"{path}: it is no file of keys that this psd reads")
        while head := file.read(_HEAD.size):
            key = _record(path, file, head)
            page.append(key)
            size += len(key.dump)
            if len(page) >= PAGE_KEYS or size >= PAGE_BYTES:
                yield page
                page, size = [], 0
    if page:
        yield page


def _record(path: Path, file: BinaryIO, head: bytes) -> CopiedKey:
    if len(head) < _HEAD.size:
        raise ShapeError(f"{path}: it ends within a record")
    name_bytes, expires_ms, dump_bytes = _HEAD.unpack(head)
    content = file.read(name_bytes + dump_bytes)
    if len(content) < name_bytes + dump_bytes:
        raise ShapeError(f"{path}: it ends within a record")
    return CopiedKey(content[:name_bytes], expires_ms, content[name_bytes:])
