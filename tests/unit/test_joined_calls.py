"""Small calls that stand beside each other in a trip become one, and their replies come apart."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from psd.errors import StoreError
from psd.store.joined_calls import ANSWERS_MAX, JOINABLE_ANSWERS_MAX, JoinedTrip, can_be_joined
from psd.store.joined_calls import joinable as made_joinable
from psd.store.sending import Command

LIFETIMES = b"\x00" * 7
PING: Command = ("PING",)


def call(*roots: str, script: str = "book", same: bytes = LIFETIMES) -> Command:
    """A call about these owners, of each of whom there is a report of its name."""
    by_owner = msgpack.packb([[root] for root in roots])
    return ("EVALSHA", script, len(roots), *roots, by_owner, same)


def joinable(*roots: str, group: str = "", answers: int = 0, **fields: Any) -> Command:
    """A call that may be joined with others of its group."""
    return made_joinable(call(*roots, **fields), group, answers or len(roots))


def test_calls_about_different_owners_become_one() -> None:
    trip = JoinedTrip([joinable("a"), joinable("b", "c"), joinable("d")])
    assert trip.commands == [call("a", "b", "c", "d")]
    assert trip.apart([[1, 0, 2, 6]]) == ([[1], [0, 2], [6]], [])


def test_what_stands_between_stays_between() -> None:
    trip = JoinedTrip([joinable("a"), PING, joinable("b"), joinable("c"), call("d")])
    assert trip.commands == [call("a"), PING, call("b", "c"), call("d")]
    assert trip.apart([[1], "PONG", [0, 1], [4]]) == ([[1], "PONG", [0], [1], [4]], [])


@pytest.mark.parametrize(
    "other",
    [
        joinable("a"),
        joinable("b", "a"),
        joinable("b", group="p1"),
        joinable("b", script="withdraw"),
        joinable("b", same=b"\x01" * 7),
    ],
    ids=["same owner", "one owner the same", "partition", "script", "lifetimes"],
)
def test_not_every_call_may_be_joined(other: Command) -> None:
    commands = [joinable("a"), other]
    assert JoinedTrip(commands).commands == commands


def test_the_second_call_about_an_owner_begins_anew() -> None:
    trip = JoinedTrip([joinable("a"), joinable("b"), joinable("a"), joinable("b")])
    assert trip.commands == [call("a", "b"), call("a", "b")]


def test_partitions_are_joined_each_by_itself() -> None:
    roots = ["a", "x", "b", "y", "c", "a"]
    calls = [joinable(root, group="p1" if root in "xy" else "p0") for root in roots]
    trip = JoinedTrip(calls)
    assert trip.commands == [call("a", "b", "c"), call("x", "y"), call("a")]
    replies = [[1, 2, 3], StoreError("PSD_HEAVY 1"), [4]]
    assert trip.apart(replies) == ([[1], None, [2], None, [3], [4]], [1, 3])


def test_a_joined_call_is_no_longer_than_a_worker_s() -> None:
    roots = [f"u{number}" for number in range(ANSWERS_MAX + 10)]
    trip = JoinedTrip([joinable(root) for root in roots])
    assert trip.commands == [call(*roots[:ANSWERS_MAX]), call(*roots[ANSWERS_MAX:])]
    replies, refused = trip.apart([[1] * ANSWERS_MAX, [0] * 10])
    assert replies == [[1]] * ANSWERS_MAX + [[0]] * 10
    assert not refused


def test_many_owners_have_a_longer_header() -> None:
    first, second = [f"a{n}" for n in range(16)], [f"b{n}" for n in range(20)]
    assert JoinedTrip([joinable(*first), joinable(*second)]).commands == [call(*first, *second)]


def test_a_long_call_stays_by_itself() -> None:
    long = joinable("a", answers=JOINABLE_ANSWERS_MAX + 1)
    assert not can_be_joined([long, long])
    assert JoinedTrip([joinable("b"), long]).commands == [call("b"), call("a")]


def test_what_is_refused_goes_again_alone() -> None:
    error = StoreError("PSD_HEAVY 1")
    trip = JoinedTrip([joinable("a"), PING, joinable("b"), joinable("c"), PING, joinable("d")])
    replies, refused = trip.apart([error, "PONG", error, "PONG", error])
    assert refused == [2, 3]
    assert replies == [error, "PONG", None, None, "PONG", error]


def test_only_several_joinable_calls_are_looked_at() -> None:
    assert not can_be_joined([joinable("a")])
    assert not can_be_joined([joinable("a"), PING, call("b")])
    assert can_be_joined([joinable("a"), PING, joinable("b")])
