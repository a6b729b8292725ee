"""``psd pages``: who may sign in to pages.

::

    $ psd pages users add amp --scope write
    Password:
    amp may sign in: write, everybody's data
    $ psd pages users list
    amp  write  everybody

A password comes from the terminal, from the first line of stdin where that is none, or from a file;
there is no option that takes it: it would show it to every user of ps.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from psd.access.pages.page_users import PageUser, PageUsers
from psd.archive.page_decisions import PageDeciding
from psd.cli.access_options import owner_option, scope_option
from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_json, write_csv_cells
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings

password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File whose first line is the password. Default: it is asked for, or read from stdin.",
)


@click.group(cls=Group)
def pages() -> None:
    """Look after who may sign in to pages."""


@pages.group(cls=Group)
def users() -> None:
    """Look after the users of pages."""


@users.command()
@click.argument("name")
@scope_option("What the user may do.")
@owner_option("An owner whose data the user may see.")
@password_option
@pass_settings
def add(
    loaded: LoadedSettings,
    /,
    *,
    name: str,
    scopes: tuple[str, ...],
    owners: tuple[int | str, ...],
    password_file: Path | None,
) -> None:
    """Let somebody sign in to pages.

    Scope write lets a user enter and correct, read only look.
    """
    password = password_from(password_file)
    # Who may write may look: forms are on pages.
    given = tuple(sorted({*scopes, "read"})) if "write" in scopes else scopes
    decide(loaded.settings, lambda deciding: deciding.add(name, password, given, owners))
    click.echo(f"{name} may sign in: {' and '.join(given)}, {_whose(owners)}")


@users.command("list")
@forms
@pass_settings
def list_users(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List who may sign in."""
    found = asyncio.run(everybody(loaded.settings))
    names = ("name", "scopes", "owners")
    rows = [(name, user.scopes, user.owners) for name, user in found.items()]
    if form == "json":
        show_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if form == "csv":
        write_csv_cells(names, rows)
        return
    for name, user in found.items():
        click.echo(f"{name}  {'+'.join(user.scopes)}  {_whose(user.owners)}")


@users.command()
@click.argument("name")
@pass_settings
def remove(loaded: LoadedSettings, /, *, name: str) -> None:
    """Let somebody in no more; what he has open ends."""
    decide(loaded.settings, lambda deciding: deciding.remove(name))
    click.echo(f"{name} is removed")


@users.command("password")
@click.argument("name")
@password_option
@pass_settings
def change_password(loaded: LoadedSettings, /, *, name: str, password_file: Path | None) -> None:
    """Give a user another password, which ends what he has open."""
    password = password_from(password_file)
    decide(loaded.settings, lambda deciding: deciding.change_password(name, password))
    click.echo(f"{name} has another password")


def password_from(path: Path | None) -> str:
    """The password: of a file, of stdin, or asked for twice."""
    if path is not None:
        try:
            return _first_line(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise click.BadParameter(f"{path}: {exc}", param_hint="--password-file") from exc
    if sys.stdin.isatty():
        text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return text
    return _first_line(sys.stdin.readline())


def decide(settings: Settings, asked: Callable[[PageDeciding], Awaitable[None]]) -> None:
    """Decide about a user in the configured store, and have it archived."""

    async def ask() -> None:
        async with running(settings, archiving=True) as runtime:
            await asked(runtime.page_deciding)

    asyncio.run(ask())


async def everybody(settings: Settings) -> dict[str, PageUser]:
    """Who may sign in, by name."""
    async with running(settings) as runtime:
        return await PageUsers(runtime.store).all()


def _first_line(text: str) -> str:
    return text.partition("\n")[0].removesuffix("\r")


def _whose(owners: tuple[int | str, ...]) -> str:
    return f"data of {', '.join(map(str, owners))}" if owners else "everybody's data"
