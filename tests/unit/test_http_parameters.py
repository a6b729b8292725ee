"""How path parts and list elements are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.cursors import read_cursor, write_cursor
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import InputError, MalformedError
from psd.integers import integer_of
from server.parameters import (
    inclusive_range,
    integer,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("+5", 5), ("-7", -7), ("007", 7), (str(2**63 - 1), 2**63 - 1)],
)
def test_a_64_bit_integer_counts_as_itself(text: str, number: int) -> None:
    assert integer(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1.5",
        " 1",
        "1 ",
        "1_000",
        "0x10",
        "--1",
        "+",
        "\u0661",
        str(2**63),
        "9" * 5000,
        "1\n",
    ],
)
def test_anything_else_counts_as_zero(text: str) -> None:
    assert integer(text) == 0


@pytest.mark.parametrize("text", ["0", "-3", "17", str(-(2**63)), str(2**63 - 1)])
def test_an_id_is_written_in_one_way(text: str) -> None:
    assert integer_of(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "01", "-0", "+1", " 1", "1.0", "xyz", "ALL", "all", str(2**63), "-01", "1\n"]
)
def test_a_text_that_no_id_is_written_as_names_none(text: str) -> None:
    assert integer_of(text) is None


def test_an_inclusive_end_becomes_the_first_second_after_it() -> None:
    assert inclusive_range(1496539746, 1496539747) == Range(1496539746, 1496539748)


def test_a_reversed_range_is_empty() -> None:
    asked = inclusive_range(10, 5)
    assert asked.end <= asked.start


@given(
    st.integers(min_value=-(2**65), max_value=2**65),
    st.integers(min_value=-(2**65), max_value=2**65),
)
def test_both_ends_are_held_between_1970_and_2200(start: int, end: int) -> None:
    asked = inclusive_range(start, end)
    assert 0 <= asked.start <= TIME_END_S
    assert 0 <= asked.end <= TIME_END_S


def test_the_widest_range_covers_every_second_that_can_be_booked() -> None:
    assert inclusive_range(-(2**63), 2**63 - 1) == Range(0, TIME_END_S)


@pytest.mark.parametrize(("text", "code"), [("x", "wrong_type"), ("01", "wrong_type")])
def test_a_number_of_our_own_routes_is_a_number_or_refused(text: str, code: str) -> None:
    assert whole_number("week", "7", 0, 9) == 7
    for wrong, expected in ((text, code), ("10", "out_of_bounds"), ("-1", "out_of_bounds")):
        with pytest.raises(InputError, match=r"^week: ") as caught:
            whole_number("week", wrong, 0, 9)
        assert caught.value.code == expected


@given(st.integers(-(10**18), 10**18), st.integers(-(10**18), 10**18))
@pytest.mark.slow("examples of Hypothesis")
def test_a_cursor_is_read_as_it_was_written(first: int, second: int) -> None:
    written = write_cursor(first, second)
    assert written.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(written) == (first, second)


@pytest.mark.parametrize("text", ["", "x", "!", "MS4", "\ufffd", "\0", "MS4y" * 2000])
def test_what_no_answer_gave_is_no_cursor(text: str) -> None:
    with pytest.raises(MalformedError):
        read_cursor(text)
