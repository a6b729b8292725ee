"""What a domain's structs mean over HTTP: lists of parameters, rows, and what is around them."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from psd.errors import InputError
from server.answer_rows import around_rows, rows_of
from server.forms import FIELDS_MAX, read_pairs
from server.parameters import QueryReader


class Wanted(msgspec.Struct):
    """Some numbers, and texts under a name that Python does not have."""

    number: Annotated[list[Annotated[int, Meta(ge=0, le=9)]], Meta(max_length=3)]
    texts: list[str] = msgspec.field(name="text[]", default_factory=list)
    one: str | None = None


class Cell(msgspec.Struct):
    """What a table can have."""

    name: str
    count: int | None
    share: float | UnsetType = UNSET


class Nested(msgspec.Struct):
    """What no table can have."""

    cells: list[Cell]


class CellPage(msgspec.Struct):
    """Rows and what stands around them."""

    data: list[Cell]
    next: str | None
    is_last: bool
    row_count: int


class NestedPage(msgspec.Struct):
    """Rows that are no rows of a table."""

    data: list[Nested]


class Single(msgspec.Struct):
    """An answer without rows."""

    data: Cell


def test_a_list_is_a_parameter_that_comes_several_times() -> None:
    pairs = [("number", "1"), ("text[]", "a,b"), ("number", "2"), ("one", "x"), ("one", "y")]
    assert QueryReader(Wanted).read(pairs) == Wanted([1, 2], ["a,b"], "x")
    assert QueryReader(Wanted).read([("number", "3")]) == Wanted([3])


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        ([], "number: missing; it is needed"),
        ([("number", "1"), ("number", "x")], "number: 'x' is no whole number"),
        ([("number", "1"), ("number", "10")], "number: 10 must lie between 0 and 9"),
        ([("number", "1")] * 4, "number: 4 given, at most 3 are allowed"),
    ],
)
def test_a_list_is_refused_for_one_of_it(pairs: list[tuple[str, str]], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        QueryReader(Wanted).read(pairs)


def test_a_list_that_is_missing_is_empty_for_a_lenient_reader() -> None:
    assert QueryReader(Wanted, is_lenient=True).read([]) == Wanted([])


def test_rows_are_lists_of_what_stands_in_cells() -> None:
    assert rows_of(CellPage) is Cell
    assert rows_of(NestedPage) is None
    assert rows_of(Single) is None


def test_what_stands_around_rows_becomes_headers() -> None:
    page = CellPage([Cell("a", 1)], "b c\n\u00e9=", is_last=False, row_count=7)
    assert around_rows(page) == {
        "Psd-Next": "b%20c%0A%C3%A9=",
        "Psd-Is-Last": "false",
        "Psd-Row-Count": "7",
    }
    last = CellPage([], None, is_last=True, row_count=0)
    assert around_rows(last) == {"Psd-Is-Last": "true", "Psd-Row-Count": "0"}


def test_pairs_of_a_form_come_as_often_as_they_stand_there() -> None:
    assert read_pairs(b"a=1&b=&a=%32+3") == [("a", "1"), ("b", ""), ("a", "2 3")]
    assert len(read_pairs(b"&".join([b"a=1"] * FIELDS_MAX))) == FIELDS_MAX
    with pytest.raises(InputError, match=f"form: more than {FIELDS_MAX} fields"):
        read_pairs(b"&".join([b"a=1"] * (FIELDS_MAX + 1)))
