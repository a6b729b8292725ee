"""Draws the bars of psd/cli/progress.py on a terminal's stderr: done of all, rate, time left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from psd.cli.progress import Bars, ProgressBar


class DoneColumn(ProgressColumn):
    """``9,000 of 22,099 rows  3,012 rows/s``."""

    def render(self, task: Task) -> Text:
        """The column of one bar."""
        return Text(told_of(task.completed, task.total, task.speed, task.fields["unit"]))


class DrawnBar(ProgressBar):
    """One bar among those that are drawn."""

    def __init__(self, drawn: Progress, task: TaskID) -> None:
        self._drawn = drawn
        self._task = task

    def advance(self, done: float = 1) -> None:
        """So much more is done."""
        self._drawn.advance(self._task, done)

    def expect(self, more: float) -> None:
        """The bar is longer."""
        task = next(each for each in self._drawn.tasks if each.id == self._task)
        self._drawn.update(self._task, total=(task.total or 0) + more)

    def reach(self, done: float, total: float | None = None) -> None:
        """So much is done in all."""
        self._drawn.update(self._task, completed=done, total=total)


@contextlib.contextmanager
def drawn() -> Iterator[Bars]:
    """Makes bars, until all that they tell of has ended."""
    columns = (TextColumn("{task.description}"), BarColumn(), DoneColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield lambda what, total, unit: DrawnBar(
            progress, progress.add_task(what, total=total, unit=unit)
        )


def told_of(done: float, total: float | None, speed: float | None, unit: str) -> str:
    """What stands beside a bar.

    >>> told_of(9000, 22099, 3012.4, "rows"), told_of(3_200_000, None, None, "bytes")
    ('9,000 of 22,099 rows  3,012 rows/s', '3.2 MB')
    """
    of = "" if total is None else f" of {_number(total, unit)}"
    rate = "" if speed is None else f"  {_number(speed, unit)}/s"
    has_unit = total is None or unit == "bytes"
    return f"{_number(done, unit) if has_unit else f'{done:,.0f}'}{of}{rate}"


def _number(number: float, unit: str) -> str:
    if unit != "bytes":
        return f"{number:,.0f} {unit}"
    for name in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or name == "GB":
            return f"{number:,.0f} {name}" if name == "bytes" else f"{number:,.1f} {name}"
        number /= 1000
    return ""
