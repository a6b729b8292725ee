"""``psd energy import`` and ``sample``: intervals from files, and a month to look at.

::

    $ psd energy import house.csv.gz --format csv --meter house --dry-run
    $ psd energy import house.csv.gz --format csv --meter house
    house: 22536 rows, 15 repeated, 22521 intervals, 5554.874 kWh, 0 refused
    $ psd energy import year.xml --format greenbutton --meter flat --via direct

The file goes to a running server as it is, or is read here and booked straight into the store.
Imported again, it changes nothing.
"""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path
from typing import Any, Literal

import click

from psd.cli.imports.import_routes import client_of
from psd.cli.input_files import opened, parts_of
from psd.cli.options import pass_settings
from psd.cli.printing import json_option, say, show_json
from psd.cli.query import running
from psd.cli.server_options import AskedServer, server_options
from psd.cli.times import fixed_time_argument
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.energy.channels import REGISTERS, THINGS
from psd.energy.cli.taking import taken
from psd.energy.files.energy_files import FORMATS, ImportQuery
from psd.energy.meter_answers import ImportAnswer
from psd.energy.meter_messages import IntervalFields
from psd.energy.part import EnergyPart
from psd.errors import NotFoundError

HALF_HOUR_S, DAY_S = 1_800, 86_400

_OPTIONS = (
    click.option("--format", required=True, type=click.Choice([*FORMATS]), help="What FILE is."),
    click.option("--meter", required=True, metavar="NAME", help="Whose energy it has."),
    click.option(
        "--flow", type=click.Choice([*THINGS]), default="import", help="Of csv and octopus."
    ),
    click.option(
        "--register", type=click.IntRange(0, REGISTERS - 1), default=0, help="Default: 0."
    ),
    click.option("--unit", default="kWh", help="Of csv and octopus. Default: kWh."),
    click.option("--every", metavar="30m", help="Length of an interval. Default: 30m of csv."),
    click.option("--tz", metavar="ZONE", help="Of times without one. Default: the meter's."),
    click.option(
        "--stamp",
        type=click.Choice(["start", "end"]),
        default="start",
        help="Which end of an interval a csv's time is. Default: start.",
    ),
    click.option("--time", metavar="COL", default="start", help="The csv's column of times."),
    click.option("--value", metavar="COL", default="value", help="The csv's column of energy."),
    click.option("--dry-run", is_flag=True, help="Only tell what would become of it."),
    click.option(
        "--via",
        type=click.Choice(["http", "direct"]),
        default="http",
        help="Through a running server, or straight into the store. Default: http.",
    ),
)


def _file_options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@_file_options
@server_options
@json_option
@pass_settings
def import_energy(
    loaded: LoadedSettings,
    /,
    *,
    file: Path,
    via: Literal["http", "direct"],
    server: AskedServer,
    as_json: bool,
    **given: Any,
) -> None:
    """Book the intervals of a file of one meter.

    FILE may be packed by gzip; - is standard input. Rows that are none are told with their line
    and left out: exit code 1. A file of something else, as gas, is refused as a whole.
    """
    if not file.is_file() and str(file) != "-":
        raise NotFoundError(f"file: there is no {file}")
    with opened(file) as source:
        body = b"".join(parts_of(source))
    query = ImportQuery(**given)
    if via == "direct":
        answer = asyncio.run(_booked(loaded.settings, query, body))
    else:
        answer = asyncio.run(_sent(server, query, body))
    _show(answer, as_json=as_json)
    if answer.refused:
        raise SystemExit(1)


async def _sent(server: AskedServer, query: ImportQuery, body: bytes) -> ImportAnswer:
    asked = {name: getattr(query, name) for name in query.__struct_fields__}
    async with client_of(server.url, server.token) as client:
        return await client.energy.import_file(body, **asked)


async def _booked(settings: Settings, query: ImportQuery, body: bytes) -> ImportAnswer:
    async with running(settings, archiving=True) as runtime:
        content = await runtime.part(EnergyPart).files.messages(query, body)
        outcomes = [
            await taken(runtime, "intervals", fields, sends=not content.is_rehearsal)
            for fields in content.fields
        ]
        told = content.told(outcomes)
        assert isinstance(told, ImportAnswer), "it is what files come to"
        return told


def _show(answer: ImportAnswer, *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    for each in answer.refused:
        say(f"line {each.line}: {each.message}", err=True)
    refused = len(answer.refused) + answer.more_refused
    say(
        f"{answer.meter}: {answer.rows} rows, {answer.repeated} repeated, "
        f"{answer.intervals} intervals, {answer.kwh} kWh, {refused} refused"
        + (" (nothing is booked)" if answer.dry_run else "")
    )


@click.command("sample")
@click.option("--meter", default="house", show_default=True, help="Its name.")
@click.option(
    "--start",
    type=fixed_time_argument,
    metavar="TIME",
    default="2020-11-01",
    help="When it begins. Default: 2020-11-01.",
)
@click.option("--days", type=click.IntRange(1, 100), default=30, help="Of how many days.")
@pass_settings
def energy_sample(loaded: LoadedSettings, /, *, meter: str, start: int, days: int) -> None:
    """Book half-hours of one house: little at night, most in the evening.

    The same again changes nothing.
    """

    async def run() -> str:
        async with running(loaded.settings, archiving=True) as runtime:
            fields = IntervalFields(
                meter, every_s=HALF_HOUR_S, start=start, values=half_hours(days)
            )
            return (await taken(runtime, "intervals", fields)).status

    status = asyncio.run(run())
    say(f"{meter}: {days * DAY_S // HALF_HOUR_S} intervals, {status}")


def half_hours(days: int) -> list[Any]:
    """KWh of each half-hour, the same for the same number of days."""
    draw = random.Random(days)
    return [_kwh(at % 48 / 2, draw) for _ in range(days) for at in range(48)]


def _kwh(hour: float, draw: random.Random) -> str:
    evening = math.exp(-(((hour - 19) / 2.5) ** 2))
    return f"{0.08 + 0.4 * evening + 0.1 * draw.random():.3f}"
