"""Reading the archive: the entries of a window, in the order of their numbers (order.py).

>>> damages: list[Damage] = []
>>> [entry.id for entry in read_entries(Path("archive"), 1_460_462_400_000, 1_460_466_000_000)]
['0f2a6c3b1d4e5f60', '0f2a6c3b1d4e5f61']

The files of all processes and days are merged; only those whose numbers overlap are open at once,
and each holds one frame in memory. A torn frame at the end of a file is what a crash leaves, or a
process that is writing at this moment. A spoiled frame in the middle costs its own entries:
the next frame is looked for and read. Both are told in ``damages``.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from psd.archive.entries import (
    HEAD_BYTES,
    MAGIC,
    VERSION,
    Entry,
    Head,
    is_whole,
    read_head,
    unpack,
    version_to_come,
)
from psd.archive.folders import day_files, day_folders, files_within, store_of
from psd.archive.order import Stamp, day_of, may_be_within, number_ms, unnumbered
from psd.errors import ConfigError

SEARCH_BYTES = 1 << 16

STRADDLE_BYTES = 4 << 20
"""A frame that was being written when sizes were noted began at most so long before its end."""

END_MS = 1 << 62
END_NUMBER = 1 << 63


class Damage(msgspec.Struct, frozen=True):
    """Bytes [start, end) of a file that are no frame; ``is_tail`` when nothing follows them."""

    file: Path
    start: int
    end: int
    is_tail: bool

    def __str__(self) -> str:
        what = "torn tail" if self.is_tail else "spoiled frame"
        return f"{self.file}: {what} at byte {self.start} ({self.end - self.start} bytes)"


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An entry and its place: what was appended together has one stamp, and is in its order."""

    stamp: Stamp
    entry: Entry


class Span(msgspec.Struct, frozen=True):
    """What is asked of an archive.

    Times of acceptance [from_ms, to_ms), by what any clock says, and numbers [start, end). Of each
    file what was in it by ``until``, sizes by path, and came into it after ``since``; of all
    ``stores``, or of some and of files that name none.
    """

    from_ms: int = 0
    to_ms: int = END_MS
    start: int = 0
    end: int = END_NUMBER
    stores: Collection[str] | None = None
    since: Mapping[Path, int] = {}
    until: Mapping[Path, int] | None = None

    def holds(self, stamp: Stamp, accepted_ms: int) -> bool:
        """Whether an entry with this stamp is asked for."""
        if not self.start <= stamp.number < self.end:
            return False
        return may_be_within(stamp, accepted_ms, self.from_ms, self.to_ms)


def read_entries(
    folder: Path,
    from_ms: int,
    to_ms: int,
    damages: list[Damage] | None = None,
    stores: Collection[str] | None = None,
) -> Iterator[Entry]:
    """Entries accepted in [from_ms, to_ms), in order; what could not be read in ``damages``.

    Of all files, or of those of some stores and those that name none. Those of one number come in
    the order of their files' names, then as written. Raises ConfigError where a newer psd wrote
    one of them, before anything is read: what it holds would be missing.
    """
    for placed in read_placed(folder, Span(from_ms, to_ms, stores=stores), damages):
        yield placed.entry


def read_placed(folder: Path, span: Span, damages: list[Damage] | None = None) -> Iterator[Placed]:
    """The same with their places."""
    found: list[Damage] = [] if damages is None else damages
    first = day_of(number_ms(span.start))
    files = [
        path
        for path in files_within(folder, span.from_ms, span.to_ms, span.stores)
        if path.parent.name >= first
    ]
    for path in files:
        _check_version(path)
    yield from _merged(files, span, found)


def sizes_of(folder: Path, stores: Collection[str] | None = None) -> dict[Path, int]:
    """How long each file is now: what marks everything that was accepted so far."""
    days = day_folders(folder)
    return {path: path.stat().st_size for day in days for path in day_files(day, stores)}


def files_by_store(folder: Path, from_ms: int, to_ms: int) -> Counter[str]:
    """How many files of these days each store has; under an empty text those that name none."""
    return Counter(store_of(path) for path in files_within(folder, from_ms, to_ms))


def oldest_ms(folder: Path) -> int | None:
    """When the first file of the oldest day begins; None when there is nothing."""
    for day in day_folders(folder):
        firsts = [number for path in day_files(day) if (number := _first_number(path))]
        if firsts:
            return number_ms(min(firsts))
    return None


def highest_number(folder: Path) -> int:
    """The highest number in the archive; 0 when there is nothing.

    A folder is the day of the numbers in it, so the newest one has it.
    """
    for day in reversed(list(day_folders(folder))):
        highest = max((_last_number(path) for path in day_files(day)), default=0)
        if highest:
            return highest
    return 0


def _merged(files: Sequence[Path], span: Span, damages: list[Damage]) -> Iterator[Placed]:
    """Of some files; one is opened when the merge comes to its first entry."""
    waiting = sorted(
        ((_first_number(path), path) for path in files if _is_asked_of(path, span)),
        key=lambda pair: pair[0],
        reverse=True,
    )
    heap: list[tuple[int, str, Placed, Iterator[Placed]]] = []
    while heap or waiting:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            first, path = waiting.pop()
            if first < span.end:
                _push(heap, path.name, _entries(path, span, damages))
        if heap:
            _, name, placed, rest = heapq.heappop(heap)
            yield placed
            _push(heap, name, rest)


def _is_asked_of(path: Path, span: Span) -> bool:
    """Whether a file has bytes that are asked for."""
    if span.until is not None and path not in span.until:
        return False
    return path not in span.since or path.stat().st_size > span.since[path]


def _push(
    heap: list[tuple[int, str, Placed, Iterator[Placed]]], name: str, rest: Iterator[Placed]
) -> None:
    placed = next(rest, None)
    if placed is not None:
        heapq.heappush(heap, (placed.stamp.number, name, placed, rest))


def _check_version(path: Path) -> None:
    """Refuse the file of a newer psd: a process writes one version into its files."""
    with path.open("rb") as file:
        version = version_to_come(file.read(HEAD_BYTES))
    if version is not None:
        raise ConfigError(
            f"{path}: a newer psd wrote it in version {version} of the archive, and this psd reads "
            f"up to {VERSION}; read it with one that is as new"
        )


def _first_number(path: Path) -> int:
    """Where a file begins; 0 when its first frame does not say."""
    with path.open("rb") as file:
        head = read_head(file.read(HEAD_BYTES))
    return 0 if head is None else head.first_number


def _last_number(path: Path) -> int:
    """Where a file ends, by the heads of its frames alone unless one is spoiled."""
    start = last = 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while start < size:
            file.seek(start)
            head = read_head(file.read(HEAD_BYTES))
            if head is None:
                return max(
                    [last, *(each.last_number for each, _ in _frames(path, file, [], Span()))]
                )
            last = max(last, head.last_number)
            start += head.size + head.packed_bytes
    return last


def _entries(path: Path, span: Span, damages: list[Damage]) -> Iterator[Placed]:
    with path.open("rb") as file:
        for head, packed in _frames(path, file, damages, span):
            if head.first_number >= span.end:
                return
            if head.last_number < span.start or not _may_hold(head, span):
                continue
            for entry in unpack(packed):
                stamp = head.stamp or unnumbered(entry.accepted_ms)
                if span.holds(stamp, entry.accepted_ms):
                    yield Placed(stamp, entry)


def _may_hold(head: Head, span: Span) -> bool:
    """Whether a frame may have entries of the window: its times are those of all of them."""
    stamp = head.stamp or unnumbered(head.first_ms)
    if may_be_within(stamp, head.first_ms, span.from_ms, span.to_ms):
        return True
    earliest_ms, latest_ms = min(head.first_ms, stamp.store_ms), max(head.last_ms, stamp.store_ms)
    return earliest_ms < span.to_ms and latest_ms >= span.from_ms


def _frames(
    path: Path, file: BinaryIO, damages: list[Damage], span: Span
) -> Iterator[tuple[Head, bytes]]:
    """The whole frames that are asked for, of what is in the file now: it may be written on."""
    return ((head, packed) for _, head, packed in frames_of(path, file, damages, span))


def frames_of(
    path: Path, file: BinaryIO, damages: list[Damage], span: Span
) -> Iterator[tuple[int, Head, bytes]]:
    """The same with where each begins."""
    size = file.seek(0, os.SEEK_END)
    end = size if span.until is None else min(size, span.until[path])
    start = _where_to_begin(file, span.since.get(path, 0), size)
    while start < end:
        frame = _frame_at(file, start, size)
        if frame is None:
            following = _next_frame(file, start + 1, size)
            until = size if following is None else following
            damages.append(Damage(path, start, until, is_tail=following is None))
            start = until
            continue
        yield start, *frame
        start += frame[0].size + frame[0].packed_bytes


def _where_to_begin(file: BinaryIO, since: int, size: int) -> int:
    """The beginning of a frame at or before ``since``, which may be in the middle of one."""
    near = max(0, since - STRADDLE_BYTES)
    if not near:
        return 0
    found = _next_frame(file, near, size)
    return size if found is None else found


def _frame_at(file: BinaryIO, start: int, size: int) -> tuple[Head, bytes] | None:
    file.seek(start)
    head = read_head(file.read(HEAD_BYTES))
    if head is None or start + head.size + head.packed_bytes > size:
        return None
    file.seek(start + head.size)
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
