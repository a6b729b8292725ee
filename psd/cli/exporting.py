"""``psd export``: bookings, activities, boards and what domains keep, as files.

::

    $ psd export bookings out --format parquet --start 2016-04-12 --end 2016-05-13 --thing steps
    22,099 rows in 1 part: out
    $ psd export bookings out --format parquet --start ... --resume     after it was broken off
    $ psd export boards > boards.ndjson

What rows are is in psd/exports/row_kinds.py, how parts are kept in psd/exports/export_parts.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from psd.cli.arguments import USER
from psd.cli.interrupted import going_on
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.progress import progress
from psd.cli.query import running, thing_number
from psd.cli.times import time_argument
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import StoreError
from psd.exports.booking_source import BookingScope, BookingSource, Chunk, Cursor, RowSource
from psd.exports.export_parts import (
    FORMATS,
    PART_ROWS,
    WRITERS,
    ExportFolder,
    ExportManifest,
    RowFormat,
    begun,
)
from psd.exports.message_source import MessageSource
from psd.exports.row_kinds import OF_BOOKINGS, columns_of, kinds
from psd.users import user_of

if TYPE_CHECKING:
    from psd.runtime import Runtime


class Choice(msgspec.Struct, frozen=True):
    """What of a kind is exported."""

    things: tuple[str, ...]
    uids: tuple[int | str, ...]
    domains: tuple[str, ...]
    abouts: tuple[str, ...]


@click.command("export")
@click.argument("kind", type=click.Choice(kinds()))
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format",
    "row_format",
    type=click.Choice(FORMATS),
    default="ndjson",
    show_default=True,
    help="Of the files. Parquet needs the extra parquet.",
)
@click.option("--start", metavar="TIME", help="First second. Default: the first that there is.")
@click.option("--end", metavar="TIME", help="Not in the range itself. Default: no end.")
@click.option("--thing", multiple=True, metavar="THING", help="Only this thing. Repeatable.")
@click.option("--uid", type=USER, multiple=True, metavar="UID", help="Only this user. Repeatable.")
@click.option("--domain", multiple=True, metavar="NAME", help="Only of this domain. Repeatable.")
@click.option(
    "--about",
    multiple=True,
    metavar="TEXT",
    help="Only about this board, vehicle, owner, customer, network, plan or meter. Repeatable.",
)
@click.option("--resume", is_flag=True, help="Go on with an export that was broken off.")
@click.option(
    "--part-rows",
    type=click.IntRange(1),
    default=PART_ROWS,
    show_default=True,
    metavar="N",
    help="Rows of a part at least, but for the last.",
)
@json_option
@pass_settings
def export_rows(
    loaded: LoadedSettings,
    /,
    *,
    kind: str,
    folder: Path | None,
    row_format: RowFormat,
    start: str | None,
    end: str | None,
    thing: tuple[str, ...],
    uid: tuple[int | str, ...],
    domain: tuple[str, ...],
    about: tuple[str, ...],
    resume: bool,
    part_rows: int,
    as_json: bool,
) -> None:
    """Write what psd holds of a kind to files.

    The store is read, while it is worked with. FOLDER gets parts that are whole or not there, and
    export.json; without one, rows go to standard output and cannot be gone on with. psd import
    FOLDER books all of it again. A booking belongs to the second at which it was made; of what a
    range cuts, docs/operations.md tells.
    """
    choice = Choice(thing, uid, domain, about)
    _check_choice(kind, choice)
    if folder is None and (resume or as_json or row_format == "parquet"):
        raise click.UsageError("--resume, --json and Parquet need a FOLDER")
    asked = {
        "start": start,
        "end": end,
        "thing": [*thing],
        "uid": [*map(str, uid)],
        "domain": [*domain],
        "about": [*about],
        "part_rows": part_rows,
    }
    within = _within(start, end)
    if folder is None:
        asyncio.run(_to_stdout(loaded.settings, kind, row_format, within, choice))
        return
    manifest = begun(folder, kind, row_format, asked, within, resumes=resume)
    hint = f"psd export {kind} {folder} ... --resume goes on behind the last whole part"
    if not manifest.is_whole:
        with going_on(hint):
            manifest = asyncio.run(_to_folder(loaded.settings, folder, manifest, choice, part_rows))
    if as_json:
        show_json(manifest)
        return
    parts = len(manifest.parts)
    click.echo(f"{manifest.rows:,} rows in {parts} part{'s' * (parts != 1)}: {folder}")


def _within(start: str | None, end: str | None) -> Range:
    """The range that is asked for; raises UsageError for an empty one."""
    within = Range(
        0 if start is None else time_argument(start),
        TIME_END_S if end is None else time_argument(end),
    )
    if within.end <= within.start:
        raise click.UsageError(f"--start {start} must lie before --end {end}")
    return within


def _check_choice(kind: str, choice: Choice) -> None:
    if kind in OF_BOOKINGS and (choice.domains or choice.abouts):
        raise click.UsageError("--domain and --about choose messages, not bookings")
    if kind not in OF_BOOKINGS and (choice.things or choice.uids):
        raise click.UsageError("--thing and --uid choose bookings and activities")


async def _to_stdout(
    settings: Settings, kind: str, form: RowFormat, within: Range, choice: Choice
) -> None:
    async with _reading(settings, kind, within, choice) as source:
        writer = WRITERS[form](sys.stdout.buffer, columns_of(kind))
        async for chunk in source.chunks([]):
            writer.write(chunk.rows)
        writer.close()


async def _to_folder(
    settings: Settings, folder: Path, manifest: ExportManifest, choice: Choice, part_rows: int
) -> ExportManifest:
    """Write what is missing of an export; what it is then."""
    written = ExportFolder(folder, manifest, part_rows)
    within = Range(*manifest.within)
    try:
        async with _reading(settings, manifest.kind, within, choice) as source:
            async for chunk in _followed(source, manifest.after):
                written.take(chunk)
        written.finish()
    except OSError as exc:
        raise StoreError(f"{folder}: {exc}; --resume goes on once there is room") from exc
    finally:
        written.leave()
    return written.manifest


async def _followed(source: RowSource, after: Cursor) -> AsyncIterator[Chunk]:
    """The chunks, with a bar over what is done."""
    units = await source.units()
    with progress("export", units or None, source.unit) as bar:
        done = 0
        async for chunk in source.chunks(after):
            yield chunk
            bar.advance(chunk.done - done)
            done = chunk.done


@contextlib.asynccontextmanager
async def _reading(
    settings: Settings, kind: str, within: Range, choice: Choice
) -> AsyncIterator[RowSource]:
    async with running(settings) as runtime:
        yield source_of(runtime, kind, within, choice)


def source_of(runtime: Runtime, kind: str, within: Range, choice: Choice) -> RowSource:
    """Where the rows of a kind come from; raises click.UsageError for what is not there."""
    if kind in OF_BOOKINGS:
        settings = runtime.settings
        named = {name: thing_number(name, settings) for name in choice.things}
        has_counts = not choice.things and not choice.uids
        uids = [user_of(uid) for uid in choice.uids] if choice.uids else None
        scope = BookingScope(named or settings.numbers, uids, within, has_counts)
        return BookingSource(runtime, scope, kind)
    known = [domain for domain in choice.domains if domain not in (*runtime.parts, "boards")]
    if known:
        raise click.UsageError(f"--domain: {known[0]!r} is not there")
    return MessageSource(runtime, kind, within, choice.domains, choice.abouts)
