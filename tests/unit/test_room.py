"""Whether there is room: before anything is done, and never for one at another's cost."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from psd.errors import BusyError
from psd.store.callers import Caller
from psd.store.fair_queue import FairQueue, Parcel
from psd.store.room import PACE_FIRST, ROOM_PART, SMALL_US, TELLING_US, LaneRoom

TIMEOUT_S = 1.5
ROOM_US = ROOM_PART * TIMEOUT_S * 1e6 / PACE_FIRST
BODY_US = 50_000.0


def admitted(room: LaneRoom, stack: ExitStack, group: str, cost_us: float = BODY_US) -> int:
    """How many bodies of a token find room one beside the other."""
    for number in range(1_000):
        try:
            stack.enter_context(room.claimed(Caller(group), cost_us))
        except BusyError:
            return number
    raise AssertionError("the room has no end")


def test_one_alone_holds_half_of_the_room_and_who_comes_next_finds_as_much_as_is_left() -> None:
    with ExitStack() as stack:
        room = LaneRoom(FairQueue(), TIMEOUT_S)
        found = [admitted(room, stack, group) for group in "abc"]
        assert found == [6, 3, 1]
        for phone in range(500):
            stack.enter_context(room.claimed(Caller(f"phone {phone}"), 30.0))


def test_all_that_is_admitted_is_answered_in_time() -> None:
    with ExitStack() as stack:
        room = LaneRoom(FairQueue(), TIMEOUT_S)
        bodies = sum(admitted(room, stack, f"token {n}") for n in range(50))
        small = sum(admitted(room, stack, f"phone {n}", SMALL_US) for n in range(50))
        assert bodies * BODY_US + small * SMALL_US <= ROOM_US


def test_what_comes_to_an_idle_lane_is_tried_however_much_it_is_and_others_do_not_pay() -> None:
    with ExitStack() as stack:
        room = LaneRoom(FairQueue(), TIMEOUT_S)
        stack.enter_context(room.claimed(Caller("a"), 10 * ROOM_US))
        with pytest.raises(BusyError) as told:
            room.check(Caller("a"), BODY_US)
        assert 10 * ROOM_PART * TIMEOUT_S <= told.value.retry_after_s <= 13
        assert admitted(room, stack, "b") == 3
        room.check(Caller("a"), 30.0)


def test_whoever_was_admitted_is_not_refused_later() -> None:
    room, caller = LaneRoom(FairQueue(), TIMEOUT_S), Caller("a")
    with room.claimed(caller, BODY_US), room.claimed(Caller("b"), BODY_US):
        room.check(caller, 10 * ROOM_US)
    with room.claimed(Caller("b"), 10 * ROOM_US):
        room.check(caller, ROOM_US)
        room.check(None, ROOM_US)


async def test_what_was_claimed_is_not_counted_again_once_it_waits() -> None:
    queue = FairQueue()
    room, caller = LaneRoom(queue, TIMEOUT_S), Caller("a")
    with room.claimed(caller, BODY_US):
        room.check(caller, BODY_US)
        future = asyncio.get_running_loop().create_future()
        queue.put(Parcel((("PING",),), BODY_US, caller, future))
        with ExitStack() as stack:
            assert admitted(room, stack, "a") == 5


def test_however_slow_a_lane_is_one_body_at_a_time_is_admitted() -> None:
    room = LaneRoom(FairQueue(), TIMEOUT_S)
    for _ in range(100):
        room.learn(10_000.0, 10.0)
    with room.claimed(Caller("phone"), 30.0), room.claimed(Caller("a"), BODY_US):
        with pytest.raises(BusyError):
            room.check(Caller("a"), BODY_US)
        room.check(Caller("phone"), 30.0)


def test_a_lane_that_is_slower_than_was_estimated_has_less_room() -> None:
    room = LaneRoom(FairQueue(), TIMEOUT_S)
    for _ in range(100):
        room.learn(TELLING_US / 2, 1.0)
    assert room.pace == PACE_FIRST
    for _ in range(100):
        room.learn(10_000.0, 0.04)
    assert room.pace == pytest.approx(2 * PACE_FIRST, rel=0.01)
    with ExitStack() as stack:
        assert admitted(room, stack, "a") == 3
