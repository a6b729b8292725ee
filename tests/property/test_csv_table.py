"""The one reader of CSV against Python's csv: what it takes it reads as csv does, in any parts."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from psd.csv_table import CsvRecord, read_records

CELLS = st.text(st.sampled_from(list('a7,;"\n\r\t é')), max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6)
BROKEN = st.lists(st.sampled_from([b"a", b"7", b",", b'"', b'""', b"\n", b"\r", b"\r\n", b"\xff"]))


def parts_of(body: bytes, sizes: list[int]) -> list[bytes]:
    """The bytes in parts of these sizes, and the rest in one."""
    parts = []
    for size in sizes:
        parts.append(body[:size])
        body = body[size:]
    return [*parts, body]


def in_parts(body: bytes, sizes: list[int]) -> list[CsvRecord]:
    return list(read_records(parts_of(body, sizes)))


@given(TABLES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([",", ";", "\t"]))
def test_what_csv_writes_is_read_back(table: list[list[str]], end: str, delimiter: str) -> None:
    text = io.StringIO(newline="")
    # With CR as the end of lines, csv leaves a lone LF unquoted where it may.
    rows = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    rows.writerows(table)
    found = list(read_records([text.getvalue().encode()], delimiter))
    assert [(row.cells, row.error) for row in found] == [(cells, None) for cells in table]


@given(BROKEN, st.lists(st.integers(0, 5)))
def test_the_parts_that_a_text_comes_in_change_nothing(
    pieces: list[bytes], sizes: list[int]
) -> None:
    body = b"".join(pieces)
    found, whole = in_parts(body, sizes), in_parts(body, [])
    told = [(row.line, row.cells, str(row.error)) for row in found]
    assert told == [(row.line, row.cells, str(row.error)) for row in whole]


@given(BROKEN)
def test_what_is_taken_whole_is_what_csv_reads(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    found = in_parts(body, [])
    if all(row.error is None for row in found):
        rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        assert [row.cells for row in found] == [row for row in rows if row]
