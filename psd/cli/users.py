"""``psd users``: what people may ask of an operator about themselves.

::

    $ psd users erase alice@example.com
    Erase alice@example.com and all that is known of her? [y/N]: y
    alice@example.com: erased, 312 keys, 2 boards
    archive: 41 of 42 files are cut, 3 of them had something; 1 is being written: see psd users cut
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from psd.archive.cutting import CutSummary
from psd.cli.arguments import USER, NumbersCommand
from psd.cli.lazy import LazyGroup
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, show_json
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.erasing.archive import cut_erased
from psd.queries.activity_answers import ArchiveCut, ErasedAnswer
from psd.users import user_of

if TYPE_CHECKING:
    from psd.runtime import Runtime

AUTHOR = "psd users erase"


class UsersGroup(LazyGroup):
    """The commands about users as people."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "erase": ("psd.cli.users:erase", "Erase a user and all that is known of them."),
        "cut": ("psd.cli.users:cut_files", "Cut erased users out of the archive."),
    }


@click.group(cls=UsersGroup)
def users() -> None:
    """Look after what is known of users."""


@click.command(cls=NumbersCommand)
@click.argument("user", type=USER, metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--note", default="", metavar="TEXT", help="Why; it stays, so without a name.")
@json_option
@pass_settings
def erase(
    loaded: LoadedSettings, /, *, user: int | str, yes: bool, note: str, as_json: bool
) -> None:
    """Erase a user and all that is known of them.

    NAME is a name or a number. All keys, the places on boards and the name go; in finals another
    number takes the place. Files of the archive that nobody writes are cut; for the others run psd
    users cut a day later. What comes for the user afterwards begins anew. Safe to run again, also
    after it was interrupted.
    """
    if not yes:
        click.confirm(f"Erase {user} and all that is known of this user?", abort=True, err=True)
    told = asyncio.run(_erase(loaded.settings, user, note))
    if as_json:
        show_json(told)
        return
    click.echo(f"{told.uid}: {told.status}, {told.keys:,} keys, {told.boards:,} boards")
    click.echo(cut_line(told.archive))


@click.command("cut")
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Default: setting archive.folder.",
)
@json_option
@pass_settings
def cut_files(loaded: LoadedSettings, /, *, archive: Path | None, as_json: bool) -> None:
    """Cut erased users out of the archive.

    Of all files that nobody writes, those that have something of a user who was erased since are
    written anew without it. Safe while psd works, and safe to run again.
    """
    found = asyncio.run(_cut(loaded.settings, archive))
    if as_json:
        show_json(found)
    else:
        click.echo(cut_line(found))


def cut_line(found: CutSummary | ArchiveCut) -> str:
    """``archive: 42 files looked through, 3 cut (17 entries), 1 left``."""
    told = f"archive: {found.files:,} files looked through, {found.rewritten:,} cut "
    told += f"({found.entries:,} entries)"
    return f"{told}, {found.left:,} left for psd users cut" if found.left else told


async def _erase(settings: Settings, user: int | str, note: str) -> ErasedAnswer:
    async with running(settings, archiving=True) as runtime:
        name = user if isinstance(user, str) else None
        done = await runtime.erasing.erase(user_of(user), AUTHOR, note, name)
        # This process has the decision in a file of its own, which need not wait a day.
        await runtime.archive.close()
        found = await _cut_of(runtime, None)
    cut = ArchiveCut(found.files, found.rewritten, found.entries, found.left)
    return ErasedAnswer(str(user), "erased", done.keys, done.boards, cut)


async def _cut(settings: Settings, folder: Path | None) -> CutSummary:
    async with running(settings) as runtime:
        return await _cut_of(runtime, folder)


async def _cut_of(runtime: Runtime, folder: Path | None) -> CutSummary:
    store = await runtime.store.known_identity()
    return await asyncio.to_thread(
        cut_erased, runtime.settings, runtime.books.things, store, folder=folder
    )
