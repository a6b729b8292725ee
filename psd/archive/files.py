"""Day files: where they lie, and how one process writes its own. Blocking file work.

::

    archive/20160412/host7-4711-1460462400000-0.5a1e09c3b7d2.psda   the first file of process 4711
    archive/20160413/host7-4711-1460462400000-1.5a1e09c3b7d2.psda   the next day begins a new one

The last part of a name is what the store calls itself for which the messages were accepted, so
that processes of several stores may have one folder and nobody books what is another's. Files
from before stores had names are without it, and count as those of whoever reads them.

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
import re
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from psd.archive.entries import Entry, frame_of, pieces

log = logging.getLogger(__name__)

SUFFIX = ".psda"
LAST_S = 253_402_300_799
"""9999-12-31 23:59:59, the last second that has a date of four digits."""

_sync_data = getattr(os, "fdatasync", os.fsync)
"""macOS has no fdatasync."""


def day_of(accepted_ms: int) -> str:
    """The folder of a moment: ``1460462400000`` -> ``"20160412"`` (UTC)."""
    return datetime.fromtimestamp(min(accepted_ms // 1000, LAST_S), UTC).strftime("%Y%m%d")


def day_folders(folder: Path) -> Iterator[Path]:
    """The day folders that are there, oldest first."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if len(path.name) == 8 and path.name.isdecimal() and path.is_dir():
            yield path


def day_files(day: Path, stores: Collection[str] | None = None) -> list[Path]:
    """The files of one day, by name: all, or those of some stores and those that name none."""
    files = sorted(day.glob(f"*{SUFFIX}"))
    if stores is None:
        return files
    return [path for path in files if (store := store_of(path)) in stores or not store]


def store_of(file: Path) -> str:
    """The store that a file is of; empty where its name does not say."""
    found = _STORE.search(file.name)
    return found[1] if found else ""


def is_being_written(file: Path) -> bool:
    """Whether the process that began it still has it open; no where the disk has no locks."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


_STORE = re.compile(rf"\.([0-9a-f]{{12}}){re.escape(SUFFIX)}\Z")


class _OpenFile:
    """One file that is being written; ``good_bytes`` is where its last whole frame ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.day = path.parent.name
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
        self._keep_days = keep_days
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

    def write(self, entries: Sequence[Entry]) -> int:
        """Append entries in order of time; returns their bytes once the disk has them.

        Raises OSError; then the same entries may be written again, and may stand twice.
        """
        size = 0
        for day, of_day in groupby(entries, lambda entry: day_of(entry.accepted_ms)):
            frames = [frame_of(piece) for piece in pieces(list(of_day))]
            self._append(day, frames)
            size += sum(map(len, frames))
        return size

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

    def _append(self, day: str, frames: Sequence[bytes], again: bool = False) -> None:
        if self._file is None or self._file.day != day:
            self.close()
            self._file = self._begin(day)
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
            self._append(day, frames, again=True)

    def _begin(self, day: str) -> _OpenFile:
        folder = self._folder / day
        self._make_folder(folder)
        store = f".{self._store}" if self._store else ""
        file = _OpenFile(folder / f"{self._name}-{self._files_made}{store}{SUFFIX}")
        self._files_made += 1
        try:
            _sync_folder(folder)
        except OSError:
            file.cut_back()
            file.close()
            raise
        if self._keep_days:
            self._delete_before(day)
        return file

    def _make_folder(self, folder: Path) -> None:
        """Make a folder, so that it is there after a power cut as well."""
        if folder.is_dir():
            return
        if folder.parent != folder:
            self._make_folder(folder.parent)
        folder.mkdir(mode=0o770, exist_ok=True)
        _sync_folder(folder.parent)

    def _delete_before(self, day: str) -> None:
        today = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        oldest = (today - timedelta(days=self._keep_days)).strftime("%Y%m%d")
        for folder in list(day_folders(self._folder)):
            if folder.name >= oldest:
                return
            try:
                for path in day_files(folder):
                    path.unlink(missing_ok=True)
                folder.rmdir()
            except OSError as error:
                # Two processes delete at the same time, or somebody else's file lies there.
                log.warning("day not deleted", extra={"day": folder.name, "error": str(error)})
            else:
                log.info("day deleted", extra={"day": folder.name})


def write_all(descriptor: int, data: bytes, offset: int) -> int:
    """Write all of the data there, and return where it ends."""
    left = memoryview(data)
    while left:
        count = os.pwrite(descriptor, left, offset)
        left, offset = left[count:], offset + count
    return offset


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
