"""An import from its first row to its summary, and the way back.

A rehearsal checks every row and asks nobody; an import writes a journal and sends; an undo goes
through the journal. Each says what it did (psd/cli/imports/import_output.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click
import msgspec

from psd.cli.imports.import_output import (
    progress_of,
    show_preview,
    show_repeats,
    show_summary,
    show_undone,
    show_warnings,
    tell_id,
)
from psd.cli.imports.import_plan import Plan
from psd.cli.imports.import_routes import Rehearsal, Via, open_route, target_of
from psd.cli.imports.import_sending import ImportTally, Sending
from psd.cli.imports.import_tables import read_rows
from psd.cli.imports.import_warnings import warnings_of
from psd.cli.input_files import opened, parts_of
from psd.cli.server_options import AskedServer
from psd.clock import SystemClock, utc_text
from psd.config import Settings
from psd.embedded.drain import wait_until_drained
from psd.observe.metrics import Metrics
from psd.operations.import_journal import Begun, Ended, Journal, created, temporary
from psd.operations.import_undo import Undoing, Undone
from psd.operations.ways_in import WayIn
from psd.store.redis import Store


class Way(msgspec.Struct, frozen=True):
    """How an import, or its undoing, goes in."""

    settings: Settings
    via: Via
    server: AskedServer
    wait: bool

    def open(self) -> contextlib.AbstractAsyncContextManager[WayIn]:
        """The way itself."""
        return open_route(self.via, self.settings, self.server.url, self.server.token)

    @property
    def target(self) -> str:
        """Where it ends."""
        return target_of(self.via, self.settings, self.server.url)


def rehearse(plan: Plan, settings: Settings) -> ImportTally:
    """Read and check the whole file, and say what it means; asks nobody."""
    with contextlib.closing(temporary()) as journal:
        sending = Sending(Rehearsal(), journal, settings, asks=False)
        tally = asyncio.run(_read(plan, sending))
        show_preview(tally, journal)
        show_summary(tally)
        _warn(tally, journal, plan)
    click.echo("dry run: nothing was sent", err=True)
    return tally


def book(plan: Plan, way: Way, folder: Path | None) -> ImportTally:
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


async def _book(plan: Plan, way: Way, journal: Journal, *, asks: bool) -> ImportTally:
    async with way.open() as route:

        def begins() -> None:
            if asks:
                tell_id(journal.begun())

        return await _read(plan, Sending(route, journal, way.settings, asks=asks, begins=begins))


async def _read(plan: Plan, sending: Sending) -> ImportTally:
    with opened(plan.file) as file, progress_of(plan.file) as progress:
        rows = read_rows(parts_of(file, progress), plan.form, plan.wanted())
        return await sending.send(rows, plan)


def _warn(tally: ImportTally, journal: Journal, plan: Plan) -> None:
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
            f"{_hint(begun)}"
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


def _hint(begun: Begun) -> str:
    if begun.via == "http":
        return f"give --url {begun.target}"
    return f"where these are the same, say --via {begun.via}"


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


def _now() -> str:
    return utc_text(SystemClock().now_s())
