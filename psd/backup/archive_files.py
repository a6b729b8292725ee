"""The archive's files in a backup, and back from one: what is copied, and what is left.

An archive only grows: a file is a row of frames, and the process that writes it appends. So a
copy is of the frames that were whole when it was made, and a file that is there already is newer::

    in the backup        in archive.folder       psd restore
    host7-..-0.psda      nothing                 puts it back
    host7-..-1.psda      the same, or more       leaves it
    host7-..-2.psda      less of the same        puts the longer one in its place
    host7-..-3.psda      something else          leaves it: a user was cut out of it meanwhile
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from psd.archive.entries import HEAD_BYTES, read_head
from psd.archive.files import sync_folder
from psd.archive.folders import day_files, day_folders, is_being_written
from psd.backup.manifest import ARCHIVE, READ_BYTES, BackupFile
from psd.errors import ConfigError

Tell = Callable[[int], None]

UNFINISHED = ".unfinished"


def archive_bytes(folders: Sequence[Path], store: str) -> int:
    """How large the files are that would be copied."""
    return sum(path.stat().st_size for path in _files(folders, store))


def copy_archive(
    folders: Sequence[Path], store: str, backup: Path, tell: Tell
) -> Iterator[BackupFile]:
    """Copy what was accepted for a store into ``backup``/archive, file by file.

    A file that is deleted meanwhile, by ``archive.keep_days``, is left out. Raises ConfigError
    where two folders have a file of one name, which two machines never make.
    """
    for path in _files(folders, store):
        within = f"{ARCHIVE}/{path.parent.name}/{path.name}"
        to = backup / within
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.exists():
            raise ConfigError(f"--archive: {path}: another folder has a file of this name")
        try:
            copied = _copied(path, to, whole_bytes(path), tell)
        except FileNotFoundError:
            to.unlink(missing_ok=True)
            continue
        yield BackupFile(within, *copied)


def put_back(backup: Path, files: Sequence[BackupFile], folder: Path, tell: Tell) -> Counter[str]:
    """Put into an archive what it lacks: numbers of files by ``put``, ``there`` and ``other``."""
    found: Counter[str] = Counter()
    for file in files:
        path, to = backup / file.path, folder / Path(file.path).relative_to(ARCHIVE)
        what = "put" if not to.exists() else _compared(path, to, file)
        if what == "put":
            _put(path, to, file, tell)
        else:
            tell(file.bytes)
        found[what] += 1
    return found


def whole_bytes(path: Path) -> int:
    """Where the last frame ends that was written whole; a process may be writing the next one."""
    end = 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while end < size:
            file.seek(end)
            head = read_head(file.read(HEAD_BYTES))
            if head is None:
                # A frame that is spoiled in the middle is copied as it is: others lie behind it.
                return size
            if end + head.size + head.packed_bytes > size:
                return end
            end += head.size + head.packed_bytes
    return end


def _files(folders: Sequence[Path], store: str) -> Iterator[Path]:
    for folder in folders:
        for day in day_folders(folder):
            yield from day_files(day, {store})


def _copied(path: Path, to: Path, size: int, tell: Tell) -> tuple[int, str]:
    digest = hashlib.sha256()
    left = size
    with path.open("rb") as read, to.open("xb") as written:
        while left and (part := read.read(min(left, READ_BYTES))):
            written.write(part)
            digest.update(part)
            left -= len(part)
            tell(len(part))
        written.flush()
        os.fsync(written.fileno())
    return size - left, digest.hexdigest()


def _compared(path: Path, there: Path, file: BackupFile) -> str:
    """What is to be done about a file that is there: ``put``, ``there`` or ``other``."""
    size = there.stat().st_size
    if size >= file.bytes:
        return "there" if _digest(there, file.bytes) == file.sha256 else "other"
    is_part = _digest(there, size) == _digest(path, size)
    return "put" if is_part and not is_being_written(there) else "other"


def _digest(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size and (part := file.read(min(size, READ_BYTES))):
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()


def _put(path: Path, to: Path, file: BackupFile, tell: Tell) -> None:
    to.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
    made = to.with_name(f".{to.name}{UNFINISHED}")
    made.unlink(missing_ok=True)
    _copied(path, made, file.bytes, tell)
    made.chmod(0o640)
    made.replace(to)
    sync_folder(to.parent)
