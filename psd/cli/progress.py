"""Progress of what takes long, on a terminal's stderr and nowhere else: a bar for each part.

::

    store    ━━━━━━━━━━━━━━━━━╸━━━━━━━  7,204/12,345  14,410 keys/s  0:00:01 left
    archive  ━━━━━━━━━━━━━━━━━━━━━━━━━  0/52,428,800  bytes
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

Begun = Callable[[str, int], Callable[[int], None]]
"""Told that a part begins, and how many keys or bytes it has; hears of each number of them."""


class SpeedColumn(ProgressColumn):
    """``14,410 keys/s``: over the last moments."""

    def __init__(self, units: dict[str, str]) -> None:
        super().__init__()
        self._units = units

    def render(self, task: Task) -> Text:
        """The column of one bar."""
        unit = self._units.get(task.description, "")
        return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else unit)


@contextlib.contextmanager
def progress_of_parts(**units: str) -> Iterator[Begun]:
    """Bars of parts, each with what it counts: ``progress_of_parts(store="keys")``."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        SpeedColumn(units),
        TimeRemainingColumn(),
    )
    with RichProgress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:

        def begun(part: str, total: int) -> Callable[[int], None]:
            task = bars.add_task(part, total=total)
            return lambda number: bars.advance(task, number)

        yield begun
