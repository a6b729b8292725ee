"""``psd config show``: every setting, its value, and which layer it came from."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import aligned
from psd.config import Settings, Thing
from psd.config_sources import KNOWN_KEYS, SECRETS, LoadedSettings
from psd.secrets import STARS, masked
from psd.store.lifetimes import own_lifetimes


@click.group(cls=Group)
def config() -> None:
    """Look at the settings."""


@config.command()
@click.option("--changed", is_flag=True, help="Only settings that differ from their default.")
@pass_settings
def show(loaded: LoadedSettings, changed: bool) -> None:
    """Print each setting, its value and its source; secrets are masked."""
    defaults = Settings()
    rows = [("KEY", "VALUE", "DEFAULT", "SOURCE") if changed else ("KEY", "VALUE", "SOURCE")]
    for key in (*KNOWN_KEYS, "things", *lifetime_keys(loaded.settings)):
        value, default = shown(loaded.settings, key), shown(defaults, key)
        source = loaded.sources[key if key in loaded.sources else "things"]
        if not changed:
            rows.append((key, value, source))
        elif value_of(loaded.settings, key) != value_of(defaults, key):
            rows.append((key, value, default, source))
    click.echo("\n".join(line.rstrip() for line in aligned(rows)))


def value_of(settings: Settings, key: str) -> Any:
    """A setting's value by its name, ``section.key``."""
    section, _, name = key.partition(".")
    if section == "things" and name:
        thing, _, level = name.partition(".")
        return getattr(settings.things.get(thing), level, msgspec.UNSET)
    return getattr(settings.section(section), name) if name else getattr(settings, section)


def shown(settings: Settings, key: str) -> str:
    """A setting's value as a person reads it, without secrets."""
    value = value_of(settings, key)
    if isinstance(value, dict):
        return ",".join(things_text(value))
    if isinstance(value, tuple):
        return ",".join(map(masked, value)) or "-"
    if value and key in SECRETS:
        return STARS
    return "-" if value in ("", msgspec.UNSET) else masked(str(value))


def lifetime_keys(settings: Settings) -> list[str]:
    """``things.energy_import.second_s``: lifetimes that things have of their own."""
    return [
        f"things.{name}.{level}"
        for name, thing in settings.things.items()
        for level in own_lifetimes(thing)
    ]


def things_text(things: dict[str, Thing]) -> list[str]:
    """``name=id:unit`` for each thing, as PSD_THINGS takes it."""
    return [
        f"{name}={thing.id}:{thing.unit}" if thing.unit else f"{name}={thing.id}"
        for name, thing in things.items()
    ]
