"""``psd swaps``: the group; one module for what writes, one for what reads, one for scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup
from psd.swaps.cli.swaps_examples import SWAPS_EXAMPLES


class SwapsGroup(LazyGroup):
    """The commands of the ledger."""

    examples = SWAPS_EXAMPLES
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "add": ("psd.swaps.cli.writing_swaps:add", "Add a swap."),
        "correct": ("psd.swaps.cli.writing_swaps:correct", "Correct a swap by another one."),
        "show": ("psd.swaps.cli.read:show", "Show a transaction and its corrections."),
        "driver": ("psd.swaps.cli.read:driver", "Show a driver and the newest transactions."),
        "station": ("psd.swaps.cli.read:station", "Show a station and its batteries."),
        "battery": ("psd.swaps.cli.read:battery", "Show a battery and what was done with it."),
        "days": ("psd.swaps.cli.read:days", "List a driver's days."),
        "events": ("psd.swaps.cli.read:events", "List the stream itself."),
        "check": ("psd.swaps.cli.read:check", "List stocktakes that disagree, and warnings."),
        "verify": ("psd.swaps.cli.verifying:verify", "Hold a network against its stream."),
        "rebuild": ("psd.swaps.cli.verifying:rebuild", "Make indexes from the stream alone."),
        "import": ("psd.swaps.cli.csv_swaps:import_swaps", "Add what stands in a CSV file."),
        "sample": ("psd.swaps.cli.csv_swaps:sample", "Add a small network with its history."),
        "scenario": ("psd.swaps.cli.scenario_play:scenario", "Play a recorded scenario."),
    }


@click.group(cls=SwapsGroup)
def swaps() -> None:
    """Keep the ledger of battery swaps.

    The rules are in docs/swaps.md.
    """
