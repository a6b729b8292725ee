"""Reads intervals of energy from CSV: a time and a number a row, as suppliers let people load them.

::

    start,value                       columns "start" and "value", kWh, 1,800 s from their start on
    2012-10-12 00:30:00,0.214         -> (1350001800, 1350003600, 214000 mWh)

Rows are read as those of every CSV are (psd/csv_table.py). Columns stand between commas, semicolons
or tabs, whichever part the names in the heading; between semicolons a number may have a decimal
comma, which is why they are there. A time without a zone is of the zone
that is told; which clocks show twice, or never, is refused by its line. An empty number is no
interval. Rows that repeat an interval are told each: whoever books them keeps the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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

COMMA, SEMICOLON = ",", ";"
DELIMITERS = (COMMA, SEMICOLON, "\t")

_DECIMAL_COMMA = re.compile(r"^([+-]?[0-9]+),([0-9]+)$", re.ASCII)


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
    names = (columns.time, columns.value)
    rest = iter(chunks)
    first = next(rest, b"")
    delimiter = _delimiter(first, names)
    table = Table(chain((first,), rest), delimiter)
    places = [_place(table, name) for name in names]
    for record in table:
        if record.error is not None:
            yield RefusedInterval(record.line, record.error)
            continue
        told, value = (record.cells[place].strip() for place in places)
        if not value:
            yield None
            continue
        if delimiter == SEMICOLON:
            value = _DECIMAL_COMMA.sub(r"\1.\2", value)
        try:
            yield record.line, _interval(told, value, columns, exponent)
        except InputError as error:
            yield RefusedInterval(record.line, error)


def _delimiter(first: bytes, names: Sequence[str]) -> str:
    """What parts the names of a heading; a comma where nothing does."""
    heading = next(iter(first.decode("utf-8-sig", "replace").splitlines()), "")
    for delimiter in DELIMITERS:
        if {*names} <= {cell.strip(' "') for cell in heading.split(delimiter)}:
            return delimiter
    return COMMA


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
