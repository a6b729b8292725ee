"""A board in arrays answers each question as the same board in rows does."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.columns.vector import Vector
from psd.engine.standings import largest
from psd.queries.ranking import Ranking
from psd.queries.requests import Ties
from psd.queries.vector_ranking import VectorRanking

TIES = get_args(Ties)
STANDINGS = st.dictionaries(
    st.integers(-(2**62), 2**62) | st.integers(-9, 9),
    st.tuples(st.integers(-3, 3) | st.integers(-(2**53), 2**53), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def both(
    rows: dict[int, tuple[int, int | None]],
) -> tuple[list[tuple[int, int]], dict[int, int | None], Vector]:
    """Pairs, seconds, and the vector of the same."""
    pairs = [(uid, value) for uid, (value, _) in rows.items()]
    uids, values = (np.array(each, "i8") for each in zip(*pairs, strict=True))
    return pairs, {uid: at for uid, (_, at) in rows.items()}, Vector(uids, values, None)


@pytest.mark.parametrize("ties", TIES)
@given(rows=STANDINGS, data=st.data())
async def test_places_pages_groups_and_cursors_are_the_same(
    ties: Ties, rows: dict[int, tuple[int, int | None]], data: st.DataObject
) -> None:
    pairs, seconds, vector = both(rows)
    plain, board = Ranking(pairs, ties, seconds), await VectorRanking.made(vector, ties, seconds)
    total = len(pairs)
    assert (len(board), board.total) == (total, total)
    assert board.page(0, total) == plain.page(0, total)
    start, stop = (data.draw(st.integers(-1, total + 1)) for _ in range(2))
    assert board.tied(start, stop) == plain.tied(start, stop)
    assert board.sharing(board.tied(start, stop)) == plain.sharing(plain.tied(start, stop))
    uid, value = data.draw(st.sampled_from(pairs))
    assert board.position(uid) == plain.position(uid)
    assert board.position(2**62 + 1) is None
    for asked in (value, value + 1, value - 1):
        assert board.at_value(asked) == plain.at_value(asked)
    position = data.draw(st.integers(0, total - 1))
    cursor = plain.cursor(position)
    assert board.cursor(position) == cursor
    assert board.after(cursor) == plain.after(cursor) == position + 1
    wanted = [uid, 2**62 + 1]
    assert await board.places(wanted) == await plain.places(wanted)


@pytest.mark.parametrize("ties", TIES)
@given(before=STANDINGS, rows=STANDINGS)
async def test_a_cursor_of_another_moment_goes_on_at_the_same_place(
    ties: Ties,
    before: dict[int, tuple[int, int | None]],
    rows: dict[int, tuple[int, int | None]],
) -> None:
    old_pairs, old_seconds, _ = both(before)
    pairs, seconds, vector = both(rows)
    old = Ranking(old_pairs, ties, old_seconds)
    plain, board = Ranking(pairs, ties, seconds), await VectorRanking.made(vector, ties, seconds)
    for position in range(len(old_pairs)):
        cursor = old.cursor(position)
        assert board.after(cursor) == plain.after(cursor)


@pytest.mark.parametrize("ties", TIES)
@given(rows=STANDINGS, first=st.integers(1, 40))
async def test_the_first_of_a_board_are_those_of_all_of_it(
    ties: Ties, rows: dict[int, tuple[int, int | None]], first: int
) -> None:
    pairs, seconds, vector = both(rows)
    whole = Ranking(pairs, ties, seconds)
    board = await VectorRanking.made(vector, ties, seconds, first)
    stop = min(first, len(pairs))
    assert board.total == len(pairs)
    assert board.page(0, stop) == whole.page(0, stop)
    assert board.tied(0, stop) == whole.tied(0, stop)


@given(rows=STANDINGS, limit=st.integers(1, 31))
def test_the_largest_and_who_ties_with_the_last_of_them_are_the_same(
    rows: dict[int, tuple[int, int | None]], limit: int
) -> None:
    pairs, _, vector = both(rows)
    assert vector.largest(limit) == largest(pairs, limit)
