"""Cutting entries out of the archive: files that nobody writes any more are written anew.

A file is read, what is left of it is written beside it, brought to the disk, and put in its place
by a rename, so that at any instant the old file is there or the new one, whole::

    20160412/host7-4711-1460462400000-0.psda      120 entries
    20160412/host7-4711-1460462400000-0.psda.cut  118 of them, in the same frames, fsync
    20160412/host7-4711-1460462400000-0.psda      118

A file that is being written is left for the next time; a process writes one a day. Frames keep
their numbers, spoiled bytes stay as they are, and a file of which nothing is left goes. One at a
time cuts a folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from psd.archive.entries import Entry, Head, frame_of, unpack
from psd.archive.files import sync_folder, write_all
from psd.archive.folders import day_files, day_folders, is_being_written
from psd.archive.order import unnumbered
from psd.archive.reader import Damage, Span, frames_of
from psd.errors import ArchiveUnavailableError
from psd.failpoints import reach

LOCK = ".cutting"
BESIDE = ".cut"
"""Of a file that will take another's place: it ends so, and nobody reads it."""

Edit = Callable[[Entry, int], Entry | None]
"""What stays of an entry with a number; the entry itself where all of it does, None for nothing."""


class CutSummary(msgspec.Struct):
    """What was done: ``left`` files are being written, or there was no time for them."""

    files: int = 0
    rewritten: int = 0
    entries: int = 0
    left: int = 0


def cut(
    folder: Path,
    edit: Edit,
    stores: Collection[str] | None = None,
    until_s: float = float("inf"),
) -> CutSummary:
    """Edit every entry of the files of these stores; begins no file after ``until_s`` (monotonic).

    Safe to repeat from any point. Raises ArchiveUnavailableError while another process cuts.
    """
    summary = CutSummary()
    if not folder.is_dir():
        return summary
    with _alone(folder):
        for day in day_folders(folder):
            for abandoned in day.glob(f"*{BESIDE}"):
                abandoned.unlink()
        for path in [path for day in day_folders(folder) for path in day_files(day, stores)]:
            if time.monotonic() > until_s or is_being_written(path):
                summary.left += 1
                continue
            summary.files += 1
            entries = _cut_file(path, edit)
            summary.entries += entries
            summary.rewritten += bool(entries)
    return summary


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / LOCK, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise ArchiveUnavailableError("archive: another process cuts it just now") from exc
    finally:
        os.close(descriptor)


def _cut_file(path: Path, edit: Edit) -> int:
    """How many entries of a file are not as they were. Holds a frame in memory, not the file."""
    with path.open("rb") as file:
        changed = sum(altered for _, altered in _pieces(path, file, edit))
        if not changed:
            return 0
        beside = path.with_name(path.name + BESIDE)
        if not _write(beside, (piece for piece, _ in _pieces(path, file, edit))):
            beside.unlink()
            path.unlink()
        else:
            beside.chmod(path.stat().st_mode & 0o777)
            reach("archive_cut")
            beside.replace(path)
    sync_folder(path.parent)
    return changed


def _pieces(path: Path, file: BinaryIO, edit: Edit) -> Iterator[tuple[bytes, int]]:
    """The bytes that are left, piece by piece, and how many entries of each changed."""
    end = 0
    damages: list[Damage] = []
    for start, head, packed in frames_of(path, file, damages, Span()):
        # Whatever lies between two frames is a damage, and stays.
        yield _bytes(file, end, start), 0
        end = start + head.size + head.packed_bytes
        before = unpack(packed)
        after = [_edited(entry, head, edit) for entry in before]
        altered = sum(new is not old for new, old in zip(after, before, strict=True))
        yield _frame(after, head) if altered else _bytes(file, start, end), altered
    yield _bytes(file, end, file.seek(0, os.SEEK_END)), 0


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _edited(entry: Entry, head: Head, edit: Edit) -> Entry | None:
    stamp = head.stamp or unnumbered(entry.accepted_ms)
    return edit(entry, stamp.number)


def _frame(entries: Sequence[Entry | None], head: Head) -> bytes:
    left = [entry for entry in entries if entry is not None]
    return frame_of(left, head.stamp) if left else b""


def _write(path: Path, pieces: Iterator[bytes]) -> int:
    """How long the file is that is made of these."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        at = 0
        for piece in pieces:
            at = write_all(descriptor, piece, at)
        os.fsync(descriptor)
        return at
    finally:
        os.close(descriptor)
