"""Prices of a day in any order and any pieces, against a list of who said what when."""

from __future__ import annotations

import random

import pytest

from psd.tariffs.price_days import SLOT_S, SLOTS, day_with, prices_of_day, rates_of_day
from psd.tariffs.prices import Price, Prices
from psd.zones import DATE_S

DAY_S = 400 * DATE_S
STEPS = (1, 3, 6, 12, 48)
"""Five minutes of 5, 15, 30 and 60 minutes, and of four hours."""

Saying = tuple[int, list[Price]]


def sayings(draw: random.Random) -> list[Saying]:
    """What was said at different seconds: a few prices in a row, some of them beyond the day."""
    found: list[Saying] = []
    for said_s in draw.sample(range(1, 10**9), draw.randint(1, 6)):
        step = draw.choice(STEPS)
        first = draw.randrange(-step, SLOTS, step)
        unit = draw.choice((1, 10**4, 10**9, 10**14))
        prices = [
            Price(
                DAY_S + (first + at * step) * SLOT_S,
                DAY_S + (first + (at + 1) * step) * SLOT_S,
                draw.randint(-9, 9) * unit,
            )
            for at in range(draw.randint(1, SLOTS // step + 1))
        ]
        found.append((said_s, prices))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_a_day_is_the_same_in_whatever_order_and_how_often_prices_come(seed: int) -> None:
    draw = random.Random(f"days {seed}")
    said = sayings(draw)
    plain: list[int | None] = [None] * SLOTS
    for _, prices in sorted(said):
        for price in prices:
            for slot in range(SLOTS):
                if price.start <= DAY_S + slot * SLOT_S < price.end:
                    plain[slot] = price.rate
    stored = set()
    for _ in range(4):
        raw, order = b"", [*said, *draw.sample(said, len(said) // 2)]
        draw.shuffle(order)
        for said_s, prices in order:
            raw = day_with(raw, said_s, prices, DAY_S)
        stored.add(raw)
        assert rates_of_day(raw) == plain
    assert len(stored) == 1
    listed = Prices(prices_of_day(stored.pop(), DAY_S))
    for slot in range(SLOTS):
        second = DAY_S + slot * SLOT_S
        told = [price.rate for price in listed.within(second, second + SLOT_S)]
        assert told == ([] if plain[slot] is None else [plain[slot]])


def test_a_day_of_half_hours_with_five_decimals_takes_some_200_bytes() -> None:
    prices = [
        Price(DAY_S + at * 1_800, DAY_S + (at + 1) * 1_800, (at - 7) * 7 * 10**4)
        for at in range(48)
    ]
    assert len(day_with(b"", 1_606_636_800, prices, DAY_S)) == 205
    one = [Price(DAY_S, DAY_S + DATE_S, 10**8)]
    assert len(day_with(b"", 1_606_636_800, one, DAY_S)) < 24
