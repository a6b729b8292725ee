"""A plan covers its range exactly: its pieces, added and taken off, are the range's seconds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgpack
import pytest

from psd.engine.events import TIME_END_S
from psd.engine.plan import (
    DAY_S,
    ISO_MONDAY_S,
    ISSUANCE_START_S,
    WEEK_S,
    WEEKS_MAX,
    Levels,
    Range,
    plan_range,
)
from tests.support.engine import day, second

RANGES = 3_000
FIELDS_MAX = 80
ANY_WEEKS_EXPIRE = Levels(weeks_expire=True)


class Piece(NamedTuple):
    """Seconds that a plan adds (sign 1) or takes off (sign -1)."""

    sign: int
    start: int
    end: int
    level: str


def midnight(at: date) -> int:
    return int(datetime(at.year, at.month, at.day, tzinfo=UTC).timestamp())


def month_after(start: int) -> int:
    return midnight((datetime.fromtimestamp(start, UTC).date() + timedelta(days=31)).replace(day=1))


def pieces(packed: bytes) -> list[Piece]:
    """Every field and leaf slice that lua/engine/sum.lua reads for this plan."""
    weeks, years, part_years, _, _ = msgpack.unpackb(packed)
    found = [week for block in weeks for week in week_pieces(*block)]
    for year in map(int, years):
        found.append(year_piece(1, year))
    for field, suffix, is_total, months, part_months in part_years:
        assert suffix == f"m:{field}"
        sign = 1
        if is_total:
            found.append(year_piece(1, int(field)))
            sign = -1
        for month in map(int, months):
            start = midnight(date(int(field), month, 1))
            found.append(Piece(sign, start, month_after(start), "month"))
        for part in part_months:
            found += month_pieces(sign, int(field), part)
    return found


def year_piece(sign: int, year: int) -> Piece:
    return Piece(sign, midnight(date(year, 1, 1)), midnight(date(year + 1, 1, 1)), "year")


def week_pieces(suffix: str, fields: list[str]) -> Iterator[Piece]:
    _, year, block = suffix.split(":")
    for field in fields:
        number = int(field.removeprefix("i"))
        assert (number - 1) // 13 == int(block)
        start = midnight(date.fromisocalendar(int(year), number, 1))
        start += 18_000 if field.startswith("i") else 0
        yield Piece(1, start, start + WEEK_S, "week")


def month_pieces(sign: int, year: int, part: list[Any]) -> list[Piece]:
    field, label, start, is_total, days, part_days = part
    assert label == f"{year}{int(field):02d}"
    assert start == midnight(date(year, int(field), 1))
    found = []
    if is_total:
        found.append(Piece(sign, start, month_after(start), "month"))
        sign = -sign
    for number in map(int, days):
        begins = start + (number - 1) * DAY_S
        found.append(Piece(sign, begins, begins + DAY_S, "day"))
    for number, day_label, begins, low, high in part_days:
        assert begins == start + (int(number) - 1) * DAY_S
        assert day_label == label + f"{int(number):02d}"
        assert begins <= low < high <= begins + DAY_S
        found.append(Piece(sign, low, high, "seconds"))
    return found


def covered(found: list[Piece]) -> list[tuple[int, int, int]]:
    """Stretches of seconds with what the pieces add up to there, without the zeros."""
    steps: Counter[int] = Counter()
    for piece in found:
        steps[piece.start] += piece.sign
        steps[piece.end] -= piece.sign
    edges = sorted(edge for edge, step in steps.items() if step)
    stretches, level = [], 0
    for edge, following in zip(edges, [*edges[1:], 0], strict=True):
        level += steps[edge]
        if level:
            stretches.append((edge, following, level))
    return stretches


def random_range(rng: random.Random) -> Range:
    """Short, long and empty ranges, with edges on and off the calendar's own."""
    start = rng.choice((rng.randrange(TIME_END_S), rng.randrange(10**9, 2 * 10**9)))
    span = int(10 ** rng.uniform(0, 9))
    end = min(start + span, TIME_END_S)
    if rng.random() < 0.4:
        start -= start % DAY_S
    if rng.random() < 0.4:
        end += -end % DAY_S
    return Range(start, end)


@pytest.mark.parametrize("levels", [Levels(), ANY_WEEKS_EXPIRE], ids=["weeks", "no weeks"])
@pytest.mark.slow("thousands of ranges")
def test_random_ranges_are_covered_exactly_once(levels: Levels) -> None:
    rng = random.Random(1)
    for _ in range(RANGES):
        asked = random_range(rng)
        expected = [(asked.start, asked.end, 1)] if asked.end > asked.start else []
        assert covered(pieces(plan_range(asked, levels))) == expected, asked


@pytest.mark.slow("thousands of ranges")
def test_a_plan_is_short_whatever_the_range() -> None:
    rng = random.Random(2)
    longest = 0
    for _ in range(RANGES):
        found = pieces(plan_range(random_range(rng)))
        levels = Counter(piece.level for piece in found)
        assert levels["seconds"] <= 2
        assert levels["year"] <= 230
        longest = max(longest, len(found) - levels["year"])
    assert 20 < longest < FIELDS_MAX


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("length_days", [1, 40, 150, 250, 340])
def test_a_range_within_a_year_needs_few_fields(month: int, length_days: int) -> None:
    start = second(f"2016-{month:02d}-15 12:34:56")
    found = pieces(plan_range(Range(start, start + length_days * DAY_S + 4_321)))
    assert len(found) < FIELDS_MAX


def test_an_empty_range_reads_nothing() -> None:
    for asked in (Range(5, 5), Range(9, 5), Range(0, 0)):
        assert pieces(plan_range(asked)) == []


@pytest.mark.parametrize(
    ("asked", "level", "number"),
    [
        (day("2016-04-12"), "day", 1),
        (day("2016-04-01", 30), "month", 1),
        (day("2016-01-01", 366), "year", 1),
        (day("2016-02-01", 29), "month", 1),
        (day("1970-01-01", 365), "year", 1),
        (day("2016-04-11", 7), "week", 1),
        (day("2020-12-28", 14), "week", 2),
        (day("2016-04-11", 7 * WEEKS_MAX), "week", WEEKS_MAX),
        (Range(ISSUANCE_START_S, ISSUANCE_START_S + WEEK_S), "week", 1),
        (Range(ISSUANCE_START_S - 5 * WEEK_S, ISSUANCE_START_S + WEEK_S), "week", 6),
        (Range(NEW_YEAR := second("2021-01-04 05:00:00"), NEW_YEAR + WEEK_S), "week", 1),
    ],
)
def test_whole_units_are_read_from_their_own_buckets(asked: Range, level: str, number: int) -> None:
    found = pieces(plan_range(asked))
    assert Counter(piece.level for piece in found) == {level: number}
    assert covered(found) == [(asked.start, asked.end, 1)]


@pytest.mark.slow("thousands of ranges")
def test_every_week_from_1970_to_2199_is_one_field_of_its_own() -> None:
    for anchor in (ISO_MONDAY_S, ISO_MONDAY_S + 18_000):
        for start in range(anchor, TIME_END_S - WEEK_S, WEEK_S):
            asked = Range(start, start + WEEK_S)
            [piece] = pieces(plan_range.__wrapped__(asked))
            assert piece == Piece(1, asked.start, asked.end, "week")


def test_weeks_that_expire_are_not_read() -> None:
    found = pieces(plan_range(day("2016-04-11", 7), ANY_WEEKS_EXPIRE))
    assert {piece.level for piece in found} == {"day"}


def test_longer_than_half_a_year_of_weeks_is_read_by_month() -> None:
    found = pieces(plan_range(day("2016-04-11", 7 * (WEEKS_MAX + 1))))
    assert "week" not in {piece.level for piece in found}


def test_a_week_of_neither_kind_is_read_by_day() -> None:
    found = pieces(plan_range(day("2016-04-12", 7)))
    assert Counter(piece.level for piece in found) == {"day": 7}


def test_the_smaller_side_of_a_unit_is_read() -> None:
    most_of_april = Range(second("2016-04-02 00:00:30"), second("2016-05-01 00:00:00"))
    assert pieces(plan_range(most_of_april)) == [
        Piece(1, second("2016-04-01 00:00:00"), most_of_april.end, "month"),
        Piece(-1, second("2016-04-01 00:00:00"), second("2016-04-02 00:00:00"), "day"),
        Piece(-1, second("2016-04-02 00:00:00"), second("2016-04-02 00:00:30"), "seconds"),
    ]


def test_a_plan_says_which_levels_may_have_lost_fields() -> None:
    asked = Range(5, 10**9)
    for months in (False, True):
        for days in (False, True):
            levels = Levels(months_expire=months, days_expire=days)
            assert msgpack.unpackb(plan_range(asked, levels))[3:] == [months, days]


def test_a_plan_is_made_once() -> None:
    asked = Range(12_345, 1_234_567_890)
    plan_range.cache_clear()
    assert plan_range(asked) is plan_range(Range(12_345, 1_234_567_890))
    assert plan_range.cache_info().hits == 1
    assert plan_range.cache_info().maxsize


def test_a_range_is_cut_to_the_times_that_can_be_booked() -> None:
    assert Range(-5, 7).clamped() == Range(0, 7)
    assert Range(-(2**63), 2**63 - 1).clamped() == Range(0, TIME_END_S)
    assert covered(pieces(plan_range(Range(0, TIME_END_S)))) == [(0, TIME_END_S, 1)]
