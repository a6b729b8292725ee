"""Reads intervals of energy from CSV: a time and a number a row, as suppliers let people load them.

::

    start,value                       columns "start" and "value", kWh, 1,800 s from their start on
    2012-10-12 00:30:00,0.214         -> (1350001800, 1350003600, 214000 mWh)

Rows are read as those of every CSV are (psd/csv_table.py). A time without a zone is of the zone
that is told; which clocks show twice, or never, is refused by its line. An empty number is no
interval. Rows that repeat an interval are told each: whoever books them keeps the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

import msgspec

from psd.csv_table import Table
from psd.energy.channels import MEASURED, EnergyInterval, Flow
from psd.energy.files.file_rows import FileRow, RefusedInterval
from psd.errors import InputError, InvalidTimeError, MalformedError
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, power_of, scaled
from psd.times import read as read_time
from psd.zones import UTC


class EnergyColumns(msgspec.Struct, frozen=True):
    """Where a row has what; ``is_end`` says that its time is the end of an interval."""

    time: str = "start"
    value: str = "value"
    unit: str = "kWh"
    every_s: int = 1_800
    is_end: bool = False
    tz: ZoneInfo = UTC
    flow: Flow = "import"


def read(chunks: Iterable[bytes], columns: EnergyColumns) -> Iterator[FileRow]:
    """Every row of a file, in its order; raises an InputError for a heading without the columns."""
    exponent = power_of(columns.unit, ENERGY)
    table = Table(chunks)
    places = [_place(table, name) for name in (columns.time, columns.value)]
    for record in table:
        if record.error is not None:
            yield RefusedInterval(record.line, record.error)
            continue
        told, value = (record.cells[place] for place in places)
        if not value.strip():
            yield None
            continue
        try:
            yield record.line, _interval(told, value, columns, exponent)
        except InputError as error:
            yield RefusedInterval(record.line, error)


def _place(table: Table, column: str) -> int:
    names: Sequence[str] = table.columns
    if column not in names:
        there = ", ".join(map(shown, names))
        raise MalformedError(f"line {table.line}: no column {shown(column)}; there are {there}")
    return names.index(column)


def _interval(told: str, value: str, columns: EnergyColumns, exponent: int) -> EnergyInterval:
    try:
        second = read_time(told, columns.tz, is_cell=True)
    except ValueError as exc:
        raise InvalidTimeError(f"{columns.time}: {exc}") from exc
    start = second - columns.every_s if columns.is_end else second
    mwh = scaled(value, exponent, columns.value)
    return EnergyInterval(start, start + columns.every_s, mwh, columns.flow, MEASURED)
