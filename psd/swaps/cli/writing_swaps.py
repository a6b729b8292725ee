"""``psd swaps add`` and ``correct``: one transaction, through the one door.

::

    $ psd swaps add --driver D1 --station S1 --battery-out B1 --out-energy 180 --odometer 1000
    7
    $ psd swaps correct 7 --driver D1 --station S1 --battery-out B1 --out-energy 180 --odometer 1040
    8

Warnings are told on standard error. With ``--id`` the same command may be given again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import UNSET

from psd.archive.entries import Entry
from psd.cli.options import pass_settings
from psd.cli.query import running
from psd.cli.times import fixed_time_argument
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domain.rules import kinds_of
from psd.foreign_texts import on_one_line
from psd.swaps.part import SwapsPart
from psd.swaps.swap_messages import CorrectionFields, SwapFields

if TYPE_CHECKING:
    from psd.runtime import Runtime

NONE = "none"


def transaction_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a transaction should be."""
    for option in (
        click.option("--by", default="", help="Who says so."),
        click.option("--id", "id_", help="Id of the sender: the same is applied once."),
        click.option("--date", type=fixed_time_argument, metavar="TIME", help="When it was."),
        click.option("--odometer", required=True, type=int, help="What the odometer shows."),
        click.option("--out-energy", type=int, help="Energy in the battery that goes out."),
        click.option("--in-energy", type=int, help="Energy in the battery that comes in."),
        click.option("--battery-out", help="Serial or number of the battery that goes out."),
        click.option(
            "--battery-in",
            help="Serial or number of the battery that comes in, or none. "
            "Default: what the vehicle carries.",
        ),
        click.option("--station", required=True, help="Name or number of the station."),
        click.option("--driver", required=True, help="Phone or number of the driver."),
        click.option("--network", default="", help="Default: that of the settings."),
    ):
        function = option(function)
    return function


@click.command()
@transaction_options
@pass_settings
def add(loaded: LoadedSettings, /, **said: Any) -> None:
    """Add a swap, and print its number."""
    asyncio.run(_sent(loaded.settings, "swap", SwapFields(**_fields(**said))))


@click.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why.")
@transaction_options
@pass_settings
def correct(loaded: LoadedSettings, /, *, number: int, reason: str, **said: Any) -> None:
    """Correct transaction NUMBER, and print the number of the correction.

    The options say the whole transaction as it should be; without --date it stays when it was.
    """
    fields = CorrectionFields(**_fields(**said), corrects=number, reason=reason)
    asyncio.run(_sent(loaded.settings, "correction", fields))


def _fields(
    *,
    id_: str | None,
    battery_in: str | None,
    in_energy: int | None,
    out_energy: int | None,
    **rest: Any,
) -> dict[str, Any]:
    """Options as the fields of a message; without an id it gets one of its own."""
    comes_in = UNSET if battery_in is None else None if battery_in == NONE else battery_in
    return {
        **rest,
        "id": id_ or secrets.token_hex(8),
        "battery_in": comes_in,
        "battery_in_energy": in_energy,
        "battery_out_energy": out_energy,
    }


async def _sent(settings: Settings, command: str, fields: SwapFields) -> None:
    async with running(settings, archiving=True) as runtime:
        await taken(runtime, command, fields)
        ledger = runtime.part(SwapsPart).ledger(fields.network)
        n = await ledger.number_of(str(fields.id))
        assert n is not None, "it was accepted"
        chain = await ledger.transaction(n)
    click.echo(n)
    for warning in chain.transaction.warnings:
        click.echo(f"warning: {on_one_line(warning)}", err=True)


async def taken(runtime: Runtime, command: str, fields: msgspec.Struct) -> str:
    """Have one command archived and kept; what became of it. A refusal is raised."""
    now_ms = runtime.clock.now_ms()
    body = msgspec.json.encode({"command": command, command: fields})
    messages = runtime.messages["swaps"]
    [event] = kinds_of(messages.commands)[command](body, now_ms // 1000, "", runtime.rules)
    for outcome in await runtime.preview().book([event]):
        if outcome.error is not None:
            raise outcome.error
    [outcome] = await runtime.intake.accept([event], lambda: [Entry(now_ms, "", body)])
    if outcome.error is not None:
        raise outcome.error
    return outcome.status
