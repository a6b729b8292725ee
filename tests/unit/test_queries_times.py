"""Ranges of questions: what can hold nothing, and of which zone their dates are."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.clock import utc_text
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.queries.boards.board_reads import NamedBoard
from psd.queries.boards.definitions import Definition, checked
from psd.queries.calendar import buckets, is_whole
from psd.queries.moments import asked_range
from psd.queries.questions import (
    QueryRules,
    leaderboard_question,
    series_question,
    sum_question,
)
from psd.queries.requests import Every, LeaderboardQuery, SeriesQuery, SumQuery
from psd.zones import offset_s, zone
from tests.support.engine import NOON_S

RULES = QueryRules(things={"steps": 1})
BERLIN = zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (1460419200000, None, "start: 1460419200000 lies outside .* milliseconds"),
        ("1460419200000000", None, "start: .* microseconds"),
        (NOON_S, 1460419200000, "end: 1460419200000 .* milliseconds"),
        (TIME_END_S, None, "start: 7258118400 lies past 2199"),
        ("2200-01-01", "9999-12-31", "start: '2200-01-01' lies past 2199"),
        ("100000000000", None, "start: '100000000000' lies past 2199.* milliseconds of 1973"),
        ("2016-04-13", "2016-04-12", "start: '2016-04-13' must not be after end '2016-04-12'"),
        (NOON_S, NOON_S, "range: .* holds no second"),
        ("2016-04-12", "20160412", "range: .* holds no second"),
        (-9, "1970-01-01", "range: -9 to '1970-01-01' holds no second"),
        ("now", "-1d", "start: 'now' must not be after end '-1d'"),
    ],
)
def test_a_range_that_can_hold_nothing_is_a_mistake(
    start: int | str, end: int | str | None, complaint: str
) -> None:
    with pytest.raises(BadQueryError, match=complaint):
        asked_range(start, end, NOON_S)


def test_dates_of_every_field_of_a_question_are_of_its_zone() -> None:
    query = SeriesQuery(
        thing="steps", uid="1", every="day", start="2016-04-12", end="2016-04-15", tz=BERLIN.key
    )
    days = [Range(*day) for day in pairwise(series_question(query, RULES, NOON_S).bounds)]
    assert [utc_text(day.start)[8:13] for day in days] == ["11T22", "12T22", "13T22"]
    assert all(is_whole(day, "day", BERLIN) for day in days)
    fields = {"start": "2016-04-10", "as_of": "2016-04-12", "compare_to": "2016-04-11"}
    board = leaderboard_question(
        LeaderboardQuery(thing="steps", tz=BERLIN.key, **fields), RULES, NOON_S
    )
    assert board.range_ == Range(NOON_S - 62 * 3600, NOON_S - 14 * 3600)
    assert board.previous == Range(NOON_S - 62 * 3600, NOON_S - 38 * 3600)
    sums = SumQuery(thing="steps", uid="1", start="yesterday", end="today", tz=BERLIN.key)
    assert sum_question(sums, RULES, NOON_S).range_ == Range(NOON_S - 38 * 3600, NOON_S - 14 * 3600)


def test_a_board_lends_its_zone_to_the_dates_of_a_question() -> None:
    window = {"kind": "calendar", "every": "month", "tz": BERLIN.key}
    kept = msgspec.convert({"thing": "steps", "window": window}, Definition)
    board = NamedBoard("a", kept, [])
    april = 1_459_461_600
    asked = leaderboard_question(
        LeaderboardQuery(board="a", as_of="2016-04-12"), RULES, NOON_S, board
    )
    assert asked.range_ == Range(april, NOON_S - 14 * 3600)
    own = leaderboard_question(
        LeaderboardQuery(board="a", as_of="2016-04-12", tz="UTC"), RULES, NOON_S, board
    )
    assert own.range_ == Range(april, NOON_S - 12 * 3600)


@pytest.mark.parametrize("text", ["-7d", "now", "yesterday"])
def test_what_is_kept_of_a_board_does_not_move_with_the_clock(text: str) -> None:
    for change in (
        {"window": {"kind": "fixed", "start": text, "end": "2016-05-01"}},
        {"window": {"kind": "fixed", "start": "2016-04-01", "end": text}},
        {"rounds": {"windows": [{"start": text, "end": "2016-05-01"}]}},
    ):
        fields = {"thing": "steps", "window": {"kind": "rolling", "seconds": 9}}
        board = msgspec.convert({**fields, **change}, Definition)
        with pytest.raises(BadQueryError, match="must stand still"):
            checked("a", board, RULES.things)


@pytest.mark.parametrize(
    ("every", "start", "end", "is_unit"),
    [
        ("day", "2017-03-26", "2017-03-27", True),
        ("day", "2017-10-29", "2017-10-30", True),
        ("day", "2017-03-26T00:00:00+02:00", "2017-03-27", False),
        ("day", "2017-03-26", "2017-03-26T23:59:59", False),
        ("hour", "2017-03-26T01:00", "2017-03-26T03:00", True),
        ("month", "2017-03", "2017-04", True),
        ("month", "2017-03-01T00:00:00Z", "2017-04", False),
        ("week", "2017-W13", "2017-W14", True),
        ("year", "2017", "2018", True),
        ("issuance_week", "2017-03-20T05:00:00Z", "2017-03-27T05:00:00Z", True),
        ("issuance_week", "2017-03-20", "2017-03-27T05:00:00Z", False),
    ],
)
def test_a_unit_is_whole_from_its_beginning_to_its_end(
    every: Every, start: str, end: str, is_unit: bool
) -> None:
    range_ = asked_range(start, end, NOON_S, tz=BERLIN)
    found = buckets(range_, every, BERLIN, 10)
    assert all(is_whole(unit, every, BERLIN) for unit in found) is is_unit


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("America/Recife", "2000-10-05", "2000-10-18"),  # twice within a week
        ("Pacific/Apia", "2011-12-25", "2012-01-05"),  # a date is left out
        ("Australia/Lord_Howe", "2016-03-28", "2016-04-08"),  # by half an hour
        ("Europe/Berlin", "2016-10-25", "2016-11-05"),
        ("Asia/Kathmandu", "1985-12-28", "1986-01-04"),  # by a quarter of an hour
        ("UTC", "2016-02-27", "2016-03-02"),
    ],
)
@pytest.mark.parametrize(("every", "unit_s"), [("hour", 3600), ("minute", 60)])
@pytest.mark.slow("every zone")
def test_hours_and_minutes_are_cut_where_a_clock_shows_a_whole_one_or_jumps(
    name: str, start: str, end: str, every: Every, unit_s: int
) -> None:
    tz = zone(name)
    range_ = asked_range(start, end, NOON_S)
    walked = range(range_.start + 60, range_.end, 60)
    cuts = [second for second in walked if _cuts(second, unit_s, tz)]
    found = buckets(range_, every, tz, 100_000)
    assert [unit.start for unit in found[1:]] == cuts


def _cuts(second: int, unit_s: int, tz: ZoneInfo) -> bool:
    ahead_s = offset_s(second, tz)
    return (second + ahead_s) % unit_s == 0 or ahead_s != offset_s(second - 60, tz)
