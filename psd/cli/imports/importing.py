"""``psd import``: book the rows of a file, say what became of them, and take them back.

::

    $ psd import steps.csv --uid Id --time At --thing steps=Steps --dry-run
    $ psd import steps.csv --uid Id --time At --thing steps=Steps
    import 20160412-083015-x7k2: psd import --undo 20160412-083015-x7k2 takes it back
    22099 rows, 22099 booked, 0 refused
    $ psd import --undo 20160412-083015-x7k2

Rows are read by import_tables.py and import_rows.py, written down by import_journal.py and sent by
import_sending.py on a way of import_routes.py; import_undo.py goes back. Here is the command, its
options are in import_options.py.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from psd.cli.imports.import_options import import_options
from psd.cli.imports.import_output import show_imports
from psd.cli.imports.import_plan import Plan, named_scales, named_things
from psd.cli.imports.import_routes import Via
from psd.cli.imports.import_running import Way, book, rehearse, undo
from psd.cli.imports.import_tables import Form, format_of
from psd.cli.options import pass_settings
from psd.cli.printing import Form as PrintedForm
from psd.cli.server_options import AskedServer
from psd.cli.taking_exports import take_export
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.errors import NotFoundError
from psd.operations.import_journal import Journal, opened


@click.command("import")
@click.argument(
    "file",
    required=False,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@import_options
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
    kind: str | None,
    form: PrintedForm,
    **given: Any,
) -> None:
    """Book the rows of a CSV or NDJSON file, or what psd export wrote.

    FILE may be packed by gzip; - is standard input. A row is one activity booked at its time.
    Importing the same file again changes nothing. Two rows of one user at the same second are the
    same activity, of which the last one stands: give --aid where that is wrong. Exit code 1 when
    a row was refused. A CSV with a column name twice is refused whole; behind a row whose quotes
    do not add up, nothing is read.

    Each import has an id, and a journal in the folder of imports.folder. --undo ID brings back
    what stood before; what was replaced since is told and left, with exit code 1.

    FILE may be the folder of an export, or with --kind one of its files: that is booked straight
    into the store, has no journal, and takes none of the options about columns.
    """
    settings = loaded.settings
    if file is not None and (kind is not None or file.is_dir()):
        _check_export(file, kind, import_id, given, lists=lists)
        row_format = given["file_format"]
        code = take_export(settings, file, kind, row_format, is_dry=dry_run)
        click.get_current_context().exit(code)
    _check_form(given["file_format"])
    _check_usage(file, import_id, given, lists=lists)
    folder = Path(settings.imports.folder)
    if lists:
        show_imports(folder, form)
        return
    if form != "table":
        raise click.UsageError("--json and --csv belong to --list")
    if import_id is not None:
        with contextlib.closing(_opened(folder, import_id)) as journal:
            way = _way(settings, via or _via_of(journal), server, wait=wait)
            code = undo(journal, way, is_named=via is not None, sends=not dry_run)
        click.get_current_context().exit(code)
    assert file is not None, "checked"
    plan = _plan(file, settings, given)
    way = _way(settings, via or "http", server, wait=wait)
    tally = rehearse(plan, settings) if dry_run else book(plan, way, None if no_undo else folder)
    click.get_current_context().exit(1 if tally.refused else 0)


def _check_export(
    file: Path, kind: str | None, import_id: str | None, given: dict[str, Any], *, lists: bool
) -> None:
    """Refuse options that an export has no use for."""
    named = [name for name in ("uid", "time", "things", "aid", "atid", "scales") if given[name]]
    if named or import_id is not None or lists:
        raise click.UsageError("an export says itself what its columns are, and is not taken back")
    if kind is None and given["file_format"] is not None:
        raise click.UsageError("--format belongs to --kind: the folder says which it is of")
    if str(file) == "-":
        raise click.UsageError("--kind needs a file, or the folder of an export")


def _check_form(file_format: str | None) -> None:
    if file_format == "parquet":
        raise click.UsageError("--format parquet is of exports: say --kind")


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


def _opened(folder: Path, import_id: str) -> Journal:
    try:
        return opened(folder, import_id)
    except NotFoundError as error:
        raise click.UsageError(str(error)) from error


def _via_of(journal: Journal) -> Via:
    via = journal.begun().via
    return "queue" if via == "queue" else "direct" if via == "direct" else "http"
