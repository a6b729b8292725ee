"""How many seconds are looked at for the best rank: boards of a page share what it may cost."""

from __future__ import annotations

import pytest

from server.pages.user_places import MEMBERS_MAX, SECONDS_MAX, SUMS_MAX, seconds_of


@pytest.mark.parametrize("boards", [1, 2, 7, 50])
@pytest.mark.parametrize("members", [1, 12, 100, MEMBERS_MAX])
def test_boards_of_a_page_ask_for_no_more_sums_than_it_may_cost(boards: int, members: int) -> None:
    most = seconds_of(SUMS_MAX // boards, members)
    assert 1 <= most <= SECONDS_MAX
    assert most == 1 or boards * members * 2 * most <= SUMS_MAX


def test_a_small_board_is_looked_at_in_every_second_that_counts() -> None:
    assert seconds_of(SUMS_MAX, 100) == SECONDS_MAX
