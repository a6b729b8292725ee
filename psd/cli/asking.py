"""What the commands that ask a server share: where it is, who asks, and how answers are printed.

``psd sum | series | top | around | compare | activities`` go through psd/client to the server of
the settings, or to ``--url``. A token comes from ``--token-file`` or ``$PSD_TOKEN``. On a terminal
an answer is a table with lines; elsewhere aligned text, one JSON document or CSV::

    $ psd sum steps 11 --start 2016-04-12 --end 2016-04-13
    $ psd sum steps 11 --start 2016-04-12 --json | jq .data[0].sum

What is said beside the rows goes to stderr, so that a pipe has rows alone.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import click
import msgspec
from msgspec import UnsetType

from psd.cli.board_output import write_csv
from psd.cli.importing import token_in
from psd.cli.options import loaded_with
from psd.cli.rewards_read import show_table
from psd.client import Client, Retries
from psd.config import Settings
from psd.queries.results import AnsweredRange

Form = Literal["table", "json", "csv"]

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})
BAR_CHARACTERS = 20

PATIENCE = Retries(tries_max=3)
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

    url: str
    token: str
    form: Form

    def client(self) -> Client:
        """A client of the server."""
        return Client(self.url, token=self.token, retries=PATIENCE)

    def show(
        self,
        answer: msgspec.Struct,
        rows: Sequence[msgspec.Struct],
        names: Sequence[str],
        cells: Sequence[Sequence[str]],
        right: set[int],
    ) -> None:
        """Print an answer; ``cells`` are those of the table, under ``names``."""
        if self.form == "json":
            click.echo(msgspec.json.encode(answer))
        elif self.form == "csv":
            write_csv(rows)
        else:
            show_table(names, cells, right)


_OPTIONS = (
    click.option("--url", help="The server. Default: http://, server.host and server.port."),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="File of the token, where the server asks for one. Default: $PSD_TOKEN.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON document."),
    click.option("--csv", "as_csv", is_flag=True, help="CSV instead of a table."),
)


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options about the server and the form; it gets an Asking first."""

    @functools.wraps(function)
    def command(
        *, url: str | None, token_file: Path | None, as_json: bool, as_csv: bool, **given: Any
    ) -> None:
        if as_json and as_csv:
            raise click.UsageError("--json and --csv contradict each other")
        settings = loaded_with(click.get_current_context(), {}).settings
        form: Form = "json" if as_json else "csv" if as_csv else "table"
        token = token_in(token_file) if token_file else os.environ.get("PSD_TOKEN", "").strip()
        function(Asking(url or url_of(settings), token, form), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def range_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the range that it is about, and the atids that count."""
    for option in reversed(
        (
            click.option("--start", metavar="TIME", help="RFC 3339 or epoch seconds."),
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


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given on the command line, lists as lists."""
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None and value != ()
    }


def url_of(settings: Settings) -> str:
    """Where the server of the settings is reached from this machine."""
    host = settings.server.host
    if host in ANY_ADDRESS:
        host = "::1" if host == "::" else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.server.port}"


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
