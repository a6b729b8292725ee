"""Bars on a terminal's stderr, as all commands draw them: done of all, rate, time left.

Imported by what draws, and late by psd/cli/progress.py: rich costs a sixth of a command's start.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text


class DoneColumn(ProgressColumn):
    """``9,000 of 22,099 rows  3,012 rows/s``; a task may have a unit of its own."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The column of one bar."""
        unit = task.fields.get("unit", self._unit)
        return Text(told_of(task.completed, task.total, task.speed, unit))


def bars(unit: str) -> RichProgress:
    """Bars of things of a unit; nothing is drawn but on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DoneColumn(unit),
        TimeRemainingColumn(),
    )
    return RichProgress(*columns, console=console, transient=True, disable=not console.is_terminal)


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
