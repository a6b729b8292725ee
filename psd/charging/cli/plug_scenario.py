"""``psd charging scenario``: a recorded scenario, played on a store of its own.

::

    $ psd charging scenario happy-path.json --json
    {"trace":[{"ev":"state","from":"INITIALISING","to":"ACCOUNT_NULL",...},...],...}

The store is a Redis that is started for it and thrown away; no server of psd is needed.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import click
import msgspec

from psd.charging.plugs.plug_play import PlugPlay, Told, clock_of_scenario
from psd.charging.plugs.plug_scenarios import (
    PlugScenario,
    PlugScenarioError,
    scenario_of,
    scenarios_in,
)
from psd.cli.input_files import opened, parts_of
from psd.cli.options import pass_settings
from psd.cli.printing import show_json, show_table
from psd.config import RedisSettings, Settings
from psd.config_sources import LoadedSettings
from psd.embedded.throwaway import throwaway_store
from psd.errors import InputError
from psd.foreign_texts import on_one_line
from psd.runtime import open_runtime

TIMEOUT_S = 30.0
"""On a busy machine as well: nobody else waits for this store."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--name", help="Which scenario of a recording with several. Default: the first.")
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
@pass_settings
def scenario(loaded: LoadedSettings, /, *, file: Path, name: str | None, as_json: bool) -> None:
    """Print what happens in the scenario in FILE, second by second, and what it comes to.

    FILE has one recorded scenario (init, steps), a list of them, or a whole recording. It is played
    on a store of its own, by a clock of its own. Exit code 2 for what is no scenario, before any of
    it is played: the step is named, and what is wrong with it.
    """
    try:
        told = asyncio.run(_played(loaded.settings, _chosen(_document(file), name)))
    except (PlugScenarioError, OSError) as exc:
        raise click.UsageError(str(exc)) from exc
    if as_json:
        show_json(told)
        return
    _show(told)


def _document(file: Path) -> Any:
    try:
        with opened(file) as source:
            return msgspec.json.decode(b"".join(parts_of(source)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InputError) as exc:
        raise PlugScenarioError(f"{file}: cannot be read ({exc})") from exc


def _chosen(document: Any, name: str | None) -> PlugScenario:
    found = scenarios_in(document)
    if name is None:
        return scenario_of(next(iter(found.values())))
    if name not in found:
        raise PlugScenarioError(f"name: {name!r} is none of {', '.join(found)}")
    return scenario_of(found[name])


async def _played(settings: Settings, played: PlugScenario) -> Told:
    """What happened, and what it came to."""
    clock = clock_of_scenario()
    # Its clock stands in the past, and that of the store does not: here that is nobody's mistake.
    logging.getLogger("psd.store.clocks").setLevel(logging.ERROR)
    async with throwaway_store("psd-charging-", settings.redis.server) as data:
        own = Settings(redis=RedisSettings(url=data.url, durability="fast", timeout_s=TIMEOUT_S))
        runtime = await open_runtime(own, clock)
        try:
            return await PlugPlay(played, runtime.core, clock).told()
        finally:
            await runtime.close()


def _show(told: Told) -> None:
    """The trace, the sessions and the balances as tables."""
    rows = [(str(each["t"]), each["ev"], on_one_line(_event(each))) for each in told["trace"]]
    show_table(("t", "event", "what"), rows, right={0})
    sessions = [
        (
            id_,
            each["owner"],
            str(each["start_s"]),
            str(each["finish_s"]),
            f"{each['total_kwh']:.6f}",
            str(each["cents"]),
        )
        for id_, each in told["sessions"].items()
    ]
    show_table(("session", "owner", "from", "to", "kWh", "cents"), sessions, right={2, 3, 4, 5})
    balances = [(user, str(cents)) for user, cents in told["balances"].items()]
    show_table(("customer", "cents"), balances, right={1})


def _event(told: Told) -> str:
    """What an event says beside its time."""
    if told["ev"] == "state":
        return f"{told['from']} -> {told['to']} ({told['cause']})"
    return ", ".join(f"{key} {value}" for key, value in told.items() if key not in ("ev", "t"))
