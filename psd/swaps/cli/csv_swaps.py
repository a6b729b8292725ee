"""``psd swaps import`` and ``sample``: many events, each through the one door, in their order.

::

    $ cat swaps.csv
    driver,station,battery_out,battery_in_energy,battery_out_energy,odometer,date
    D1,S1,B1,0,180,1000,2020-09-01 09:00
    $ psd swaps import swaps.csv
    1 booked

A column is a field of the message; an empty cell is not said, ``none`` is none. A row without an
``id`` gets one of its content and its place among equal rows, so that a file may be imported again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from psd.cli.input_files import opened, parts_of
from psd.cli.options import pass_settings
from psd.cli.query import running
from psd.cli.times import fixed_time_argument
from psd.config_sources import LoadedSettings
from psd.csv_table import Table
from psd.errors import InputError, WrongTypeError
from psd.foreign_texts import on_one_line, shown
from psd.swaps.cli.writing_swaps import NONE, taken
from psd.swaps.part import SwapsPart
from psd.swaps.sample_history import mistake
from psd.swaps.sample_history import sample as sample_messages
from psd.swaps.swap_messages import (
    BatteryFields,
    BikeFields,
    CorrectionFields,
    DriverFields,
    StationFields,
    StocktakeFields,
    SwapFields,
)
from psd.times import read
from psd.zones import UTC

if TYPE_CHECKING:
    from psd.runtime import Runtime

KINDS: dict[str, type[msgspec.Struct]] = {
    "swap": SwapFields,
    "correction": CorrectionFields,
    "station": StationFields,
    "battery": BatteryFields,
    "vehicle": BikeFields,
    "driver": DriverFields,
    "stocktake": StocktakeFields,
}

TIMES = ("date", "started", "ended")
NUMBERS = (
    *("battery_in_energy", "battery_out_energy", "odometer", "corrects", "number", "capacity"),
    "voltage",
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)

BATTERIES_BETWEEN = " "
"""Of a stocktake's cell with several serials."""


@click.command("import")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--kind", type=click.Choice([*KINDS]), default="swap", show_default=True, help="What rows are."
)
@click.option("--network", default="", help="Of rows that name none. Default: the settings'.")
@pass_settings
def import_swaps(loaded: LoadedSettings, /, *, file: Path, kind: str, network: str) -> None:
    """Add what stands in FILE, row by row.

    What is refused is told with its line, and the rows behind it go on. Exit code 1 when some was.
    """

    async def run() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        async with running(loaded.settings, archiving=True) as runtime:
            with opened(file) as source:
                for line, fields in rows_of(Table(parts_of(source)), kind, network):
                    outcomes[await _row(runtime, kind, line, fields)] += 1
        return outcomes

    outcomes = asyncio.run(run())
    click.echo(_summary(outcomes))
    if outcomes["refused"]:
        raise SystemExit(1)


@click.command()
@click.option("--network", default="", help="Default: that of the settings.")
@click.option("--drivers", type=click.IntRange(1, 1_000), default=4, help="How many.")
@click.option("--days", type=click.IntRange(1, 1_000), default=7, help="Of how many days.")
@click.option(
    "--start",
    type=fixed_time_argument,
    metavar="TIME",
    default="2020-09-01",
    help="When it begins. Default: 2020-09-01.",
)
@pass_settings
def sample(loaded: LoadedSettings, /, *, network: str, drivers: int, days: int, start: int) -> None:
    """Add a small network: stations, batteries, drivers, their swaps, and a correction.

    The same again changes nothing.
    """

    async def run() -> Counter[str]:
        outcomes: Counter[str] = Counter()
        async with running(loaded.settings, archiving=True) as runtime:
            for command, fields in sample_messages(start, drivers, days, network):
                outcomes[await taken(runtime, command, fields)] += 1
            ledger = runtime.part(SwapsPart).ledger(network)
            number = await ledger.number_of("swap-0-1")
            if number is not None:
                wrong = mistake(number, start, network)
                outcomes[await taken(runtime, "correction", wrong)] += 1
        return outcomes

    click.echo(_summary(asyncio.run(run())))


def rows_of(
    table: Table, kind: str, network: str
) -> Iterator[tuple[int, msgspec.Struct | InputError]]:
    """The line of each row, and its fields or what is wrong with it."""
    known = KINDS[kind].__struct_fields__
    if unknown := [name for name in table.columns if name not in known]:
        raise WrongTypeError(
            f"column: {shown(unknown[0])} is no field of a {kind}; known are {', '.join(known)}"
        )
    seen: Counter[str] = Counter()
    for record in table:
        if record.error is not None:
            yield record.line, record.error
            continue
        try:
            said = _said(dict(zip(table.columns, record.cells, strict=True)))
            if not said.get("id") and kind in ("swap", "correction", "stocktake"):
                told = repr(sorted(said.items()))
                seen[told] += 1
                content = f"{network} {kind} {told} {seen[told]}"
                said["id"] = blake2b(content.encode(), digest_size=12).hexdigest()
            said.setdefault("network", network)
            yield record.line, msgspec.convert(said, KINDS[kind])
        except InputError as error:
            yield record.line, error
        except msgspec.ValidationError as exc:
            yield record.line, WrongTypeError(f"row: {exc}")


def _said(cells: Mapping[str, str]) -> dict[str, Any]:
    """What a row says."""
    said: dict[str, Any] = {}
    for name, text in cells.items():
        cell = text.strip()
        if not cell:
            continue
        said[name] = _none(name) if cell == NONE else _value(name, cell)
    return said


def _none(name: str) -> list[str] | None:
    """What ``none`` is: of the batteries that were counted, an empty list."""
    return [] if name == "batteries" else None


def _value(name: str, cell: str) -> Any:
    if name in TIMES:
        try:
            return read(cell, UTC)
        except ValueError as exc:
            raise WrongTypeError(f"{name}: {exc}") from exc
    if name == "batteries":
        return cell.split(BATTERIES_BETWEEN)
    if name not in NUMBERS:
        return cell
    if not _WHOLE.fullmatch(cell):
        raise WrongTypeError(f"{name}: {shown(cell)} is no whole number")
    return int(cell)


async def _row(runtime: Runtime, kind: str, line: int, fields: msgspec.Struct | InputError) -> str:
    try:
        if isinstance(fields, InputError):
            raise fields
        return await taken(runtime, kind, fields)
    except InputError as error:
        click.echo(f"line {line}: {on_one_line(str(error))}", err=True)
        return "refused"


def _summary(outcomes: Counter[str]) -> str:
    return ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) or "no rows"
