"""Energy between many seconds at once is what it is between each two of them."""

from __future__ import annotations

import random

from psd import arrays
from psd.energy.billing import EnergyAt
from psd.tariffs.prices import Price


def test_energy_within_prices_is_the_energy_between_their_ends() -> None:
    arrays.load()
    rng = random.Random(3)
    seconds = sorted(rng.sample(range(10_000), 200))
    sums = [rng.randrange(-50, 10**12) for _ in seconds[1:]]
    energy = EnergyAt.of(arrays.numpy.array(seconds), sums)
    prices = [Price(*sorted(rng.sample(seconds, 2)), rate=7) for _ in range(300)]
    assert energy.within(prices) == [energy.between(each.start, each.end) for each in prices]
    assert energy.within([]) == []
