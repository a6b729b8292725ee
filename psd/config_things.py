"""The table of things, from a file or from one line, and the rules that it keeps. Pure.

>>> parsed_things("steps=1:steps,energy_mwh=9:mWh")
{"steps": {"id": "1", "unit": "steps"}, "energy_mwh": {"id": "9", "unit": "mWh"}}
>>> needed_thing({"steps": Thing(1)}, "signals", "the weekly job")
psd.errors.ConfigError: things.signals: missing, needed by the weekly job; there is only steps
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from psd.config import Thing
from psd.errors import ConfigError
from psd.names import thing_problem

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)


def parsed_things(text: str) -> dict[str, dict[str, str]]:
    """The table of ``name=id`` and ``name=id:unit`` pairs; each name stands once."""
    things: dict[str, dict[str, str]] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, equals, rest = pair.partition("=")
        number, _, unit = rest.partition(":")
        name, number = name.strip(), number.strip()
        if not equals or not _NUMBER.fullmatch(number):
            raise ConfigError(f"things: {pair[:100]!r} is not name=id or name=id:unit")
        if name in things:
            raise ConfigError(f"things.{name}: said twice, with ids {things[name]['id']}, {number}")
        things[name] = {"id": number, "unit": unit.strip()}
    return things


def thing_table(raw: Any) -> dict[str, Thing]:
    """The things of a table as a file or :func:`parsed_things` has it; raises ConfigError."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"things = {raw!r}: must be a table of names")
    return {name: _thing(name, content) for name, content in raw.items()}


def check_things(things: Mapping[str, Thing]) -> None:
    """Refuse names, numbers and units that something of psd could misread."""
    if not things:
        raise ConfigError("things: there must be at least one")
    names: dict[int, str] = {}
    for name, thing in things.items():
        problem = thing_problem(name, thing.id, thing.unit)
        if problem:
            raise ConfigError(f"things.{name[:100]!r}: {problem}")
        if thing.id in names:
            raise ConfigError(f"things.{name}: id {thing.id} is already {names[thing.id]!r}")
        names[thing.id] = name


def needed_thing(things: Mapping[str, Thing], name: str, who: str) -> int:
    """The number of a thing that something cannot do without; raises ConfigError."""
    if name in things:
        return things[name].id
    known = ", ".join(things)
    raise ConfigError(f"things.{name}: missing, needed by {who}; there is only {known[:500]}")


def _thing(name: str, content: Any) -> Thing:
    number = content.get("id") if isinstance(content, Mapping) else None
    is_text = isinstance(number, str) and not _NUMBER.fullmatch(number)
    if isinstance(number, bool | float) or is_text:
        raise ConfigError(f"things.{name}: id {number!r} must be a whole number")
    try:
        return msgspec.convert(content, Thing, strict=False)
    except msgspec.ValidationError as exc:
        message, _, where = str(exc).partition(" - at ")
        field = where.strip("`$.")
        place = f"things.{name}.{field}" if field else f"things.{name}"
        raise ConfigError(f"{place}: {message[0].lower()}{message[1:]}") from exc
