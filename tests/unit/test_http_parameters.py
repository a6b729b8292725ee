"""How path parts and list elements are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from server.parameters import identifier, inclusive_range, integer


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
    assert identifier(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "01", "-0", "+1", " 1", "1.0", "xyz", "ALL", "all", str(2**63), "-01", "1\n"]
)
def test_a_text_that_no_id_is_written_as_names_none(text: str) -> None:
    assert identifier(text) is None


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
