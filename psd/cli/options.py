"""The options that every ``psd`` command shares: where settings come from.

``--config FILE`` and ``--set section.key=value`` stand before the command's name. A command
asks for the merged result, and adds what its own flags say::

    @click.command()
    @click.option("--port", type=int, help="Port to listen on.")
    @pass_settings
    def server(loaded: LoadedSettings, port: int | None) -> None:
        loaded = loaded_with(click.get_current_context(), {"server.port": port})

Nothing here opens a connection, and settings are imported when they are read, so that ``psd
--help`` stays quick.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec

from psd.errors import ConfigError

if TYPE_CHECKING:
    from psd.config_sources import LoadedSettings

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_FILE = Path("conf/settings.toml")
RUNNING_FILE = Path("data/psd.toml")
"""Written by ``psd up`` while it runs, so that ``psd query`` in another terminal of the same
folder reaches the store that ``psd up`` started."""


class GlobalOptions(msgspec.Struct, frozen=True):
    """What stood before the command's name; ``flags`` maps ``section.key`` to its text."""

    config: Path | None = None
    flags: dict[str, str] = {}


def global_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give the group ``--config`` and ``--set`` and keep them for the commands."""

    @functools.wraps(function)
    def wrapper(config: Path | None, assignments: tuple[str, ...], **rest: Any) -> R:
        flags = dict(split_assignment(text) for text in assignments)
        click.get_current_context().obj = GlobalOptions(config, flags)
        return function(**rest)

    with_set = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override one setting, for example --set redis.durability=fast. Repeatable.",
    )(wrapper)
    return click.option(
        "--config",
        envvar="PSD_CONFIG",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Settings file. Default: $PSD_CONFIG, else conf/settings.toml if it exists, "
        "else data/psd.toml, which 'psd up' writes while it runs.",
    )(with_set)


def pass_settings(function: Callable[Concatenate[LoadedSettings, P], R]) -> Callable[P, R]:
    """Inject the merged settings as first argument of a command."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(loaded_with(click.get_current_context(), {}), *args, **kwargs)

    return wrapper


def loaded_with(
    ctx: click.Context, overrides: Mapping[str, Any], own: Path | None = None
) -> LoadedSettings:
    """Read the settings again with a command's own flags on top; None means not given.

    ``own`` is what a ``psd up`` will write: see :func:`settings_path`.
    """
    sources = import_module("psd.config_sources")
    options = ctx.find_object(GlobalOptions) or GlobalOptions()
    given = {key: value for key, value in overrides.items() if value is not None}
    path = settings_path(options.config, own)
    loaded: LoadedSettings = sources.load_settings(path, os.environ, {**options.flags, **given})
    return loaded


def settings_path(named: Path | None, own: Path | None = None) -> Path | None:
    """The settings file to read: the named one, else the first default that exists.

    With ``own``, for a ``psd up``: it starts from no file that it or another one wrote for
    others, whoever names that. Without, a file whose ``psd up`` has ended names a store that is
    gone and a port that may be another's by now.
    """
    files = import_module("psd.embedded.settings_file")
    is_left_over = files.is_left_over
    if (
        own is not None
        and named is not None
        and (files.is_running_file(named) or _is_same(named, own))
    ):
        named = None
    if named is not None:
        if is_left_over(named):
            raise ConfigError(f"{named}: the psd up that wrote it has ended; start it again")
        return named
    if DEFAULT_FILE.is_file():
        return DEFAULT_FILE
    found = own is None and RUNNING_FILE.is_file() and not is_left_over(RUNNING_FILE)
    return RUNNING_FILE if found else None


def _is_same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute()


def store_overrides(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the flags that take a store which psd refuses by default."""
    eviction = click.option(
        "--allow-eviction",
        is_flag=True,
        default=None,
        help="Start although the store may evict keys, which makes sums wrong. "
        "Setting redis.allow_eviction.",
    )
    old_server = click.option(
        "--allow-old-server",
        is_flag=True,
        default=None,
        help="Start on a store older than 6.2, which is not tested. "
        "Setting redis.allow_old_server.",
    )
    return eviction(old_server(function))


def insecure_option(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the flag that lets it serve other machines without any check."""
    return click.option(
        "--insecure",
        is_flag=True,
        default=None,
        help="Serve an address of other machines without checking anybody. "
        "Setting access.insecure.",
    )(function)


def split_assignment(text: str) -> tuple[str, str]:
    """``redis.url=redis://h/0`` -> ``("redis.url", "redis://h/0")``."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not SECTION.KEY=VALUE", param_hint="--set")
    return key.strip(), value
