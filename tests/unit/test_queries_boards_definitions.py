"""What named boards are made of, lists of members, and brackets at an instant, by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from psd.engine.plan import Range
from psd.errors import BadQueryError, InputError, TooLargeError
from psd.queries.boards.board_windows import MEMBERS_MAX
from psd.queries.boards.brackets import Match, rounds_needed
from psd.queries.boards.challenges import champion, played_until, round_rows
from psd.queries.boards.definitions import (
    CONTENDERS_MAX,
    Definition,
    StoredBoard,
    checked,
    field_order,
    members_max,
)
from psd.queries.boards.finals import match_differences
from psd.queries.boards.member_lists import uids_of_csv
from psd.queries.boards.requests import BoardBody, BoardRow, StandingQuery
from psd.queries.freshness import Exactly
from psd.queries.ranking import Score
from psd.queries.requests import LeaderboardQuery

THINGS = {"steps": 1}
FIXED = {"thing": "steps", "window": {"kind": "fixed", "start": 100, "end": 900}}


def definition(**fields: object) -> Definition:
    return msgspec.convert({**FIXED, **fields}, Definition)


def rounds(*ends: int, **fields: object) -> dict[str, object]:
    starts = (0, *ends)
    windows = [{"start": a, "end": b} for a, b in zip(starts, ends, strict=False)]
    return {"windows": windows, **fields}


def test_a_body_is_its_definition_and_its_members() -> None:
    body = msgspec.convert({**FIXED, "title": "t", "members": ["1", 2]}, BoardBody)
    assert body.definition() == definition(title="t")
    assert body.members == ["1", 2]


def test_a_definition_is_kept_without_its_defaults_and_read_back_whole() -> None:
    kept = definition(rounds=rounds(5, 9, order=["1"]))
    packed = msgspec.json.encode(kept)
    assert b"note" not in packed
    assert msgspec.json.decode(packed, type=Definition) == kept
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Definition) == kept


def test_fields_are_replaced_whole_and_none_is_the_default() -> None:
    held = definition(title="t", rounds=rounds(5))
    changed = held.with_fields(
        {"title": "u", "rounds": None, "window": {"kind": "rolling", "seconds": 5}}
    )
    assert (changed.title, changed.rounds) == ("u", None)
    assert changed.thing == "steps"
    for fields in ({"thing": None}, {"other": 1}, {"window": {"kind": "fixed", "start": 1}}):
        with pytest.raises(BadQueryError):
            held.with_fields(fields)


def test_the_version_changes_with_the_definition_alone() -> None:
    board = StoredBoard("a", "0" * 16, 1, 5, 5, "me", definition())
    assert board.changed(definition(), 9, "you") is board
    later = board.changed(definition(title="t"), 9, "you")
    assert (later.revision, later.made_at_s, later.changed_at_s, later.changed_by) == (
        2,
        5,
        9,
        "you",
    )
    assert board.tag != later.tag
    assert BoardRow.of(later, 3).members == 3


def test_what_contradicts_itself_is_refused() -> None:
    assert checked("a", definition(rounds=rounds(5, order=["1", 2])), THINGS)
    for fields in (
        {"thing": "floors"},
        {"rounds": rounds(5, order=["01"])},
        {"rounds": rounds(5, order=["1"], seeded_by="b")},
        {"rounds": rounds(5, seeded_at=6)},
        {"rounds": rounds(9, 5)},
    ):
        with pytest.raises(BadQueryError):
            checked("a", definition(**fields), THINGS)
    with pytest.raises(TooLargeError):
        checked("a", definition(rounds=rounds(5, order=[*range(CONTENDERS_MAX + 1)])), THINGS)


def test_a_board_with_rounds_has_fewer_members_and_no_more_rounds_than_windows_allow() -> None:
    assert members_max(definition()) == MEMBERS_MAX
    assert members_max(definition(rounds=rounds(5))) == CONTENDERS_MAX
    assert rounds_needed(CONTENDERS_MAX) == 12


def test_all_is_over_when_the_window_and_the_last_round_are() -> None:
    assert definition().end_s() == 900
    assert definition(rounds=rounds(5, 20_000)).end_s() == 20_000
    assert definition(rounds=rounds(5, 90)).end_s() == 900
    rolling = {"kind": "rolling", "seconds": 9}
    assert definition(window=rolling).end_s() is None
    assert definition(window=rolling, rounds=rounds(5, 90)).end_s() == 90


def test_members_stand_in_a_given_order_and_the_others_behind() -> None:
    assert field_order([5, 3, 9, 1], ["9", 7, 1]) == [9, 1, 3, 5]


@pytest.mark.parametrize(
    ("body", "uids"),
    [
        (b"", []),
        (b"uid\n", []),
        (b"1\n2\n", ["1", "2"]),
        (b" 7 \r\n\r\n 8", ["7", "8"]),
        (b"7\nuid\n", ["7", "uid"]),
        (b"alice@example.com\n7\n", ["alice@example.com", "7"]),
        (b"Email,age\nalice@example.com,5\n", ["alice@example.com"]),
        (b"name,age\n9,5\n", ["name", "9"]),
        ("ame\u0301lie\n".encode(), ["am\u00e9lie"]),
        (b'\xef\xbb\xbfuid,name\r\n1,ann\r\n\r\n"-2",b\r\n', ["1", "-2"]),
        (b'1,"two\nlines"\n2,b\n', ["1", "2"]),
        (b"name, User_ID \nann,1\n", ["1"]),
        (b"id,uid\n1,2\n", ["2"]),
        (b"Id\r1\r2\r", ["1", "2"]),
    ],
)
def test_a_list_of_members_is_a_column_of_uids(body: bytes, uids: list[str]) -> None:
    assert uids_of_csv(body) == uids


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"+7\n8\n", "line 1: uid: '+7' is not a 64-bit integer"),
        (b"08\n9\n", "line 1: uid: '08' is not a 64-bit integer"),
        (b"+name\n+9\n", "line 2: uid: '+9' is not a 64-bit integer"),
        (b"-0,age\n9,5\n", "line 1: uid: '-0' is not a 64-bit integer"),
        (b"7\na\tb\n", "line 2: uid: 'a\\tb' holds a control character"),
        (b"uid\n07\n", "line 2: uid: '07' is not a 64-bit integer"),
        (b"uid,name\n7,ann\n8\n", "line 3: row: 1 cells, but 2 in the first row"),
        (b"7,ann\n8,b,c\n", "line 2: row: 3 cells, but 2 in the first row"),
        (b"uid,name\n,ann\n", "line 2: uid: '' is empty"),
        (b"uid,UID\n7,8\n", "line 1: column 'uid' stands twice"),
        (b'7\n"8\n9\n', "line 2: row: a quote is opened and never closed"),
        (b"7\n\xff\n", "line 2: row: not UTF-8 (byte 0xff)"),
    ],
)
def test_a_list_of_members_with_a_wrong_line_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        uids_of_csv(body)
    assert str(refused.value).startswith(reason)


def test_a_standing_is_a_leaderboard_of_the_board() -> None:
    query = StandingQuery(as_of=5, limit=3, ties="dense")
    assert query.of("a") == LeaderboardQuery(board="a", as_of=5, limit=3, ties="dense")


RANGES = [Range(10, 20), Range(20, 30), Range(40, 50)]


async def higher_uids_win(matches: Sequence[Match], range_: Range) -> Exactly[Mapping[int, Score]]:
    assert range_.start in (10, 20, 40)
    pairs = [each for each in matches if each.second is not None]
    uids = [c.uid for m in pairs for c in (m.first, m.second) if c is not None]
    return Exactly({uid: Score(uid, uid) for uid in uids}, range_)


@pytest.mark.parametrize(
    ("at_s", "states", "matches", "winner"),
    [
        (9, ["to_come"] * 3, [2, 0, 0], None),
        (10, ["under_way", "to_come", "to_come"], [2, 0, 0], None),
        (19, ["under_way", "to_come", "to_come"], [2, 0, 0], None),
        (20, ["over", "under_way", "to_come"], [2, 1, 0], None),
        (30, ["over", "over"], [2, 1], "4"),
    ],
)
async def test_a_round_begins_with_its_first_second_and_ends_after_its_last(
    at_s: int, states: list[str], matches: list[int], winner: str | None
) -> None:
    stages = await played_until([1, 2, 3, 4], RANGES, at_s, higher_uids_win)
    assert [stage.state for stage in stages] == states
    assert [len(stage.matches) for stage in stages] == matches
    assert champion(stages) == winner


async def test_between_two_rounds_the_next_pairs_are_known() -> None:
    stages = await played_until([1, 2, 3, 4, 5], RANGES, 35, higher_uids_win)
    [final] = round_rows(stages)[2].matches
    assert final.second is not None
    assert ({final.first.uid, final.second.uid}, final.ahead) == ({"5", "3"}, None)


async def test_a_field_of_nobody_or_one_plays_no_match() -> None:
    assert [len(s.matches) for s in await played_until([], RANGES, 99, higher_uids_win)] == [
        0,
        0,
        0,
    ]
    alone = await played_until([7], RANGES, 99, higher_uids_win)
    assert (len(alone), champion(alone)) == (1, "7")


async def test_too_few_rounds_have_no_champion() -> None:
    assert champion(await played_until([1, 2, 3], RANGES[:1], 99, higher_uids_win)) is None


async def test_matches_that_differ_are_told_by_round_and_line() -> None:
    async def lower_uids_win(found: Sequence[Match], at: Range) -> Exactly[Mapping[int, Score]]:
        higher = await higher_uids_win(found, at)
        return Exactly({uid: Score(uid, -uid) for uid in higher.value}, at)

    one = round_rows(await played_until([1, 2, 3], RANGES, 99, higher_uids_win))
    other = round_rows(await played_until([1, 2, 3], RANGES, 99, lower_uids_win))
    assert match_differences(one, one) == []
    told = match_differences(one, other)
    assert [(each.round, each.match) for each in told] == [(1, 2), (2, 1)]
    assert (told[0].declared.winner, told[0].now.winner) == ("3", "2")
