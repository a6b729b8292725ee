"""Units, power over time, and money."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from psd.errors import InputError, OutOfBoundsError, UnitError, WrongTypeError
from psd.measures.curve import cells, gaps
from psd.measures.money import minor, rate_of, text_of_minor
from psd.measures.units import CURRENT, ENERGY, POWER, milli, scaled, text_of

GAP_MAX_S = 7_200


@pytest.mark.parametrize(
    ("value", "unit", "kind", "expected"),
    [
        ("0.0503", "kW", POWER, 50_300),
        (0.1, "kW", POWER, 100_000),
        (Decimal("12345.678"), "kWh", ENERGY, 12_345_678_000),
        (1, "MWh", ENERGY, 1_000_000_000),
        ("-2.5", "Wh", ENERGY, -2_500),
        ("1.5e-3", "A", CURRENT, 2),
        ("0.0000005", "kWh", ENERGY, 0),
        ("0.0000015", "kWh", ENERGY, 2),
        ("1e-999999999", "kWh", ENERGY, 0),
    ],
)
def test_a_measure_is_the_nearest_thousandth_of_its_unit_half_to_even(
    value: str | float | Decimal, unit: str, kind: str, expected: int
) -> None:
    assert milli(value, unit, kind) == expected


@pytest.mark.parametrize("value", ["", "abc", "1_000", "\u0661", True])
def test_what_is_no_decimal_number_is_refused_by_its_field(value: str | bool) -> None:
    with pytest.raises(WrongTypeError, match=r"points\[3\]: "):
        scaled(value, 6, "points[3]")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf", "1e999", "1e999999999", "1" * 61])
def test_what_is_larger_than_anything_measured_is_out_of_bounds(value: str) -> None:
    with pytest.raises(OutOfBoundsError):
        scaled(value, 6)


def test_a_unit_of_something_else_is_told_with_those_that_are_known() -> None:
    with pytest.raises(UnitError, match="'therm' is no unit of energy; known are mWh, Wh, kWh"):
        milli(1, "therm", ENERGY)


def test_an_integer_is_written_without_zeros_at_its_end() -> None:
    written = [text_of(value) for value in (12_345_678_000, -500, 0, 1_000_000, 1)]
    assert written == ["12345.678", "-0.0005", "0", "1", "0.000001"]


def test_a_kilowatt_for_an_hour_is_a_kilowatt_hour_however_long_a_cell_is() -> None:
    for cell_s in (1, 7 * 60 + 30, 300, 900, 3_600):
        found = cells([(0, 1_000_000), (3_600, 1_000_000)], cell_s, GAP_MAX_S)
        assert sum(found.values()) == 1_000_000
        assert max(found.values()) - min(found.values()) <= 1


def test_recorded_data_sets_are_within_half_a_milliwatt_hour() -> None:
    recorded = json.loads((Path(__file__).parents[1] / "golden" / "joi.json").read_text())
    for each in recorded["physics"]:
        points = sorted((second, milli(kw, "kW", POWER)) for second, kw in each["readings"])
        gap_max_s = points[-1][0] - points[0][0]
        exact = sum(
            Fraction((low + high) * (end - start), 7_200)
            for (start, low), (end, high) in pairwise(points)
        )
        assert abs(exact - Fraction(each["correct_kwh_trapezoid"]) * 10**6) < 1
        if gap_max_s <= 30 * 86_400:
            total = sum(cells(points, 300, gap_max_s).values())
            assert abs(total - exact) <= Fraction(1, 2)


def test_a_gap_has_no_energy_and_is_told() -> None:
    points = [(0, 1_000), (7_200, 1_000), (14_401, 1_000), (14_402, 1_000)]
    assert gaps(points, GAP_MAX_S) == [(7_200, 14_401)]
    assert [*cells(points, 3_600, GAP_MAX_S)] == [0, 3_600, 14_400]


def test_power_of_both_signs_is_taken_and_delivered_where_it_is() -> None:
    points = [(0, 3_600_000), (2_000, -3_600_000)]
    taken = cells(points, 300, GAP_MAX_S)
    delivered = cells(points, 300, GAP_MAX_S, is_export=True)
    assert sum(taken.values()) == sum(delivered.values()) == 500_000
    assert taken[300 * 4] == delivered[0] == 0


@pytest.mark.long("each second of eight lines, in fractions")
def test_cells_are_those_of_an_integral_with_fractions() -> None:
    draw = random.Random(20)
    for _ in range(8):
        seconds = sorted(draw.sample(range(20_000), draw.randint(2, 12)))
        points = [(second, draw.randint(0, 10**7)) for second in seconds]
        found = cells(points, 300, 3_000)
        for hour in range(0, 21_600, 3_600):
            exact = Fraction(0)
            for edge in range(hour, hour + 3_600, 300):
                before = round(exact / 3_600)
                exact += _integral(points, edge, edge + 300, 3_000)
                assert found.get(edge, 0) == round(exact / 3_600) - before


def _integral(points: list[tuple[int, int]], start: int, end: int, gap_max_s: int) -> Fraction:
    """Power in mW times seconds of [start, end), a second at a time."""
    total = Fraction(0)
    for (first, low), (last, high) in pairwise(points):
        if last - first <= gap_max_s:
            doubled = 2 * (last - first)
            seconds = range(max(first, start), min(last, end))
            risen = sum((high - low) * (2 * (second - first) + 1) for second in seconds)
            total += low * len(seconds) + Fraction(risen, doubled)
    return total


def test_a_price_is_exact_and_money_is_rounded_half_to_even() -> None:
    assert rate_of("0.3412") == 341_200_000
    assert [minor(Fraction(each, 1000)) for each in (5, 15, 25, -5, 512)] == [0, 2, 2, 0, 51]
    assert [text_of_minor(each) for each in (51, -1234, 0)] == ["0.51", "-12.34", "0.00"]
    with pytest.raises(InputError, match=r"rate: 0\.0000000001 has more than 9 decimals"):
        rate_of("0.0000000001")
