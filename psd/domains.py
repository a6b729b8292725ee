"""The domains of psd, a line each, and how they are found.

A domain is a folder that says in its ``domain`` module what it brings
(:class:`psd.domain.definition.Domain`). Whoever needs something of all of them walks this list;
nobody else knows a domain by its name::

    [domain.name for domain in domains()]     -> ["rewards", "prometheus", "swaps"]

A domain is imported when the list is first walked. Its ``domain`` module is light, what it names
by ``module:name`` is imported when it is used (:func:`named`).
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    """All that there are, in the order of their lines."""
    return tuple(named(each) for each in DOMAINS)


def folder_of(line: str) -> Path:
    """Where a domain's folder is, by its line in the list."""
    return Path(named_module(line).__file__ or "").parent


def named(name: str) -> Any:
    """What ``module:name`` stands for."""
    return getattr(named_module(name), name.partition(":")[2])


def named_module(name: str) -> ModuleType:
    """The module of ``module:name``."""
    return importlib.import_module(name.partition(":")[0])
