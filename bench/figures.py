"""Figures, rows and the table: what the run prints and writes as JSON.

A :class:`Figure` holds every repetition and stands for their median. A :class:`Row` sets
psd's figure beside one peer's; ``ratio`` is psd divided by the peer, and the target says on
which side of a number it must lie:

>>> row = Row("e", "bytes per event", "B", Figure((50.0,)), "original", Figure((500.0,)),
...           Target("<=", 0.25, 0.125))
>>> row.ratio, row.verdict
(0.1, 'aim')
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """The repetitions of one measurement."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """What the figure stands for."""
        return statistics.median(self.values)


class Target(msgspec.Struct, frozen=True):
    """What a ratio (or with ``of="psd"`` psd's figure itself) has to reach."""

    side: Literal["<=", ">="]
    must: float
    aim: float
    of: Literal["ratio", "psd"] = "ratio"

    def verdict(self, number: float) -> str:
        """``aim``, ``must`` or ``MISSED``."""
        sign = 1 if self.side == "<=" else -1
        if sign * number <= sign * self.aim:
            return "aim"
        return "must" if sign * number <= sign * self.must else "MISSED"

    def text(self) -> str:
        """The two numbers, such as ``<= 0.65 / 0.4``."""
        unit = "" if self.of == "psd" else "x"
        return f"{self.side} {self.must:,g}{unit} / {self.aim:,g}{unit}"


class Row(msgspec.Struct, frozen=True):
    """One line of the table; a peer that is not installed has no figure but a ``note``."""

    section: str
    measure: str
    unit: str
    psd: Figure | None
    peer: str = ""
    peer_figure: Figure | None = None
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Psd divided by the peer."""
        if self.psd is None or self.peer_figure is None or not self.peer_figure.median:
            return None
        return self.psd.median / self.peer_figure.median

    @property
    def verdict(self) -> str:
        """How the row stands to its target; empty without one."""
        if self.target is None:
            return ""
        if self.target.of == "psd":
            return self.target.verdict(self.psd.median) if self.psd else ""
        return self.target.verdict(self.ratio) if self.ratio is not None else ""


HEADINGS = ("", "measure", "unit", "psd", "peer", "peer's", "ratio", "must / aim", "reached")
RIGHT_ALIGNED = (3, 5, 6)
WHOLE_FROM = 1000
"""Figures of four digits and more are printed without decimals."""


def render(rows: Sequence[Row]) -> str:
    """The rows as one Markdown table."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = ["-" * (w - 1) + (":" if c in RIGHT_ALIGNED else "-") for c, w in enumerate(widths)]
    return "\n".join(_line(line, widths) for line in (lines[0], rule, *lines[1:]))


def as_json(row: Row) -> dict[str, object]:
    """Everything about a row, repetitions included."""
    return {
        **msgspec.structs.asdict(row),
        "psd": list(row.psd.values) if row.psd else None,
        "peer_figure": list(row.peer_figure.values) if row.peer_figure else None,
        "target": msgspec.structs.asdict(row.target) if row.target else None,
        "ratio": row.ratio,
        "verdict": row.verdict,
    }


Measurement = Callable[[], Awaitable[float]]


async def interleaved(
    repetitions: int, measurements: Mapping[str, Measurement]
) -> dict[str, Figure]:
    """Take each measurement in turn, ``repetitions`` times over.

    Turn by turn, so that a minute in which the machine is busy hits every system alike.
    """
    values: dict[str, list[float]] = {name: [] for name in measurements}
    for _ in range(repetitions):
        for name, measure in measurements.items():
            values[name].append(await measure())
    return {name: Figure(tuple(taken)) for name, taken in values.items()}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.section,
        row.measure,
        row.unit,
        _number(row.psd),
        row.peer,
        row.note or _number(row.peer_figure),
        "" if row.ratio is None else f"{row.ratio:.3g}x",
        row.target.text() if row.target else "",
        row.verdict,
    )


def _number(figure: Figure | None) -> str:
    if figure is None:
        return ""
    number = figure.median
    return f"{number:,.0f}" if number >= WHOLE_FROM else f"{number:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if column in RIGHT_ALIGNED else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join(padded)} |"
