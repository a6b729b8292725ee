"""Times, parameters and bodies, boards, formats: what is read and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.clock import utc_text
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import BadQueryError, MalformedError, TooLargeError
from psd.queries.boards.board_reads import NamedBoard
from psd.queries.boards.board_windows import (
    CalendarWindow,
    FixedWindow,
    RollingWindow,
    round_ranges,
    seeded_at_s,
    standing_range,
    window_at,
)
from psd.queries.boards.definitions import Definition, checked
from psd.queries.calendar import bucket_of, buckets
from psd.queries.freshness import Level, nearest_ranges, whole_units
from psd.queries.ids import asked_users
from psd.queries.moments import asked_range, moment
from psd.queries.parsing import from_json, from_pairs
from psd.queries.questions import QueryRules, leaderboard_question
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.zones import zone
from server.formats import accepted
from tests.support.engine import DAY_S, NOON_S, second

RULES = QueryRules({"steps": 1, "points": 3})
BOARD: dict[str, Any] = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": "2016-04-01", "end": "2016-05-01"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NOON_S, NOON_S),
        (str(NOON_S), NOON_S),
        ("-5", -5),
        ("2016-04-12T12:00:00Z", NOON_S),
        ("2016-04-12T08:00:00-04:00", NOON_S),
        ("2016-04-12T14:00:00 02:00", NOON_S),
        ("2016-04-12T12:00:00.999Z", NOON_S),
        ("2016-04-12 12:00:00", NOON_S),
        ("2016-04-12", NOON_S - 43_200),
        ("2016-04-12 14:00:00 02:00", NOON_S),
        ("20160412T140000 0200", NOON_S),
        (20160412, NOON_S - 43_200),
    ],
)
def test_a_moment_is_rfc_3339_or_seconds(text: int | str, expected: int) -> None:
    assert moment(text, "start") == expected


@pytest.mark.parametrize(
    "text", ["", "now", "12:00", "2016-W54", "2016-04-31", "1e9", "1.5", "٣", "20160412T12Z", "-7d"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadQueryError, match="start: "):
        moment(text, "start")


def test_a_range_is_held_between_1970_and_2200() -> None:
    assert asked_range(-(10**10), 253_402_300_799, 0) == Range(0, TIME_END_S)
    assert asked_range("0001-01-01", "9999-12-31", 0) == Range(0, TIME_END_S)
    assert utc_text(TIME_END_S) == "2200-01-01T00:00:00Z"


def test_a_range_that_as_of_or_now_cuts_away_is_empty() -> None:
    assert asked_range(100, None, 50) == Range(100, 100)
    assert asked_range(100, 200, 50, as_of=99) == Range(100, 100)
    assert asked_range(100, 200, 50, as_of=150) == Range(100, 150)


def test_parameters_and_a_body_are_the_same_query() -> None:
    pairs = [("thing", "steps"), ("uid", "1"), ("uid", "2,3"), ("start", "5"), ("every", "day")]
    body = b'{"thing": "steps", "uid": ["1", "2", "3"], "start": "5", "every": "day"}'
    assert from_pairs(pairs, SeriesQuery) == from_json(body, SeriesQuery)


def test_numbers_and_bools_of_a_url_are_texts() -> None:
    query = from_pairs([("all", "true"), ("limit", "3"), ("span", "0")], LeaderboardQuery)
    assert (query.all, query.limit, query.span) == (True, 3, 0)


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(BadQueryError) as caught:
        from_pairs([("limit", "9" * 5000)], LeaderboardQuery)
    assert len(str(caught.value)) < 150


def test_a_body_that_is_nested_too_deep_or_no_object_is_refused() -> None:
    with pytest.raises(TooLargeError):
        from_json(b'{"thing":' + b"[" * 99 + b"]" * 99 + b"}", SumQuery)
    with pytest.raises(MalformedError):
        from_json(b"7", SumQuery)


def test_a_board_answers_for_its_thing_members_and_window() -> None:
    board = NamedBoard("april", msgspec.convert({**BOARD, "atid": ["2"]}, Definition), [7, 8])
    question = leaderboard_question(LeaderboardQuery(board="april"), RULES, NOON_S, board)
    assert (question.thing, question.uids, question.atids) == ("steps", [7, 8], frozenset({2}))
    assert question.range_ == Range(second("2016-04-01 00:00:00"), NOON_S)
    asked = LeaderboardQuery(board="april", compare_to="2016-04-02", as_of="2016-04-03")
    question = leaderboard_question(asked, RULES, NOON_S, board)
    assert question.range_.end == second("2016-04-03 00:00:00")
    assert question.previous == Range(question.range_.start, second("2016-04-02 00:00:00"))
    with pytest.raises(BadQueryError, match="'points' is not that of the board, 'steps'"):
        leaderboard_question(LeaderboardQuery(board="x", thing="points"), RULES, NOON_S, board)


def test_windows_at_an_instant() -> None:
    fixed = FixedWindow("2016-04-01", "2016-04-02")
    assert window_at(fixed, NOON_S) == Range(1459468800, 1459555200)
    assert window_at(RollingWindow(3600), NOON_S) == Range(NOON_S - 3600, NOON_S)
    berlin = CalendarWindow("month", "Europe/Berlin")
    assert window_at(berlin, NOON_S) == Range(1459461600, 1462053600)
    assert standing_range(berlin, NOON_S) == Range(1459461600, NOON_S)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"thing": "floors"}, "thing: 'floors' is unknown"),
        ({"atid": ["x"]}, "atid: 'x'"),
        ({"window": {"kind": "fixed", "start": 5, "end": 5}}, "window: 5 to 5 holds no second"),
        ({"window": {"kind": "fixed", "start": 6, "end": 5}}, "window.start: 6 must not be after"),
        ({"window": {"kind": "rolling", "seconds": 0}}, ">= 1"),
        ({"window": {"kind": "calendar", "every": "day", "tz": "Mars"}}, "tz: 'Mars'"),
        ({"rounds": {"windows": []}}, "rounds.windows: 0 given"),
        (
            {"rounds": {"windows": [{"start": 0, "end": 9}, {"start": 8, "end": 12}]}},
            "one begins at 8, before the last ends at 9",
        ),
        (
            {"rounds": {"windows": [{"start": 5, "end": 9}], "seeded_at": 6}},
            "rounds.seeded_at: 6 must not be after",
        ),
        ({"rounds": {"windows": [{"start": 5, "end": 9}], "seeded_by": "X"}}, "name: 'X'"),
    ],
)
def test_a_board_that_contradicts_itself_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises((BadQueryError, msgspec.ValidationError)) as caught:
        checked("april", msgspec.convert({**BOARD, **change}, Definition), RULES.things)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", ["April", "a" * 64 + "b", "", "-a"])
def test_a_name_that_no_board_can_have_is_refused(name: str) -> None:
    with pytest.raises(BadQueryError, match=f"name: '{name[:64]}' must be 1 to 64 of"):
        checked(name, msgspec.convert(BOARD, Definition), RULES.things)


def test_a_member_that_is_nobody_is_refused() -> None:
    with pytest.raises(BadQueryError, match="members: '07'"):
        asked_users(["7", "07"], "members")


def test_rounds_tell_their_ranges_and_when_they_are_seeded() -> None:
    rounds = {"windows": [{"start": 5, "end": 9}, {"start": 9, "end": 12}]}
    board = msgspec.convert({**BOARD, "rounds": rounds}, Definition)
    assert checked("april", board, RULES.things) is board
    assert board.rounds is not None
    assert round_ranges(board.rounds) == [Range(5, 9), Range(9, 12)]
    assert seeded_at_s(board.rounds) == 5


def test_the_date_that_apia_left_out_has_no_day() -> None:
    start, end = second("2011-12-29 10:00:00"), second("2012-01-01 10:00:00")
    found = buckets(Range(start, end), "day", zone("Pacific/Apia"), 10)
    assert [bucket.end - bucket.start for bucket in found] == [DAY_S, DAY_S, DAY_S]
    assert bucket_of(start, "month", zone("Pacific/Apia")).end == second("2011-12-31 10:00:00")


def test_an_hour_that_comes_twice_is_two_buckets() -> None:
    start = second("2016-10-30 00:00:00")
    found = buckets(Range(start, start + 7200), "hour", zone("Europe/Berlin"), 10)
    assert found == [Range(start, start + 3600), Range(start + 3600, start + 7200)]


@pytest.mark.parametrize(
    "name", ["", "UTC ", "utc", "../etc/passwd", "/UTC", "right/UTC", "localtime", "America", "é"]
)
def test_a_zone_that_the_database_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(BadQueryError, match="tz: "):
        zone(name)


@pytest.mark.parametrize(
    ("start", "end", "level", "expected"),
    [
        ("2016-04-12 08:00", "2016-04-14 20:00", "day", ("2016-04-13", "2016-04-14")),
        ("2016-04-12 08:00", "2016-04-12 09:00", "day", ("2016-04-12", "2016-04-13")),
        ("2016-04-12 08:00", "2016-04-13 09:00", "day", ("2016-04-12", "2016-04-14")),
        ("2016-04-12 00:00", "2016-04-13 00:00", "day", ("2016-04-12", "2016-04-13")),
        ("2016-03-31 08:00", "2016-05-01 00:00", "month", ("2016-04-01", "2016-05-01")),
        ("2015-02-01 00:00", "2018-01-01 00:00", "year", ("2016-01-01", "2018-01-01")),
    ],
)
def test_whole_units_lie_inside_of_a_range_or_cover_it(
    start: str, end: str, level: Level, expected: tuple[str, str]
) -> None:
    range_ = Range(second(start), second(end))
    assert whole_units(range_, level) == Range(second(expected[0]), second(expected[1]))


def test_one_end_is_moved_before_both_are() -> None:
    range_ = Range(second("2016-04-12 08:00"), second("2016-04-14 20:00"))
    both = whole_units(range_, "day")
    assert nearest_ranges(range_, "day") == [
        Range(both.start, range_.end),
        Range(range_.start, both.end),
        both,
    ]


@pytest.mark.parametrize(
    ("header", "format_"),
    [
        ("*/*", "json"),
        ("text/html, */*;q=0.1", "json"),
        ("text/csv", "csv"),
        ("text/csv;q=0.5, application/json;q=0.4", "csv"),
        ("application/json;q=0.4, application/msgpack", "msgpack"),
        ("text/csv;q=0", "json"),
        ("image/png", "json"),
        ("", "json"),
        (";;;,,q=9", "json"),
    ],
)
def test_a_format_is_the_best_one_that_is_accepted(header: str, format_: str) -> None:
    assert accepted(header) == format_
