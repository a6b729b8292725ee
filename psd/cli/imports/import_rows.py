"""From the rows of a file to the reports that they stand for. No queue, no store.

A row is one activity booked at its time: with ``--uid Id --time At --thing steps=Steps`` ::

    Id,At,Steps
    1503960366,2016-04-12T01:00:00,160

is ``{"thing": "steps", "uid": 1503960366, "atid": 0, "aid": 1460422800, "value": 160,
"ts1": 1460422800, "ts2": 1460422800}``: the activity's id is its time unless ``--aid`` says
otherwise, so that the same row is the same activity at every import.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from psd.cli.imports.import_cells import is_blank, text_of, user_of_cell, value_of, whole_number
from psd.cli.imports.import_tables import TableRow
from psd.cli.times import parse_time
from psd.engine.event_fields import MetricFields
from psd.engine.event_rules import EventRules
from psd.engine.events import Report
from psd.errors import InputError, WrongTypeError
from psd.zones import UTC


class Columns(msgspec.Struct, frozen=True):
    """Which columns hold what, and how they are read; ``things`` maps a thing to its column.

    ``atid`` and ``aid`` name a column, or are a constant; ``aid`` None is the row's time. A thing
    in ``scales`` is multiplied. With ``skip_blank`` a thing without a value is left out.
    """

    uid: str
    time: str
    things: dict[str, str]
    atid: str | int = 0
    aid: str | int | None = None
    time_format: str | None = None
    tz: ZoneInfo = UTC
    scales: Mapping[str, Fraction] = {}
    skip_blank: bool = False

    def named(self) -> list[str]:
        """Every column that each row must have."""
        optional = [column for column in (self.atid, self.aid) if isinstance(column, str)]
        return [self.uid, self.time, *self.things.values(), *optional]

    def check(self, known: list[str]) -> None:
        """Refuse a column that the file does not have."""
        for column in self.named():
            if not column or column not in known:
                raise click.UsageError(f"no column {column!r}; columns are {', '.join(known)}")


class BookableRow(msgspec.Struct, frozen=True):
    """A row that keeps every rule, as it goes over the wire and as the engine takes it.

    ``blank`` counts the values that were left out.
    """

    line: int
    fields: list[MetricFields]
    reports: list[Report]
    blank: int = 0


class RefusedRow(msgspec.Struct, frozen=True):
    """A row of which nothing was booked, and why."""

    line: int
    error: InputError


def column_or_constant(text: str, known: list[str]) -> str | int:
    """A column of that name, else a whole number; raises click.UsageError.

    For what was given only: a default is never a column, whatever a file names its columns.
    """
    if text in known:
        return text
    try:
        return whole_number(text, "")
    except InputError as error:
        raise click.UsageError(
            f"{text!r} is neither a column nor a whole number; columns are {', '.join(known)}"
        ) from error


def bookable(
    row: TableRow, columns: Columns | None, rules: EventRules, now_s: int
) -> BookableRow | RefusedRow:
    """Check a row against every rule; a row is refused as a whole.

    ``columns`` is None only as long as no row could be read.
    """
    if row.error is not None:
        return RefusedRow(row.line, row.error)
    assert columns is not None, "the first readable row brings the columns"
    try:
        fields = _fields(row.cells, columns)
        reports = [rules.report(each, now_s) for each in fields]
    except InputError as error:
        return RefusedRow(row.line, error)
    return BookableRow(row.line, fields, reports, blank=len(columns.things) - len(fields))


def _fields(cells: dict[str, Any], columns: Columns) -> list[MetricFields]:
    values = dict(_values(cells, columns))
    if not values:
        return []
    second = _time(cells, columns)
    uid = user_of_cell(cells.get(columns.uid), columns.uid)
    atid = _constant_or_cell(cells, columns.atid)
    aid = second if columns.aid is None else _constant_or_cell(cells, columns.aid)
    return [
        MetricFields(thing, uid, atid, aid, value, second, second)
        for thing, value in values.items()
    ]


def _values(cells: dict[str, Any], columns: Columns) -> list[tuple[str, int]]:
    return [
        (thing, value_of(cells.get(column), column, columns.scales.get(thing)))
        for thing, column in columns.things.items()
        if not (columns.skip_blank and is_blank(cells.get(column)))
    ]


def _constant_or_cell(cells: dict[str, Any], column: str | int) -> int:
    return column if isinstance(column, int) else whole_number(cells.get(column), column)


def _time(cells: dict[str, Any], columns: Columns) -> int:
    text = text_of(cells.get(columns.time), columns.time)
    try:
        return parse_time(text, columns.time_format, columns.tz)
    except ValueError as exc:
        hint = "" if columns.time_format else "; --time-format says how times are written"
        raise WrongTypeError(f"{columns.time}: {exc}{hint}") from exc
