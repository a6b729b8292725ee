"""Random histories of drivers, batteries and stations, as they are sent.

Few of each and a small grid of seconds, so that they meet: transactions of one second, late ones,
batteries that are brought back by somebody else, corrections of a driver, a battery, a station, a
date or a number, and corrections of those. Everything comes once more now and then.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.support.plain.plain_swaps import CARRIED, Sent, Swap

DRIVERS = ("D1", "D2", "D3")
STATIONS = ("S1", "S2")
BATTERIES = {"B1": "S1", "B2": "S1", "B3": "S2", "B4": "S2"}
CAPACITY = 200
START_S = 1_598_918_400
"""2020-09-01 00:00:00 UTC."""

SECONDS = tuple(START_S + hour * 3600 for hour in (0, 7, 9, 23, 24, 25, 50, 71, 96, 120))
"""Some at midnight, and some that another zone has on another day."""


def random_history(rng: random.Random, size: int, *, explicit: bool = False) -> list[Sent]:
    """What is sent, in an order in which a correction comes behind what it corrects.

    With ``explicit`` all of it has its own second, and says which battery comes in, and nothing is
    corrected twice: what becomes of such a set does not depend on the order in which it comes.
    """
    sent: list[Sent] = []
    seconds = iter(rng.sample(range(START_S, START_S + 5 * 86_400), 2 * size))
    for number in range(size):
        if sent and rng.random() < 0.1:
            sent.append(rng.choice(sent))
            continue
        wrong = _wrong(rng, sent, explicit=explicit)
        swap = _random_swap(rng, next(seconds) if explicit else rng.choice(SECONDS))
        if explicit and swap.battery_in == CARRIED:
            swap = swap._replace(battery_in=None)
        if wrong is not None:
            swap = _corrected(rng, wrong.swap, swap)
        sent.append(Sent(f"{number}", swap, None if wrong is None else wrong.id))
    return sent


def another_order(rng: random.Random, sent: Sequence[Sent]) -> list[Sent]:
    """The same in another order; nothing is corrected before it is there."""
    waiting = list(sent)
    rng.shuffle(waiting)
    ordered: list[Sent] = []
    known: set[str | None] = {None}
    while waiting:
        ready = [each for each in waiting if each.corrects in known]
        chosen = rng.choice(ready)
        waiting.remove(chosen)
        ordered.append(chosen)
        known.add(chosen.id)
    return ordered


def _wrong(rng: random.Random, sent: Sequence[Sent], *, explicit: bool) -> Sent | None:
    """What is corrected next; None for a new transaction."""
    if not sent or rng.random() < 0.6:
        return None
    corrected = {each.corrects for each in sent} if explicit else set()
    left = [each for each in sent if each.id not in corrected]
    return rng.choice(left) if left else None


def _random_swap(rng: random.Random, second: int) -> Swap:
    return Swap(
        rng.choice(DRIVERS),
        rng.choice(STATIONS),
        rng.choice((CARRIED, CARRIED, None, *BATTERIES)),
        rng.choice((None, *BATTERIES)),
        rng.choice((0, 20, 100, CAPACITY)),
        rng.choice((0, 150, 180, CAPACITY)),
        rng.randrange(1000, 2000),
        second,
    )


def _corrected(rng: random.Random, wrong: Swap, other: Swap) -> Swap:
    """The wrong one with one or two fields of another, or as it was."""
    names = rng.sample(Swap._fields[:-1], rng.choice((0, 1, 1, 1, 2)))
    swap = wrong._replace(**{name: getattr(other, name) for name in names})
    # A correction says all of it.
    return swap._replace(battery_in=None) if swap.battery_in == CARRIED else swap
