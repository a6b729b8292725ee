"""What a table from people is, and the line and rule of each that is none."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest

from psd.csv_table import ROW_BYTES_MAX, Table, unbroken
from psd.errors import InputError, MalformedError, TooLargeError

LOST = "; what follows cannot be read"


def read(text: bytes | str, delimiter: str = ",") -> list[tuple[int, list[str] | str]]:
    """Line and cells of each row, or line and what is against it."""
    body = text.encode() if isinstance(text, str) else text
    return [
        (row.line, row.cells if row.error is None else str(row.error))
        for row in Table([body], delimiter)
    ]


def refusal(text: bytes | str) -> str:
    """What is said of a table that is refused whole."""
    body = text.encode() if isinstance(text, str) else text
    with pytest.raises(InputError) as refused:
        list(unbroken(Table([body])))
    return str(refused.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_ends_a_line(end: str) -> None:
    assert read(end.join(["a,b", "1,2", "", "3,4", ""])) == [(2, ["1", "2"]), (4, ["3", "4"])]


def test_line_ends_may_be_mixed_and_the_last_one_may_be_missing() -> None:
    assert read("a,b\r1,2\r\n3,4\n5,6") == [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert Table(["\ufeffa,b\n".encode()]).columns == ["a", "b"]
    assert Table([b"\xef", b"\xbb", b"\xbfa,b", b"\n"]).columns == ["a", "b"]


def test_blank_lines_are_no_rows_and_empty_cells_are() -> None:
    assert read("\n  \na,b\n\n   \n,\n") == [(6, ["", ""])]
    assert read('a\n\n""\n \n1\n') == [(3, [""]), (5, ["1"])]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_line_ends() -> None:
    text = 'a,b\n"1,000","say ""7"""\n"two\r\nlines","x\ny"\n5,6\n'
    assert read(text) == [
        (2, ["1,000", 'say "7"']),
        (3, ["two\r\nlines", "x\ny"]),
        (6, ["5", "6"]),
    ]


def test_the_delimiter_is_that_of_the_file() -> None:
    assert read("a;b\n1,5;2\n", ";") == [(2, ["1,5", "2"])]
    assert read("a\tb\n1\t2\n\t\n", "\t") == [(2, ["1", "2"]), (3, ["", ""])]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("1", "row: 1 cells under 2 columns"),
        ("1,2,3", "row: 3 cells under 2 columns"),
        ("1,2,", "row: 3 cells under 2 columns"),
        ("1,\xff", None),
        ('"1"x,2', "row: text behind a closing quote"),
        ('1,x"2"', "row: a quote in a cell that begins with none"),
        ('1, "2,3"', "row: a quote in a cell that begins with none"),
        ("1,2\0", "row: a byte that is 0"),
    ],
)
def test_a_row_that_breaks_a_rule_leaves_the_others_readable(row: str, rule: str | None) -> None:
    body = b"a,b\n8,9\n" + row.encode("latin-1") + b"\n5,6\n"
    rule = rule or "row: not UTF-8 (byte 0xff)"
    assert read(body) == [(2, ["8", "9"]), (3, rule), (4, ["5", "6"])]
    assert refusal(body) == f"line 3: {rule}"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"2\n3,4\n5,6\n', 2),
        ('1,2\n3,"4\n5,6\n', 3),
        ('1,2\n"3\nstill 3","4\n5,6\n', 4),
        ('1,2\n3,"', 3),
        ('1,2\n3,"4""\n', 3),
    ],
)
def test_a_quote_that_is_never_closed_is_told_with_its_own_line(rows: str, line: int) -> None:
    found = read(f"a,b\n{rows}")
    assert found[-1] == (line, f"row: a quote is opened and never closed{LOST}")
    assert [cells for _, cells in found[:-1]] == [["1", "2"]] * (len(found) - 1)


def test_nothing_is_read_behind_a_row_that_may_have_opened_a_quote() -> None:
    hidden = 'a,b\n1, "note\n7,100\nend"\n8,9\n'
    assert read(hidden) == [(2, f"row: a quote in a cell that begins with none{LOST}")]
    assert read('a,b\n"1"x,"\n7,100\n') == [(2, f"row: text behind a closing quote{LOST}")]


def test_a_row_is_as_long_as_the_limit_and_no_longer() -> None:
    longest = "1," + "x" * (ROW_BYTES_MAX - 3)
    [(line, cells), after] = read(f"a,b\n{longest}\n3,4\n")
    assert (line, len(cells[1]), after) == (2, ROW_BYTES_MAX - 3, (3, ["3", "4"]))
    for text in (
        f"a,b\n{longest}x\n3,4\n",
        f"a,b\n1,{'x' * 200_000}\n3,4\n",
        "a,b\n" + "x" * 10**6,
    ):
        assert read(text) == [(2, f"row: longer than 131,072 bytes{LOST}")]


def test_a_quote_holds_no_more_than_a_row_may_be_long() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'a,b\n1,2\n3,"4\n'
        while True:
            taken += 1
            yield b"5,6\n" * 1000

    *_, last = Table(endless())
    assert (last.line, type(last.error)) == (3, TooLargeError)
    assert str(last.error) == f"row: a quote is not closed within 131,072 bytes{LOST}"
    assert taken <= 1 + ROW_BYTES_MAX // 4000


def test_a_limit_of_csv_that_somebody_lowered_is_a_refusal_too() -> None:
    before = csv.field_size_limit(8)
    try:
        assert read("a,b\n1,2\n1,223456789\n") == [
            (2, ["1", "2"]),
            (3, f"row: field larger than field limit (8){LOST}"),
        ]
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("heading", "rule"),
    [
        ("a,b,a", "line 1: column 'a' stands twice"),
        ("a,b, a ", "line 1: column 'a' stands twice"),
        ("\n\nb,b", "line 3: column 'b' stands twice"),
        ("", "line 1: a line of column names is missing"),
        (" \n\n", "line 1: a line of column names is missing"),
        (",,", "line 1: a line of column names is missing"),
        ('a,"b', f"line 1: row: a quote is opened and never closed{LOST}"),
        ("a,b\0", "line 1: row: a byte that is 0"),
    ],
)
def test_a_heading_that_is_none_refuses_the_table(heading: str, rule: str) -> None:
    with pytest.raises(MalformedError) as refused:
        Table([heading.encode()])
    assert str(refused.value) == rule


def test_utf_16_is_refused_as_what_it_is_not() -> None:
    with pytest.raises(MalformedError, match=r"line 1: row: not UTF-8 \(byte 0xff\)"):
        Table(["a,b\n1,2\n".encode("utf-16")])


def test_a_column_without_a_name_is_empty_or_numbers_the_rows() -> None:
    assert read(",a,b\n0,1,2\n") == [(2, ["0", "1", "2"])]
    assert read("a,b,,\n1,2,,\n") == [(2, ["1", "2", "", ""])]
    assert read("a,b,\n1,420,000\n") == [(2, "row: a cell under a column without a name")]
