"""``psd energy cost``, ``compare`` and ``recommend``: bills, straight from the store.

::

    $ psd energy cost m-1 --plan eco --start 2026-01-01 --end 2026-02-01
     line      kind      kWh  amount
     peak      energy   41.5   14.16
     base      energy  180.2   43.43
     standing  standing        13.99
    eco: 71.58 GBP, coverage 0.998
    $ psd energy recommend m-1 --limit 2
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_rows
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.energy.cost_answers import ComparisonAnswer, CostAnswer
from psd.energy.cost_questions import CompareQuery, CostQuery, CostQuestions
from psd.energy.part import EnergyPart
from psd.measures.units import text_of

R = TypeVar("R")

LINE = ("line", "kind", "kWh", "amount")
ROW = ("plan", "total", "energy", "standing", "vat", "export", "saving", "a year", "unpriced kWh")


def _range_options(function: Callable[..., R]) -> Callable[..., R]:
    """What every question about costs takes."""
    for option in reversed(
        (
            click.argument("meter"),
            click.option(
                "--start", required=True, metavar="TIME", help="RFC 3339, a date, or -30d."
            ),
            click.option("--end", metavar="TIME", help="Not in the range itself. Default: now."),
            click.option("--tz", help="Zone of times without one. Default: the meter's."),
            click.option("--carbon", default="", metavar="REGION", help="Tell carbon as well."),
            click.option("--strict", is_flag=True, help="Fail where energy has no price."),
        )
    ):
        function = option(function)
    return function


@click.command()
@_range_options
@click.option("--plan", default="", metavar="NAME", help="Default: the meter's plan.")
@forms
@pass_settings
def cost(loaded: LoadedSettings, /, *, meter: str, form: Form, **given: Any) -> None:
    """Bill a meter's energy of a range by a plan."""
    query = CostQuery(**given)
    answer = asyncio.run(_asked(loaded.settings, lambda costs: costs.bill_of(meter, query)))
    cells = [(row.name, row.kind, row.kwh or "", row.amount) for row in answer.data]
    show_rows(form, answer.data, LINE, cells, {2, 3}, answer)
    if form == "table":
        say(_told(answer))


@click.command()
@_range_options
@click.option("--plan", multiple=True, metavar="NAME", help="Repeatable. Default: all plans.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many.")
@forms
@pass_settings
def compare(loaded: LoadedSettings, /, **given: Any) -> None:
    """Bill a meter's energy by several plans, the cheapest first."""
    _compare(loaded.settings, **given)


@click.command()
@_range_options
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=3,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@forms
@pass_settings
def recommend(loaded: LoadedSettings, /, **given: Any) -> None:
    """List the plans by which a meter's energy costs least."""
    _compare(loaded.settings, plan=(), **given)


def _compare(settings: Settings, *, meter: str, form: Form, plan: Any, **given: Any) -> None:
    query = CompareQuery(plan=list(plan), **given)
    answer = asyncio.run(_asked(settings, lambda costs: costs.comparison_of(meter, query)))
    cells = [
        (
            row.plan,
            row.total,
            row.energy,
            row.standing,
            row.vat,
            row.export,
            row.saving or "-",
            row.per_year or "-",
            text_of(row.unpriced_mwh),
        )
        for row in answer.data
    ]
    show_rows(form, answer.data, ROW, cells, set(range(1, len(ROW))), answer)
    if form == "table":
        say(f"{answer.kwh} kWh, coverage {answer.coverage}{_carbon(answer)}")


def _told(answer: CostAnswer) -> str:
    money = f"{answer.total} {answer.currency}".strip()
    unpriced = f", {text_of(answer.unpriced_mwh)} kWh have no price" if answer.unpriced_mwh else ""
    late = "" if answer.alignment == "exact" else ", prices change within intervals"
    return f"{answer.plan}: {money}, coverage {answer.coverage}{unpriced}{late}{_carbon(answer)}"


def _carbon(answer: CostAnswer | ComparisonAnswer) -> str:
    return "" if answer.carbon_g is None else f", {answer.carbon_g} g of carbon dioxide"


async def _asked(settings: Settings, ask: Callable[[CostQuestions], Awaitable[R]]) -> R:
    async with running(settings) as runtime:
        return await ask(runtime.part(EnergyPart).cost_questions)
