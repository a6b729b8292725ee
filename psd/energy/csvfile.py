"""Reads intervals of energy from CSV: a time and a number a row, as suppliers let people load them.

::

    start,value                       columns "start" and "value", kWh, 1,800 s from their start on
    2012-10-12 00:30:00,0.214         -> (1350001800, 1350003600, 214000 mWh)

A time without a zone is of the zone that is told; which clocks show twice, or never, is refused by
its line. An empty number is no interval. Rows that repeat an interval are told each: whoever books
them keeps the last.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Literal, TextIO
from zoneinfo import ZoneInfo

import msgspec

from psd.energy.channels import MEASURED, EnergyInterval, Flow
from psd.errors import InvalidTimeError, MalformedError
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, power_of, scaled
from psd.times import read as read_time
from psd.zones import UTC

LINE_CHARACTERS_MAX = 65_536


class EnergyColumns(msgspec.Struct, frozen=True):
    """Where a row has what; ``stamp`` says which end of an interval its time is."""

    time: str = "start"
    value: str = "value"
    unit: str = "kWh"
    every_s: int = 1_800
    stamp: Literal["start", "end"] = "start"
    tz: ZoneInfo = UTC
    flow: Flow = "import"


def read(stream: TextIO, columns: EnergyColumns) -> Iterator[EnergyInterval]:
    """Every interval of a file, in its order; raises an InputError that names the line."""
    exponent = power_of(columns.unit, ENERGY)
    csv.field_size_limit(LINE_CHARACTERS_MAX)
    rows = csv.DictReader(stream)
    try:
        named = rows.fieldnames or []
        for column in (columns.time, columns.value):
            if column not in named:
                raise MalformedError(
                    f"line 1: no column {shown(column)}; there are {', '.join(map(shown, named))}"
                )
        for row in rows:
            if row[columns.value]:
                yield _interval(rows.line_num, row, columns, exponent)
    except csv.Error as exc:
        raise MalformedError(f"line {rows.line_num}: {exc}") from exc


def _interval(
    line: int, row: Mapping[str, str | None], columns: EnergyColumns, exponent: int
) -> EnergyInterval:
    told = row[columns.time] or ""
    try:
        second = read_time(told, columns.tz, is_cell=True)
    except ValueError as exc:
        raise InvalidTimeError(f"line {line}: {columns.time}: {exc}") from exc
    start = second if columns.stamp == "start" else second - columns.every_s
    mwh = scaled(row[columns.value] or "", exponent, f"line {line}: {columns.value}")
    return EnergyInterval(start, start + columns.every_s, mwh, columns.flow, MEASURED)
