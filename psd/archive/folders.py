"""Where the files of an archive lie, and what their names say.

::

    archive/20160412/host7-4711-1460462400000-0.5a1e09c3b7d2.psda         process 4711 began it
    archive/20160413/host7-4711-1460462400000-1.5a1e09c3b7d2.psda         a day later
    archive/20160413/host7-4711-1460462400000-2.apart.5a1e09c3b7d2.psda   a clock is days away

The folder is the day of the numbers in it (order.py); what a clock puts more than a day elsewhere
is in a file ``apart``, which is looked into whatever days are asked for. The last part is what the
store calls itself for which the messages were accepted, so that processes of several stores may
have one folder and nobody books what is another's. Files from before stores had names are without
it, and count as those of whoever reads them.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from psd.archive.order import DAY_MS, day_of

SUFFIX = ".psda"
APART = ".apart"


def file_name(process: str, number: int, store: str, *, is_apart: bool) -> str:
    """The name of a file: see above."""
    return f"{process}-{number}{APART * is_apart}{store and f'.{store}'}{SUFFIX}"


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


def files_within(
    folder: Path, from_ms: int, to_ms: int, stores: Collection[str] | None = None
) -> Iterator[Path]:
    """The files that may hold something accepted in [from_ms, to_ms), day by day."""
    if to_ms <= from_ms:
        return
    first, last = day_of(max(0, from_ms - DAY_MS)), day_of(to_ms - 1 + DAY_MS)
    for day in day_folders(folder):
        within = first <= day.name <= last
        for path in day_files(day, stores):
            if within or APART in path.name:
                yield path


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
