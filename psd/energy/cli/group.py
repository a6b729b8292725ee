"""``psd energy``: the group; one module for what is asked of meters, one for each kind of file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup
from psd.energy.cli.energy_examples import ENERGY_EXAMPLES


class MeterGroup(LazyGroup):
    """What is known of meters."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "show": ("psd.energy.cli.meter_commands:show", "Show a meter and its channels."),
        "set": ("psd.energy.cli.meter_commands:set_meter", "Say what a meter is."),
        "exchange": ("psd.energy.cli.meter_commands:exchange", "Say that a meter was exchanged."),
    }


@click.group("meter", cls=MeterGroup)
def meter() -> None:
    """Look at meters, and say what they are."""


class EnergyGroup(LazyGroup):
    """The commands of energy."""

    examples = ENERGY_EXAMPLES
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "import": ("psd.energy.cli.file_commands:import_energy", "Book what stands in a file."),
        "sample": ("psd.energy.cli.file_commands:energy_sample", "Book a month of one house."),
        "usage": ("psd.energy.cli.usage_commands:usage", "Show the energy of a meter."),
        "gaps": ("psd.energy.cli.usage_commands:gaps", "Show when a meter was not metered."),
        "meter": ("psd.energy.cli.group:meter", "Look at meters, and say what they are."),
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
