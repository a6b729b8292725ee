"""``psd import``: book the rows of a file, and say what became of them.

Reading and checking rows is in import_rows.py, the ways in are in import_routes.py; here
they are driven in batches, with a progress bar and a summary.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import Progress as RichProgress

from psd.cli.import_routes import Route, Tally, Via, open_route
from psd.cli.import_rows import (
    BookableRow,
    Columns,
    FileFormat,
    Progress,
    Row,
    bookable,
    column_or_constant,
    format_of,
    read_rows,
)
from psd.cli.options import pass_settings
from psd.cli.server_options import AskedServer, server_options
from psd.cli.times import format_argument
from psd.clock import SystemClock
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.embedded.drain import wait_until_drained
from psd.engine.events import rules_of
from psd.observe.metrics import Metrics
from psd.store.redis import Store

BATCH_REPORTS = 500
"""A trip's worth: more makes no booking cheaper, and keeps the answer waiting longer."""

REFUSALS_SHOWN = 20


class Plan(msgspec.Struct, frozen=True):
    """What the command line asks for.

    ``atid`` and ``aid`` are still a column or a number; None, where nothing was given, is atid 0
    and the row's time.
    """

    file: Path
    file_format: FileFormat
    uid: str
    time: str
    time_format: str | None
    things: dict[str, str]
    atid: str | None = None
    aid: str | None = None

    def columns(self, known: list[str]) -> Columns:
        """The plan in terms of the columns that the file has."""
        columns = Columns(
            self.uid,
            self.time,
            self.things,
            0 if self.atid is None else column_or_constant(self.atid, known),
            None if self.aid is None else column_or_constant(self.aid, known),
            self.time_format,
        )
        columns.check(known)
        return columns


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--uid", required=True, metavar="COL", help="Column of the user's number.")
@click.option("--time", required=True, metavar="COL", help="Column of the time.")
@click.option(
    "--time-format",
    type=format_argument,
    metavar="F",
    help="Format of the time as strptime has it, for example '%m/%d/%Y %H:%M'. "
    "Default: ISO 8601 or epoch seconds. Times without a zone are UTC.",
)
@click.option(
    "--thing",
    "things",
    required=True,
    multiple=True,
    metavar="THING=COL",
    help="A thing and the column of its value. Repeatable.",
)
@click.option("--atid", metavar="COL|N", help="Activity type. Default: 0.")
@click.option("--aid", metavar="COL|N", help="Activity id. Default: the row's time.")
@click.option(
    "--via",
    type=click.Choice(["queue", "http", "direct"]),
    default="http",
    show_default=True,
    help="Through the queue, a running server, or straight into the store.",
)
@server_options
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "ndjson"]),
    help="Default: csv for a name that ends in .csv, else ndjson.",
)
@click.option("--wait", is_flag=True, help="With --via queue: wait until the queue is empty.")
@pass_settings
def import_file(
    loaded: LoadedSettings,
    /,
    *,
    file: Path,
    things: tuple[str, ...],
    file_format: FileFormat | None,
    via: Via,
    server: AskedServer,
    wait: bool,
    **columns: Any,
) -> None:
    """Book the rows of a CSV or NDJSON file.

    A row is one activity booked at its time. Importing the same file again changes nothing.
    Two rows of one user at the same second are the same activity, of which the last one
    stands: give --aid where that is wrong. Exit code 1 when a row was refused. A CSV with a column
    name twice is refused whole; behind a row whose quotes do not add up, nothing is read.
    """
    settings = loaded.settings
    if wait and (via != "queue" or settings.queue.kind != "stream"):
        raise click.UsageError("--wait needs --via queue and queue.kind = stream")
    plan = Plan(
        file=file,
        file_format=file_format or format_of(file),
        things=named_things(things, settings),
        **columns,
    )
    tally = asyncio.run(run_import(plan, settings, via, server))
    if wait:
        asyncio.run(wait_for_worker(settings))
    show(tally)
    if tally.refused:
        click.get_current_context().exit(1)


def named_things(pairs: tuple[str, ...], settings: Settings) -> dict[str, str]:
    """``("steps=StepTotal",)`` -> ``{"steps": "StepTotal"}``; refuses unknown things."""
    things: dict[str, str] = {}
    for pair in pairs:
        thing, equals, column = pair.partition("=")
        if not equals or not column:
            raise click.BadParameter(f"{pair!r} is not THING=COL", param_hint="--thing")
        if thing not in settings.things:
            known = ", ".join(sorted(settings.things))
            raise click.BadParameter(
                f"{thing!r} is not configured; known are {known}", param_hint="--thing"
            )
        if thing in things:
            raise click.BadParameter(f"{thing!r} is given twice", param_hint="--thing")
        things[thing] = column
    return things


async def run_import(plan: Plan, settings: Settings, via: Via, server: AskedServer) -> Tally:
    """Read, check and send the whole file."""
    with plan.file.open("rb") as file, progress_of(plan.file) as progress:
        rows = read_rows(file, plan.file_format, progress)
        async with open_route(via, settings, server.url, server.token) as route:
            return await send_rows(rows, plan, settings, route)


async def send_rows(rows: Iterator[Row], plan: Plan, settings: Settings, route: Route) -> Tally:
    """Check rows and send them in batches."""
    tally = Tally()
    columns: Columns | None = None
    rules = rules_of(settings)
    now_s = SystemClock().now_s()
    batch_reports = min(BATCH_REPORTS, settings.booking.batch_reports_max)
    for batch in batched(rows, max(1, batch_reports // len(plan.things))):
        good: list[BookableRow] = []
        for row in batch:
            if columns is None and row.error is None:
                columns = plan.columns(list(row.cells))
            tally.rows += 1
            checked = bookable(row, columns, rules, now_s)
            if isinstance(checked, BookableRow):
                good.append(checked)
            else:
                tally.refuse(checked.line, checked.error)
        if good:
            await route.send(good, tally)
    return tally


async def wait_for_worker(settings: Settings) -> None:
    """Return when the worker has finished all that the queue holds."""
    store = Store(settings.redis, Metrics())
    try:
        await wait_until_drained(store, settings.queue.topic)
    finally:
        await store.close()


def batched(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Lists of ``size`` rows, the last one shorter."""
    while batch := list(itertools.islice(rows, size)):
        yield batch


def show(tally: Tally) -> None:
    """Print the summary, and the first refused lines on stderr."""
    # A batch's own check comes before the answer about the rest of it.
    refused = sorted(tally.refused, key=lambda refusal: refusal.line)
    for refusal in refused[:REFUSALS_SHOWN]:
        click.echo(f"line {refusal.line}: {refusal.error} ({refusal.error.code})", err=True)
    hidden = len(refused) - REFUSALS_SHOWN
    if hidden > 0:
        click.echo(f"... and {hidden} more refused lines", err=True)
    counts = [f"{count} {outcome}" for outcome, count in tally.reports.items() if count]
    parts = [f"{tally.rows} rows", *counts, f"{len(refused)} refused"]
    click.echo(", ".join(parts))


@contextlib.contextmanager
def progress_of(file: Path) -> Iterator[Progress]:
    """A bar over the bytes of the file on a terminal's stderr; nothing elsewhere."""
    console = Console(stderr=True)
    with RichProgress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda size: bar.update(task, advance=size)
