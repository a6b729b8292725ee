"""``psd swaps show``, ``driver``, ``station``, ``battery``, ``days``, ``events``, ``check``.

They read straight from the store::

    $ psd swaps days D1 --tz Africa/Kigali
     day         distance  energy  efficiency  distance so far  energy so far  swaps  last
     2020-09-01        40      60        0.67               40             60      2     8
    $ psd swaps show 6
    $ psd swaps battery B3 --at 2020-09-02T12:00:00Z --json

An object is its number, or its name, serial or phone. On a terminal the tables have lines;
elsewhere they are plain text, one row a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from psd.cli.options import pass_settings
from psd.cli.printing import Form, forms, say, show_rows
from psd.cli.query import running
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.queries.moments import moment
from psd.swaps import ledger_rows as shown
from psd.swaps.answers import StocktakeCheck
from psd.swaps.cli.swap_tables import show_batteries, show_transactions, text_of
from psd.swaps.ledger import Ledger
from psd.swaps.part import SwapsPart
from psd.swaps.questions import SwapsQuestions
from psd.swaps.requests import DaysQuery
from psd.swaps.swap_bookings import owner_of
from psd.zones import zone

if TYPE_CHECKING:
    from psd.runtime import Runtime

T = TypeVar("T")

Asking = Callable[["Runtime", Ledger], Awaitable[T]]

network_option = click.option(
    "--network", default="", metavar="NAME", help="Default: setting swaps.network."
)
at_option = click.option(
    "--at", metavar="T", help="As it was at the end of that second. Default: now."
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """What is not as somebody counted or said it."""

    n: int
    what: str
    station: int
    told: str


@click.command()
@click.argument("n", type=click.IntRange(1))
@network_option
@forms
@pass_settings
def show(loaded: LoadedSettings, /, *, n: int, network: str, form: Form) -> None:
    """Show transaction N with its chain of corrections.

    The first one first; what follows from the live one stands behind it.
    """

    async def ask(_runtime: Runtime, ledger: Ledger) -> list[shown.TransactionRow]:
        return [shown.transaction_row(each) for each in (await ledger.transaction(n)).chain]

    show_transactions(form, answer_of(loaded.settings, network, ask))


@click.command()
@click.argument("reference", metavar="DRIVER")
@network_option
@at_option
@limit_option
@click.option("--all", "with_rejected", is_flag=True, help="Also those that were corrected.")
@forms
@pass_settings
def driver(
    loaded: LoadedSettings,
    /,
    *,
    reference: str,
    network: str,
    at: str | None,
    limit: int,
    with_rejected: bool,
    form: Form,
) -> None:
    """Show a driver, the battery on the vehicle, and the newest transactions."""

    async def ask(
        runtime: Runtime, ledger: Ledger
    ) -> tuple[shown.DriverRow, list[shown.TransactionRow]]:
        number, until = await ledger.find("driver", reference), second_of(runtime, at)
        state = await ledger.driver(number, until)
        uid = owner_of(ledger.network, "driver", number)
        page = await ledger.transactions_of(
            "driver", number, limit=limit, at=until, include_rejected=with_rejected
        )
        rows = [shown.transaction_row(each) for each in page.data]
        return shown.driver_row(state, uid), rows

    found, rows = answer_of(loaded.settings, network, ask)
    if form == "table":
        vehicle = f"vehicle {found.vehicle}" if found.vehicle else "no vehicle"
        name = " ".join(filter(None, (found.name1, found.name2, found.name3))) or found.phone
        say(f"driver {found.id}, {name}: {vehicle}, battery {found.serial or 'none'}")
    show_transactions(form, rows)


@click.command()
@click.argument("reference", metavar="STATION")
@network_option
@at_option
@forms
@pass_settings
def station(
    loaded: LoadedSettings, /, *, reference: str, network: str, at: str | None, form: Form
) -> None:
    """Show a station and the batteries that are there."""

    async def ask(
        runtime: Runtime, ledger: Ledger
    ) -> tuple[shown.StationRow, list[shown.BatteryRow]]:
        number = await ledger.find("station", reference)
        state = await ledger.station(number, second_of(runtime, at))
        rows = [
            shown.battery_row(each, owner_of(ledger.network, "battery", each.battery.id))
            for each in state.batteries
        ]
        uid = owner_of(ledger.network, "station", number)
        return shown.station_row(state.station, len(rows), uid), rows

    found, rows = answer_of(loaded.settings, network, ask)
    if form == "table":
        say(f"station {found.id}, {found.name}: {found.batteries} batteries")
    show_batteries(form, rows)


@click.command()
@click.argument("reference", metavar="BATTERY")
@network_option
@at_option
@limit_option
@forms
@pass_settings
def battery(
    loaded: LoadedSettings,
    /,
    *,
    reference: str,
    network: str,
    at: str | None,
    limit: int,
    form: Form,
) -> None:
    """Show a battery, where it is, and what was done with it."""

    async def ask(
        runtime: Runtime, ledger: Ledger
    ) -> tuple[shown.BatteryRow, list[shown.TransactionRow]]:
        number, until = await ledger.find("battery", reference), second_of(runtime, at)
        state = await ledger.battery(number, until)
        page = await ledger.transactions_of("battery", number, limit=limit, at=until)
        uid = owner_of(ledger.network, "battery", number)
        rows = [shown.transaction_row(each) for each in page.data]
        return shown.battery_row(state, uid), rows

    found, rows = answer_of(loaded.settings, network, ask)
    if form == "table":
        where = f"at station {found.station}" if found.station else "at no station"
        where = f"with driver {found.driver}" if found.driver else where
        say(f"battery {found.id}, {found.serial}: {where}, energy {found.energy}")
    show_transactions(form, rows)


@click.command()
@click.argument("reference", metavar="DRIVER")
@click.option("--start", metavar="T", help="Default: the driver's first day.")
@click.option("--end", metavar="T", help="Exclusive. Default: up to today.")
@click.option("--tz", metavar="ZONE", help="Whose days. Default: setting swaps.tz.")
@network_option
@at_option
@forms
@pass_settings
def days(
    loaded: LoadedSettings,
    /,
    *,
    reference: str,
    start: str | None,
    end: str | None,
    tz: str | None,
    network: str,
    at: str | None,
    form: Form,
) -> None:
    """List a driver's days, empty ones too, with what has come together by each."""

    async def ask(runtime: Runtime, ledger: Ledger) -> list[shown.DayRow]:
        number = await ledger.find("driver", reference)
        part = runtime.part(SwapsPart)
        questions = SwapsQuestions(part.ledger, runtime.clock, part.settings.tz)
        whose = zone(tz or part.settings.tz)
        found = await questions.days_of(ledger, number, DaysQuery(start, end, tz, at), whose)
        return [shown.day_row(each) for each in found]

    rows = answer_of(loaded.settings, network, ask)
    names = ("day", "distance", "energy", "efficiency", "so far", "energy so far", "swaps", "last")
    cells = [
        (
            each.day,
            f"{each.ride_distance:,}",
            f"{each.energy_used:,}",
            f"{each.efficiency:g}",
            f"{each.cumulative_ride_distance:,}",
            f"{each.cumulative_energy_used:,}",
            str(each.transactions),
            text_of(each.last_transaction),
        )
        for each in rows
    ]
    show_rows(form, rows, names, cells, set(range(1, 8)))


@click.command()
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Behind this one.")
@limit_option
@network_option
@forms
@pass_settings
def events(loaded: LoadedSettings, /, *, after: int, limit: int, network: str, form: Form) -> None:
    """List the stream itself, which is the truth: each event with its number."""

    async def ask(_runtime: Runtime, ledger: Ledger) -> list[shown.EventRow]:
        return [shown.event_row(each) for each in await ledger.events(after, limit)]

    rows = answer_of(loaded.settings, network, ask)
    cells = [
        (str(each.n), each.kind, each.date, each.by, msgspec.json.encode(each.event).decode())
        for each in rows
    ]
    show_rows(form, rows, ("n", "kind", "date", "by", "event"), cells, {0})


@click.command()
@limit_option
@network_option
@forms
@pass_settings
def check(loaded: LoadedSettings, /, *, limit: int, network: str, form: Form) -> None:
    """List stocktakes that disagree, and live transactions with a warning.

    A stocktake is held against what the ledger says now of its second. Exit code 1 when a stocktake
    disagrees.
    """

    async def ask(_runtime: Runtime, ledger: Ledger) -> tuple[list[Disagreement], bool]:
        stocktakes = await ledger.disagreeing(limit)
        warned = [
            Disagreement(n=each.n, what=what, station=each.station, told=told)
            for each in await ledger.warned(limit)
            for what, _, told in (warning.partition(": ") for warning in each.warnings)
        ]
        return [*map(checked, stocktakes), *warned], bool(stocktakes)

    rows, disagrees = answer_of(loaded.settings, network, ask)
    cells = [(str(each.n), each.what, str(each.station), each.told) for each in rows]
    show_rows(form, rows, ("n", "what", "station", "told"), cells, {0, 2})
    if disagrees:
        click.get_current_context().exit(1)


def checked(each: StocktakeCheck) -> Disagreement:
    """A stocktake that disagrees."""
    told = []
    if each.missing:
        told.append(f"not counted: {', '.join(map(str, each.missing))}")
    if each.unexpected:
        told.append(f"counted, and elsewhere: {', '.join(map(str, each.unexpected))}")
    return Disagreement(n=each.n, what="stocktake", station=each.station, told="; ".join(told))


def answer_of(settings: Settings, network: str, ask: Asking[T]) -> T:
    """What is asked of a network's ledger, over a runtime of its own."""

    async def asked() -> T:
        async with running(settings) as runtime:
            return await ask(runtime, runtime.part(SwapsPart).ledger(network))

    return asyncio.run(asked())


def second_of(runtime: Runtime, at: str | None) -> int | None:
    """The second that ``--at`` names."""
    return None if at is None else moment(at, "at", now_s=runtime.clock.now_s())
