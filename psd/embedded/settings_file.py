"""Settings as a file that psd reads back: how ``psd up`` tells other commands of its store.

``redis.url = unix:///tmp/d/redis.sock`` becomes ::

    [redis]
    url = "unix:///tmp/d/redis.sock"
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from psd.config import Settings
from psd.config_sources import SECTIONS


@contextlib.contextmanager
def settings_file(path: Path, settings: Settings) -> Iterator[Path]:
    """A file of all settings that is there for a while, readable by its owner alone.

    A Redis URL may hold a password.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(settings_toml(settings))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def settings_toml(settings: Settings) -> str:
    """Every setting, by section."""
    lines = ["# Written by psd up while it runs."]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        lines += _lines(msgspec.structs.asdict(getattr(settings, section)))
    for name, thing in settings.things.items():
        lines += ["", f"[things.{_value(name)}]", *_lines(msgspec.structs.asdict(thing))]
    return "\n".join(lines) + "\n"


def _lines(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    """JSON's numbers, arrays and strings are TOML's too, but for the character DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
