"""What ``psd boards`` prints: rows as a table, as CSV or as JSON, one object a line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence

import click
import msgspec
from msgspec import UNSET

from psd.cli.rewards_read import show_table

BAR_CHARACTERS = 20

json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="CSV instead of a table.")


def show_rows(
    rows: Sequence[msgspec.Struct],
    names: Sequence[str],
    cells: Sequence[Sequence[str]],
    right: set[int],
    *,
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Rows in one of three forms; ``cells`` are those of the table, under ``names``."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv contradict each other")
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row))
    elif as_csv:
        write_csv(rows)
    else:
        show_table(names, cells, right)


def write_csv(rows: Sequence[msgspec.Struct]) -> None:
    """Rows below the names of their fields; what is nested stands as JSON, null as nothing."""
    if not rows:
        return
    names = [name for name in rows[0].__struct_fields__ if getattr(rows[0], name) is not UNSET]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)


def bar(value: int, highest: int) -> str:
    """A bar that is as long as its value is large."""
    return "█" * round(BAR_CHARACTERS * max(value, 0) / highest) if highest > 0 else ""


def _cell(value: object) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return msgspec.json.encode(value).decode()
