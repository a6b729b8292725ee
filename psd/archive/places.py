"""Where the living stores of an archive are: which servers hold them.

A store that was emptied has no name. Whoever starts on it looks whether its files are written just
now: then it is an idle process's, which knows the name and has not noticed yet, or another store
that has its archive in the same folder. The server tells which, by the word that it chose at its
start, and the number of the database::

    archive/.5a1e09c3b7d2.place      8c1f...e2/0          the server here is 8c1f...e2/0: the same
                                                          the server here is 77d0...a1/0: another

A server that was started anew is another one by this word: what starts on it while the others are
idle takes no name away from a store that lives elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Set
from pathlib import Path


class Places:
    """Notes where one process's store is; ``folder`` is the archive's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._noted: tuple[str, Set[str]] = ("", frozenset())

    def note(self, store: str, places: Set[str]) -> None:
        """Write it down, if it is not what was written last; a disk that is full has no note."""
        if (store, places) == self._noted or not places:
            return
        target = _file(self.folder, store)
        made = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        try:
            made.write_text("".join(f"{place}\n" for place in sorted(places)))
            os.replace(made, target)
        except OSError:
            with contextlib.suppress(OSError):
                made.unlink(missing_ok=True)
            return
        self._noted = (store, places)


def places_of(folder: Path, store: str) -> frozenset[str]:
    """Where a store was when a process of its noted it last; nowhere if none did."""
    try:
        return frozenset(_file(folder, store).read_text().split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def _file(folder: Path, store: str) -> Path:
    return folder / f".{store}.place"
