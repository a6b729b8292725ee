"""``psd import``: book the rows of a file, say what became of them, and take them back.

::

    $ psd import steps.csv --uid Id --time At --thing steps=Steps --dry-run
    $ psd import steps.csv --uid Id --time At --thing steps=Steps
    import 20160412-083015-x7k2: psd import --undo 20160412-083015-x7k2 takes it back
    22099 rows, 22099 booked, 0 refused
    $ psd import --undo 20160412-083015-x7k2

Rows are read by import_tables.py and import_rows.py, written down by import_journal.py and sent by
import_sending.py on a way of import_routes.py; import_undo.py goes back. Here is the command.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import msgspec

from psd.cli.import_journal import Ended, Journal, created, opened, temporary
from psd.cli.import_output import (
    progress_of,
    show_imports,
    show_preview,
    show_repeats,
    show_summary,
    show_undone,
    show_warnings,
    tell_id,
)
from psd.cli.import_plan import Plan, delimiter_of, named_scales, named_things
from psd.cli.import_routes import Rehearsal, Route, Via, open_route, target_of
from psd.cli.import_sending import Sending, Tally
from psd.cli.import_tables import Form, format_of, read_rows
from psd.cli.import_undo import Undoing, Undone
from psd.cli.import_warnings import warnings_of
from psd.cli.input_files import opened as opened_file
from psd.cli.input_files import parts_of
from psd.cli.options import pass_settings
from psd.cli.server_options import AskedServer, server_options
from psd.cli.times import format_argument
from psd.clock import SystemClock, utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.embedded.drain import wait_until_drained
from psd.errors import BadQueryError
from psd.observe.metrics import Metrics
from psd.queries.calendar import zone
from psd.store.redis import Store


class Way(msgspec.Struct, frozen=True):
    """How an import, or its undoing, goes in."""

    settings: Settings
    via: Via
    server: AskedServer
    wait: bool

    def open(self) -> contextlib.AbstractAsyncContextManager[Route]:
        """The way itself."""
        return open_route(self.via, self.settings, self.server.url, self.server.token)

    @property
    def target(self) -> str:
        """Where it ends."""
        return target_of(self.via, self.settings, self.server.url)


def zone_of(name: str) -> Any:
    """A time zone of the IANA database (a click type)."""
    try:
        return zone(name)
    except BadQueryError as error:
        raise click.BadParameter(str(error)) from error


_READING = (
    click.option("--uid", metavar="COL", help="Column of the user's number. Needed."),
    click.option("--time", metavar="COL", help="Column of the time. Needed."),
    click.option(
        "--time-format",
        metavar="F",
        type=format_argument,
        help="Format of the time as strptime has it, for example '%m/%d/%Y %H:%M'. "
        "Default: RFC 3339, dates or Unix seconds. Of names of zones (%Z) UTC, GMT and Z are read.",
    ),
    click.option(
        "--tz",
        metavar="ZONE",
        type=zone_of,
        default="UTC",
        help="Zone of times that bring none, such as Europe/Berlin. What its clocks show twice or "
        "never is refused. Default: UTC.",
    ),
    click.option(
        "--thing",
        "things",
        multiple=True,
        metavar="THING=COL",
        help="A thing and the column of its value. Needed, repeatable.",
    ),
    click.option(
        "--scale",
        "scales",
        multiple=True,
        metavar="[THING=]N",
        help="Multiply values by N, in decimals: 0.125 kWh times 1000 are 125. What is no whole "
        "number then is refused. Repeatable.",
    ),
    click.option("--skip-blank", is_flag=True, help="Leave blank values out; they are counted."),
    click.option("--atid", metavar="COL|N", help="Activity type. Default: 0."),
    click.option("--aid", metavar="COL|N", help="Activity id. Default: the row's time."),
    click.option(
        "--format",
        "file_format",
        type=click.Choice(["csv", "ndjson"]),
        help="Default: by the name, else by the first character.",
    ),
    click.option(
        "--delimiter",
        metavar="C",
        type=delimiter_of,
        help="Between the cells of a CSV: one character, or tab, semicolon, pipe. Default: the one "
        "of these, or a comma, under which the heading has the columns that are named.",
    ),
)
_GOING = (
    click.option(
        "--via",
        type=click.Choice(["queue", "http", "direct"]),
        help="Through the queue, a running server, or straight into the store. Default: http; of "
        "--undo, as the import went in.",
    ),
    server_options,
    click.option("--wait", is_flag=True, help="With --via queue: wait until the queue is empty."),
    click.option(
        "--dry-run", is_flag=True, help="Show what the first rows mean; nothing is sent or kept."
    ),
    click.option(
        "--no-undo",
        is_flag=True,
        help="Keep no journal and do not ask what stands before: there is no way back.",
    ),
    click.option("--undo", "import_id", metavar="ID", help="Take an import back."),
    click.option("--list", "lists", is_flag=True, help="List the imports that have a journal."),
)


def _with(
    *options: Callable[[Callable[..., None]], Callable[..., None]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.command("import")
@click.argument(
    "file",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@_with(*_READING, *_GOING)
@pass_settings
def import_file(
    loaded: LoadedSettings,
    /,
    *,
    file: Path | None,
    via: Via | None,
    server: AskedServer,
    wait: bool,
    dry_run: bool,
    no_undo: bool,
    import_id: str | None,
    lists: bool,
    **given: Any,
) -> None:
    """Book the rows of a CSV or NDJSON file.

    FILE may be packed by gzip; - is standard input. A row is one activity booked at its time.
    Importing the same file again changes nothing. Two rows of one user at the same second are the
    same activity, of which the last one stands: give --aid where that is wrong. Exit code 1 when
    a row was refused. A CSV with a column name twice is refused whole; behind a row whose quotes
    do not add up, nothing is read.

    Each import has an id, and a journal in the folder of imports.folder. --undo ID brings back
    what stood before; what was replaced since is told and left, with exit code 1.
    """
    settings = loaded.settings
    _check_usage(file, import_id, given, lists=lists)
    folder = Path(settings.imports.folder)
    if lists:
        show_imports(folder)
        return
    if import_id is not None:
        with contextlib.closing(opened(folder, import_id)) as journal:
            way = _way(settings, via or _via_of(journal), server, wait=wait)
            code = undo(journal, way, is_named=via is not None, sends=not dry_run)
        click.get_current_context().exit(code)
    assert file is not None, "checked"
    plan = _plan(file, settings, given)
    way = _way(settings, via or "http", server, wait=wait)
    tally = rehearse(plan, settings) if dry_run else book(plan, way, None if no_undo else folder)
    if tally.refused:
        click.get_current_context().exit(1)


def _check_usage(
    file: Path | None, import_id: str | None, given: dict[str, Any], *, lists: bool
) -> None:
    """Refuse a command line that says too little, or two things at once."""
    if import_id is not None or lists:
        named = [name for name in ("uid", "time", "things") if given[name]]
        if file is not None or named or (import_id is not None and lists):
            raise click.UsageError("--undo and --list stand alone, without a FILE and its columns")
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE', or --undo ID, or --list")
    for name in ("uid", "time", "things"):
        if not given[name]:
            raise click.UsageError(f"Missing option '--{name.removesuffix('s')}'")


def _way(settings: Settings, via: Via, server: AskedServer, *, wait: bool) -> Way:
    if wait and (via != "queue" or settings.queue.kind != "stream"):
        raise click.UsageError("--wait needs --via queue and queue.kind = stream")
    return Way(settings, via, server, wait)


def _plan(file: Path, settings: Settings, given: dict[str, Any]) -> Plan:
    file_format, delimiter = given.pop("file_format"), given.pop("delimiter")
    things = named_things(given.pop("things"), settings)
    scales: dict[str, Fraction] = named_scales(given.pop("scales"), things)
    form = Form(file_format or ("csv" if delimiter else format_of(file)), delimiter)
    return Plan(file=file, form=form, things=things, scales=scales, **given)


def rehearse(plan: Plan, settings: Settings) -> Tally:
    """Read and check the whole file, and say what it means; asks nobody."""
    with contextlib.closing(temporary()) as journal:
        sending = Sending(Rehearsal(), journal, settings, asks=False)
        tally = asyncio.run(_read(plan, sending))
        show_preview(tally, journal)
        show_summary(tally)
        _warn(tally, journal, plan)
    click.echo("dry run: nothing was sent", err=True)
    return tally


def book(plan: Plan, way: Way, folder: Path | None) -> Tally:
    """Read, check and send the whole file; without a folder there is no way back."""
    with contextlib.closing(_journal(plan, way, folder)) as journal:
        tally = asyncio.run(_book(plan, way, journal, asks=folder is not None))
        _wait(way)
        summary = show_summary(tally)
        _warn(tally, journal, plan)
        if folder is not None and not journal.is_empty:
            with journal.batch():
                journal.tell("ended", Ended(_now(), summary))
            tell_id(journal.begun())
    return tally


def _journal(plan: Plan, way: Way, folder: Path | None) -> Journal:
    if folder is None:
        return temporary()
    now_s = SystemClock().now_s()
    return created(folder, now_s, file=str(plan.file), via=way.via, target=way.target)


async def _book(plan: Plan, way: Way, journal: Journal, *, asks: bool) -> Tally:
    async with way.open() as route:

        def begins() -> None:
            if asks:
                tell_id(journal.begun())

        return await _read(plan, Sending(route, journal, way.settings, asks=asks, begins=begins))


async def _read(plan: Plan, sending: Sending) -> Tally:
    with opened_file(plan.file) as file, progress_of(plan.file) as progress:
        rows = read_rows(parts_of(file, progress), plan.form, plan.wanted())
        return await sending.send(rows, plan)


def _warn(tally: Tally, journal: Journal, plan: Plan) -> None:
    show_repeats(tally, has_aid=plan.aid is not None)
    show_warnings(warnings_of(journal))


def undo(journal: Journal, way: Way, *, is_named: bool, sends: bool) -> int:
    """Take an import back; the exit code, which is 1 while something of it may stand."""
    begun, undone = journal.begun(), journal.ended("undone")
    if undone is not None and not undone.left:
        click.echo(f"import {begun.id} was taken back at {undone.at}: {undone.summary}")
        return 0
    if way.target != begun.target and not is_named:
        raise click.UsageError(
            f"import {begun.id} went to {begun.target}, and the settings name {way.target}; "
            "--via says that it is the same"
        )
    found = asyncio.run(_undo(journal, way, sends=sends))
    if way.wait and sends:
        _wait(way)
        found = asyncio.run(_undo(journal, way, sends=sends))
    summary = show_undone(found)
    if not sends:
        click.echo("dry run: nothing was sent", err=True)
        return 0
    with journal.batch():
        journal.tell("undone", Ended(_now(), summary, found.open))
    if found.open:
        click.echo(_advice(begun.id, found), err=True)
    return 1 if found.open else 0


async def _undo(journal: Journal, way: Way, *, sends: bool) -> Undone:
    async with way.open() as route:
        return await Undoing(route, journal, way.settings, sends=sends).run()


def _advice(import_id: str, undone: Undone) -> str:
    if undone.is_waiting:
        return f"once the queue is empty, psd import --undo {import_id} again looks after the rest"
    return f"{undone.open} are left as they are; psd import --undo {import_id} tries them again"


def _wait(way: Way) -> None:
    if way.wait:
        asyncio.run(wait_for_worker(way.settings))


async def wait_for_worker(settings: Settings) -> None:
    """Return when the worker has finished all that the queue holds."""
    store = Store(settings.redis, Metrics())
    try:
        await wait_until_drained(store, settings.queue.topic)
    finally:
        await store.close()


def _via_of(journal: Journal) -> Via:
    via = journal.begun().via
    return "queue" if via == "queue" else "direct" if via == "direct" else "http"


def _now() -> str:
    return utc_text(SystemClock().now_s())
