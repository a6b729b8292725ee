r"""Rows in files: CSV, and NDJSON with an object a line.

::

    bookings, CSV      steps,7,,0,41,total,1460419200,1460422800,160,160
    bookings, NDJSON   {"thing":"steps","uid":7,"name":"","atid":0,"aid":41,"mode":"total",...}

What is written is read back as it was. A text that a spreadsheet would compute, or that begins with
an apostrophe, gets one before it, which is taken off again; what is nested stands as JSON in a
cell. A row that cannot be read is an error with its line, and the others are read all the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from psd.csv_table import Table
from psd.errors import InputError, MalformedError, TooLargeError, WrongTypeError
from psd.exports.row_kinds import Cells, RowColumn
from psd.foreign_texts import shown

LINE_BYTES_MAX = 1_000_000
CHUNK_BYTES = 262_144

_ESCAPED = frozenset("=+-@\t\r\n|%'")
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_encode_json = msgspec.json.Encoder().encode

Columns = Sequence[RowColumn]

NumberedRow = tuple[int, Cells | InputError]
"""A line, or the number of a row, and what stands there or what is wrong with it."""


class RowWriter(Protocol):
    """Writes rows of one kind to a file; nothing is there for sure before it is closed."""

    def write(self, rows: Sequence[Cells]) -> None:
        """Write these behind the others."""
        ...

    def close(self) -> None:
        """Write what belongs at the end; the file stays open."""
        ...


class CsvRows:
    """Writes CSV, with the names of the columns first."""

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._file = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._types = [column.type for column in columns]
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Cells]) -> None:
        """Write these behind the others."""
        types = self._types
        self._csv.writerows(
            [_cell(value, type_) for value, type_ in zip(row, types, strict=True)] for row in rows
        )

    def close(self) -> None:
        """Leave the file to whoever opened it."""
        self._file.flush()
        self._file.detach()


class JsonRows:
    """Writes an object a line."""

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._file = file
        self._names = [column.name for column in columns]

    def write(self, rows: Sequence[Cells]) -> None:
        """Write these behind the others."""
        names = self._names
        self._file.write(
            b"".join(_encode_json(dict(zip(names, row, strict=True))) + b"\n" for row in rows)
        )

    def close(self) -> None:
        """Nothing belongs at the end."""
        self._file.flush()


def read_csv(path: Path, columns: Columns) -> Iterator[NumberedRow]:
    """Rows of a CSV; raises an InputError where its heading lacks a column."""
    with path.open("rb") as file:
        table = Table(iter(lambda: file.read(CHUNK_BYTES), b""))
        places = _places(table.columns, columns)
        for record in table:
            if record.error is not None:
                yield record.line, record.error
                continue
            cells = record.cells
            yield record.line, _row([_text_read(cells[at]) for at in places], columns)


def read_ndjson(path: Path, columns: Columns) -> Iterator[NumberedRow]:
    """Rows of a file of JSON objects."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for line, text in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), start=1):
            if len(text) > LINE_BYTES_MAX:
                yield line, TooLargeError(f"row: longer than {LINE_BYTES_MAX:,} bytes")
                return
            if not text.strip():
                continue
            try:
                found = decode(text)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
                yield line, MalformedError(f"row: not a JSON object ({exc})")
                continue
            yield line, row_of(found, columns)


def row_of(found: Mapping[str, Any], columns: Columns) -> Cells | InputError:
    """The cells of an object, each of its type."""
    missing = [column.name for column in columns if column.name not in found]
    if missing:
        return MalformedError(f"row: no {missing[0]!r}")
    return _row([found[column.name] for column in columns], columns)


def _row(values: Sequence[Any], columns: Columns) -> Cells | InputError:
    try:
        return tuple(_value(value, column) for value, column in zip(values, columns, strict=True))
    except InputError as error:
        return error


def _places(names: Sequence[str], columns: Columns) -> list[int]:
    missing = [column.name for column in columns if column.name not in names]
    if missing:
        raise MalformedError(
            f"no column {missing[0]!r}; columns are {', '.join(names)}, an export of this kind has "
            f"{', '.join(column.name for column in columns)}"
        )
    return [names.index(column.name) for column in columns]


def _cell(value: Any, type_: str) -> str | int:
    if value is None:
        return ""
    if type_ == "text":
        return f"'{value}" if value and value[0] in _ESCAPED else value
    if type_ == "flag":
        return "true" if value else "false"
    return _encode_json(value).decode() if type_ == "json" else value


def _text_read(cell: str) -> str:
    return cell.removeprefix("'")


def _value(value: Any, column: RowColumn) -> Any:
    """A value of the column's type; raises an InputError that names the column."""
    if value is None or (value == "" and column.type != "text"):
        if column.may_miss:
            return None
        raise MalformedError(f"{column.name}: blank")
    if column.type == "json":
        return _nested(value, column) if isinstance(value, str) else value
    found = _plain(value, column.type)
    if found is None:
        raise WrongTypeError(f"{column.name}: {shown(value)} is no {_WORDS[column.type]}")
    return found


def _plain(value: Any, type_: str) -> Any:
    """A number, a flag or a text, written as such or as text; None for another type."""
    if type_ == "text":
        return value if isinstance(value, str) else None
    if type_ == "flag":
        return _FLAGS.get(value.lower()) if isinstance(value, str) else _own(value, bool)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return _own(value, int)


def _own(value: Any, type_: type) -> Any:
    """The value where it is of just this type: True is no number."""
    return value if type(value) is type_ else None


_WORDS = {"int": "whole number", "flag": "true or false", "text": "text", "json": "JSON"}


def _nested(text: str, column: RowColumn) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise MalformedError(f"{column.name}: not JSON ({exc})") from exc
