"""Numbers as people look at them: a line of small columns, and bars. Pure.

>>> sparkline([0, 13158, None, 6000, 12000], 40)
'▁█ ▄▇'
>>> bar(13158, 26316, 10)
'█████     '

A sparkline begins at 0, or below it at the lowest value; a gap is a blank. What is wider than its
place is squeezed: a column is then the mean of its values.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

COLUMNS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"

BAR_CHARACTERS = 20
"""How long the bars of tables are."""

Values = Sequence[float | None]


def sparkline(values: Values, width: int) -> str:
    """A column for each value, at most ``width`` of them."""
    shown = _squeezed(values, width) if len(values) > width else values
    known = [value for value in shown if value is not None]
    lowest = min([0, *known])
    height = max([0, *known]) - lowest
    return "".join(" " if value is None else _column(value - lowest, height) for value in shown)


def bar(value: float, highest: float, width: int) -> str:
    """A bar as long as its value is large, in eighths of a character, filled up with blanks."""
    share = max(value, 0) / highest if highest > 0 else 0
    eighths = round(min(share, 1) * width * 8)
    whole, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")).ljust(width)


def _column(above: float, height: float) -> str:
    return COLUMNS[round(above / height * (len(COLUMNS) - 1))] if height > 0 else COLUMNS[0]


def _squeezed(values: Values, width: int) -> Values:
    """As many means as there are columns; of gaps alone there is none."""
    cuts = [len(values) * column // width for column in range(width + 1)]
    parts = [
        [value for value in values[start:end] if value is not None] for start, end in pairwise(cuts)
    ]
    return [sum(part) / len(part) if part else None for part in parts]
