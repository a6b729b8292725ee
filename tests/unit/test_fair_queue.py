"""Whose turn it is: who has just come goes first, nobody waits for all that another has."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict

import pytest

from psd.store.callers import Caller
from psd.store.fair_queue import QUANTUM_US, FairQueue, Parcel

TRIP_US = 10_000.0
HEAVY_US = 4_000.0
COMMANDS_MAX = 512


class Waiting:
    """A queue, and parcels that say whose they are and which."""

    def __init__(self) -> None:
        self.queue = FairQueue()
        self.loop = asyncio.get_running_loop()

    def put(self, caller: Caller | None, name: str, cost_us: float = 30.0) -> Parcel:
        parcel = Parcel((("ECHO", name),), cost_us, caller, self.loop.create_future())
        self.queue.put(parcel)
        return parcel

    def trip(self, cost_us: float = TRIP_US) -> list[str]:
        return [str(each.commands[0][1]) for each in self.queue.take(COMMANDS_MAX, cost_us)]


async def test_what_fits_into_a_trip_goes_in_the_order_in_which_it_came() -> None:
    waiting, callers = Waiting(), [Caller("a"), Caller("b"), None]
    for n in range(60):
        waiting.put(callers[n % 3], str(n))
    assert waiting.trip() == [str(n) for n in range(60)]
    assert not waiting.queue
    assert waiting.queue.cost_us == 0


@pytest.mark.parametrize("hogs", [1, 40])
async def test_whoever_comes_while_others_have_much_waiting_goes_with_the_next_trip(
    hogs: int,
) -> None:
    waiting = Waiting()
    for hog in range(hogs):
        caller = Caller(f"hog {hog}")
        for n in range(25):
            waiting.put(caller, f"{hog} {n}", HEAVY_US)
    for n in range(30):
        phone = f"phone {n}"
        waiting.put(Caller("phone"), phone)
        assert phone in waiting.trip()


async def test_groups_get_equal_shares_whatever_commands_cost_and_requests_they_have() -> None:
    waiting = Waiting()
    costs = {"small": 100.0, "middle": 1_300.0, "large": 9_000.0}
    for group, cost_us in costs.items():
        callers = [Caller(group) for _ in range(7 if group == "middle" else 1)]
        for n in range(int(400_000 / cost_us)):
            waiting.put(callers[n % len(callers)], group, cost_us)
    spent: Counter[str] = Counter()
    for _ in range(60):
        for group in waiting.trip():
            spent[group] += int(costs[group])
    assert max(spent.values()) - min(spent.values()) < 3 * max(costs.values())


async def test_a_trip_is_of_so_much_and_at_least_of_one() -> None:
    waiting = Waiting()
    for n in range(8):
        waiting.put(Caller("hog"), str(n), HEAVY_US)
    assert len(waiting.trip()) == 2
    assert len(waiting.trip(HEAVY_US / 2)) == 1
    assert waiting.queue.cost_us == 5 * HEAVY_US


async def test_requests_of_a_group_take_turns() -> None:
    waiting, large, small = Waiting(), Caller("token"), Caller("token")
    for n in range(20):
        waiting.put(large, f"large {n}", HEAVY_US)
    waiting.put(small, "small")
    assert "small" in waiting.trip()


async def test_many_who_come_one_by_one_leave_half_of_a_trip_to_who_waits() -> None:
    waiting, hog = Waiting(), Caller("hog")
    for _ in range(100):
        waiting.put(hog, "hog", HEAVY_US)
    waiting.trip()
    taken: Counter[str] = Counter()
    for n in range(50):
        for phone in range(30):
            waiting.put(Caller(f"phone {n} {phone}"), "phone", QUANTUM_US * 0.9)
        taken.update(waiting.trip())
    assert taken["hog"] >= 45


async def test_whoever_has_left_takes_no_room() -> None:
    waiting, hog = Waiting(), Caller("hog")
    parcels = [waiting.put(hog, str(n), HEAVY_US) for n in range(20)]
    waiting.trip()
    for parcel in parcels[2:-1]:
        parcel.future.cancel()
        waiting.queue.leave(parcel)
        waiting.queue.leave(parcel)
    assert waiting.queue.cost_us == HEAVY_US
    assert waiting.trip() == ["19"]
    assert not waiting.queue
    assert waiting.trip() == []


@pytest.mark.parametrize("seed", range(20))
async def test_everything_is_taken_once_and_in_the_order_of_its_caller(seed: int) -> None:
    rng, waiting = random.Random(seed), Waiting()
    callers = [None, *(Caller(rng.choice(["a", "b", None])) for _ in range(6))]
    sent: dict[Caller | None, list[str]] = defaultdict(list)
    taken: dict[Caller | None, list[str]] = defaultdict(list)
    gone: set[str] = set()
    number = 0
    while number < 400 or waiting.queue:
        for _ in range(rng.randrange(8) if number < 400 else 0):
            caller = rng.choice(callers)
            parcel = waiting.put(caller, str(number), rng.choice([10.0, 900.0, 5_000.0, 15_000.0]))
            number += 1
            if rng.random() < 0.1:
                parcel.future.cancel()
                waiting.queue.leave(parcel)
                gone.add(str(parcel.commands[0][1]))
            else:
                sent[caller].append(str(parcel.commands[0][1]))
        for parcel in waiting.queue.take(rng.randrange(1, 30), TRIP_US):
            taken[parcel.caller].append(str(parcel.commands[0][1]))
    assert taken == sent
    assert not gone & {name for names in taken.values() for name in names}
    assert (waiting.queue.cost_us, waiting.queue.commands) == (0, 0)
