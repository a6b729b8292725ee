"""Derives transactions from what stands around them now: a trip for as many as are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from psd.swaps.around_asks import Ask
from psd.swaps.derived import Derived, derive
from psd.swaps.measured import asks_measuring
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import Numbered


async def derivations(
    store: SwapsStore, network: str, transactions: Sequence[Numbered]
) -> list[Derived]:
    """Of live transactions, by position. 1 trip."""
    asks: list[Ask] = []
    starts: list[int] = []
    for each in transactions:
        starts.append(len(asks))
        asks += asks_measuring(each)
    around = await store.around(network, asks)
    derived = []
    for each, start in zip(transactions, starts, strict=True):
        has_battery = each.swap.battery_out is not None
        came_in = around.found[start + 1] if has_battery else None
        last = around.found[start]
        derived.append(derive(each.swap, last, came_in.swap if came_in else None))
    return derived
