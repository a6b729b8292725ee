"""``psd boards members``: who is on a board.

::

    $ psd boards members add april 1503960366 1624580081
    april: 2 added, 0 removed, 2 members
    $ psd boards members import april users.csv
    $ psd boards members ls april | wc -l
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import IO

import click

from psd.cli.arguments import NumbersCommand
from psd.cli.boards_keep import on_boards
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, write_csv
from psd.config_sources import LoadedSettings
from psd.errors import BadQueryError, MalformedError
from psd.queries.boards.definitions import CHANGE_MAX, Membership
from psd.queries.boards.member_lists import uids_of_csv
from psd.queries.boards.requests import MemberRow
from psd.queries.ids import asked_ids
from psd.runtime import Runtime


@click.command()
@click.argument("name")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="With a heading.")
@pass_settings
def ls(loaded: LoadedSettings, /, *, name: str, as_json: bool, as_csv: bool) -> None:
    """List who is on a board.

    One uid a line, the lower first.
    """
    uids = asyncio.run(on_boards(loaded.settings, lambda runtime: runtime.boards.members(name)))
    if as_csv:
        write_csv([MemberRow(str(uid)) for uid in uids])
    elif as_json:
        click.echo("[" + ",".join(f'"{uid}"' for uid in uids) + "]")
    elif uids:
        click.echo("\n".join(map(str, uids)))


@click.command(cls=NumbersCommand)
@click.argument("name")
@click.argument("uids", nargs=-1, required=True, metavar="UID...")
@pass_settings
def add(loaded: LoadedSettings, /, *, name: str, uids: tuple[str, ...]) -> None:
    """Put users on a board."""
    _tell(name, asyncio.run(_change(loaded, name, uids, is_adding=True)))


@click.command(cls=NumbersCommand)
@click.argument("name")
@click.argument("uids", nargs=-1, metavar="UID...")
@click.option("--all", "everybody", is_flag=True, help="Everybody.")
@pass_settings
def rm(loaded: LoadedSettings, /, *, name: str, uids: tuple[str, ...], everybody: bool) -> None:
    """Take users off a board."""
    if bool(uids) == everybody:
        raise click.UsageError("say who leaves, or --all")
    if everybody:
        found = asyncio.run(
            on_boards(loaded.settings, lambda runtime: runtime.boards.clear_members(name))
        )
    else:
        found = asyncio.run(_change(loaded, name, uids, is_adding=False))
    _tell(name, found)


@click.command("import")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Take everybody off before.")
@pass_settings
def import_file(loaded: LoadedSettings, /, *, name: str, file: IO[bytes], replace: bool) -> None:
    """Put the users of a file on a board.

    FILE has one uid a line, alone or first in a line of a CSV; - is the standard input. A file
    with a wrong line is refused whole.
    """
    try:
        uids = [str(uid) for uid in asked_ids(uids_of_csv(file.read()), "uid")]
    except BadQueryError as error:
        # The file is wrong, and not the command line.
        raise MalformedError(str(error)) from error

    async def clear(runtime: Runtime) -> Membership:
        return await runtime.boards.clear_members(name)

    if replace:
        asyncio.run(on_boards(loaded.settings, clear))
    _tell(name, asyncio.run(_change(loaded, name, uids, is_adding=True)))


async def _change(
    loaded: LoadedSettings, name: str, uids: Sequence[str], *, is_adding: bool
) -> Membership:
    """Add or remove any number of members, in parts; what all of them came to."""

    async def change(runtime: Runtime) -> Membership:
        added = removed = count = 0
        for start in range(0, max(len(uids), 1), CHANGE_MAX):
            part = uids[start : start + CHANGE_MAX]
            lists = (part, ()) if is_adding else ((), part)
            found = await runtime.boards.change_members(name, *lists)
            added, removed = added + found.added, removed + found.removed
            count = found.members
        return Membership(added, removed, count)

    return await on_boards(loaded.settings, change)


def _tell(name: str, found: Membership) -> None:
    click.echo(f"{name}: {found.added} added, {found.removed} removed, {found.members} members")
