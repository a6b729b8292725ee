"""Reading the archive: the entries of a window, in the order in which they were accepted.

>>> damages: list[Damage] = []
>>> [entry.id for entry in read_entries(Path("archive"), 1_460_462_400_000, 1_460_466_000_000)]
['0f2a6c3b1d4e5f60', '0f2a6c3b1d4e5f61']

The files of all processes are merged; only those whose times overlap are open at once, and
each holds one frame in memory. A torn frame at the end of a file is what a crash leaves, or a
process that is writing at this moment. A spoiled frame in the middle costs its own entries:
the next frame is looked for and read. Both are told in ``damages``.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from psd.archive.entries import HEAD_BYTES, MAGIC, Entry, Head, is_whole, read_head, unpack
from psd.archive.files import day_files, day_folders, day_of, store_of

SEARCH_BYTES = 1 << 16


class Damage(msgspec.Struct, frozen=True):
    """Bytes [start, end) of a file that are no frame; ``is_tail`` when nothing follows them."""

    file: Path
    start: int
    end: int
    is_tail: bool

    def __str__(self) -> str:
        what = "torn tail" if self.is_tail else "spoiled frame"
        return f"{self.file}: {what} at byte {self.start} ({self.end - self.start} bytes)"


def read_entries(
    folder: Path,
    from_ms: int,
    to_ms: int,
    damages: list[Damage] | None = None,
    stores: Collection[str] | None = None,
) -> Iterator[Entry]:
    """Entries accepted in [from_ms, to_ms), oldest first; what could not be read in ``damages``.

    Of all files, or of those of some stores and those that name none. Entries of the same
    millisecond come in the order of their files' names, then as written.
    """
    found: list[Damage] = [] if damages is None else damages
    for day in days_between(folder, from_ms, to_ms):
        yield from _merged(day_files(day, stores), from_ms, to_ms, found)


def days_between(folder: Path, from_ms: int, to_ms: int) -> Iterator[Path]:
    """The day folders that may hold something accepted in [from_ms, to_ms)."""
    for day in day_folders(folder):
        if day_of(from_ms) <= day.name and to_ms > from_ms and day.name <= day_of(to_ms - 1):
            yield day


def files_by_store(folder: Path, from_ms: int, to_ms: int) -> Counter[str]:
    """How many files of these days each store has; under an empty text those that name none."""
    days = days_between(folder, from_ms, to_ms)
    return Counter(store_of(path) for day in days for path in day_files(day))


def oldest_ms(folder: Path) -> int | None:
    """When the first file of the oldest day begins; None when there is nothing."""
    for day in day_folders(folder):
        firsts = [first_ms for path in day_files(day) if (first_ms := _first_ms(path))]
        if firsts:
            return min(firsts)
    return None


def _merged(
    files: Sequence[Path], from_ms: int, to_ms: int, damages: list[Damage]
) -> Iterator[Entry]:
    """One day of some files; a file is opened when the merge comes to its first entry."""
    waiting = sorted(
        ((_first_ms(path), path) for path in files), key=lambda pair: pair[0], reverse=True
    )
    heap: list[tuple[int, str, Entry, Iterator[Entry]]] = []
    while heap or waiting:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, path = waiting.pop()
            _push(heap, path.name, _entries(path, from_ms, to_ms, damages))
        if heap:
            _, name, entry, rest = heapq.heappop(heap)
            yield entry
            _push(heap, name, rest)


def _push(
    heap: list[tuple[int, str, Entry, Iterator[Entry]]], name: str, rest: Iterator[Entry]
) -> None:
    entry = next(rest, None)
    if entry is not None:
        heapq.heappush(heap, (entry.accepted_ms, name, entry, rest))


def _first_ms(path: Path) -> int:
    """When a file begins; 0 when its first frame does not say."""
    with path.open("rb") as file:
        head = read_head(file.read(HEAD_BYTES))
    return 0 if head is None else head.first_ms


def _entries(path: Path, from_ms: int, to_ms: int, damages: list[Damage]) -> Iterator[Entry]:
    with path.open("rb") as file:
        for head, packed in _frames(path, file, damages):
            if head.first_ms >= to_ms:
                return
            if head.last_ms < from_ms:
                continue
            for entry in unpack(packed):
                if from_ms <= entry.accepted_ms < to_ms:
                    yield entry


def _frames(path: Path, file: BinaryIO, damages: list[Damage]) -> Iterator[tuple[Head, bytes]]:
    """The whole frames of a file, as long as it is now: its process may be writing on."""
    size = file.seek(0, os.SEEK_END)
    start = 0
    while start < size:
        frame = _frame_at(file, start, size)
        if frame is None:
            following = _next_frame(file, start + 1, size)
            end = size if following is None else following
            damages.append(Damage(path, start, end, is_tail=following is None))
            start = end
            continue
        yield frame
        start += HEAD_BYTES + frame[0].packed_bytes


def _frame_at(file: BinaryIO, start: int, size: int) -> tuple[Head, bytes] | None:
    file.seek(start)
    head = read_head(file.read(HEAD_BYTES))
    if head is None or start + HEAD_BYTES + head.packed_bytes > size:
        return None
    packed = file.read(head.packed_bytes)
    return (head, packed) if is_whole(head, packed) else None


def _next_frame(file: BinaryIO, start: int, size: int) -> int | None:
    """Where the next whole frame begins; None when there is none."""
    while start < size:
        file.seek(start)
        found = file.read(SEARCH_BYTES)
        at = found.find(MAGIC)
        if at < 0:
            # The magic may lie across the end of what was read.
            start += max(1, len(found) - len(MAGIC) + 1)
            continue
        if _frame_at(file, start + at, size) is not None:
            return start + at
        start += at + 1
    return None
