"""The tables and things that a deployment's settings name for the weekly rewards."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from psd.config import Settings, Thing
from psd.config_things import needed_thing
from psd.errors import ConfigError
from psd.rewards.settings import RewardsSettings
from psd.rewards.tables import SIGNALS_THING, Tables, load_tables


def tables_of(settings: RewardsSettings, things: Collection[str]) -> Tables:
    """The tables of the weekly rewards; ``things`` are the names of all that are configured.

    Raises ConfigError for a file that contradicts itself, or that names things which are not
    configured. The shipped file may: a deployment that sums steps alone has no vehicles.
    """
    path = settings.tables
    tables = load_tables(Path(path) if path else None)
    missing = sorted({SIGNALS_THING, *tables.earnings} - set(things))
    if path and missing:
        raise ConfigError(f"rewards.tables = {path!r}: things {missing} are not in [things]")
    return tables


def signals_of(things: Mapping[str, Thing], tables: Tables) -> int:
    """The number of the thing that activity is booked as, for what computes weeks.

    Raises ConfigError unless every thing of the weekly rewards is configured: without one of
    them the weeks would be computed as if nothing of it had been booked.
    """
    signals, *_ = (
        needed_thing(things, name, "the weekly rewards")
        for name in (SIGNALS_THING, *tables.earnings)
    )
    return signals


def tables_told(settings: Settings) -> str:
    """Which tables there are, for ``psd doctor``; raises ConfigError."""
    section = settings.of(RewardsSettings)
    tables_of(section, settings.things)
    return section.tables or "conf/rewards.toml as shipped"
