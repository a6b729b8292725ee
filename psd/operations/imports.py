"""Imports that were, by the journals of ``imports.folder``: listed, and taken back.

::

    desk = ImportDesk(runtime)
    await desk.all()                    [KeptImport("20160412-083015-x7k2", "steps.csv", ...), ...]
    await desk.rehearsed(id)            what taking it back would do; nothing is done
    await desk.undone(id, target)       takes it back, through the archive and books of this process

``psd import`` writes the journals, on the machine where it runs (psd/operations/import_journal.py).
Whoever takes one back names where it went, so that nobody takes out of one store what went into
another.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from psd.clock import utc_text
from psd.errors import ConfigError, ConflictError, UnavailableError
from psd.operations.import_journal import SUFFIX, Ended, Journal, in_thread, opened
from psd.operations.import_undo import Undoing, Undone
from psd.operations.ways_in import DirectRoute
from psd.runtime import Runtime

IN_HAND = "in hand"


class KeptImport(msgspec.Struct, frozen=True):
    """An import; ``state`` is how it ended, and ``can_be_undone`` while something of it stands."""

    id: str
    began: str = ""
    file: str = ""
    via: str = ""
    target: str = ""
    state: str = ""
    can_be_undone: bool = False


class ImportDesk:
    """Takes imports back in a runtime's store."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._folder = Path(runtime.settings.imports.folder)

    async def all(self) -> list[KeptImport]:
        """Every import that has a journal, the newest first."""
        return await asyncio.to_thread(imports_in, self._folder)

    async def find(self, import_id: str) -> KeptImport:
        """One of them; raises NotFoundError, UnavailableError while somebody works on it."""
        async with self._opened(import_id) as journal:
            return await in_thread(_kept, journal)

    async def rehearsed(self, import_id: str) -> Undone:
        """What taking it back would do."""
        async with self._opened(import_id) as journal:
            return await self._undo(journal, sends=False)

    async def undone(self, import_id: str, target: str) -> Undone:
        """Take it back; raises ConflictError where it went somewhere else than is said."""
        async with self._opened(import_id) as journal:
            begun = await in_thread(journal.begun)
            if begun.target != target:
                raise ConflictError(
                    f"target: {import_id} went to {begun.target}; say so if that is this store"
                )
            found = await self._undo(journal, sends=True)
            now = utc_text(self._runtime.clock.now_s())
            await in_thread(_end, journal, Ended(now, found.summary, found.open))
        return found

    @contextlib.asynccontextmanager
    async def _opened(self, import_id: str) -> AsyncIterator[Journal]:
        journal = opened(self._folder, import_id)
        try:
            yield journal
        finally:
            # It brings what the log of SQLite has into the file, and waits for the disk.
            await in_thread(journal.close)

    async def _undo(self, journal: Journal, *, sends: bool) -> Undone:
        route = DirectRoute(self._runtime)
        return await Undoing(route, journal, self._runtime.settings, sends=sends).run()


def _end(journal: Journal, ended: Ended) -> None:
    with journal.batch():
        journal.tell("undone", ended)


def imports_in(folder: Path) -> list[KeptImport]:
    """Every import that has a journal there, the newest first."""
    return sorted(_found(folder), key=lambda each: each.id, reverse=True)


def _found(folder: Path) -> Iterator[KeptImport]:
    for path in folder.glob(f"*{SUFFIX}"):
        import_id = path.name.removesuffix(SUFFIX)
        try:
            with contextlib.closing(opened(folder, import_id)) as journal:
                yield _kept(journal)
        except UnavailableError:
            yield KeptImport(import_id, state=IN_HAND)
        except (ConfigError, sqlite3.Error) as error:
            yield KeptImport(import_id, state=f"cannot be read: {error}")


def _kept(journal: Journal) -> KeptImport:
    begun, undone = journal.begun(), journal.ended("undone")
    state, is_open = _state(journal.ended("ended"), undone), undone is None or undone.left > 0
    return KeptImport(begun.id, begun.began_at, begun.file, begun.via, begun.target, state, is_open)


def _state(ended: Ended | None, undone: Ended | None) -> str:
    if undone is not None:
        return f"undone, {undone.left} left" if undone.left else "undone"
    return "broke off" if ended is None else ended.summary
