"""The ledger of swaps against a naive replay that shares no code with it.

Random histories of three drivers, four batteries and two stations: transactions of one second, late
ones, corrections of a driver, a battery, a station, a date or a number, corrections of those, and
everything now and then once more.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from psd.runtime import Runtime
from tests.support.draws.random_swaps import (
    SECONDS,
    another_order,
    random_history,
)
from tests.support.plain.plain_swaps import Sent
from tests.support.swaps.network import NOW_S, OFFSET, Network

pytestmark = pytest.mark.psd(now_s=NOW_S)

SIZE = 40


@pytest.mark.parametrize("seed", range(5))
async def test_a_history_ends_in_what_a_replay_says(psd: Runtime, seed: int) -> None:
    rng = random.Random(f"swaps {seed}")
    network = await Network.registered(psd, f"n{seed}")
    history = random_history(rng, SIZE)
    told = [await network.send(sent) for sent in [*history, *history[-10:]]]
    assert {"booked", "duplicate"} <= set(told)
    await network.check()
    await network.check_books(rng)
    for until in rng.sample(SECONDS, 3):
        await network.check(until)
        await network.check(until - 1)


async def test_each_event_leaves_everything_right_at_once(psd: Runtime) -> None:
    rng = random.Random("at once")
    network = await Network.registered(psd, "once")
    for sent in random_history(rng, 15):
        await network.send(sent)
        await network.check()
        await network.check_books(rng)


@pytest.mark.parametrize("seed", range(3))
async def test_every_order_of_arrival_ends_in_the_same_state(psd: Runtime, seed: int) -> None:
    rng = random.Random(f"orders {seed}")
    sent = random_history(rng, 25, explicit=True)
    networks = [await Network.registered(psd, f"o{seed}-{number}") for number in range(2)]
    for network in networks:
        for each in another_order(rng, sent):
            await network.send(each)
        await network.check()
        await network.check_books(random.Random(f"ranges {seed}"))
    states = [by_ids(network) for network in networks]
    assert states[0] == states[1]


@pytest.mark.parametrize("seed", range(4))
async def test_four_writers_at_once_end_in_what_a_replay_of_the_stream_says(
    psd: Runtime, seed: int
) -> None:
    rng = random.Random(f"writers {seed}")
    network = await Network.registered(psd, f"w{seed}")
    waiting = random_history(rng, SIZE, explicit=True)
    bodies = {each.id: network.message(each) for each in waiting if each.corrects is None}
    swaps = [each for each in waiting if each.id in bodies]

    await asyncio.gather(*(write(network, bodies, swaps[place::4]) for place in range(4)))
    await catch_up(network, swaps)
    corrections = [each for each in waiting if each.corrects in network.plain.numbers]
    bodies |= {each.id: network.message(each) for each in corrections}
    await asyncio.gather(*(write(network, bodies, corrections[place::4]) for place in range(4)))
    await catch_up(network, corrections)
    await network.check()
    await network.check_books(rng)


REFUSALS = {"conflict", "unchanged", "wrong_type"}


async def write(network: Network, bodies: dict[str, bytes], some: list[Sent]) -> None:
    """What one writer sends; what is refused is left out."""
    for each in some:
        [outcome] = await network.book(bodies[each.id])
        assert outcome.error is None or outcome.error.code in REFUSALS, outcome


async def catch_up(network: Network, sent: list[Sent]) -> None:
    """Tell the oracle what was accepted, in the order in which it was."""
    by_id = {each.id: each for each in sent}
    for event in await network.ledger.events(OFFSET + len(network.plain.history)):
        assert network.plain.send(by_id[event.event.id]) == "booked"
        assert network.plain.numbers[event.event.id] + OFFSET == event.n


def by_ids(network: Network) -> object:
    """The oracle's state with the ids of senders in the place of numbers."""
    ids = {n: id_ for id_, n in network.plain.numbers.items()}
    state = network.plain.state()
    rides = {
        ids[n]: ride._replace(last=None if ride.last is None else ids[ride.last])
        for n, ride in state.rides.items()
    }
    return state._replace(rides=rides)
