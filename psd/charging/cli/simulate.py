"""``psd charging simulate``: a yard of cars in one terminal, and a proof that every cent agrees.

::

    $ psd charging simulate --plugs 8 --fuse-amps 32 --cars 12 --seed 1 --speed 30
    ...
    12 cars, 11 sessions, 1.203 kWh, 31 cents; the fuse was over 32 A 3 times, for 6 s at most
    proof: 214 audited, 0 differences; balances are openings and top-ups less bills: agrees

Store, devices and Stripe are started for it and thrown away; nothing else is needed.
"""

from __future__ import annotations

import asyncio
import logging

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from psd.charging.simulation.charging_yard import ChargingYard, YardOptions
from psd.charging.simulation.yard_proof import YardOutcome, outcome_of
from psd.cli.options import pass_settings
from psd.cli.printing import say, show_json
from psd.cli.progress import progress
from psd.cli.query import running
from psd.clock import ManualClock, SystemClock
from psd.config import Settings
from psd.config_sources import LoadedSettings, load_settings
from psd.embedded.throwaway import throwaway_store
from psd.operations.auditing import Orders, whole_audit
from psd.runtime import open_runtime
from psd.zones import DATE_S

TIMEOUT_S = 30.0
SHOWN = 16
"""Plugs and cars of a table; more do not fit a terminal."""

DAYS_MAX = 30
EVERY_S = 10
"""Seconds of the yard between two pictures of it, where time runs as fast as it goes."""


@click.command()
@click.option("--plugs", type=click.IntRange(1, 500), help="Default: 8, or one for each 8 cars.")
@click.option("--fuse-amps", type=click.IntRange(16, 10_000), help="Default: 4 for each plug.")
@click.option(
    "--cars", type=click.IntRange(1, 5_000), default=12, show_default=True, help="So many come."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="The same seed has the same cars.",
)
@click.option(
    "--thrifty",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="So many of the cars draw little in every other quarter of an hour, when power is dear.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    metavar="N",
    help="Seconds of the yard in one of yours; 0 is as fast as it goes.",
)
@click.option("--json", "as_json", is_flag=True, help="What it came to, as one JSON object.")
@pass_settings
def simulate(
    loaded: LoadedSettings,
    /,
    *,
    plugs: int | None,
    fuse_amps: int | None,
    cars: int,
    seed: int,
    thrifty: float,
    speed: float,
    as_json: bool,
) -> None:
    """Have cars come to a yard of plugs, charge and pay, and prove that all of it adds up.

    Plugs hang on one fuse, of 16 A each. Devices and Stripe are simulated; what they say goes the
    way that it goes in earnest. Exit code 1 where ledgers, balances and buckets do not agree, a car
    is left over, or the fuse was over its limit for longer than 7 s.
    """
    count = plugs or max(8, -(-cars // 8))
    options = YardOptions(count, fuse_amps or max(32, 4 * count), cars, seed, thrifty)
    outcome = asyncio.run(_simulated(loaded.settings, options, speed, is_shown=not as_json))
    if as_json:
        show_json(outcome)
    else:
        for line in outcome.lines():
            say(line)
    if not outcome.agrees:
        click.get_current_context().exit(1)


async def _simulated(
    settings: Settings, options: YardOptions, speed: float, *, is_shown: bool
) -> YardOutcome:
    # Its clock is its own, and runs ahead of that of the store: here that is nobody's mistake.
    logging.getLogger("psd.store.clocks").setLevel(logging.ERROR)
    clock = ManualClock((SystemClock().now_s() // DATE_S - DAYS_MAX) * DATE_S)
    async with throwaway_store("psd-yard-", settings.redis.server) as data:
        own = load_settings(flags=_flags(data.url)).settings
        runtime = await open_runtime(own, clock)
        try:
            async with ChargingYard.on(runtime, clock, options, data.path) as yard:
                await _run(yard, speed, is_shown=is_shown)
                return await outcome_of(yard, *await _audited(own))
        finally:
            await runtime.close()


def _flags(url: str) -> dict[str, object]:
    return {
        "redis.url": url,
        "redis.sentinel": (),
        "redis.durability": "fast",
        "redis.timeout_s": TIMEOUT_S,
        "archive.enabled": False,
        "charging.enabled": True,
    }


async def _run(yard: ChargingYard, speed: float, *, is_shown: bool) -> None:
    """Until every car is gone."""
    loop = asyncio.get_running_loop()
    console = Console()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        started_s = loop.time()
        while not yard.is_over and yard.passed_s < DAYS_MAX * DATE_S:
            await yard.second()
            if is_shown and console.is_terminal and (speed or yard.passed_s % EVERY_S == 0):
                live.update(await _picture(yard), refresh=True)
            if speed:
                due_s = started_s + yard.passed_s / speed
                await asyncio.sleep(max(0.0, due_s - loop.time()))


async def _picture(yard: ChargingYard) -> Table:
    """The plugs, who is at each, and what he has."""
    hours, rest = divmod(yard.passed_s, 3600)
    title = (
        f"{hours}:{rest // 60:02}:{rest % 60:02}   {yard.amps:.1f} of {yard.options.fuse_amps} A   "
        f"{len(yard.waiting)} waiting   {yard.gone} of {len(yard.cars)} gone"
    )
    table = Table("plug", "state", "place", "A", "car", "cents so far", "balance", title=title)
    board = await yard.board()
    for plug in yard.plugs[:SHOWN]:
        car = yard.parked.get(plug)
        name = car.plan.name if car is not None else ""
        place = yard.states[plug].place.name if plug in yard.states else ""
        balance, cents = await yard.money_of(name, plug) if name else ("", "")
        position = board.positions.get(plug, 0)
        amps = f"{yard.plug_amps(plug):.1f}"
        table.add_row(plug, place, str(position or ""), amps, name, cents, balance)
    return table


async def _audited(settings: Settings) -> tuple[int, list[str]]:
    """What ``psd verify`` says of all of it: how much was audited, and the differences."""
    orders = Orders(uids=None, things=None, repair=False, rate=0.0, archive=None)
    audited, found = 0, []
    with progress("audited", 0, "users' things") as bar:
        async with running(settings, any_columns=True) as runtime:
            async for each in whole_audit(runtime, orders, bar):
                audited += 1
                found += [str(difference) for difference in each.differences]
    return audited, found
