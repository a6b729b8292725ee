"""What commands print: rows as a table, as CSV or as JSON, one object a line.

On a terminal a table has lines and colours; elsewhere it is aligned text, one row a line::

    show_table(("rank", "uid"), [("1", "11"), ("2", "22")], right={0, 1})
     rank  uid
        1   11
        2   22

rich's tables are imported where a terminal is drawn on, and by nobody else: they cost a sixth
of a command's start.
"""

from __future__ import annotations

import csv
import functools
import os
import sys
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from typing import Any, Literal

import click
import msgspec
from msgspec import UNSET

from psd.foreign_texts import in_spreadsheet, json_on_terminal, on_one_line, on_terminal

json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="CSV instead of a table.")

Form = Literal["table", "json", "csv"]


def forms(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --json and --csv; it gets the ``form``, and is not begun where both are."""

    @functools.wraps(function)
    def command(*settings: Any, as_json: bool, as_csv: bool, **given: Any) -> None:
        if as_json and as_csv:
            raise click.UsageError("--json and --csv contradict each other")
        function(*settings, form="json" if as_json else "csv" if as_csv else "table", **given)

    return json_option(csv_option(command))


def show_rows(
    form: Form,
    rows: Sequence[msgspec.Struct],
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    right: set[int],
    document: msgspec.Struct | None = None,
) -> None:
    """Rows in a form; ``cells`` are those of the table, under ``names``.

    JSON is the document that the rows are of, or else a line a row.
    """
    if form == "json":
        show_json(*(rows if document is None else (document,)))
    elif form == "csv":
        write_csv(rows)
    else:
        show_table(names, cells, right)


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows as lines with aligned columns; ``right`` are columns of numbers."""
    widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            _padded(cell, width, to_right=at in right)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def cell_width(text: str) -> int:
    """How many columns of a terminal a text takes; only what is not ASCII needs a table."""
    if text.isascii():
        return len(text)
    width: int = import_module("rich.cells").cell_len(text)
    return width


def show_table(names: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> None:
    """A table on a terminal, aligned lines elsewhere; ``right`` are columns of numbers."""
    rows = [[on_one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() or os.environ.get("FORCE_COLOR"):
        _draw_table(names, rows, right)
        return
    for line in aligned([names, *rows], right):
        click.echo(f" {line} ")


def show_json(*documents: object, indented: bool = False) -> None:
    """Documents as JSON, each on a line of its own where it is not indented."""
    for each in documents:
        told = msgspec.json.encode(each)
        shown = msgspec.json.format(told) if indented else told
        click.echo(json_on_terminal(shown.decode()))


def write_csv(rows: Sequence[msgspec.Struct]) -> None:
    """Rows below the names of their fields; what is nested stands as JSON, null as nothing."""
    if not rows:
        return
    names = [name for name in rows[0].__struct_fields__ if getattr(rows[0], name) is not UNSET]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)


def show_lines(form: Form, rows: Sequence[Sequence[str]]) -> None:
    """Rows of texts below their names, the first of them, in a form."""
    names, *values = rows
    if form == "table":
        show_table(names, values, set())
    elif form == "csv":
        write_csv_cells(names, values)
    else:
        show_json(*(dict(zip(names, row, strict=True)) for row in values))


def write_csv_cells(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows that are no structs, below these names."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _padded(cell: str, width: int, *, to_right: bool) -> str:
    blanks = " " * (width - cell_width(cell))
    return blanks + cell if to_right else cell + blanks


def _draw_table(names: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> None:
    box, console, table = (import_module(f"rich.{name}") for name in ("box", "console", "table"))
    drawn = table.Table(box=box.SIMPLE_HEAD, header_style="bold")
    for at, name in enumerate(names):
        # A terminal that is too narrow breaks lines; nothing is cut off.
        drawn.add_column(name, justify="right" if at in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    console.Console().print(drawn, markup=False, highlight=False)


def _cell(value: object) -> str | int | float | None:
    if isinstance(value, str):
        return in_spreadsheet(value)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    told = msgspec.json.encode(value)
    # A date or a decimal is a text in JSON, and stands as it is written.
    return in_spreadsheet(msgspec.json.decode(told)) if told[:1] == b'"' else told.decode()


def say(text: str, *, err: bool = False) -> None:
    """Print lines that may hold what somebody else wrote."""
    click.echo(on_terminal(text), err=err)
