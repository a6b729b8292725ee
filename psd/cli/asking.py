"""What the commands that ask a server share: how they ask, and how answers are printed.

``psd sum | series | top | around | compare | activities`` go through psd/client to the server that
psd/cli/server_options.py finds. On a terminal an answer is a table with lines; elsewhere aligned
text, one JSON document or CSV::

    $ psd sum steps 11 --start 2016-04-12 --end 2016-04-13
    $ psd sum steps 11 --start 2016-04-12 --json | jq .data[0].sum

What is said beside the rows goes to stderr, so that a pipe has rows alone.
"""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import click
import msgspec
from msgspec import UnsetType

from psd.cli.printing import Form, forms, show_rows
from psd.cli.server_options import AskedServer, server_options

if TYPE_CHECKING:
    from psd.client import Client
    from psd.queries.results import AnsweredRange

TRIES_MAX = 3
"""Somebody waits: what a second does not change is told."""


class Ranged(Protocol):
    """An answer that tells what it is about."""

    @property
    def exact(self) -> bool:
        """Whether it is about the whole range that was asked for."""
        ...

    @property
    def resolution(self) -> str | UnsetType:
        """What it is exact to otherwise."""
        ...

    @property
    def range(self) -> AnsweredRange:
        """What it is about."""
        ...


class Asking(msgspec.Struct, frozen=True):
    """Whom a command asks, and in which form it answers."""

    server: AskedServer
    form: Form

    def client(self) -> Client:
        """A client of the server."""
        psd = import_module("psd.client")
        patience = psd.Retries(tries_max=TRIES_MAX)
        client: Client = psd.Client(self.server.url, token=self.server.token, retries=patience)
        return client

    def show(
        self,
        answer: msgspec.Struct,
        rows: Sequence[msgspec.Struct],
        names: Sequence[str],
        cells: Sequence[Sequence[str]],
        right: set[int],
    ) -> None:
        """Print an answer; ``cells`` are those of the table, under ``names``."""
        show_rows(self.form, rows, names, cells, right, answer)


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options about the server and the form; it gets an Asking first."""

    @functools.wraps(function)
    def command(*, server: AskedServer, form: Form, **given: Any) -> None:
        function(Asking(server, form), **given)

    return server_options(forms(command))


def range_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the range that it is about, and the atids that count."""
    for option in reversed(
        (
            click.option(
                "--start",
                metavar="TIME",
                help="RFC 3339, a date, Unix seconds, or relative: -7d, today, yesterday.",
            ),
            click.option("--end", metavar="TIME", help="Not in the range itself. Default: now."),
            click.option(
                "--atid",
                type=int,
                metavar="ATID",
                multiple=True,
                help="Only this type. Repeatable.",
            ),
        )
    ):
        function = option(function)
    return function


zone_option = click.option(
    "--tz", metavar="ZONE", help="IANA time zone of dates and of times without one."
)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given on the command line, lists as lists."""
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None and value != ()
    }


def is_looked_at() -> bool:
    """Whether somebody reads what is printed, and no program."""
    return sys.stdout.isatty()


def columns() -> int:
    """The width of the terminal."""
    return shutil.get_terminal_size().columns


def tell_range(answer: Ranged) -> None:
    """Say what an answer is about where that is not what was asked for."""
    if not answer.exact:
        about = answer.range
        click.echo(
            f"finer detail has expired: answered to the {answer.resolution}, "
            f"from {about.start} to {about.end}",
            err=True,
        )


def tell_next(cursor: str | None) -> None:
    """Say how to go on."""
    if cursor is not None:
        click.echo(f"more: --cursor {cursor}", err=True)
