"""Which commands travel together, and what becomes of their replies."""

from __future__ import annotations

import msgpack
import pytest

from psd.errors import StoreError, StoreUnavailableError
from psd.store.costs import CALL_MAX_US, RATES, cost_us
from psd.store.parcels import parts_of, together
from psd.store.scripts import load_script, script_names
from psd.store.sending import Command

WAIT: Command = ("WAIT", 1, 100)


def parts(*commands: Command, cost: float = 8.0) -> list[list[int]]:
    return [list(part) for part in parts_of(commands, [cost] * len(commands), 20.0)]


def test_commands_travel_alone_unless_they_are_a_transaction() -> None:
    assert parts(("GET", "a"), ("GET", "b")) == [[0], [1]]
    assert parts(("MULTI",), ("SET", "a", 1), ("EXEC",)) == [[0, 1, 2]]
    assert parts(("WATCH", "a"), ("GET", "a"), ("GET", "b")) == [[0, 1, 2]]


def test_what_a_wait_stands_behind_is_cut_into_trips_that_each_wait() -> None:
    sets: list[Command] = [("SET", f"{n}", n) for n in range(5)]
    assert parts(*sets, WAIT) == [[0, 1, 5], [2, 3, 5], [4, 5]]
    assert parts(*sets[:1], WAIT, *sets[1:3], WAIT, sets[4]) == [[0, 1], [2, 3, 4], [5]]
    assert parts(*sets[:2], WAIT, cost=90.0) == [[0, 2], [1, 2]]


@pytest.mark.parametrize(
    ("waited", "told"), [([2, 1, 2], 1), ([2, StoreError("x"), 0], StoreError)]
)
def test_the_fewest_replicas_of_any_part_have_all_of_it(
    waited: list[object], told: int | type[Exception]
) -> None:
    found = [["a", "b", waited[0]], ["c", "d", waited[1]], ["e", waited[2]]]
    *replies, have = together(6, [[0, 1, 5], [2, 3, 5], [4, 5]], found)
    assert replies == ["a", "b", "c", "d", "e"]
    assert have == told if isinstance(told, int) else isinstance(have, told)


def test_a_part_whose_answer_was_lost_is_an_error_of_its_commands_and_of_the_wait() -> None:
    lost = StoreUnavailableError("redis: timed out")
    assert together(4, [[0, 3], [1, 2, 3]], [["a", 2], lost]) == ["a", lost, lost, lost]


def test_a_call_costs_what_it_brings_and_no_more_than_a_call_can() -> None:
    assert set(RATES) <= set(script_names())
    sha = load_script("engine.book").sha
    one, many = (
        cost_us(("EVALSHA", sha, 1, "psd:{p0}:1", msgpack.packb([[[1] * 19] * n]), b"0" * 7))
        for n in (1, 200)
    )
    assert one < 100
    assert 3_000 < many < 5_000
    assert cost_us(("EVALSHA", sha, 1, "psd:{p0}:1", b"0" * 10**6)) == CALL_MAX_US
    assert cost_us(("EVALSHA", load_script("engine.sum").sha, 1, "psd:{p0}:1", b"0" * 60)) < 100
    assert cost_us(("GET", "psd:store")) < 20
