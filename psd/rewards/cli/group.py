"""``psd rewards``: the group; one module for what reads, one for the job, one for payouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup
from psd.rewards.cli.rewards_examples import REWARDS_EXAMPLES


class RewardsGroup(LazyGroup):
    """The weekly rewards' commands."""

    examples = REWARDS_EXAMPLES
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "calculate": (
            "psd.rewards.cli.job:calculate",
            "Compute a week and every computed week after it.",
        ),
        "what-if": ("psd.rewards.cli.job:what_if", "Show what other tables would have paid."),
        "weeks": ("psd.rewards.cli.read:weeks", "List the weeks and the state of each."),
        "statement": ("psd.rewards.cli.read:statement", "Explain the week of a vehicle."),
        "history": ("psd.rewards.cli.read:history", "List the weeks of an owner's vehicles."),
        "export": ("psd.rewards.cli.pay:export", "Write a week for whoever pays."),
        "paid": ("psd.rewards.cli.pay:paid", "Record what was paid."),
        "blacklist": ("psd.rewards.cli.pay:blacklist", "Look after owners who are not paid."),
        "override": ("psd.rewards.cli.pay:override", "Look after streaks that are set by hand."),
        "serve": ("psd.rewards.cli.serve:serve", "Serve the rewards over gRPC."),
    }


@click.group(cls=RewardsGroup)
def rewards() -> None:
    """Compute, explain and pay the weekly rewards.

    The rules are in docs/rewards.md.
    """
