"""``psd token``: make a token for a client, and tell what a token may do.

psd keeps the hash of a token and never the token: ``new`` prints both, once ::

    $ psd token new --name phone --scope read --owner 1503960366
    psd_8Yt4...                                          give this to the client
    name=phone scopes=read owners=1503960366 sha256=9f... this into access.tokens_file
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import cast

import click

from psd.access.identity import Scope
from psd.access.tokens import TokenLine, digest, token_table, write_line
from psd.cli.access_options import owner_option, scope_option
from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, show_lines
from psd.clock import SystemClock, utc_text
from psd.config_sources import LoadedSettings
from psd.errors import UnauthorizedError
from psd.operations.token_file import TokenFile, made_token
from psd.times import read

LAST_END_S = 253_402_300_800
"""The year 10000: later times have no RFC 3339 form."""

UNIT_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")


@click.group(cls=Group)
def token() -> None:
    """Make and look at API tokens."""


@token.command()
@click.option("--name", required=True, help="Whose token it is; for people, it grants nothing.")
@scope_option("What it may do.")
@owner_option("An owner whose data it may see or book.")
@click.option(
    "--expires",
    metavar="T",
    help="When it ends: RFC 3339, epoch seconds, or 12h, 90d, 52w from now. Default: never.",
)
def new(
    name: str, scopes: tuple[str, ...], owners: tuple[int | str, ...], expires: str | None
) -> None:
    """Make a token.

    Prints the token, which is shown this once, and the line that psd needs of it: append that
    to the file of access.tokens_file, or put it into access.tokens. A running server reads the
    file again by itself.
    """
    ends = None if expires is None else end_of(expires, SystemClock().now_s())
    secret, line = made_token(name, cast(Sequence[Scope], scopes), owners, ends, "psd token new")
    click.echo(secret)
    click.echo(write_line(line))
    click.echo("The first line is the token; psd cannot show it again.", err=True)


@token.command()
@pass_settings
def check(loaded: LoadedSettings) -> None:
    """Tell what the token on stdin may do, by the configured tokens.

    Exit code 1 when it is not known or has expired.
    """
    secret = sys.stdin.readline().strip()
    try:
        identity = token_table(loaded.settings.access).identity(secret, SystemClock().now_s())
    except UnauthorizedError as error:
        click.echo(str(error), err=True)
        click.get_current_context().exit(1)
    click.echo(write_line(TokenLine(identity, digest(secret))))


@token.command("ls")
@forms
@pass_settings
def list_tokens(loaded: LoadedSettings, /, *, form: Form) -> None:
    """List the tokens that the settings know: mark, name, scopes, owners, end, where it stands."""
    rows = [("mark", "name", "scopes", "owners", "ends", "source")]
    for each in TokenFile(loaded.settings.access).kept():
        owners = "everybody" if each.owners is None else ",".join(each.owners)
        ends = "never" if each.expires_at_s is None else utc_text(each.expires_at_s)
        scopes = ",".join(each.scopes)
        rows.append((each.mark, each.name, scopes, owners, ends, each.source))
    show_lines(form, rows)


@token.command()
@click.argument("mark")
@pass_settings
def revoke(loaded: LoadedSettings, /, *, mark: str) -> None:
    """Take a token out of access.tokens_file, by its mark (psd token ls).

    Servers of this machine refuse it a second later.
    """
    revoked = TokenFile(loaded.settings.access).remove(mark)
    click.echo(f"{revoked.name} is revoked", err=True)


def end_of(text: str, now_s: int) -> int:
    """The second at which a token ends; refuses one that lies behind."""
    span = _SPAN.fullmatch(text)
    try:
        end_s = now_s + int(span[1]) * UNIT_SECONDS[span[2]] if span else read(text, now_s=now_s)
    except (ValueError, OverflowError) as exc:
        raise click.BadParameter(str(exc), param_hint="--expires") from exc
    if not now_s < end_s < LAST_END_S:
        raise click.BadParameter(
            f"{text!r} is not between now and the year 10000", param_hint="--expires"
        )
    return end_s
