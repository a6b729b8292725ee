"""``psd rewards``: the group; one module for what reads, one for the job, one for payouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.cli.lazy import LazyGroup


class RewardsGroup(LazyGroup):
    """The weekly rewards' commands."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "calculate": (
            "psd.cli.rewards_job:calculate",
            "Compute a week and every computed week after it.",
        ),
        "what-if": ("psd.cli.rewards_job:what_if", "Show what other tables would have paid."),
        "weeks": ("psd.cli.rewards_read:weeks", "List the weeks and the state of each."),
        "statement": ("psd.cli.rewards_read:statement", "Explain the week of a vehicle."),
        "history": ("psd.cli.rewards_read:history", "List the weeks of an owner's vehicles."),
        "export": ("psd.cli.rewards_pay:export", "Write a week for whoever pays."),
        "paid": ("psd.cli.rewards_pay:paid", "Record what was paid."),
        "blacklist": ("psd.cli.rewards_pay:blacklist", "Look after owners who are not paid."),
        "override": ("psd.cli.rewards_pay:override", "Look after streaks that are set by hand."),
        "serve": ("psd.cli.rewards_serve:serve", "Serve the rewards over gRPC."),
    }


@click.group(cls=RewardsGroup)
def rewards() -> None:
    """Compute, explain and pay the weekly rewards.

    The rules are in docs/rewards.md.
    """
