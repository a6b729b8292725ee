"""What ``psd import`` says: a preview, a summary, what looks wrong, and the imports that were.

Counts go to stdout; lines that were refused, warnings and ids to stderr.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from psd.cli.imports.import_sending import LABELS_IN_ORDER, ImportTally
from psd.cli.input_files import Progress
from psd.cli.printing import Form, show_rows, show_table
from psd.cli.progress import progress
from psd.operations.import_journal import Begun, Journal
from psd.operations.import_undo import Undone
from psd.operations.imports import imports_in

REFUSALS_SHOWN = 20
REPEATS_SHOWN = 5


def time_in_words(second: int) -> str:
    """``Tue 2016-04-12 08:00:00Z``."""
    return f"{dt.datetime.fromtimestamp(second, dt.UTC):%a %Y-%m-%d %H:%M:%SZ}"


def show_preview(tally: ImportTally, journal: Journal) -> None:
    """What the first rows mean, and the whole file by thing."""
    rows = [
        (
            str(row.line),
            str(each.uid),
            each.thing,
            str(each.value),
            time_in_words(each.ts2),
            str(each.aid),
            str(each.atid),
        )
        for row in tally.first
        for each in row.fields
    ]
    if not rows:
        return
    names = ("line", "user", "thing", "value", "time", "activity", "type")
    show_table(names, rows, {0, 1, 3, 5, 6})
    things = journal.facts(
        "SELECT thing, count(*), count(DISTINCT uid), min(value), max(value), min(ts), max(ts) "
        "FROM rows GROUP BY thing ORDER BY thing"
    )
    click.echo()
    show_table(
        ("thing", "reports", "users", "smallest", "largest", "first", "last"),
        [(*map(str, each[:5]), time_in_words(each[5]), time_in_words(each[6])) for each in things],
        {1, 2, 3, 4},
    )
    click.echo()


def show_summary(tally: ImportTally) -> str:
    """Print what became of the rows, the first refused lines on stderr; the line of counts."""
    # A batch's own check comes before the answer about the rest of it.
    refused = sorted(tally.refused, key=lambda refusal: refusal.line)
    for refusal in refused[:REFUSALS_SHOWN]:
        click.echo(f"line {refusal.line}: {refusal.error} ({refusal.error.code})", err=True)
    hidden = len(refused) - REFUSALS_SHOWN
    if hidden > 0:
        click.echo(f"... and {hidden} more refused lines", err=True)
    told = [label for label in LABELS_IN_ORDER if label in tally.reports]
    told += [label for label in tally.reports if label not in told]
    counts = [f"{tally.reports[label]} {label}" for label in told]
    blank = [f"{tally.blank} blank left out"] if tally.blank else []
    summary = ", ".join([f"{tally.rows} rows", *counts, *blank, f"{len(refused)} refused"])
    click.echo(summary)
    return summary


def show_repeats(tally: ImportTally, *, has_aid: bool) -> None:
    """Warn of rows that are one activity, of which the last one stands."""
    if not tally.repeated:
        return
    for each in tally.repeats[:REPEATS_SHOWN]:
        fields = each.fields
        click.echo(
            f"line {each.line}: activity {fields.aid} of user {fields.uid} at "
            f"{time_in_words(fields.ts2)} is that of line {each.earlier.line}: {fields.thing} "
            f"{each.earlier.value} became {fields.value}",
            err=True,
        )
    if tally.repeated > REPEATS_SHOWN:
        click.echo(f"... and {tally.repeated - REPEATS_SHOWN} more such rows", err=True)
    same = "of an activity that a row before them has"
    hint = ""
    if not has_aid:
        same = "of a user and a second that a row before them has"
        hint = ". Where they are activities of their own, --aid tells them apart"
    click.echo(
        f"warning: rows {same}: {tally.repeated}; the last one stands{hint}",
        err=True,
    )


def show_undone(undone: Undone) -> str:
    """Print what became of an import that was taken back, and what is left of it."""
    for left in undone.left:
        click.echo(left.text, err=True)
    summary = undone.summary
    click.echo(summary)
    return summary


def show_imports(folder: Path, form: Form) -> None:
    """Every import that has a journal, the newest first."""
    names = ("id", "began", "file", "via", "state")
    rows = imports_in(folder)
    cells = [(each.id, each.began, each.file, each.via, each.state) for each in rows]
    show_rows(form, rows, names, cells, set())


def tell_id(begun: Begun) -> None:
    """Say how the import is taken back."""
    click.echo(f"import {begun.id}: psd import --undo {begun.id} takes it back", err=True)


def show_warnings(warnings: Sequence[str]) -> None:
    """Print what looks wrong."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@contextlib.contextmanager
def progress_of(file: Path) -> Iterator[Progress]:
    """A bar over the bytes of a file on a terminal's stderr; nothing elsewhere."""
    total = file.stat().st_size if file.is_file() else None
    with progress(file.name, total, "bytes") as bar:
        yield bar.advance
