"""``psd energy meter show``, ``set`` and ``exchange``: what a meter is.

::

    $ psd energy meter set house --tz Europe/London --max-kw 14 --plan eco-tou
    $ psd energy meter exchange house --time 2013-02-01T09:00Z --final 99870.2 --first 0
    $ psd energy meter show house

``set`` leaves what is not said as it is; the word ``none`` forgets. Both hold for all readings
that there are, whenever they came.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, json_option, say, show_rows
from psd.cli.query import running
from psd.cli.times import time_argument
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.energy.channels import REGISTERS, THINGS
from psd.energy.cli.taking import taken
from psd.energy.meter_answers import MeterAnswer
from psd.energy.meter_messages import ExchangeFields, MeterFields
from psd.energy.part import EnergyPart

NONE = "none"


@click.command()
@click.argument("meter")
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, meter: str, form: Form) -> None:
    """Show METER, its channels and how good its energy is."""

    async def run() -> MeterAnswer:
        async with running(loaded.settings) as runtime:
            return await runtime.part(EnergyPart).meters.one(meter)

    _shown(asyncio.run(run()), form)


@click.command("set")
@click.argument("meter")
@click.option("--time", type=time_argument, metavar="TIME", help="Since when. Default: now.")
@click.option("--tz", metavar="ZONE", help="Zone of its days and months.")
@click.option("--plan", metavar="ID", help="Its price plan.")
@click.option("--max-kw", metavar="KW", help="What its fuse can deliver.")
@click.option("--digits", metavar="N", help="Before the point of its register.")
@click.option("--gap-max-s", metavar="S", help="Longest gap of power that is bridged.")
@json_option
@pass_settings
def set_meter(
    loaded: LoadedSettings, /, *, meter: str, time: int | None, as_json: bool, **given: str | None
) -> None:
    """Say what METER is; none forgets."""
    said: dict[str, Any] = {
        name: None if text == NONE else _value(name, text)
        for name, text in given.items()
        if text is not None
    }
    if not said:
        raise click.UsageError("nothing is said: give --tz, --plan, --max-kw, --digits, ...")
    _say(loaded.settings, MeterFields(meter, time=time, **said), as_json=as_json)


@click.command()
@click.argument("meter")
@click.option("--time", type=time_argument, required=True, metavar="TIME", help="When.")
@click.option("--final", required=True, metavar="N", help="What the old meter showed last.")
@click.option("--first", required=True, metavar="N", help="What the new one showed first.")
@click.option("--unit", default="kWh", show_default=True, help="Of both numbers.")
@click.option("--flow", type=click.Choice([*THINGS]), default="import", help="Default: import.")
@click.option("--register", type=click.IntRange(0, REGISTERS - 1), default=0, help="Default: 0.")
@json_option
@pass_settings
def exchange(
    loaded: LoadedSettings, /, *, meter: str, final: str, first: str, as_json: bool, **given: Any
) -> None:
    """Say that METER was exchanged; none for both numbers takes it back."""
    told = ExchangeFields(
        final=None if final == NONE else _value("final", final),
        first=None if first == NONE else _value("first", first),
        **given,
    )
    _say(loaded.settings, MeterFields(meter, exchange=told), as_json=as_json)


def _value(name: str, text: str) -> Any:
    if name in ("tz", "plan"):
        return text
    try:
        return int(text) if name in ("digits", "gap_max_s") else Decimal(text)
    except (ValueError, InvalidOperation) as exc:
        raise click.UsageError(f"--{name.replace('_', '-')}: {text!r} is no number") from exc


def _say(settings: Settings, fields: MeterFields, *, as_json: bool) -> None:
    async def run() -> MeterAnswer:
        async with running(settings, archiving=True) as runtime:
            if fields.time is None:
                part = runtime.part(EnergyPart)
                fields.time = await part.meters.since_now(fields.meter)
            await taken(runtime, "meter", fields)
            return await runtime.part(EnergyPart).meters.one(fields.meter)

    _shown(asyncio.run(run()), "json" if as_json else "table")


def _shown(answer: MeterAnswer, form: Form) -> None:
    """What a meter is, and a row for each of its channels; CSV has the rows alone."""
    if form == "table":
        _say_meter(answer)
    rows = []
    for channel in answer.channels:
        newest = channel.newest
        value = (newest.kw or newest.kwh or "") if newest else ""
        counts = "yes" if channel.counts else "no"
        row = (channel.flow, str(channel.register), channel.kind, counts)
        rows.append((*row, newest.time if newest else "", value))
    names = ("flow", "register", "kind", "counts", "newest", "value")
    show_rows(form, answer.channels, names, rows, {1, 5}, answer)


def _say_meter(answer: MeterAnswer) -> None:
    say(
        f"{answer.meter}: {answer.tz}, plan {answer.plan or NONE}, up to {answer.max_kw} kW, "
        f"digits {answer.digits or NONE}, gaps up to {answer.gap_max_s} s"
    )
    for each in answer.exchanges:
        say(f"exchanged {each.time}: {each.final} kWh, then {each.first} kWh ({each.flow})")
