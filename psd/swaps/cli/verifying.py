"""``psd swaps verify`` and ``rebuild``: everything of a network, held against its stream.

::

    $ psd swaps verify
    psd:swaps:{main}:seen f3b1: nothing, should be 9 by the stream
    412 audited: 411 clean, 1 different; 1 difference
    $ psd swaps rebuild
    psd:swaps:{main}:seen f3b1: nothing, should be 9 by the stream
    412 audited: 411 clean, 1 repaired; 1 difference

``psd verify`` does the same of every network, behind the buckets.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import click

from psd.cli.options import pass_settings
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.foreign_texts import on_one_line
from psd.operations.auditing import audit_summary
from psd.swaps.cli.read import network_option
from psd.swaps.part import SwapsPart


@click.command()
@network_option
@click.option("--repair", is_flag=True, help="Write what should be there.")
@pass_settings
def verify(loaded: LoadedSettings, /, *, network: str, repair: bool) -> None:
    """Hold indexes, marks and bookings of a network against its stream.

    Safe while others append. Exit code 1 when there were differences that are not repaired.
    """
    finish(asyncio.run(audited(loaded.settings, network, repair=repair)))


@click.command()
@network_option
@pass_settings
def rebuild(loaded: LoadedSettings, /, *, network: str) -> None:
    """Make indexes, marks and bookings of a network from its stream alone.

    What is right already is left as it is. Exit code 1 when something could not be repaired.
    """
    finish(asyncio.run(audited(loaded.settings, network, repair=True)))


async def audited(settings: Settings, network: str, *, repair: bool) -> tuple[Counter[str], int]:
    """Audit a network and print the differences; parts by outcome, differences."""
    outcomes: Counter[str] = Counter()
    differences = 0
    async with running(settings) as runtime:
        part = runtime.part(SwapsPart)
        name = network or part.settings.network
        async for each in part.auditing.network(name, repair=repair):
            outcomes[each.outcome] += 1
            differences += len(each.differences)
            for difference in each.differences:
                click.echo(on_one_line(str(difference)))
    return outcomes, differences


def finish(found: tuple[Counter[str], int]) -> None:
    """Print the summary, and end with the exit code."""
    outcomes, differences = found
    click.echo(audit_summary(outcomes, differences))
    if outcomes["found"] or outcomes["busy"]:
        click.get_current_context().exit(1)
