"""What somebody else wrote takes over neither a terminal nor a spreadsheet."""

from __future__ import annotations

import msgspec
import pytest

from psd.cli.printing import say, show_json, show_table, write_csv
from psd.errors import OutOfBoundsError
from psd.foreign_texts import in_cells, in_spreadsheet, on_one_line, on_terminal
from psd.rewards.vehicle_events import _owner
from server.formats import csv_rows

ESCAPE = "\x1b[2J"


class Row(msgspec.Struct):
    owner: str
    points: int = 5


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("+1+2", "'+1+2"),
        ("-1+2", "'-1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-5", "-5"),
        ("+5.25", "+5.25"),
        ("-1e3", "-1e3"),
        ("0x12ab", "0x12ab"),
        ("", ""),
        ("ann=5", "ann=5"),
    ],
)
def test_a_cell_that_would_be_computed_is_marked_as_text(text: str, cell: str) -> None:
    assert in_spreadsheet(text) == cell


def test_a_row_has_its_texts_marked_and_its_numbers_as_they_are() -> None:
    assert in_cells(["=1+1", -5, None, True]) == ["'=1+1", -5, None, True]


def test_what_is_not_printable_is_shown_escaped() -> None:
    assert on_terminal(f"a{ESCAPE}\nb\tc\u202e") == "a\\x1b[2J\nb\tc\\u202e"
    assert on_one_line("a\nb\x07") == "a\\nb\\x07"
    assert on_terminal("日本 ünïcode") == "日本 ünïcode"


def test_tables_lines_and_csv_are_written_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("owner",), [(f"x{ESCAPE}",)], set())
    say(f"note: {ESCAPE}")
    write_csv([Row("=1+1"), Row("-7", -7)])
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert told.endswith("owner,points\n'=1+1,5\n-7,-7\n")
    assert csv_rows([Row("@x")]) == b"owner,points\r\n'@x,5\r\n"


@pytest.mark.parametrize("owner", ["a\x9b2J", "a\u202eb", "a\x7f", "\U000e0001", "日本 ünïcode"])
@pytest.mark.parametrize("indented", [False, True])
def test_json_on_a_terminal_is_printable_and_says_the_same(
    owner: str, indented: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_json(Row(owner), indented=indented)
    told = capsys.readouterr().out
    assert msgspec.json.decode(told) == {"owner": owner, "points": 5}
    assert told.replace("\n", "").isprintable()
    assert (owner in told) == owner.isprintable()


def test_documents_of_json_stand_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(Row("a"), Row("b"))
    assert capsys.readouterr().out == '{"owner":"a","points":5}\n{"owner":"b","points":5}\n'


@pytest.mark.parametrize("owner", ["x\x1b[2J", "a\nb", "\x00", "a\u202eb", ""])
def test_an_owner_is_printable_on_the_way_in(owner: str) -> None:
    with pytest.raises(OutOfBoundsError, match="printable characters"):
        _owner(owner)
