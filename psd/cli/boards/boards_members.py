"""``psd boards members``: who is on a board.

::

    $ psd boards members add april 1503960366 1624580081
    april: 2 added, 0 removed, 2 members
    $ psd boards members import april users.csv
    $ psd boards members ls april | wc -l
"""

from __future__ import annotations

import asyncio
from typing import IO, TYPE_CHECKING

import click

from psd.cli.arguments import NumbersCommand
from psd.cli.boards.boards_keep import deciding, on_boards
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, write_csv
from psd.config_sources import LoadedSettings
from psd.errors import MalformedError
from psd.queries.boards.definitions import Membership
from psd.queries.boards.member_lists import uids_of_csv
from psd.queries.boards.requests import MemberRow
from psd.queries.boards.staging import StagedChange

if TYPE_CHECKING:
    from psd.runtime import Runtime


@click.command()
@click.argument("name")
@forms
@pass_settings
def ls(loaded: LoadedSettings, /, *, name: str, form: Form) -> None:
    """List who is on a board.

    One uid a line, the lower first.
    """
    users = asyncio.run(on_boards(loaded.settings, lambda runtime: _users(runtime, name)))
    if form == "csv":
        write_csv([MemberRow(user) for user in users])
    elif form == "json":
        show_json(users)
    elif users:
        click.echo("\n".join(users))


@click.command(cls=NumbersCommand)
@click.argument("name")
@click.argument("uids", nargs=-1, required=True, metavar="UID...")
@pass_settings
def add(loaded: LoadedSettings, /, *, name: str, uids: tuple[str, ...]) -> None:
    """Put users on a board."""
    _tell(name, _changed(loaded, name, StagedChange.asked(uids)))


@click.command(cls=NumbersCommand)
@click.argument("name")
@click.argument("uids", nargs=-1, metavar="UID...")
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@pass_settings
def rm(loaded: LoadedSettings, /, *, name: str, uids: tuple[str, ...], everybody: bool) -> None:
    """Take users off a board."""
    if bool(uids) == everybody:
        raise click.UsageError("say who leaves, or --all")
    leaving = StagedChange.asked(remove=uids, is_all=everybody)
    _tell(name, _changed(loaded, name, leaving))


@click.command("import")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Take everybody else off.")
@pass_settings
def import_file(loaded: LoadedSettings, /, *, name: str, file: IO[bytes], replace: bool) -> None:
    """Put the users of a file on a board.

    FILE has one uid a line, or is a CSV with a column uid, or with uids in its first column; - is
    the standard input. A file with a wrong line, or with more users than the board may hold, is
    refused whole, and the board stays as it was.
    """
    uids = uids_of_csv(file.read())
    if replace and not uids:
        raise MalformedError("file: no uids; psd boards members rm --all takes everybody off")
    _tell(name, _changed(loaded, name, StagedChange.asked(uids, is_all=replace)))


async def _users(runtime: Runtime, board: str) -> list[str]:
    uids = await runtime.boards.members(board)
    names = await runtime.engine.names.names(uids)
    return [names.get(uid) or str(uid) for uid in uids]


def _changed(loaded: LoadedSettings, name: str, change: StagedChange) -> Membership:
    async def made(runtime: Runtime) -> Membership:
        return await runtime.boards.make_change(name, change)

    return asyncio.run(deciding(loaded.settings, made))


def _tell(name: str, found: Membership) -> None:
    click.echo(f"{name}: {found.added} added, {found.removed} removed, {found.members} members")
