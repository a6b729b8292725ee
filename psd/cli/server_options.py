"""Where the server is that a command asks, and who asks: the same for every command.

The address is ``--url``, else ``$PSD_URL``, else server.host and server.port of the settings. The
token is the one that ``--token-file`` holds, else ``$PSD_TOKEN``::

    $ export PSD_URL=https://points.example PSD_TOKEN=psd_8Yt4...
    $ psd top steps
    $ psd import steps.csv --uid Id --time At --thing steps=Steps

There is no option that takes the token itself: it would show it to every user of ps.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from psd.addresses import Address
from psd.cli.options import loaded_with
from psd.config import Settings

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})

_TOKEN = re.compile(r"[\x21-\x7e]+")


class AskedServer(msgspec.Struct, frozen=True):
    """A server's address, and the token to show it; "" is none."""

    url: str
    token: str = ""


_OPTIONS = (
    click.option(
        "--url", metavar="URL", help="The server. Default: $PSD_URL, else that of the settings."
    ),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="File of the token, where the server asks for one. Default: $PSD_TOKEN.",
    ),
)


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--url`` and ``--token-file``; it gets an AskedServer as ``server``."""

    @functools.wraps(function)
    def command(*arguments: Any, url: str | None, token_file: Path | None, **given: Any) -> None:
        settings = loaded_with(click.get_current_context(), {}).settings
        function(*arguments, server=asked_server(url, token_file, settings), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_server(url: str | None, token_file: Path | None, settings: Settings) -> AskedServer:
    """Whom to ask by the options, the environment and the settings, in this order."""
    found = url or os.environ.get("PSD_URL", "").strip() or url_of(settings)
    if token_file is not None:
        return AskedServer(found, token_in(token_file))
    token = os.environ.get("PSD_TOKEN", "").strip()
    if token and not _TOKEN.fullmatch(token):
        # The value is not told: it is a secret but for the mistake in it.
        raise click.UsageError("$PSD_TOKEN does not hold one token")
    return AskedServer(found, token)


def url_of(settings: Settings) -> str:
    """Where the server of the settings is reached from this machine."""
    host = settings.server.host
    if host in ANY_ADDRESS:
        host = "::1" if host == "::" else "127.0.0.1"
    return f"http://{Address(host, settings.server.port)}"


def token_in(path: Path) -> str:
    """The token that a file holds."""
    try:
        token = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as exc:
        raise click.BadParameter(f"{path}: {exc.strerror}", param_hint="--token-file") from exc
    if not _TOKEN.fullmatch(token):
        raise click.BadParameter(f"{path} does not hold one token", param_hint="--token-file")
    return token
