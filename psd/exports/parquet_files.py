"""Rows in Parquet files, by pyarrow, which comes with the extra ``parquet``.

::

    bookings   thing: string, uid: int64, name: string, atid: int64, ..., booked: int64

Whole numbers are int64, flags bool, texts string; what is nested is its JSON, as a string. A file
is written and read a row group of ROWS_AT_ONCE at a time. pyarrow is imported by the first of them
and by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from psd.errors import ConfigError, MalformedError
from psd.exports.row_files import Columns, NumberedRow, row_of
from psd.exports.row_kinds import Cells

ROWS_AT_ONCE = 65_536

_encode_json = msgspec.json.Encoder().encode


class ParquetRows:
    """Writes row groups; raises ConfigError where pyarrow is not there."""

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._arrow = arrow()
        parquet = arrow("pyarrow.parquet")
        types = {"int": "int64", "flag": "bool_", "text": "string", "json": "string"}
        fields = [
            self._arrow.field(each.name, getattr(self._arrow, types[each.type])(), each.may_miss)
            for each in columns
        ]
        self._schema = self._arrow.schema(fields)
        self._nested = [at for at, each in enumerate(columns) if each.type == "json"]
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Cells] = []

    def write(self, rows: Sequence[Cells]) -> None:
        """Write these behind the others, once they fill a group."""
        self._rows.extend(rows)
        while len(self._rows) >= ROWS_AT_ONCE:
            self._write_group(self._rows[:ROWS_AT_ONCE])
            del self._rows[:ROWS_AT_ONCE]

    def close(self) -> None:
        """Write the last group and what tells where all are."""
        if self._rows:
            self._write_group(self._rows)
            self._rows = []
        self._writer.close()

    def _write_group(self, rows: Sequence[Cells]) -> None:
        columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
        for at in self._nested:
            columns[at] = [_encode_json(value).decode() for value in columns[at]]
        arrays = [
            self._arrow.array(values, type=field.type)
            for values, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def read_parquet(path: Path, columns: Columns) -> Iterator[NumberedRow]:
    """Rows of a file, by their numbers; raises MalformedError for one that is none of Parquet."""
    broken = arrow().ArrowException
    try:
        file = arrow("pyarrow.parquet").ParquetFile(path)
        names = file.schema_arrow.names
        missing = [column.name for column in columns if column.name not in names]
        if missing:
            raise MalformedError(
                f"no column {missing[0]!r}; columns are {', '.join(names)}, an export of this kind "
                f"has {', '.join(column.name for column in columns)}"
            )
        number = 0
        wanted = [column.name for column in columns]
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
            for found in batch.to_pylist():
                number += 1
                yield number, row_of(found, columns)
    except broken as exc:
        raise MalformedError(f"{path.name}: not a Parquet file that can be read ({exc})") from exc


def arrow(module: str = "pyarrow") -> Any:
    """A module of pyarrow; raises ConfigError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as exc:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed: pip install 'pointspace[parquet]', or "
            "take --format csv or ndjson"
        ) from exc
