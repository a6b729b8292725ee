"""The seam between the worker and what its messages mean: what every handler can do.

The worker takes messages, has them archived and booked (psd/intake.py), puts poison aside and
finishes the rest; a handler says which events a batch of them is, and what was refused of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from psd.archive.entries import Entry
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import InputError
from psd.queue.interface import Message


class Prepared(Protocol):
    """Messages on their way, their events, and by position of a message its first error."""

    @property
    def messages(self) -> Sequence[Message]:
        """All of them, in their order."""
        ...

    @property
    def events(self) -> Sequence[Accepted]:
        """What can be booked of them."""
        ...

    @property
    def refused(self) -> dict[int, InputError]:
        """Of the messages that cannot be booked, or not whole."""
        ...

    def accepted(self, now_ms: int) -> Iterable[Entry]:
        """The messages that are to be booked, for the archive; asked before they are booked."""
        ...

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Add to ``refused`` whose events were refused; outcomes by position of the events."""
        ...

    def newest_s(self) -> int | None:
        """The newest event's time, None when nothing can be booked."""
        ...


class Handler(Protocol):
    """Turns the messages of a topic into events."""

    def prepare(self, messages: list[Message], now_s: int) -> Prepared:
        """Check every message; no I/O."""
        ...
