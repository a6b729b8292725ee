"""Series of prices by their time: what a kWh costs from a second to another. Pure.

::

    prices = Prices.of([Price(1606636800, 1606638600, 214500000), ...])
    prices.within(1606636800, 1606640400)   -> the prices there, cut to the range
    prices.unpriced(...)                    -> where there is none: never taken as free

Rates are 10^-9 units of money a kWh, and may lie below 0. A later price of the same time replaces
an earlier one. Carbon is a series too, in 10^-9 g a kWh.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec


class Price(msgspec.Struct, frozen=True, gc=False, order=True):
    """A rate from a second to another, the last one excluded."""

    start: int
    end: int
    rate: int


class Prices:
    """Prices in order, none of which overlaps another."""

    def __init__(self, listed: Sequence[Price]) -> None:
        self.listed = listed
        self._starts = [each.start for each in listed]

    @classmethod
    def of(cls, prices: Iterable[Price]) -> Self:
        """Prices as they came; where some overlap, what came later stands."""
        standing: list[Price] = []
        for price in prices:
            if not standing or standing[-1].end <= price.start:
                standing.append(price)
            else:
                standing = _laid_over(standing, price)
        return cls(standing)

    def within(self, start: int, end: int) -> list[Price]:
        """Those of a range, cut to it."""
        found = []
        for price in self.listed[max(bisect_right(self._starts, start) - 1, 0) :]:
            if price.start >= end:
                break
            if price.end > start:
                found.append(Price(max(price.start, start), min(price.end, end), price.rate))
        return found

    def unpriced(self, start: int, end: int) -> list[tuple[int, int]]:
        """Parts of a range that have no price."""
        found, at = [], start
        for price in self.within(start, end):
            if price.start > at:
                found.append((at, price.start))
            at = price.end
        return [*found, (at, end)] if at < end else found


NO_PRICES = Prices(())


def _laid_over(standing: Sequence[Price], price: Price) -> list[Price]:
    """What stands of earlier prices beside a later one, and it."""
    found = [price]
    for each in standing:
        if each.start < price.start:
            found.append(Price(each.start, min(each.end, price.start), each.rate))
        if each.end > price.end:
            found.append(Price(max(each.start, price.end), each.end, each.rate))
    return sorted(found)
