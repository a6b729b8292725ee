"""From the bytes of a file to its rows: CSV by psd/csv_table.py, or a JSON object a line.

What a file is is told by ``--format``, else by its name, else by its first character: ``{`` begins
JSON. The delimiter is ``--delimiter``, else the one under which the heading has the columns that
were asked for, so that nothing is guessed from the cells::

    Id;At;Steps     with --uid Id --time At --thing steps=Steps     -> ;

Where none of them has all, the one that cuts the heading into most names is taken: the columns that
are missing are then told with the names that are there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from psd.cli.input_files import LINE_BYTES_MAX, lines_of
from psd.csv_table import Table, read_records
from psd.errors import InputError, MalformedError, TooLargeError

FileFormat = Literal["csv", "ndjson"]

DELIMITERS = (",", ";", "\t", "|")
NAMED_DELIMITERS: Mapping[str, str] = {
    **{each: each for each in DELIMITERS},
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
}

_JSON_NAMES = re.compile(rb'"\s*:')

_FORMATS: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}


class TableRow(msgspec.Struct, frozen=True):
    """One row of the file: its line and its cells, or why it could not be read."""

    line: int
    cells: dict[str, Any]
    error: InputError | None = None


class Form(msgspec.Struct, frozen=True):
    """What is known of a file before it is read; None is found out."""

    file_format: FileFormat | None = None
    delimiter: str | None = None


def format_of(path: Path) -> FileFormat | None:
    """What the name says, also before ``.gz``; None where it says nothing."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return _FORMATS.get(name.suffix.lower())


def read_rows(
    parts: Iterator[bytes], form: Form, wanted: Collection[str] = ()
) -> Iterator[TableRow]:
    """Every row; ``wanted`` are columns that the heading of a CSV should have.

    Raises an InputError for a heading that is none. Where the file ends before its time, the last
    row says so.
    """
    line = 0
    try:
        for row in _rows(parts, form, wanted):
            line = row.line
            yield row
    except InputError as error:
        if not line:
            raise
        yield TableRow(line + 1, {}, error)


def _rows(parts: Iterator[bytes], form: Form, wanted: Collection[str]) -> Iterator[TableRow]:
    head = next(parts, b"")
    whole = itertools.chain([head], parts)
    if (form.file_format or _format_by(head)) == "ndjson":
        return _json_rows(whole)
    return _csv_rows(whole, form.delimiter or _delimiter_by(head, wanted))


def _format_by(head: bytes) -> FileFormat:
    return "ndjson" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "csv"


def _delimiter_by(head: bytes, wanted: Collection[str]) -> str:
    names = {delimiter: _names(head, delimiter) for delimiter in DELIMITERS}
    for delimiter, found in names.items():
        if found.issuperset(wanted):
            return delimiter
    return max(DELIMITERS, key=lambda delimiter: len(names[delimiter]))


def _names(head: bytes, delimiter: str) -> set[str]:
    """The names in the heading if cells are parted so; none where that breaks a rule."""
    heading = next(read_records(iter([head]), delimiter), None)
    return {cell.strip() for cell in heading.cells} if heading is not None else set()


def _csv_rows(parts: Iterator[bytes], delimiter: str) -> Iterator[TableRow]:
    table = Table(parts, delimiter)
    for record in table:
        if record.error is None:
            yield TableRow(record.line, dict(zip(table.columns, record.cells, strict=True)))
        else:
            yield TableRow(record.line, {}, record.error)


def _json_rows(parts: Iterator[bytes]) -> Iterator[TableRow]:
    # Decimals keep the digits that stand there: 0.1 is not 0.1000000000000000055.
    decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
    for line, text in itertools.chain.from_iterable(lines_of(parts)):
        if isinstance(text, MalformedError):
            yield TableRow(line, {}, text)
            continue
        if len(text) > LINE_BYTES_MAX:
            yield TableRow(line, {}, TooLargeError(f"row: longer than {LINE_BYTES_MAX:,} bytes"))
            continue
        try:
            cells = decode(text)
            twice = _name_twice(text, cells)
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            yield TableRow(line, {}, MalformedError(f"row: not a JSON object ({exc})"))
            continue
        if twice is None:
            yield TableRow(line, cells)
        else:
            yield TableRow(line, {}, MalformedError(f"row: {twice!r} stands twice"))


def _name_twice(text: bytes, cells: dict[str, Any]) -> str | None:
    """A name that an object gives twice; decoding keeps the last one and does not tell."""
    # As many names as there are fields, in the plain objects that most rows are.
    if len(_JSON_NAMES.findall(text)) == len(cells):
        return None
    # The outermost object is the last one that is whole.
    pairs: list[tuple[str, Any]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.__setitem__(slice(None), found))
    names = Counter(name for name, _ in pairs)
    return next((name for name, times in names.items() if times > 1), None)
