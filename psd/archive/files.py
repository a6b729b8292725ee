"""How one process writes its files of the archive. Blocking file work.

Nobody else writes a file of ours, so no lock is needed, and what a killed process leaves
behind is at most one torn frame at the end of its file. :meth:`DayFiles.write` returns when
the bytes are on the disk. After a write that failed, the file is cut back to its last whole
frame and never written again: after a failed fsync nobody knows what the next one covers.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from psd.archive.deletion import Deletion
from psd.archive.entries import Entry, frame_of, pieces
from psd.archive.folders import file_name
from psd.archive.order import Stamp, day_of, is_apart, number_ms

log = logging.getLogger(__name__)

_sync_data = getattr(os, "fdatasync", os.fsync)
"""macOS has no fdatasync."""


Kind = tuple[str, bool]
"""The day of the numbers in a file, and whether a clock is apart from them (folders.py)."""


class _OpenFile:
    """One file that is being written; ``good_bytes`` is where its last whole frame ends."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self.kind = kind
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        # For is_being_written alone: nobody else writes it.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.good_bytes = 0

    def append(self, frames: Sequence[bytes]) -> None:
        written = self.good_bytes
        for frame in frames:
            written = write_all(self._descriptor, frame, written)
        _sync_data(self._descriptor)
        self.good_bytes = written

    @property
    def is_in_place(self) -> bool:
        """Whether its path still leads to it: somebody may have taken the folder away."""
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self._descriptor))

    def cut_back(self) -> None:
        """Take away what a failed append left; a file without a frame goes altogether."""
        with contextlib.suppress(OSError):
            if self.good_bytes:
                os.ftruncate(self._descriptor, self.good_bytes)
            else:
                self.path.unlink()

    def close(self) -> None:
        os.close(self._descriptor)


class DayFiles:
    """The files of one process; one thread at a time."""

    def __init__(self, folder: Path, keep_days: int) -> None:
        self._folder = folder
        self._deletion = Deletion(folder, keep_days)
        host = "".join(c if c.isalnum() or c in "._" else "_" for c in socket.gethostname())
        self._name = f"{host}-{os.getpid()}-{time.time_ns() // 1_000_000}"
        self._files_made = 0
        self._store = ""
        self._file: _OpenFile | None = None

    def check(self, size: int = 0) -> None:
        """Make the folder and write to it; raises OSError when that cannot be done.

        With a ``size``, so many bytes are brought to the disk, and taken away again.
        """
        self._make_folder(self._folder)
        probe = self._folder / f".{self._name}.probe"
        file = os.open(probe, os.O_WRONLY | os.O_CREAT, 0o640)
        try:
            if size:
                write_all(file, bytes(size), 0)
                _sync_data(file)
        finally:
            os.close(file)
            probe.unlink(missing_ok=True)

    def write(self, entries: Sequence[Entry], stamp: Stamp) -> int:
        """Append entries in their order; returns their bytes once the disk has them.

        Raises OSError; then the same entries may be written again, and may stand twice.
        """
        times = [entry.accepted_ms for entry in entries]
        frames = [frame_of(piece, stamp) for piece in pieces(entries)]
        self._append(
            (day_of(number_ms(stamp.number)), is_apart(stamp, min(times), max(times))), frames
        )
        self._deletion.consider(max(times), stamp.store_ms)
        return sum(map(len, frames))

    def belong_to(self, store: str) -> None:
        """What is written from now on was accepted for this store; before the first write."""
        if store != self._store:
            self.close()
            self._store = store

    def close(self) -> None:
        """Close the file; what was written is on the disk already."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, kind: Kind, frames: Sequence[bytes], again: bool = False) -> None:
        if self._file is None or self._file.kind != kind:
            self.close()
            self._file = self._begin(kind)
        try:
            self._file.append(frames)
        except OSError:
            self._file.cut_back()
            self.close()
            raise
        if not self._file.is_in_place:
            path = self._file.path
            self.close()
            if again:
                raise FileNotFoundError(errno.ENOENT, "the file was taken away", str(path))
            # What is on a disk under no name is not kept.
            log.error("a file of the archive was taken away", extra={"path": str(path)})
            self._append(kind, frames, again=True)

    def _begin(self, kind: Kind) -> _OpenFile:
        day, is_apart = kind
        folder = self._folder / day
        self._make_folder(folder)
        name = file_name(self._name, self._files_made, self._store, is_apart=is_apart)
        file = _OpenFile(folder / name, kind)
        self._files_made += 1
        try:
            sync_folder(folder)
        except OSError:
            file.cut_back()
            file.close()
            raise
        return file

    def _make_folder(self, folder: Path) -> None:
        """Make a folder, so that it is there after a power cut as well."""
        if folder.is_dir():
            return
        if folder.parent != folder:
            self._make_folder(folder.parent)
        folder.mkdir(mode=0o770, exist_ok=True)
        sync_folder(folder.parent)


def write_all(descriptor: int, data: bytes, offset: int) -> int:
    """Write all of the data there, and return where it ends."""
    left = memoryview(data)
    while left:
        count = os.pwrite(descriptor, left, offset)
        left, offset = left[count:], offset + count
    return offset


def sync_folder(folder: Path) -> None:
    """Bring to the disk which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
