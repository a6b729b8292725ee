"""``psd energy prices import`` and ``psd energy carbon import``: files of prices and carbon.

::

    $ psd energy prices import rates.json --format octopus --series agile-c
    agile-c: 48 prices from 2024-05-06T23:00:00Z to 2024-05-07T23:00:00Z, booked
    $ psd energy prices import nps.json --format elering --area ee --series nps-ee
    $ psd energy carbon import grams.csv --format csv --region GB --time from --value actual

A file goes through the archive like a message of the queue, a month at a time; once more changes
nothing.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from psd.archive.entries import Entry
from psd.cli.lazy import Group
from psd.cli.options import pass_settings
from psd.cli.printing import say
from psd.cli.query import running
from psd.cli.times import fixed_time_argument
from psd.clock import utc_text
from psd.config import Settings
from psd.config_sources import LoadedSettings
from psd.domain.command import Command
from psd.energy.files.price_files import CARBON_READERS, READERS, FileRow, PriceFile
from psd.energy.price_messages import ROWS_MAX, CarbonFields, PricesFields, PriceUnit
from psd.errors import MalformedError
from psd.zones import zone

if TYPE_CHECKING:
    from psd.runtime import Runtime

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)

R = TypeVar("R")

CURRENCIES: dict[str, tuple[str, PriceUnit]] = {
    "octopus": ("GBP", "kWh"),
    "elering": ("EUR", "MWh"),
}
"""What the files of a format are in."""


def _file_options(function: Callable[..., R]) -> Callable[..., R]:
    """What a CSV needs told."""
    for option in reversed(
        (
            click.argument("file", type=FILE),
            click.option("--every", default="30m", show_default=True, help="CSV without an end."),
            click.option("--tz", default="UTC", show_default=True, help="Zone of a CSV's times."),
            click.option("--time", default="start", show_default=True, help="A CSV's column."),
            click.option("--end", default="end", show_default=True, help="Another, if there."),
            click.option("--value", default="price", show_default=True, help="The third."),
            click.option("--dry-run", is_flag=True, help="Say what would be kept."),
        )
    ):
        function = option(function)
    return function


@click.group(cls=Group)
def prices() -> None:
    """Keep prices of a market."""


@prices.command("import")
@_file_options
@click.option("--series", required=True, metavar="NAME", help="Which series they are of.")
@click.option("--format", "form", type=click.Choice([*READERS]), required=True, help="Whose.")
@click.option("--currency", help="Default: what files of the format are in.")
@click.option("--unit", type=click.Choice(["kWh", "MWh"]), help="Of a CSV. Default: kWh.")
@click.option("--area", default="", metavar="NAME", help="Of an Elering file: ee, fi, lv or lt.")
@click.option(
    "--vat", type=click.Choice(["inc", "exc"]), default="inc", show_default=True, help="Of Octopus."
)
@click.option("--payment", default="", metavar="METHOD", help="As Octopus names it.")
@click.option("--until", type=fixed_time_argument, metavar="TIME", help="Of prices without end.")
@pass_settings
def import_prices(
    loaded: LoadedSettings,
    /,
    *,
    series: str,
    form: str,
    currency: str | None,
    unit: PriceUnit | None,
    **given: Any,
) -> None:
    """Keep prices of a file of Octopus Energy, of Elering, or of a CSV."""
    usual: tuple[str, PriceUnit] = CURRENCIES.get(form, ("", "kWh"))
    rows = _rows(READERS[form], given)

    def fields(part: Sequence[FileRow]) -> PricesFields:
        return PricesFields(
            series=series,
            currency=usual[0] if currency is None else currency,
            unit=unit or usual[1],
            rows=list(part),
        )

    _keep(loaded.settings, "prices", series, rows, fields, is_dry=given["dry_run"])


@click.group(cls=Group)
def carbon() -> None:
    """Keep carbon of a region."""


@carbon.command("import")
@_file_options
@click.option("--region", required=True, metavar="NAME", help="Where it is so.")
@click.option(
    "--format", "form", type=click.Choice([*CARBON_READERS]), required=True, help="Whose."
)
@pass_settings
def import_carbon(loaded: LoadedSettings, /, *, region: str, form: str, **given: Any) -> None:
    """Keep grams a kWh of a file of carbonintensity.org.uk, or of a CSV."""
    rows = _rows(CARBON_READERS[form], given)

    def fields(part: Sequence[FileRow]) -> CarbonFields:
        return CarbonFields(region=region, rows=list(part))

    _keep(loaded.settings, "carbon", region, rows, fields, is_dry=given["dry_run"])


def _rows(
    reader: Callable[[Any, PriceFile], Iterator[FileRow]], given: dict[str, Any]
) -> list[FileRow]:
    asked = PriceFile(
        area=given.get("area", ""),
        payment=given.get("payment", ""),
        vat=given.get("vat", "inc"),
        until_s=given.get("until"),
        every_s=_seconds(given["every"]),
        tz=zone(given["tz"]),
        time=given["time"],
        end=given["end"],
        value=given["value"],
    )
    with click.open_file(str(given["file"]), "rb") as stream:
        text = io.TextIOWrapper(io.BytesIO(stream.read()), "utf-8-sig")
        try:
            return sorted(reader(text, asked))
        except UnicodeDecodeError as exc:
            raise MalformedError(f"file: no UTF-8 ({exc})") from exc


def _seconds(text: str) -> int:
    """Of 15m, 30m, 1h."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
    if text[:-1].isdecimal() and text[-1:] in units:
        return int(text[:-1]) * int(units[text[-1]].total_seconds())
    raise click.BadParameter(f"{text!r} is no length such as 30m or 1h", param_hint="--every")


def _keep(
    settings: Settings,
    command: str,
    name: str,
    rows: Sequence[FileRow],
    fields: Callable[[Sequence[FileRow]], PricesFields | CarbonFields],
    *,
    is_dry: bool,
) -> None:
    if not rows:
        raise MalformedError("file: there is no price in it")
    parts = [fields(part) for part in _parts(rows)]
    told = asyncio.run(_kept(settings, command, parts, is_dry=is_dry))
    span = f"from {utc_text(rows[0][0])} to {utc_text(max(row[1] for row in rows))}"
    say(f"{name}: {len(rows)} prices {span}, {'would be ' if is_dry else ''}{told}")


def _parts(rows: Sequence[FileRow]) -> Iterator[list[FileRow]]:
    """The rows of each month, not more than a message holds."""
    for _, month in groupby(rows, lambda row: utc_text(row[0])[:7]):
        listed = list(month)
        for at in range(0, len(listed), ROWS_MAX):
            yield listed[at : at + ROWS_MAX]


async def _kept(
    settings: Settings,
    command: str,
    parts: Sequence[PricesFields | CarbonFields],
    *,
    is_dry: bool,
) -> str:
    """What became of the parts: booked, or unchanged where all was known."""
    statuses = set()
    async with running(settings, archiving=not is_dry) as runtime:
        named = {each.name: each for each in runtime.messages["energy"].commands}
        for part in parts:
            statuses.add(await _taken(runtime, named[command], part, is_dry=is_dry))
    return "booked" if "booked" in statuses else "unchanged"


async def _taken(
    runtime: Runtime, command: Command, fields: msgspec.Struct, *, is_dry: bool
) -> str:
    now_ms = runtime.clock.now_ms()
    accepted = command.check(fields, now_ms // 1000, runtime.rules)
    [outcome] = await runtime.preview().book([accepted])
    if outcome.error is None and not is_dry:
        body = msgspec.json.encode({"command": command.name, command.name: fields})
        [outcome] = await runtime.intake.accept([accepted], lambda: [Entry(now_ms, "", body)])
    if outcome.error is not None:
        raise outcome.error
    return outcome.status
