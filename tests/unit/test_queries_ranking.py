"""Boards and brackets, by hand."""

from __future__ import annotations

import pytest

from psd.errors import BadQueryError
from psd.queries.boards.brackets import (
    Contender,
    Match,
    decided,
    first_round,
    next_round,
    played,
    rounds_needed,
    seed_order,
)
from psd.queries.ranking import Place, Ranking, Score, compared, read_cursor
from psd.queries.requests import Ties

STANDINGS = [(11, 50), (22, 40), (33, 40), (44, 30)]
REACHED_S: dict[int, int | None] = {11: 5, 22: 9, 33: 7, 44: 1}


@pytest.mark.parametrize(
    ("ties", "ranks"),
    [
        ("competition", {11: 1, 22: 2, 33: 2, 44: 4}),
        ("dense", {11: 1, 22: 2, 33: 2, 44: 3}),
        ("ordinal", {11: 1, 22: 2, 33: 3, 44: 4}),
        ("first_to_reach", {11: 1, 33: 2, 22: 3, 44: 4}),
    ],
)
def test_ranks_of_equal_values(ties: Ties, ranks: dict[int, int]) -> None:
    board = Ranking(reversed(STANDINGS), ties, REACHED_S)
    places = board.page(0, 4)
    assert {place.uid: place.rank for place in places} == ranks
    assert [place.uid for place in places] == list(ranks)


def test_equal_seconds_share_a_rank_and_the_next_is_lost() -> None:
    board = Ranking(STANDINGS, "first_to_reach", {22: 7, 33: 7})
    assert [place.rank for place in board.page(0, 4)] == [1, 2, 2, 4]


def test_who_never_reached_a_value_comes_after_those_who_did() -> None:
    board = Ranking([(1, 0), (2, 0), (3, 0)], "first_to_reach", {1: None, 3: 100})
    assert [(place.uid, place.rank) for place in board.page(0, 3)] == [(3, 1), (1, 2), (2, 2)]


def test_a_percentile_is_the_share_of_the_board_that_has_less() -> None:
    board = Ranking(STANDINGS, "competition")
    assert [place.percentile for place in board.page(0, 4)] == [75.0, 25.0, 25.0, 0.0]


def test_an_upper_part_of_a_board_has_the_percentiles_of_the_whole() -> None:
    board = Ranking(STANDINGS[:3], "competition", below=1)
    assert [place.percentile for place in board.page(0, 9)] == [75.0, 25.0, 25.0]
    assert (len(board), board.total) == (3, 4)


def test_pages_by_cursor_are_the_board() -> None:
    for ties in ("competition", "dense", "ordinal", "first_to_reach"):
        board = Ranking(STANDINGS, ties, REACHED_S)
        found: list[Place] = []
        cursor = None
        while len(found) < 4:
            start = board.after(cursor)
            found += board.page(start, start + 1)
            cursor = board.cursor(start)
        assert found == board.page(0, 4)


def test_a_cursor_goes_on_behind_its_place_when_others_came_and_went() -> None:
    cursor = Ranking(STANDINGS, "competition").cursor(1)
    changed = Ranking([(11, 50), (25, 40), (33, 40), (55, 45)], "competition")
    assert [place.uid for place in changed.page(changed.after(cursor), 9)] == [25, 33]


@pytest.mark.parametrize("text", ["", "x", "AAAA", "%", "lKFj_w", "é", "A" * 1000])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadQueryError, match="cursor"):
        read_cursor(text, "competition")


def test_tied_positions_hold_all_of_a_value() -> None:
    board = Ranking(STANDINGS, "competition")
    assert board.tied(0, 2) == range(3)
    assert board.tied(2, 3) == range(1, 3)
    assert board.tied(9, 12) == range(0)
    assert board.sharing(range(4)) == [22, 33]
    assert board.at_value(40) == range(1, 3)
    assert board.at_value(45) == range(1, 1)


async def test_a_comparison_tells_places_won_and_points_gained() -> None:
    now = Ranking(STANDINGS, "competition").page(0, 4)
    before = await Ranking([(11, 10), (22, 20), (33, 5)], "competition").places([11, 22, 33, 44])
    changes = [(change.rank_change, change.value_change) for change in compared(now, before)]
    assert changes == [(1, 40), (-1, 20), (1, 35), (None, None)]


def test_seeds_stand_so_that_the_best_meet_last() -> None:
    assert seed_order(1) == [1]
    assert seed_order(4) == [1, 4, 2, 3]
    assert seed_order(8) == [1, 8, 4, 5, 2, 7, 3, 6]


def test_rounds_that_a_field_needs() -> None:
    assert [rounds_needed(size) for size in (0, 1, 2, 3, 4, 5, 8, 9)] == [0, 0, 1, 2, 2, 3, 3, 4]


def pairs(matches: list[Match]) -> list[tuple[int, int | None]]:
    return [(match.first.uid, match.second.uid if match.second else None) for match in matches]


def test_the_best_seeds_have_the_byes() -> None:
    assert pairs(first_round([11, 22, 33, 44, 55])) == [
        (11, None),
        (44, 55),
        (22, None),
        (33, None),
    ]
    assert pairs(first_round([11])) == [(11, None)]
    assert first_round([]) == []


def test_a_match_is_won_by_the_sum_then_by_who_was_first_then_by_the_seed() -> None:
    match = Match(Contender(1, 11), Contender(4, 44))

    def winner(first: Score, second: Score) -> int:
        return decided(match, {11: first, 44: second}).winner.uid

    assert winner(Score(11, 5, 9), Score(44, 6, 10)) == 44
    assert winner(Score(11, 5, 9), Score(44, 5, 8)) == 44
    assert winner(Score(11, 5, 8), Score(44, 5, 8)) == 11
    assert winner(Score(11, 0), Score(44, 0, 3)) == 44
    assert decided(match, {}).winner.uid == 11


def test_a_bracket_is_played_round_by_round_until_one_is_left() -> None:
    rounds = [
        {55: Score(55, 9), 44: Score(44, 3)},
        {11: Score(11, 1), 55: Score(55, 2), 22: Score(22, 7), 33: Score(33, 6)},
        {55: Score(55, 2, 10), 22: Score(22, 2, 9)},
    ]
    over, coming = played([11, 22, 33, 44, 55], rounds[:1])
    assert pairs(coming) == [(11, 55), (22, 33)]
    over, coming = played([11, 22, 33, 44, 55], [*rounds, {}])
    assert [[outcome.winner.uid for outcome in each] for each in over] == [
        [11, 55, 22, 33],
        [55, 22],
        [22],
    ]
    assert coming == []
    assert next_round(over[-1]) == []
