"""What an import is about to book, written down before it is sent, so that it can be taken back.

A journal is an SQLite file of its own, ``<imports.folder>/<id>.journal``. Each batch of reports is
committed to the disk, with what stood in its place, before a byte of it is sent::

    line  thing  uid         atid  aid         value  ts          was     was_value
      2   steps  1503960366     0  1460422800    160  1460422800  absent
      3   steps  1503960366     0  1460426400    151  1460426400  booked        90
      9   steps  1503960366     0  1460426400    149  1460426400  row

The last replaces line 3 of the same file, so that what comes back in the end is 90. Whoever works
on a journal has it locked: an import that runs cannot be taken back under its feet. Without a
folder a journal is temporary: rows of one window are found in it all the same, on disk and not in
memory, and nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from psd.clock import utc_text
from psd.engine.event_fields import MetricFields
from psd.engine.windows import StandingReport
from psd.errors import ConfigError, NotFoundError, UnavailableError

SUFFIX = ".journal"
ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


VERSION = 1
"""``user_version`` of the file: rises with each change of its tables. 0 is what was written before
there was a version, with the same tables."""

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY, line INTEGER NOT NULL, thing TEXT NOT NULL, uid NOT NULL,
    atid INTEGER NOT NULL, aid INTEGER NOT NULL, value INTEGER NOT NULL, ts INTEGER NOT NULL,
    was TEXT, was_atid INTEGER, was_value INTEGER,
    refused INTEGER NOT NULL DEFAULT 0, sent_back INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0);
CREATE INDEX by_window ON rows (uid, thing, aid, ts, seq);
"""
_WINDOW = "uid = ? AND thing = ? AND aid = ? AND ts = ?"


class Begun(msgspec.Struct, frozen=True):
    """What an import is, as it is told before its first row; ``target`` is a server or a store."""

    id: str
    file: str
    via: str
    target: str
    began_at: str


class Ended(msgspec.Struct, frozen=True):
    """How a run of an import, or of its undoing, ended; ``left`` counts windows."""

    at: str
    summary: str
    left: int = 0


F = TypeVar("F", Begun, Ended)
T = TypeVar("T")


class Earlier(msgspec.Struct, frozen=True):
    """The row of the file that stands in a window already."""

    line: int
    value: int


class BookedWindow(msgspec.Struct, frozen=True):
    """All that an import has sent of one window.

    ``fields`` is what it sent last, ``sent`` are the atids and values of all, and ``before`` is
    what stood there before the first.
    """

    fields: MetricFields
    line: int
    sent: frozenset[tuple[int, int]]
    before: StandingReport
    is_sent_back: bool


class Journal:
    """One journal; :func:`created`, :func:`opened` and :func:`temporary` make it."""

    def __init__(self, path: str, *, is_durable: bool) -> None:
        self._path = path
        # One thread after the other: who takes an import back waits in another than his own.
        self._database = sqlite3.connect(
            path, isolation_level=None, timeout=0, check_same_thread=False
        )
        # Exclusive first: a log that one process has needs no shared memory beside it.
        self._run("PRAGMA locking_mode = EXCLUSIVE")
        if is_durable:
            # One fsync a commit, of the log; with a rollback journal it would be four.
            self._run("PRAGMA journal_mode = WAL")
        self._run(f"PRAGMA synchronous = {'FULL' if is_durable else 'OFF'}")

    def close(self) -> None:
        """Give the journal free; one without a row is deleted: there is nothing to take back."""
        is_unused = bool(self._path) and self.is_empty
        self._database.close()
        if is_unused:
            Path(self._path).unlink(missing_ok=True)

    def lock(self) -> None:
        """Keep others out, and read what there must be; raises what SQLite raises."""
        self._run("BEGIN IMMEDIATE")
        [version] = self._run("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise ConfigError(
                f"a newer psd wrote it, in version {version} of journals; this psd reads up to "
                f"{VERSION}"
            )
        self.begun()
        self._run("COMMIT")

    def give_up(self) -> None:
        """Close what could not be opened, and leave it as it is."""
        self._database.close()

    @property
    def is_empty(self) -> bool:
        """Whether no row was ever written down."""
        return not self._run("SELECT EXISTS (SELECT 1 FROM rows)").fetchone()[0]

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """All that is written in it is on the disk when it ends, or nothing of it.

        Raises UnavailableError when the disk is full, or fails.
        """
        try:
            with self._database:
                self._run("BEGIN IMMEDIATE")
                yield
        except sqlite3.Error as exc:
            raise UnavailableError(f"journal: {exc}") from exc

    def make(self) -> None:
        """Write the empty tables."""
        for statement in _TABLES.split(";"):
            self._run(statement)
        self._run(f"PRAGMA user_version = {VERSION}")

    def tell(self, name: str, fact: msgspec.Struct) -> None:
        """Keep a fact about the import as a whole."""
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, msgspec.json.encode(fact))

    def begun(self) -> Begun:
        """What was told first."""
        found = self._fact("begun", Begun)
        if found is None:
            raise ConfigError("it tells of no import")
        return found

    def ended(self, name: Literal["ended", "undone"]) -> Ended | None:
        """How the import, or its undoing, ended last."""
        return self._fact(name, Ended)

    def add(self, line: int, fields: MetricFields) -> Earlier | None:
        """Keep a report that is about to be sent; the row before it of the same window."""
        window = (fields.uid, fields.thing, fields.aid, fields.ts2)
        [*found] = self._run(
            f"SELECT line, value FROM rows WHERE {_WINDOW} AND NOT refused "
            "ORDER BY seq DESC LIMIT 1",
            *window,
        )
        self._run(
            "INSERT INTO rows (line, thing, uid, atid, aid, value, ts, was) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(line, fields.thing, fields.uid, fields.atid, fields.aid, fields.value, fields.ts2),
            "row" if found else None,
        )
        return Earlier(*found[0]) if found else None

    def note_standing(self, fields: MetricFields, before: StandingReport) -> None:
        """Keep what stood in the window of a report that was added and is its first."""
        self._run(
            f"UPDATE rows SET was = ?, was_atid = ?, was_value = ? WHERE {_WINDOW} AND was IS NULL",
            *(before.status, before.atid, before.value),
            *(fields.uid, fields.thing, fields.aid, fields.ts2),
        )

    def note_refused(self, line: int, fields: MetricFields) -> None:
        """Keep that a report was refused after all, so that nothing of it stands."""
        self._run(
            f"UPDATE rows SET refused = 1, settled = 1 WHERE {_WINDOW} AND line = ?",
            *(fields.uid, fields.thing, fields.aid, fields.ts2, line),
        )

    def open_windows(self, size: int) -> Iterator[list[BookedWindow]]:
        """Every window that is not settled, ``size`` at a time, users together.

        Windows may be settled meanwhile.
        """
        after: Sequence[int | str] = (-(2**63), "", 0, 0)
        while True:
            found = self._run(
                "SELECT DISTINCT uid, thing, aid, ts FROM rows "
                "WHERE (uid, thing, aid, ts) > (?, ?, ?, ?) AND NOT settled "
                "ORDER BY uid, thing, aid, ts LIMIT ?",
                *(*after, size),
            ).fetchall()
            if not found:
                return
            yield [self._window(*each) for each in found]
            after = found[-1]

    def _window(self, uid: int | str, thing: str, aid: int, ts: int) -> BookedWindow:
        rows = self._run(
            "SELECT line, atid, value, was, was_atid, was_value, sent_back FROM rows "
            f"WHERE {_WINDOW} AND NOT settled ORDER BY seq",
            *(uid, thing, aid, ts),
        ).fetchall()
        line, atid, value, *_, is_sent_back = rows[-1]
        return BookedWindow(
            MetricFields(thing, uid, atid, aid, value, ts, ts),
            line,
            frozenset((row[1], row[2]) for row in rows),
            StandingReport(*rows[0][3:6]),
            bool(is_sent_back),
        )

    def settle(self, fields: MetricFields) -> None:
        """Keep that nothing of the import stands in a window any more."""
        self._mark("settled", fields)

    def note_sent_back(self, fields: MetricFields) -> None:
        """Keep that the queue was given what takes a window back."""
        self._mark("sent_back", fields)

    def facts(self, query: str) -> list[tuple[Any, ...]]:
        """What a query says of the rows, for previews."""
        return self._run(query).fetchall()

    def _mark(self, name: str, fields: MetricFields) -> None:
        window = (fields.uid, fields.thing, fields.aid, fields.ts2)
        self._run(f"UPDATE rows SET {name} = 1 WHERE {_WINDOW}", *window)

    def _fact(self, name: str, kind: type[F]) -> F | None:
        found = self._run("SELECT value FROM facts WHERE name = ?", name).fetchone()
        return None if found is None else msgspec.json.decode(found[0], type=kind)

    def _run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self._database.execute(statement, values)


def created(folder: Path, began_s: int, **told: str) -> Journal:
    """A journal of a new id; raises ConfigError where the folder cannot be written."""
    told["id"] = f"{utc_text(began_s)[:19].translate(_TO_ID)}-{_letters(4)}"
    begun = Begun(began_at=utc_text(began_s), **told)
    path = folder / f"{begun.id}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Rows are what users did: nobody else reads them.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        journal = Journal(str(path), is_durable=True)
        with journal.batch():
            journal.make()
            journal.tell("begun", begun)
    except (OSError, sqlite3.Error, UnavailableError) as exc:
        raise ConfigError(
            f"imports.folder = {str(folder)!r}: {exc}; it must be writable, so that an import can "
            "be taken back (--no-undo does without)"
        ) from exc
    return journal


_TO_ID = {ord("-"): None, ord(":"): None, ord("T"): "-"}


def _letters(number: int) -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(number))


def temporary() -> Journal:
    """A journal that ends with the process; what outgrows memory lies in a file without a name."""
    journal = Journal("", is_durable=False)
    journal.make()
    return journal


def opened(folder: Path, import_id: str) -> Journal:
    """The journal of an earlier import, for this process alone; raises NotFoundError."""
    path = folder / f"{Path(import_id).name}{SUFFIX}"
    if not path.is_file():
        raise NotFoundError(
            f"there is no import {import_id!r} in {folder} (imports.folder); --list shows them"
        )
    try:
        return _locked(str(path))
    except sqlite3.OperationalError as exc:
        raise UnavailableError(f"import {import_id}: another psd works on it ({exc})") from exc
    except (sqlite3.DatabaseError, msgspec.MsgspecError, ConfigError) as exc:
        raise ConfigError(f"{path}: no journal that can be read ({exc})") from exc


def _locked(path: str) -> Journal:
    journal = Journal(path, is_durable=True)
    try:
        journal.lock()
    except BaseException:
        journal.give_up()
        raise
    return journal


async def in_thread(work: Callable[..., T], *given: Any) -> T:
    """Do what waits for the disk, beside the event loop.

    Who is cancelled meanwhile waits for it all the same: the next thing is that the journal is
    closed.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *given))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
