"""How far something long has come: done of all, how fast it goes, and how long it will take yet.

::

    with progress("bookings", total=22_099, unit="rows") as bar:
        bar.advance(1_000)
    bookings ━━━━━━━━╸━━━━━━━━━━━ 9,000 of 22,099 rows  3,012 rows/s  0:00:04

It is drawn on a terminal's stderr alone, and goes when it has ended. What draws (psd/cli/bars.py)
is imported where something is drawn, because it costs a sixth of a command's start.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from importlib import import_module


class ProgressBar:
    """One bar, which nobody sees: that of whoever has no terminal."""

    def advance(self, done: float = 1) -> None:
        """So much more is done."""

    def expect(self, more: float) -> None:
        """There is so much more to do."""

    def reach(self, done: float, total: float | None = None) -> None:
        """So much is done in all, of so much where that is known now."""


Bars = Callable[[str, float | None, str], ProgressBar]
"""Makes a bar of what is done, of how much (None: nobody knows), and of its unit."""

Advance = Callable[[int], None]

Begun = Callable[[str, int], Advance]
"""Told that a part begins, and how many keys or bytes it has; hears of each number of them."""


@contextlib.contextmanager
def progress(what: str, total: float | None, unit: str) -> Iterator[ProgressBar]:
    """A bar that is advanced by what was done; without a total it tells that and the rate."""
    with bars() as begun:
        yield begun(what, total, unit)


@contextlib.contextmanager
def progress_of_parts(**units: str) -> Iterator[Begun]:
    """Bars of parts, each with what it counts: ``progress_of_parts(store="keys")``."""
    with bars() as begun:
        yield lambda part, total: begun(part, total, units.get(part, "")).advance


@contextlib.contextmanager
def bars() -> Iterator[Bars]:
    """As many bars as are asked for, one below the other."""
    if not sys.stderr.isatty():
        yield lambda _what, _total, _unit: ProgressBar()
        return
    with import_module("psd.cli.bars").drawn() as begun:
        yield begun
