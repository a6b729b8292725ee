"""Settings as a file that psd reads back: how ``psd up`` tells other commands of its store.

It is one instance's, for whoever asks that instance: another ``psd up`` never starts from it,
and nobody from one whose ``psd up`` was killed (:func:`is_running_file`, :func:`is_left_over`).
Paths in it are absolute, so that it means the same from every folder.

``redis.url = unix:///tmp/d/redis.sock`` becomes ::

    [redis]
    url = "unix:///tmp/d/redis.sock"
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from psd.config import Settings, is_path
from psd.config_sources import KINDS, SECTIONS, section_fields

FIRST_LINE = "# Written by psd up while it runs."


@contextlib.contextmanager
def settings_file(path: Path, settings: Settings) -> Iterator[Path]:
    """A file of all settings that is there for a while, readable by its owner alone.

    A Redis URL may hold a password.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(settings_toml(with_absolute_paths(settings)))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def is_running_file(path: Path) -> bool:
    """Whether a psd up wrote a settings file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n") == FIRST_LINE
    except OSError:
        return False


def is_left_over(path: Path) -> bool:
    """Whether the psd up that wrote it has ended: nobody holds the lock of its folder."""
    lock = path.parent / "psd.lock"
    if not is_running_file(path) or not lock.is_file():
        return False
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings as they are meant in this folder."""
    changed: dict[str, Any] = {}
    for section, kind in KINDS.items():
        for field in msgspec.structs.fields(kind):
            kept = changed.get(section, settings.section(section))
            text = getattr(kept, field.name)
            if is_path(field.type) and text and "://" not in text:
                path = str(Path(text).expanduser().absolute())
                changed[section] = msgspec.structs.replace(kept, **{field.name: path})
    return settings.with_sections(changed)


def settings_toml(settings: Settings) -> str:
    """Every setting, by section."""
    lines = [FIRST_LINE]
    for section in filter(section_fields, SECTIONS):
        lines += ["", f"[{section}]"]
        lines += _lines(msgspec.structs.asdict(settings.section(section)))
    for name, thing in settings.things.items():
        lines += ["", f"[things.{_value(name)}]", *_lines(msgspec.structs.asdict(thing))]
    return "\n".join(lines) + "\n"


def _lines(values: dict[str, Any]) -> list[str]:
    return [
        f"{name} = {_value(value)}" for name, value in values.items() if value is not msgspec.UNSET
    ]


def _value(value: Any) -> str:
    """JSON's numbers, arrays and strings are TOML's too, but for the character DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
