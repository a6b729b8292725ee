"""The domains of psd, a line each, and how they are found.

A domain is a folder that says in its ``domain`` module what it brings
(:class:`psd.domain.definition.Domain`). Whoever needs something of all of them walks this list;
nobody else knows a domain by its name::

    [domain.name for domain in domains()]     -> ["rewards", "prometheus", "swaps"]

Another distribution may bring one: it names it under an entry point of :data:`GROUP`, and has no
line here (docs/domains.md). Those come behind psd's own, by their names.

A domain is imported when the list is first walked. Its ``domain`` module is light, what it names
by ``module:name`` is imported when it is used (:func:`named`).
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from psd.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from psd.domain.definition import Domain
    from psd.energy.client import AsyncEnergy, Energy
    from psd.rewards.client import AsyncRewards, Rewards

DOMAINS = (
    "psd.rewards.domain:REWARDS",
    "psd.prometheus.domain:PROMETHEUS",
    "psd.swaps.domain:SWAPS_DOMAIN",
    "psd.energy.domain:ENERGY",
    "psd.charging.domain:CHARGING",
)


GROUP = "psd.domains"
"""Entry points of domains that are installed beside psd: ``rides = "psd_rides.domain:RIDES"``."""

NAME = re.compile(r"[a-z][a-z0-9]{0,31}")
"""A domain's name, which is a section, a command, a tag and a part of keys."""


class AsyncParts:
    """What domains bring to psd.client.AsyncClient; the lines are for whoever checks types."""

    if TYPE_CHECKING:
        energy: AsyncEnergy
        rewards: AsyncRewards


class Parts:
    """What domains bring to psd.client.Client."""

    if TYPE_CHECKING:
        energy: Energy
        rewards: Rewards


@cache
def domains() -> tuple[Domain, ...]:
    """All that there are: psd's own by their lines, then others by their names.

    Raises ConfigError for one of another distribution that cannot be had.
    """
    return tuple(domain for domain, _ in _found())


def folder_of(domain: Domain) -> Path:
    """Where a domain's folder is."""
    [line] = [line for each, line in _found() if each is domain]
    return Path(named_module(line).__file__ or "").parent


@cache
def _found() -> list[tuple[Domain, str]]:
    """Each domain, and the ``module:name`` where it is."""
    found: list[tuple[Domain, str]] = [(named(line), line) for line in DOMAINS]
    taken = {domain.name for domain, _ in found}
    for point in sorted(entry_points(), key=lambda each: each.name):
        found.append((foreign(point, taken), point.value))
        taken.add(point.name)
    return found


def entry_points() -> Collection[EntryPoint]:
    """What other distributions name.

    importlib.metadata reads mail headers to find out, and costs a command a third of its start: so
    it is first looked for the group in the files that would name it.
    """
    if not any(map(_may_name_one, sys.path)):
        return ()
    found: Collection[EntryPoint] = importlib.import_module("importlib.metadata").entry_points(
        group=GROUP
    )
    return found


def _may_name_one(place: str) -> bool:
    """Whether an entry of sys.path may have a distribution with the group."""
    folder = Path(place or ".")
    if not folder.is_dir():
        # A zip, or what somebody's own finder knows.
        return folder.exists()
    lists = (
        *folder.glob("*.dist-info/entry_points.txt"),
        *folder.glob("*.egg-info/entry_points.txt"),
    )
    return any(GROUP.encode() in each.read_bytes() for each in lists)


def foreign(point: EntryPoint, taken: set[str]) -> Domain:
    """A domain of another distribution."""
    whose = f"domain {point.name!r} ({point.value})"
    if point.dist is not None:
        whose += f" of the distribution {point.dist.name!r}"
    if not NAME.fullmatch(point.name):
        raise ConfigError(f"{whose}: a name is a letter and up to 31 letters and digits, all lower")
    if point.name in taken:
        raise ConfigError(f"{whose}: there is a domain of this name already")
    try:
        domain: Domain = point.load()
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"{whose}: it cannot be imported ({exc})") from exc
    if domain.name != point.name:
        raise ConfigError(f"{whose}: it calls itself {domain.name!r}; both are one name")
    return domain


def named(name: str) -> Any:
    """What ``module:name`` stands for."""
    return getattr(named_module(name), name.partition(":")[2])


def named_module(name: str) -> ModuleType:
    """The module of ``module:name``."""
    return importlib.import_module(name.partition(":")[0])
