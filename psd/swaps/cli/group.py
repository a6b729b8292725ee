"""``psd swaps``: the group; one module for what writes, one for scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup


class SwapsGroup(LazyGroup):
    """The commands of the ledger."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "add": ("psd.swaps.cli.writing_swaps:add", "Add a swap."),
        "correct": ("psd.swaps.cli.writing_swaps:correct", "Correct a swap by another one."),
        "import": ("psd.swaps.cli.csv_swaps:import_swaps", "Add what stands in a CSV file."),
        "sample": ("psd.swaps.cli.csv_swaps:sample", "Add a small network with its history."),
        "scenario": ("psd.swaps.cli.scenario_play:scenario", "Play a recorded scenario."),
    }


@click.group(cls=SwapsGroup)
def swaps() -> None:
    """Keep the ledger of battery swaps.

    The rules are in docs/swaps.md.
    """
