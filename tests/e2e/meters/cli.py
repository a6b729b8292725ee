"""``psd meters``: the group."""

from __future__ import annotations

import asyncio

import click

from psd.cli.options import pass_settings
from psd.cli.query import running
from psd.config_sources import LoadedSettings
from psd.meters.part import Meters


@click.group()
def meters() -> None:
    """Look at meters."""


@meters.command()
@click.argument("meter", type=int)
@pass_settings
def show(loaded: LoadedSettings, meter: int) -> None:
    """Print the newest reading of METER."""

    async def ask() -> int | None:
        async with running(loaded.settings) as runtime:
            return await runtime.part(Meters).newest(meter)

    click.echo(asyncio.run(ask()))
