"""The one door through which messages come into psd: kept in the archive first, then booked.

Workers, every route that books, imports and the command line go through it; ``psd replay`` alone
books without it, what the archive has already::

    accept([r1, r2], entries)     room for 2 -> archive (fsync) -> books -> [booked, unchanged]
                                  429 or 503    503                503, 504

In this order, because what a replay finds in the store must be in the archive too. What is in the
archive and was not booked is found by whoever sends it again, or by the next replay. Decisions of
people have a door of their own, which keeps their order as well (psd/archive/turns.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from psd.archive.entries import Entry
from psd.archive.writer import NO_ARCHIVE, Appends
from psd.engine.books import Books
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome

T = TypeVar("T")

Entries = Callable[[], Iterable[Entry]]
"""Makes what the archive keeps of events, each time anew; nobody asks for it without an archive."""


class Retrying(Protocol):
    """Makes a call, and makes it again for as long as it thinks fit."""

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call returned at last."""
        ...


class Intake:
    """Takes what was checked already. Raises what the archive and the books raise.

    Safe to repeat after an error: an entry that stands twice is booked once.
    """

    def __init__(self, books: Books, archive: Appends = NO_ARCHIVE) -> None:
        self._books = books
        self._archive = archive

    @property
    def things(self) -> frozenset[int]:
        """Numbers of the things whose uids are no users."""
        return self._books.things

    async def accept(self, events: Sequence[Accepted], entries: Entries) -> list[Outcome]:
        """Keep and book what somebody waits for; outcomes by position.

        Raises :class:`psd.errors.BusyError`, before either has anything, where the store has no
        room for it.
        """
        with self._books.room_for(len(events)):
            await self._archive.append(entries())
            return await self._books.book(events) if events else []

    async def accept_patiently(
        self, events: Sequence[Accepted], entries: Entries, patience: Retrying
    ) -> list[Outcome]:
        """Keep and book what can wait; what was kept once is not kept again for another try."""
        await patience(lambda: self._archive.append(entries()))
        return await patience(lambda: self._books.book(events)) if events else []
