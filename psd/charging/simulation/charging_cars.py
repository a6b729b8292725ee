"""The cars of a simulated yard: when each comes, what it wants, and how it pays. Pure.

::

    planned_cars(12, plugs=8, seed=1)    -> [PlannedCar("car-001", arrives_s=31, ...), ...]

Most draw less than their plug allows, and some more. Those that are thrifty draw little while power
is dear, and all of them all that they can when it is cheap, long after others were let in beside
them: then the fuse has to shed. The same seed gives the same cars.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import msgspec

Wallet = Literal["card", "declined", "prepaid", "short"]
"""Topped up by a card; by one that declines; money for all of it; money that runs out."""

ARRIVES_EVERY_S = 360
"""On the mean and by one plug; many plugs have as many cars the sooner."""
WANTED_WH = (60, 500)
AMPS = (10.0, 13.0, 15.5)
GREEDY_AMPS = 21.0
WALLETS: tuple[Wallet, ...] = ("card", "card", "prepaid", "short", "declined")
GREEDY_SHARE = 0.08
DEAR_S = 900
"""Power is dear for so long, and then as long cheap."""
THRIFTY_AMPS = 6.0
LEAVES_SHARE = 0.2
SHORT_CENTS = 4
PREPAID_CENTS = 2_000
CARD_CENTS = 1_000


class PlannedCar(msgspec.Struct, frozen=True):
    """A car and its owner; some leave ``leaves_after_s`` of charging, before they are full."""

    name: str
    arrives_s: int
    amps: float
    wanted_wh: int
    wallet: Wallet
    leaves_after_s: int | None
    is_thrifty: bool = False

    @property
    def opening_cents(self) -> int:
        """What its owner begins with."""
        return {"short": SHORT_CENTS, "prepaid": PREPAID_CENTS}.get(self.wallet, CARD_CENTS)


def planned_cars(
    count: int, plugs: int, seed: int, thrifty_share: float = 0.0
) -> Sequence[PlannedCar]:
    """So many cars in the order in which they come; some are thrifty."""
    rng, owners = random.Random(f"cars {seed}"), random.Random(f"owners {seed}")
    found, at_s = [], 10
    for number in range(1, count + 1):
        at_s += rng.randint(0, 2 * ARRIVES_EVERY_S // plugs)
        found.append(
            PlannedCar(
                f"car-{number:03}",
                at_s,
                GREEDY_AMPS if rng.random() < GREEDY_SHARE else rng.choice(AMPS),
                rng.randint(*WANTED_WH),
                rng.choice(WALLETS),
                rng.randint(60, 600) if rng.random() < LEAVES_SHARE else None,
                owners.random() < thrifty_share,
            )
        )
    return found


def is_dear(passed_s: int) -> bool:
    """Whether power is dear, so many seconds after the beginning."""
    return passed_s // DEAR_S % 2 == 0
