"""What a row of a file becomes, and when it is refused."""

from __future__ import annotations

import io
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec
import pytest

from psd.cli.imports.import_plan import Plan
from psd.cli.imports.import_rows import (
    BookableRow,
    Columns,
    RefusedRow,
    bookable,
    column_or_constant,
)
from psd.cli.imports.import_tables import Form, read_rows
from psd.cli.input_files import parts_of
from psd.cli.times import parse_time
from psd.engine.event_rules import EventRules
from psd.engine.events import Report
from psd.errors import MalformedError

CSV, NDJSON = Form("csv", ","), Form("ndjson")
RULES = EventRules({"steps": 1, "calories": 2})
NOW_S = 1_500_000_000
COLUMNS = Columns("user", "at", {"steps": "steps"})


def check(text: str, columns: Columns = COLUMNS) -> list[BookableRow | RefusedRow]:
    """Every row of a CSV text."""
    rows = read_rows(iter([text.encode()]), CSV)
    return [bookable(row, columns, RULES, NOW_S) for row in rows]


def refusals(text: str, columns: Columns = COLUMNS) -> list[tuple[int, str]]:
    """Lines and codes of the refused rows."""
    return [
        (row.line, row.error.code) for row in check(text, columns) if isinstance(row, RefusedRow)
    ]


def reports(text: str, columns: Columns = COLUMNS) -> list[Report]:
    """The reports of the other rows."""
    rows = [row for row in check(text, columns) if isinstance(row, BookableRow)]
    return [report for row in rows for report in row.reports]


def test_a_row_is_one_activity_whose_id_is_its_time() -> None:
    text = "user,at,steps\n7,2016-04-12T01:00:00,160\n"
    assert reports(text) == [Report(1, 7, 0, 1460422800, 160, 1460422800, 1460422800)]


def test_several_things_of_a_row_are_several_reports_of_one_activity() -> None:
    columns = Columns("user", "at", {"steps": "s", "calories": "c"})
    found = reports("user,at,s,c\n7,1460451600,160,9\n", columns)
    assert [(report.thing, report.aid, report.value) for report in found] == [
        (1, 1460451600, 160),
        (2, 1460451600, 9),
    ]


def test_type_and_id_come_from_columns_or_constants() -> None:
    columns = Columns("user", "at", {"steps": "steps"}, atid="kind", aid=5)
    [report] = reports("user,at,steps,kind\n7,1460451600,160,3\n", columns)
    assert (report.atid, report.aid) == (3, 5)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("7,1460451600,", "malformed"),
        (",1460451600,1", "malformed"),
        ("7,,1", "malformed"),
        ("7,1460451600,1.5", "wrong_type"),
        ("7,1460451600,many", "wrong_type"),
        ("1.5E+09,1460451600,1", "wrong_type"),
        ("7,yesterday,1", "wrong_type"),
        ("7,42472,1", "wrong_type"),
        ("7,42472.25,1", "wrong_type"),
        ("7,1460451600000,1", "wrong_type"),
        ("7,2016-13-01,1", "wrong_type"),
        ("7,2016-04-12T05:00:00+24:00,1", "wrong_type"),
        ("7,1460451600", "malformed"),
        ("7,1460451600,1,2", "malformed"),
        ("7,0,1", "wrong_type"),
        ("7,1600000000,1", "too_early"),
        ("7,1460451600,9007199254740993", "out_of_bounds"),
        ("99999999999999999999,1460451600,1", "wrong_type"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_with_its_line(row: str, code: str) -> None:
    text = f"user,at,steps\n8,1460451550,1\n{row}\n9,1460451660,1\n"
    assert refusals(text) == [(3, code)]
    assert [report.uid for report in reports(text)] == [8, 9]


def test_a_quoted_line_end_keeps_the_line_numbers_right() -> None:
    text = 'user,at,steps,note\n7,1460451600,1,"two\nlines"\n7,1460451601,x,-\n'
    assert refusals(text) == [(4, "wrong_type")]


def test_a_column_name_twice_refuses_the_file_before_its_first_row() -> None:
    for heading in ("user,at,steps,steps", "user,at,steps, user"):
        rows = read_rows(iter([f"{heading}\n7,1460451600,1,2\n".encode()]), CSV)
        with pytest.raises(MalformedError, match=r"line 1: column '(steps|user)' stands twice"):
            next(rows)


def test_a_default_is_no_column_whatever_the_file_names_its_columns() -> None:
    plan = Plan(Path("w.csv"), CSV, "user", "at", None, {"steps": "1"})
    known = ["user", "at", "0", "1", "None"]
    assert plan.columns(known) == Columns("user", "at", {"steps": "1"}, atid=0, aid=None)
    given = msgspec.structs.replace(plan, atid="0", aid="1")
    assert plan.columns(known).named() == ["user", "at", "1"]
    assert given.columns(known).named() == ["user", "at", "1", "0", "1"]


def test_blank_lines_are_no_rows() -> None:
    assert len(check("user,at,steps\r\n\r\n7,1460451600,1\r\n\r\n")) == 1


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    rows = read_rows(iter([b"\xef\xbb\xbfuser,at,steps\n7,1460451600,1\n"]), CSV)
    assert [row.cells for row in rows] == [{"user": "7", "at": "1460451600", "steps": "1"}]


def test_ndjson_rows_take_numbers_and_numbers_in_text() -> None:
    lines = (
        b'{"user":7,"at":"2016-04-12T09:00:00Z","steps":1}\n\n'
        b'{"user":"8","at":1460451600,"steps":"2"}\n'
    )
    rows = read_rows(iter([lines]), NDJSON)
    found = [bookable(row, COLUMNS, RULES, NOW_S) for row in rows]
    assert [(row.line, row.reports[0].uid) for row in found if isinstance(row, BookableRow)] == [
        (1, 7),
        (3, 8),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"[1,2]", "malformed"),
        (b"{", "malformed"),
        (b'{"user":7,"at":1460451600}', "malformed"),
        (b'{"user":7,"at":1460451600,"steps":1.5}', "wrong_type"),
        (b'{"user":7.5,"at":1460451600,"steps":1}', "wrong_type"),
        (b'{"user":7,"at":1460451600,"steps":[1]}', "wrong_type"),
        (b'{"user":7,"at":1460451600,"steps":true}', "wrong_type"),
        (b'{"user":7,"at":1460451600,"steps":null}', "malformed"),
        (b'{"user":"\xff"}', "malformed"),
        (b'{"user":7,"at":100,"steps":1,"steps":2}', "malformed"),
        (b'{"user":7,"at":100,"steps":1,"note":{"a":1},"\\u0061t":5}', "malformed"),
        (b'{"user":7,"note":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed"),
    ],
)
def test_an_ndjson_line_that_breaks_a_rule_is_refused(line: bytes, code: str) -> None:
    [row] = read_rows(iter([line + b"\n"]), NDJSON)
    refused = bookable(row, COLUMNS, RULES, NOW_S)
    assert isinstance(refused, RefusedRow)
    assert refused.error.code == code


def test_a_name_within_a_name_and_a_name_in_a_text_are_no_second_ones() -> None:
    line = b'{"user":7,"at":1400000000,"steps":1,"note":{"user":8,"at":"\\"at\\":"}}\n'
    [row] = read_rows(iter([line]), NDJSON)
    assert isinstance(bookable(row, COLUMNS, RULES, NOW_S), BookableRow)


def test_progress_counts_every_byte() -> None:
    text = b"user,at,steps\r\n7,1460451600,1\r\n"
    sizes: list[int] = []
    assert len(list(read_rows(parts_of(io.BytesIO(text), sizes.append), CSV))) == 1
    assert sum(sizes) == len(text)


def test_a_column_that_is_not_there_is_a_usage_error_that_names_the_others() -> None:
    with pytest.raises(click.UsageError, match="no column 'steps'; columns are user, at"):
        COLUMNS.check(["user", "at"])


def test_a_column_named_like_a_number_goes_before_the_number() -> None:
    assert column_or_constant("5", ["5"]) == "5"
    assert column_or_constant("5", ["kind"]) == 5
    with pytest.raises(click.UsageError, match="neither a column nor a whole number"):
        column_or_constant("sort", ["kind"])


@pytest.mark.parametrize(
    ("text", "time_format", "second"),
    [
        ("1460451600", None, 1460451600),
        ("1460451600.9", None, 1460451600),
        ("2016-04-12T05:00:00-04:00", None, 1460451600),
        ("2016-04-12T09:00:00Z", None, 1460451600),
        ("2016-04-12 09:00", None, 1460451600),
        ("2016-04-12", None, 1460419200),
        ("1969-12-31T23:59:59.5", None, -1),
        ("4/12/2016 9:00", "%m/%d/%Y %H:%M", 1460451600),
        ("12.4.2016 11:00 +0200", "%d.%m.%Y %H:%M %z", 1460451600),
    ],
)
def test_times_are_read_as_utc_unless_they_say_otherwise(
    text: str, time_format: str | None, second: int
) -> None:
    assert parse_time(text, time_format) == second


def test_a_blank_value_is_left_out_where_that_was_asked_for() -> None:
    columns = Columns("user", "at", {"steps": "s", "calories": "c"}, skip_blank=True)
    text = "user,at,s,c\n7,1460451600,160,\n7,1460451601, ,\n7,1460451602,1,2\n7,,5,\n"
    found = check(text, columns)
    told = [(len(row.reports), row.blank) for row in found if isinstance(row, BookableRow)]
    assert told == [(1, 1), (0, 2), (2, 0)]
    assert refusals(text, columns) == [(5, "malformed")]


def test_times_without_a_zone_are_of_the_one_that_is_named() -> None:
    columns = Columns("user", "at", {"steps": "steps"}, tz=ZoneInfo("Europe/Berlin"))
    text = (
        "user,at,steps\n7,2016-04-12 03:00,1\n7,2016-04-12T01:00:00Z,1\n"
        "7,2016-10-30 02:30,1\n7,2016-03-27 02:30,1\n"
    )
    assert [report.ts2 for report in reports(text, columns)] == [1460422800, 1460422800]
    assert refusals(text, columns) == [(4, "wrong_type"), (5, "wrong_type")]
