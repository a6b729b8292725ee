"""How a file is cut into rows: packed or not, CSV or JSON, and by which delimiter."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import click
import pytest

from psd.cli.imports.import_plan import delimiter_of, named_scales
from psd.cli.imports.import_tables import Form, TableRow, format_of, read_rows
from psd.cli.input_files import UNPACKED_BYTES, lines_of, parts_of
from psd.errors import MalformedError

WANTED = ("user", "at", "steps")
CELLS = {"user": "7", "at": "1460451600", "steps": "160"}


def rows_of(data: bytes, form: Form | None = None) -> list[TableRow]:
    return [*read_rows(parts_of(io.BytesIO(data)), form or Form(), WANTED)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_under_which_the_columns_are_there(delimiter: str) -> None:
    heading = delimiter.join(("user", '"at"', "steps", "a,b;c|d"))
    text = f"{heading}\n" + delimiter.join((*CELLS.values(), '"1;2,3"')) + "\n"
    if delimiter in "a,b;c|d":
        text = text.replace("a,b;c|d", '"a,b;c|d"')
    [row] = rows_of(text.encode())
    assert {name: row.cells[name] for name in WANTED} == CELLS


def test_without_the_columns_the_heading_is_cut_into_most_names() -> None:
    [row] = rows_of(b"uid;when;walked\n7;1;2\n")
    assert [*row.cells] == ["uid", "when", "walked"]


def test_a_delimiter_that_is_given_goes_before() -> None:
    [row] = rows_of(b"user,at,steps;x\n7,1460451600,160;1\n", Form("csv", ";"))
    assert row.cells == {"user,at,steps": "7,1460451600,160", "x": "1"}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("a.CSV.GZ", "csv"),
        ("a.tsv", "csv"),
        ("a.ndjson", "ndjson"),
        ("a.jsonl.gz", "ndjson"),
        ("a.txt", None),
        ("-", None),
    ],
)
def test_a_name_tells_what_a_file_is(name: str, form: str | None) -> None:
    assert format_of(Path(name)) == form


def test_without_a_name_the_first_character_tells() -> None:
    assert rows_of(b'\xef\xbb\xbf {"user": 7, "steps": 1.50}\n')[0].cells["user"] == 7
    assert rows_of(b"user,at,steps\n7,1460451600,160\n")[0].cells == CELLS


def test_a_number_of_json_keeps_its_digits() -> None:
    [row] = rows_of(b'{"steps": 0.10}')
    assert str(row.cells["steps"]) == "0.10"


def test_packed_data_is_unpacked_whatever_its_name() -> None:
    first, second = b"user,at,steps\n7,1460451600,160\n", b"7,1460451601,161\n"
    packed = gzip.compress(first) + gzip.compress(second)
    assert [row.cells["steps"] for row in rows_of(packed)] == ["160", "161"]
    assert [row.line for row in rows_of(packed)] == [2, 3]


def test_packed_zeros_are_unpacked_piece_by_piece() -> None:
    sizes = [len(part) for part in parts_of(io.BytesIO(gzip.compress(bytes(5 << 20))))]
    assert (sum(sizes), max(sizes)) == (5 << 20, UNPACKED_BYTES)


@pytest.mark.parametrize("end", [-1, -9, 200])
def test_a_file_that_breaks_off_says_so_behind_the_rows_that_were_read(end: int) -> None:
    text = b"user,at,steps\n" + b"".join(b"7,%d,160\n" % at for at in range(1460451600, 1460451900))
    rows = rows_of(gzip.compress(text)[:end])
    *good, last = rows
    assert all(row.error is None for row in good)
    assert "gzip data ends in the middle" in str(last.error)
    assert last.line == len(good) + 2


def test_damaged_data_is_told_as_a_line_of_its_own() -> None:
    packed = bytearray(gzip.compress(b'{"a":1}\n{"a":2}\n'))
    packed[-6] ^= 255
    portions = [*lines_of(parts_of(io.BytesIO(bytes(packed))))]
    [(line, error)] = portions[-1]
    assert isinstance(error, MalformedError)
    assert "damaged" in str(error)
    assert line in (1, 3)


@pytest.mark.parametrize(
    ("text", "delimiter"), [("tab", "\t"), ("\\t", "\t"), ("semicolon", ";"), (":", ":")]
)
def test_a_delimiter_has_a_name_or_is_one_sign(text: str, delimiter: str) -> None:
    assert delimiter_of(text) == delimiter


@pytest.mark.parametrize("text", ["", "::", '"', "x", "7", "\n"])
def test_what_cannot_part_cells_is_no_delimiter(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is neither one sign nor"):
        delimiter_of(text)


def test_a_scale_is_of_every_thing_or_of_one() -> None:
    things = {"steps": "s", "calories": "c"}
    assert named_scales(("10",), things) == {"steps": 10, "calories": 10}
    assert named_scales(("calories=1000",), things) == {"calories": 1000}
    for given in (("1", "steps=2"), ("miles=2",), ("steps=0",)):
        with pytest.raises(click.BadParameter):
            named_scales(given, things)
