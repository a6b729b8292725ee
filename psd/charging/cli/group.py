"""``psd charging``: the group; its commands are in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from psd.charging.cli.charging_examples import CHARGING_EXAMPLES
from psd.cli.lazy import LazyGroup


class ChargingGroup(LazyGroup):
    """The commands of charging."""

    examples = CHARGING_EXAMPLES
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "export": ("psd.charging.cli.sessions:export", "Write all sessions, also as OCPI CDRs."),
        "fuses": ("psd.charging.cli.plugs:fuses", "Show fuses and who waits at them."),
        "ledger": ("psd.charging.cli.money:ledger", "Show a customer's ledger."),
        "plugs": ("psd.charging.cli.plugs:plugs", "Show plugs and their sessions."),
        "post": ("psd.charging.cli.money:post", "Post an entry by hand."),
        "link": ("psd.charging.cli.money:link", "Print a link to top up, or to manage cards."),
        "request": ("psd.charging.cli.plugs:request", "Ask a plug for something."),
        "restore": ("psd.charging.cli.sessions:restore", "Put balances and bookings right."),
        "scenario": ("psd.charging.cli.plug_scenario:scenario", "Play a recorded scenario."),
        "sessions": ("psd.charging.cli.sessions:sessions", "Show sessions that have ended."),
        "simulate": (
            "psd.charging.cli.simulate:simulate",
            "Simulate a yard of cars, and prove that all of it adds up.",
        ),
        "site": ("psd.charging.cli.site:site", "Read the plugs of a site, and switch them."),
    }


@click.group(cls=ChargingGroup)
def charging() -> None:
    """Charge cars at plugs.

    The rules are in docs/charging.md.
    """
