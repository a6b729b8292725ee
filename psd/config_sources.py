"""From file, environment and command line to the settings (psd/config.py), read once at start.

Precedence: defaults < ``conf/settings.toml`` < ``PSD_*`` environment < command-line flags.
The environment name of ``[redis] url`` is ``PSD_REDIS_URL``; a secret may also be given as
``PSD_REDIS_URL_FILE``, the path of a file that holds it. Lists are comma separated, things
are ``name=id`` or ``name=id:unit`` pairs.

>>> load_settings(environ={"PSD_SERVER_PORT": "1156"}).settings.server.port
1156

An unknown key is refused with the nearest key that exists, so that a typing error never
silently leaves a default in place.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec

from psd.addresses import read_host
from psd.config import (
    Section,
    Settings,
    Sources,
)
from psd.config_checks import check_consistent
from psd.config_things import parsed_things, thing_table
from psd.domains import domains
from psd.errors import ConfigError
from psd.names import nearest
from psd.secrets import STARS, is_private, is_secret, masked


class LoadedSettings(msgspec.Struct, frozen=True):
    """The settings and where each value came from (``default``, a path, ``PSD_...``, ``flag``)."""

    settings: Settings
    sources: dict[str, str]


NO_SECTIONS = ("things", "sources")
"""Fields of the settings that are a table, and what is told of all of them."""


def kinds() -> dict[str, Any]:
    """The struct of each section, in the order of conf/settings.toml.dist."""
    found: dict[str, Any] = {}
    own = {field.name for field in msgspec.structs.fields(Settings)}
    for domain in domains():
        if domain.name in own:
            raise ConfigError(f"domain {domain.name!r}: psd has a section of this name already")
    for field in msgspec.structs.fields(Settings):
        if field.name == "domains":
            found |= {domain.name: domain.settings for domain in domains()}
        elif field.name not in NO_SECTIONS:
            found[field.name] = field.type
    return found


KINDS = kinds()


def section_fields(section: str) -> tuple[str, ...]:
    """The keys of one section, in the order of conf/settings.toml.dist."""
    return tuple(field.name for field in msgspec.structs.fields(KINDS[section]))


SECTIONS = tuple(KINDS)
KNOWN_KEYS = tuple(f"{s}.{key}" for s in SECTIONS for key in section_fields(s))


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Merge the four sources; ``flags`` maps ``section.key`` to a value.

    Raises :class:`ConfigError` for an unknown key, a value of the wrong type, a file that
    cannot be read, or settings that contradict each other.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys((*KNOWN_KEYS, "things"), "default")
    for layer in (_from_file(path), _from_environ(environ or {}), _from_flags(flags or {})):
        for key, (value, source) in layer.items():
            values[key] = value
            sources[key] = source
    settings = _with_hosts_read(_convert(values))
    check_consistent(settings)
    settings = settings.with_sections(
        {name: section.checked() for name, section in settings.domains.items()}
    )
    given = Sources({key: source for key, source in sources.items() if source != "default"})
    return LoadedSettings(msgspec.structs.replace(settings, sources=given), sources)


def _with_hosts_read(settings: Settings) -> Settings:
    """The hosts to listen on without the brackets that an IPv6 address may have."""
    host = read_host(settings.server.host, "server.host")
    return msgspec.structs.replace(
        settings, server=msgspec.structs.replace(settings.server, host=host)
    )


def _convert(values: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {}
    own: dict[str, Any] = {}
    names = {domain.name for domain in domains()}
    for key, value in values.items():
        section, _, name = key.partition(".")
        if name:
            of = own if section in names else tree
            of.setdefault(section, {})[name] = value
        else:
            tree[section] = thing_table(value)
    settings: Settings = _converted(tree, Settings, "", values)
    sections = {name: _section(name, content, values) for name, content in own.items()}
    return settings.with_sections(sections)


def _section(name: str, content: Mapping[str, Any], values: Mapping[str, Any]) -> Section:
    """A domain's section, as it is meant."""
    section: Section = _converted(content, KINDS[name], f"{name}.", values)
    return section


def _converted(content: Any, kind: Any, prefix: str, values: Mapping[str, Any]) -> Any:
    try:
        return msgspec.convert(content, kind, strict=False)
    except msgspec.ValidationError as exc:
        message, _, where = str(exc).partition(" - at ")
        key = prefix + where.strip("`$.") or "settings"
        told = STARS if key in SECRETS else masked(repr(values.get(key)))
        raise ConfigError(f"{key} = {told}: {message[0].lower()}{message[1:]}") from exc


Layer = dict[str, tuple[Any, str]]


def _from_file(path: Path | None) -> Layer:
    if path is None:
        return {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    may_others_read = bool(path.stat().st_mode & stat.S_IROTH)
    layer: Layer = {}
    for section, content in tree.items():
        if section == "things":
            layer["things"] = (content, str(path))
            continue
        if not isinstance(content, dict):
            raise _unknown(section, f"in {path}")
        for name, value in content.items():
            key = f"{section}.{name}"
            if key not in KNOWN_KEYS:
                raise _unknown(key, f"in {path}")
            if key in PRIVATE and value and may_others_read:
                raise ConfigError(
                    f"{key}: others may read {path}; chmod o-r it, or give a file of its own in "
                    f"{environment_name(key)}_FILE"
                )
            layer[key] = (value, str(path))
    return layer


def _from_environ(environ: Mapping[str, str]) -> Layer:
    names = {environment_name(key): key for key in (*KNOWN_KEYS, "things")}
    layer: Layer = {}
    for name, text in environ.items():
        if not name.startswith("PSD_") or name.startswith("PSD_TEST_") or name in NOT_SETTINGS:
            continue
        key = names.get(name) or names.get(name.removesuffix("_FILE"))
        if key is None:
            raise _unknown(name, "in the environment", names)
        value = text if name in names else _secret_in(name, Path(text))
        layer[key] = (_parse_text(key, value), name)
    return layer


def _secret_in(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{name}: {exc}") from exc


def _keys_of(is_such: Callable[[object], bool]) -> frozenset[str]:
    """Settings by the mark of their types."""
    return frozenset(
        f"{section}.{field.name}"
        for section, kind in KINDS.items()
        for field in msgspec.structs.fields(kind)
        if is_such(field.type)
    )


SECRETS = _keys_of(is_secret)
"""Settings that are secret as a whole; an address hides its password only."""

PRIVATE = _keys_of(is_private)
"""Those of them that may not stand in a file that others may read."""

NOT_SETTINGS = frozenset({"PSD_CONFIG", "PSD_FAILPOINT", "PSD_TOKEN", "PSD_URL"})
"""Environment names that are not settings: the path of the settings file itself, where a test
wants the process to die (psd/failpoints.py), and token and server of the commands that ask one."""


def _from_flags(flags: Mapping[str, Any]) -> Layer:
    layer: Layer = {}
    for key, value in flags.items():
        if key not in KNOWN_KEYS and key != "things":
            raise _unknown(key, "as a flag")
        layer[key] = (_parse_text(key, value) if isinstance(value, str) else value, "flag")
    return layer


def environment_name(key: str) -> str:
    """``redis.url`` -> ``PSD_REDIS_URL``."""
    return "PSD_" + key.replace(".", "_").upper()


def _parse_text(key: str, text: str) -> Any:
    if key == "things":
        return parsed_things(text)
    section, _, name = key.partition(".")
    field = next(f for f in msgspec.structs.fields(KINDS[section]) if f.name == name)
    if get_origin(field.type) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _unknown(
    key: str, where: str, known: Mapping[str, str] | tuple[str, ...] = KNOWN_KEYS
) -> ConfigError:
    return ConfigError(f"{key}: unknown setting {where}; did you mean {nearest(key, known)}?")
