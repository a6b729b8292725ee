"""``psd energy usage`` and ``gaps``: what a meter has used, straight from the store.

::

    $ psd energy usage house 2012-11-01 2012-11-03 --every day
     start                 end                   kwh    estimated
     2012-11-01T00:00:00Z  2012-11-02T00:00:00Z  14.44          0
    $ psd energy gaps house 2012-11-01 2012-12-01
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_rows
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.energy.channels import REGISTERS, THINGS
from psd.energy.meter_answers import UsageAnswer
from psd.energy.part import EnergyPart
from psd.energy.usage import UNITS, UsageQuery
from psd.measures.units import text_of


def _range(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--register",
            type=click.IntRange(0, REGISTERS - 1),
            help="This one alone. Default: all of the flow together.",
        ),
        click.option("--tz", metavar="ZONE", help="Default: the meter's."),
        click.option(
            "--flow", type=click.Choice([*THINGS]), default="import", help="Default: import."
        ),
        click.option("--end", "end_option", metavar="TIME", help="The same as END."),
        click.option("--start", "start_option", metavar="TIME", help="The same as START."),
        click.argument("end", required=False),
        click.argument("start", required=False),
        click.argument("meter"),
    ):
        function = option(function)
    return function


def _said_either_way(function: Callable[..., None]) -> Callable[..., None]:
    """Times may stand behind the meter, or be options as those of costs are."""

    @wraps(function)
    def ranged(
        *arguments: Any,
        start: str | None,
        end: str | None,
        start_option: str | None,
        end_option: str | None,
        **options: Any,
    ) -> None:
        for name, place, option in (("START", start, start_option), ("END", end, end_option)):
            if place is not None and option is not None:
                raise click.UsageError(f"{name} and --{name.lower()}: only one of them")
        began = start if start_option is None else start_option
        if began is None:
            raise click.UsageError("START, or --start, is needed.")
        function(*arguments, start=began, end=end if end_option is None else end_option, **options)

    return ranged


@click.command()
@_range
@click.option("--every", type=click.Choice(UNITS), help="A row each. Default: one row.")
@forms
@pass_settings
@_said_either_way
def usage(
    loaded: LoadedSettings,
    /,
    *,
    meter: str,
    start: str,
    end: str | None,
    every: str | None,
    tz: str | None,
    flow: str,
    register: int | None,
    form: Form,
) -> None:
    """Show the energy of METER from START to END (now)."""
    answer = _asked(loaded.settings, meter, UsageQuery(start, end, every, tz, flow, register))
    cells = [(row.start, row.end, row.kwh, text_of(row.estimated_mwh)) for row in answer.data]
    show_rows(form, answer.data, ("start", "end", "kwh", "estimated"), cells, {2, 3}, answer)
    if form == "table":
        gaps = len(answer.gaps) + answer.more_gaps
        say(f"{answer.total.kwh} kWh, metered {answer.coverage:.2%}, {gaps} gaps")


@click.command()
@_range
@forms
@pass_settings
@_said_either_way
def gaps(
    loaded: LoadedSettings,
    /,
    *,
    meter: str,
    start: str,
    end: str | None,
    tz: str | None,
    flow: str,
    register: int | None,
    form: Form,
) -> None:
    """Show when METER was not metered from START to END (now)."""
    answer = _asked(loaded.settings, meter, UsageQuery(start, end, None, tz, flow, register))
    cells = [(gap.start, gap.end) for gap in answer.gaps]
    show_rows(form, answer.gaps, ("start", "end"), cells, set())
    if answer.more_gaps:
        say(f"and {answer.more_gaps} more", err=True)


def _asked(settings: Settings, meter: str, query: UsageQuery) -> UsageAnswer:
    async def run() -> UsageAnswer:
        async with running(settings) as runtime:
            return await runtime.part(EnergyPart).usage.of_meter(meter, query)

    return asyncio.run(run())
