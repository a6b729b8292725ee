"""From a CSV or NDJSON file to the reports that its rows stand for. No queue, no store.

A row is one activity booked at its time: with ``--uid Id --time At --thing steps=Steps`` ::

    Id,At,Steps
    1503960366,2016-04-12T01:00:00,160

is ``{"thing": "steps", "uid": 1503960366, "atid": 0, "aid": 1460422800, "value": 160,
"ts1": 1460422800, "ts2": 1460422800}``: the activity's id is its time unless ``--aid`` says
otherwise, so that the same row is the same activity at every import.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import click
import msgspec

from psd.cli.times import parse_time
from psd.csv_table import Table
from psd.engine.events import EventRules, MetricFields, Report
from psd.errors import InputError, MalformedError, WrongTypeError

FileFormat = Literal["csv", "ndjson"]
Progress = Callable[[int], None]

PART_BYTES = 65_536

_JSON_NAMES = re.compile(r'"\s*:')
_INTEGER = re.compile(r"[+-]?\d{1,19}\Z")


class Columns(msgspec.Struct, frozen=True):
    """Which columns hold what; ``things`` maps a thing to its column.

    ``atid`` and ``aid`` name a column, or are a constant; ``aid`` None is the row's time.
    """

    uid: str
    time: str
    things: dict[str, str]
    atid: str | int = 0
    aid: str | int | None = None
    time_format: str | None = None

    def named(self) -> list[str]:
        """Every column that each row must have."""
        optional = [column for column in (self.atid, self.aid) if isinstance(column, str)]
        return [self.uid, self.time, *self.things.values(), *optional]

    def check(self, known: list[str]) -> None:
        """Refuse a column that the file does not have."""
        for column in self.named():
            if not column or column not in known:
                raise click.UsageError(f"no column {column!r}; columns are {', '.join(known)}")


class Row(msgspec.Struct, frozen=True):
    """One row of the file: its line and its cells, or why it could not be read."""

    line: int
    cells: dict[str, Any]
    error: InputError | None = None


class BookableRow(msgspec.Struct, frozen=True):
    """A row that keeps every rule, as it goes over the wire and as the engine takes it."""

    line: int
    fields: list[MetricFields]
    reports: list[Report]


class RefusedRow(msgspec.Struct, frozen=True):
    """A row of which nothing was booked, and why."""

    line: int
    error: InputError


def read_rows(file: BinaryIO, file_format: FileFormat, progress: Progress) -> Iterator[Row]:
    """Every row of a file; ``progress`` is told the bytes of each part that was read.

    Raises an InputError for a CSV whose heading is none, before the first row.
    """
    if file_format == "csv":
        return _csv_rows(_counted_parts(file, progress))
    return _json_rows(_counted_lines(file, progress))


def format_of(path: Path) -> FileFormat:
    """By the name: .csv, or .ndjson and .jsonl (and everything else)."""
    return "csv" if path.suffix.lower() == ".csv" else "ndjson"


def column_or_constant(text: str, known: list[str]) -> str | int:
    """A column of that name, else a whole number; raises click.UsageError.

    For what was given only: a default is never a column, whatever a file names its columns.
    """
    if text in known:
        return text
    if _INTEGER.match(text):
        return int(text)
    raise click.UsageError(
        f"{text!r} is neither a column nor a whole number; columns are {', '.join(known)}"
    )


def bookable(
    row: Row, columns: Columns | None, rules: EventRules, now_s: int
) -> BookableRow | RefusedRow:
    """Check a row against every rule; a row is refused as a whole.

    ``columns`` is None only as long as no row could be read.
    """
    if row.error is not None:
        return RefusedRow(row.line, row.error)
    assert columns is not None, "the first readable row brings the columns"
    try:
        fields = _fields(row.cells, columns)
        return BookableRow(row.line, fields, [rules.report(each, now_s) for each in fields])
    except InputError as error:
        return RefusedRow(row.line, error)


def _fields(cells: dict[str, Any], columns: Columns) -> list[MetricFields]:
    second = _time(cells, columns)
    uid = _integer(cells, columns.uid)
    atid = _constant_or_cell(cells, columns.atid)
    aid = second if columns.aid is None else _constant_or_cell(cells, columns.aid)
    return [
        MetricFields(thing, uid, atid, aid, _integer(cells, column), second, second)
        for thing, column in columns.things.items()
    ]


def _constant_or_cell(cells: dict[str, Any], column: str | int) -> int:
    return column if isinstance(column, int) else _integer(cells, column)


def _integer(cells: dict[str, Any], column: str) -> int:
    cell = _cell(cells, column)
    if isinstance(cell, str) and _INTEGER.match(cell.strip()):
        return int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    raise WrongTypeError(f"{column}: {cell!r} is not a whole number")


def _time(cells: dict[str, Any], columns: Columns) -> int:
    cell = _cell(cells, columns.time)
    try:
        return parse_time(str(cell), columns.time_format)
    except ValueError as exc:
        hint = "" if columns.time_format else "; --time-format says how times are written"
        raise WrongTypeError(f"{columns.time}: {exc}{hint}") from exc


def _cell(cells: dict[str, Any], column: str) -> Any:
    cell = cells.get(column)
    if cell is None or cell == "":
        raise MalformedError(f"{column}: blank")
    return cell


def _counted_parts(file: BinaryIO, progress: Progress) -> Iterator[bytes]:
    while part := file.read(PART_BYTES):
        progress(len(part))
        yield part


def _counted_lines(file: BinaryIO, progress: Progress) -> Iterator[str]:
    for number, line in enumerate(file):
        progress(len(line))
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", errors="surrogateescape")


def _csv_rows(parts: Iterator[bytes]) -> Iterator[Row]:
    table = Table(parts)
    for record in table:
        if record.error is None:
            yield Row(record.line, dict(zip(table.columns, record.cells, strict=True)))
        else:
            yield Row(record.line, {}, record.error)


def _json_rows(lines: Iterator[str]) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            cells = decode(text)
            twice = _name_twice(text, cells)
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            yield Row(line, {}, MalformedError(f"row: not a JSON object ({exc})"))
            continue
        if twice is None:
            yield Row(line, cells)
        else:
            yield Row(line, {}, MalformedError(f"row: {twice!r} stands twice"))


def _name_twice(text: str, cells: dict[str, Any]) -> str | None:
    """A name that an object gives twice; decoding keeps the last one and does not tell."""
    # As many names as there are fields, in the plain objects that most rows are.
    if len(_JSON_NAMES.findall(text)) == len(cells):
        return None
    # The outermost object is the last one that is whole.
    pairs: list[tuple[str, Any]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.__setitem__(slice(None), found))
    names = Counter(name for name, _ in pairs)
    return next((name for name, times in names.items() if times > 1), None)
