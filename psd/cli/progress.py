"""How far something long has come: done of all, how fast it goes, and how long it will take yet.

::

    with progress("bookings", total=22_099, unit="rows") as advance:
        advance(1_000)
    bookings ━━━━━━━━╸━━━━━━━━━━━ 9,000 of 22,099 rows  3,012 rows/s  0:00:04

It is drawn on a terminal's stderr alone, and goes when it has ended. Drawing is imported where it
is drawn, because it costs a sixth of a command's start.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

Advance = Callable[[int], None]


Begun = Callable[[str, int], Advance]
"""Told that a part begins, and how many keys or bytes it has; hears of each number of them."""


@contextlib.contextmanager
def progress(what: str, total: int | None, unit: str) -> Iterator[Advance]:
    """A bar that is advanced by what was done; without a total it tells that and the rate."""
    with _bars() as begun:
        yield begun(what, total, unit)


@contextlib.contextmanager
def progress_of_parts(**units: str) -> Iterator[Begun]:
    """Bars of parts, each with what it counts: ``progress_of_parts(store="keys")``."""
    with _bars() as begun:
        yield lambda part, total: begun(part, total, units.get(part, ""))


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int | None, str], Advance]]:
    if not sys.stderr.isatty():
        yield lambda _what, _total, _unit: lambda _done: None
        return
    with import_module("psd.cli.bars").bars("") as drawn:

        def begun(what: str, total: int | None, unit: str) -> Advance:
            task = drawn.add_task(what, total=total, unit=unit)
            return lambda done: drawn.advance(task, done)

        yield begun
