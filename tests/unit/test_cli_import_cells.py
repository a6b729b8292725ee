"""What a cell is worth as a whole number, and what is said of one that is none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.cli.imports.import_cells import scale_of, user_of_cell, value_of, whole_number
from psd.errors import InputError, MalformedError, WrongTypeError


@pytest.mark.parametrize(
    "cell", ["200", " 200 ", "200.0", "200.", "+200", "200.0000", 200, Decimal("200.000")]
)
def test_a_number_without_a_fraction_is_whole(cell: object) -> None:
    assert whole_number(cell, "steps") == 200
    assert value_of(cell, "steps") == 200


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("200.5", "steps: '200.5' is not a whole number; --scale books parts of a unit"),
        (Decimal("200.5"), "steps: 200.5 is not a whole number; --scale books parts of a unit"),
        ("1,200", "is not a whole number; write it without separators of thousands"),
        ("1.200.000", "; write it without separators of thousands"),
        ("1.200,50", "; write it without separators of thousands"),
        ("1 200", "; write it without separators of thousands"),
        ("1'200", "; write it without separators of thousands"),
        ("1\u202f200", "; write it without separators of thousands"),
        ("1.000", "'1.000' may be 1 or 1000; write it without the point, or say --scale 1"),
        ("-20.000", "may be -20 or -20000"),
        ("200,5", "; write a point where the decimals begin"),
        ("1.5E+09", "; a spreadsheet has rounded it: write all its digits"),
        (Decimal("1E+400"), "; a spreadsheet has rounded it"),
        ("many", "steps: 'many' is not a whole number$"),
        ("0x10", "'0x10' is not a whole number$"),
        ("\u0663", "is not a whole number$"),
        ("99999999999999999999", "is not a whole number$"),
        ("1_000", "is not a whole number"),
        (True, "steps: True is neither a number nor a text"),
        ([1], r"steps: \[1\] is neither a number nor a text"),
        ("9" * 500, r"'9{99}\.\.\. is not a whole number$"),
    ],
)
def test_everything_else_is_refused_with_the_rule_that_helps(cell: object, rule: str) -> None:
    with pytest.raises(WrongTypeError, match=rule):
        value_of(cell, "steps")


@pytest.mark.parametrize("cell", [None, "", "  ", "\u00a0"])
def test_a_cell_without_anything_is_blank(cell: object) -> None:
    with pytest.raises(MalformedError, match="steps: blank"):
        value_of(cell, "steps", Fraction(1000))


@pytest.mark.parametrize(
    ("cell", "scale", "value"),
    [
        ("0.125", "1000", 125),
        ("1.000", "1", 1),
        ("0.1", "10", 1),
        (".5", "2", 1),
        ("-1.15", "100", -115),
        ("9007199254740.993", "1000", 9007199254740993),
        ("1200", "0.01", 12),
        (Decimal("1.1"), "10", 11),
        (3, "1000", 3000),
    ],
)
def test_a_scale_multiplies_in_decimals(cell: object, scale: str, value: int) -> None:
    assert value_of(cell, "kWh", scale_of(scale)) == value


@pytest.mark.parametrize(
    ("cell", "scale", "rule"),
    [
        ("0.1234", "1000", "kWh: '0.1234' times 1000 is not a whole number; a larger --scale"),
        ("1205", "0.01", "kWh: '1205' times 0.01 is not a whole number"),
        ("0,125", "1000", "kWh: '0,125' is not a number; write a point where the decimals begin"),
        ("1e3", "1000", "kWh: '1e3' is not a number; a spreadsheet has rounded it"),
        ("nan", "1000", "kWh: 'nan' is not a number$"),
    ],
)
def test_what_is_not_whole_after_it_is_refused(cell: str, scale: str, rule: str) -> None:
    with pytest.raises(WrongTypeError, match=rule):
        value_of(cell, "kWh", scale_of(scale))


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
def test_a_scale_of_a_power_of_ten_brings_back_every_digit(number: int, places: int) -> None:
    text = f"{Decimal(number).scaleb(-places):f}"
    assert value_of(text, "kWh", scale_of(str(10**places))) == number


@given(st.text("0123456789\u0663\u096b \u00a0\u2003+-\u2212_.,eEk", max_size=12))
def test_a_text_is_a_whole_number_or_refused(text: str) -> None:
    try:
        number = whole_number(text, "steps")
    except InputError:
        return
    assert number == Decimal(text.strip())


@pytest.mark.parametrize("text", ["0", "-1", "", "1e3", "1,000", "ten"])
def test_a_scale_is_a_decimal_above_0(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal above 0"):
        scale_of(text)


@pytest.mark.parametrize(
    ("cell", "user"),
    [
        ("7", 7),
        ("-7", -7),
        ("7.0", 7),
        (7, 7),
        (Decimal("7.0"), 7),
        (" alice@example.com ", "alice@example.com"),
        ("9007199254740993", 9007199254740993),
        ("0x7", "0x7"),
    ],
)
def test_a_cell_is_a_user_by_number_or_by_name(cell: object, user: int | str) -> None:
    assert user_of_cell(cell, "who") == user


@pytest.mark.parametrize(
    "cell",
    ["007", "+5", "-0", "007.0", "\u0667", "9" * 20, "1.5e+09", "1,200", "7.5", 7.5, True, ""],
)
def test_what_is_written_like_a_number_and_is_no_user_is_refused(cell: object) -> None:
    with pytest.raises(InputError, match=r"^who: "):
        user_of_cell(cell, "who")
