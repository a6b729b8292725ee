"""``psd swaps scenario``: a recorded scenario, played on a store of its own.

::

    $ psd swaps scenario first-swap.json --json
    [{"vehicle_battery":{"D1":"B1"},"battery_station":{"B1":null},...},...]

The store is a Redis that is started for it and thrown away; no server of psd is needed. What an
operation was refused for is told on standard error, and the state after it is as before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from psd.cli.input_files import opened, parts_of
from psd.cli.options import pass_settings
from psd.cli.printing import show_json, show_table
from psd.config import RedisSettings, Settings
from psd.config_sources import LoadedSettings
from psd.embedded.throwaway import throwaway_store
from psd.errors import InputError
from psd.foreign_texts import on_one_line
from psd.runtime import open_runtime
from psd.swaps.part import SwapsPart
from psd.swaps.scenario import Play, ScenarioError, State, clock_of, scenarios_in


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--name", help="Which scenario of a recording with several. Default: the first.")
@click.option("--json", "as_json", is_flag=True, help="All states as one JSON list.")
@pass_settings
def scenario(loaded: LoadedSettings, /, *, file: Path, name: str | None, as_json: bool) -> None:
    """Print the state after each operation of the scenario in FILE.

    FILE has one recorded scenario (fixture, now, ops), a list of them, or a whole recording. It is
    played on a store of its own, by the clock of the scenario.
    """
    try:
        played = _chosen(_document(file), name)
        states, refused = asyncio.run(_played(loaded.settings, played))
    except (ScenarioError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    for each in refused:
        click.echo(f"refused: {on_one_line(each)}", err=True)
    if as_json:
        show_json(states)
        return
    for at, state in enumerate(states):
        _show(at, state)


def _document(file: Path) -> Any:
    try:
        with opened(file) as source:
            return msgspec.json.decode(b"".join(parts_of(source)))
    except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as exc:
        raise ScenarioError(f"{file}: cannot be read ({exc})") from exc


def _chosen(document: Any, name: str | None) -> Mapping[str, Any]:
    found = scenarios_in(document)
    if name is None:
        return next(iter(found.values()))
    if name not in found:
        raise ScenarioError(f"name: {name!r} is none of {', '.join(found)}")
    return found[name]


async def _played(settings: Settings, played: Mapping[str, Any]) -> tuple[list[State], list[str]]:
    """The states, and what was refused."""
    clock = clock_of(played)
    # Its clock stands in the past, and that of the store does not: here that is nobody's mistake.
    logging.getLogger("psd.store.clocks").setLevel(logging.ERROR)
    async with throwaway_store("psd-swaps-", settings.redis.server) as data:
        own = Settings(redis=RedisSettings(url=data.url, durability="fast"))
        runtime = await open_runtime(own, clock)
        try:
            play = Play(played, runtime.part(SwapsPart).ledger(), clock)
            return await play.states(), play.refused
        finally:
            await runtime.close()


def _show(at: int, state: State) -> None:
    """One state as tables."""
    click.echo(f"after operation {at}:")
    where = {**state["battery_station"]}
    for driver, battery in state["vehicle_battery"].items():
        if battery is not None and where.get(battery) is None:
            where[battery] = f"on the vehicle of {driver}"
    places = [(each, place or "nowhere") for each, place in where.items()]
    show_table(("battery", "where"), places, right=set())
    rows = [tuple(_cell(value) for value in each.values()) for each in state["derived"]]
    show_table(
        ("i", "last", "distance", "energy", "efficiency", "charge"), rows, right={0, 1, 2, 3, 4, 5}
    )
    days = [
        (driver, day, *map(str, sums))
        for driver, daily in state["daily"].items()
        for day, sums in daily.items()
    ]
    show_table(("driver", "day", "distance", "energy"), days, right={2, 3})


def _cell(value: float | None) -> str:
    return "" if value is None else str(value)
