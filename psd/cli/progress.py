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
    drawing = import_module("rich.progress")
    columns = (
        drawing.TextColumn("{task.description}"),
        drawing.BarColumn(),
        drawing.TextColumn("{task.fields[told]}"),
        drawing.TimeRemainingColumn(),
    )
    console = import_module("rich.console").Console(stderr=True)
    with drawing.Progress(*columns, console=console, transient=True) as drawn:

        def begun(what: str, total: int | None, unit: str) -> Advance:
            task = drawn.add_task(what, total=total, told="")

            def advance(done: int) -> None:
                drawn.advance(task, done)
                [state] = [each for each in drawn.tasks if each.id == task]
                drawn.update(task, told=told_of(state.completed, total, state.speed, unit))

            return advance

        yield begun


def told_of(done: float, total: float | None, speed: float | None, unit: str) -> str:
    """What stands beside a bar.

    >>> told_of(9000, 22099, 3012.4, "rows"), told_of(3_200_000, None, None, "bytes")
    ('9,000 of 22,099 rows  3,012 rows/s', '3.2 MB')
    """
    of = "" if total is None else f" of {_number(total, unit)}"
    rate = "" if speed is None else f"  {_number(speed, unit)}/s"
    return f"{_bare(done, total, unit)}{of}{rate}"


def _bare(done: float, total: float | None, unit: str) -> str:
    return f"{done:,.0f}" if total is not None and unit != "bytes" else _number(done, unit)


def _number(number: float, unit: str) -> str:
    if unit != "bytes":
        return f"{number:,.0f} {unit}"
    for name in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or name == "GB":
            return f"{number:,.0f} {name}" if name == "bytes" else f"{number:,.1f} {name}"
        number /= 1000
    return ""
