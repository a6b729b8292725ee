"""``psd config show``: every setting, its value, and which layer it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.config import Settings, Thing
from psd.config_sources import KNOWN_KEYS, LoadedSettings

SECRETS = frozenset({"booking.marker_key"})
"""Settings that are secret as a whole; a URL hides its password only."""

_PASSWORD = re.compile(r"(?P<before>://[^:@/\s]*):[^@/\s]*@")


@click.group(cls=Group)
def config() -> None:
    """Look at the settings."""


@config.command()
@click.option("--changed", is_flag=True, help="Only settings that are not at their default.")
@pass_settings
def show(loaded: LoadedSettings, changed: bool) -> None:
    """Print each setting, its value and its source; passwords are masked."""
    keys = [key for key in (*KNOWN_KEYS, "things") if not changed or is_changed(loaded, key)]
    rows = [(key, shown(loaded.settings, key), loaded.sources[key]) for key in keys]
    click.echo("\n".join(table([("KEY", "VALUE", "SOURCE"), *rows])))


def is_changed(loaded: LoadedSettings, key: str) -> bool:
    """Whether some layer set this."""
    return loaded.sources[key] != "default"


def shown(settings: Settings, key: str) -> str:
    """A setting's value as a person reads it, without secrets."""
    section, _, name = key.partition(".")
    if not name:
        return ",".join(things_text(settings.things))
    if key in SECRETS and getattr(getattr(settings, section), name):
        return "***"
    value: Any = getattr(getattr(settings, section), name)
    if isinstance(value, tuple):
        return ",".join(value) or "-"
    return masked(str(value)) if value != "" else "-"


def things_text(things: dict[str, Thing]) -> list[str]:
    """``name=id:unit`` for each thing, as PSD_THINGS takes it."""
    return [
        f"{name}={thing.id}:{thing.unit}" if thing.unit else f"{name}={thing.id}"
        for name, thing in things.items()
    ]


def masked(text: str) -> str:
    """Replace the password of a URL by stars."""
    return _PASSWORD.sub(r"\g<before>:***@", text)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines with aligned columns; the last one is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
