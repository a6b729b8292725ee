"""``psd energy``: the group; one module for what is asked of meters, one for each kind of file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup


class EnergyGroup(LazyGroup):
    """The commands of energy."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cost": ("psd.energy.cli.costs_shown:cost", "Bill a meter's energy by a plan."),
        "compare": ("psd.energy.cli.costs_shown:compare", "Bill it by several plans."),
        "recommend": ("psd.energy.cli.costs_shown:recommend", "List the cheapest plans."),
        "plans": ("psd.energy.cli.plans_kept:plans", "Keep price plans."),
        "prices": ("psd.energy.cli.prices_kept:prices", "Keep prices of a market."),
        "carbon": ("psd.energy.cli.prices_kept:carbon", "Keep carbon of a region."),
    }


@click.group(cls=EnergyGroup)
def energy() -> None:
    """Ask what meters used and what it costs.

    The rules are in docs/energy.md.
    """
