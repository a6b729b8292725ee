"""``psd import`` of what ``psd export`` wrote: straight into the store and the archive.

::

    $ psd import out
    22,099 rows of bookings, 22,099 booked, 0 refused
    $ psd import out                                            again: nothing is booked twice
    22,099 rows of bookings, 22,099 unchanged, 0 refused
    $ psd import --kind boards boards.ndjson
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from psd.cli.interrupted import going_on
from psd.cli.progress import progress
from psd.cli.query import running
from psd.config import Settings
from psd.exports.booking_taking import BookingTaker, TakenRows
from psd.exports.export_parts import RowFormat
from psd.exports.message_taking import MessageTaker
from psd.exports.opened_exports import OpenedExport, opened_export
from psd.foreign_texts import on_one_line

if TYPE_CHECKING:
    from psd.runtime import Runtime

AT_ONCE = 1_000
REFUSALS_SHOWN = 20


def take_export(
    settings: Settings,
    path: Path,
    kind: str | None,
    row_format: RowFormat | None,
    *,
    is_dry: bool,
) -> int:
    """Book an export again and say what became of it; the exit code."""
    found = opened_export(path, kind, row_format)
    with going_on(f"psd import {path} again books what is missing, and nothing twice"):
        taken = asyncio.run(_taken(settings, found, is_dry=is_dry))
    _show(taken, found)
    if is_dry:
        click.echo("dry run: nothing was written", err=True)
    return 1 if taken.refused else 0


async def _taken(settings: Settings, found: OpenedExport, *, is_dry: bool) -> TakenRows:
    async with running(settings, archiving=not is_dry) as runtime:
        taker = _taker(runtime, found.kind, is_dry=is_dry)
        with progress("import", found.rows, "rows") as bar:
            for _, rows in found.parts():
                while some := [*islice(rows, AT_ONCE)]:
                    await taker.take(some)
                    bar.advance(len(some))
            await taker.finish()
        return taker.taken


def _taker(runtime: Runtime, kind: str, *, is_dry: bool) -> BookingTaker | MessageTaker:
    if kind in ("bookings", "activities"):
        return BookingTaker(runtime, kind, is_dry=is_dry)
    return MessageTaker(runtime, is_dry=is_dry)


def _show(taken: TakenRows, found: OpenedExport) -> None:
    for line in _refusals(taken):
        click.echo(on_one_line(line), err=True)
    counts = [
        f"{number:,} {status}"
        for status, number in taken.outcomes.items()
        if number and status != "refused"
    ]
    told = [f"{taken.rows:,} rows of {found.kind}", *counts, f"{taken.refused:,} refused"]
    click.echo(", ".join(told))


def _refusals(taken: TakenRows) -> Iterator[str]:
    for line, error in taken.refusals[:REFUSALS_SHOWN]:
        yield f"line {line}: {error}" if line else str(error)
    if len(taken.refusals) > REFUSALS_SHOWN:
        yield f"... and {len(taken.refusals) - REFUSALS_SHOWN} more refused"
