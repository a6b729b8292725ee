"""Every setting as people are shown it: its value, its default, where it came from; no secret.

>>> [row.key for row in setting_rows(load_settings(flags={"server.port": 1156}).settings)
...  if row.is_changed]
['server.port']
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.config import Settings, Thing
from psd.config_sources import KNOWN_KEYS, SECRETS
from psd.secrets import STARS, masked
from psd.store.lifetimes import own_lifetimes

DEFAULT = "default"


class SettingRow(msgspec.Struct, frozen=True):
    """A setting; values are texts as they may be written, ``-`` for nothing."""

    key: str
    value: str
    default: str
    source: str
    is_changed: bool


def setting_rows(settings: Settings) -> list[SettingRow]:
    """All of them, in the order of conf/settings.toml.dist."""
    defaults, sources = Settings(), settings.sources
    return [
        SettingRow(
            key,
            shown_setting(settings, key),
            shown_setting(defaults, key),
            sources.get(key if key in KNOWN_KEYS else "things", DEFAULT),
            value_of(settings, key) != value_of(defaults, key),
        )
        for key in (*KNOWN_KEYS, "things", *lifetime_keys(settings))
    ]


def value_of(settings: Settings, key: str) -> Any:
    """A setting's value by its name, ``section.key``."""
    section, _, name = key.partition(".")
    if section == "things" and name:
        thing, _, level = name.partition(".")
        return getattr(settings.things.get(thing), level, msgspec.UNSET)
    return getattr(settings.section(section), name) if name else getattr(settings, section)


def shown_setting(settings: Settings, key: str) -> str:
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
