"""When which rate of a plan is the one: the range of a bill, cut where the price changes. Pure.

A day of a plan with a peak from 16:00 to 19:00 in London, in winter::

    price_cells(plan, 1765152000, 1765238400)
    -> [PricedCell(1765152000, 1765209600, 1, ...), PricedCell(1765209600, 1765220400, 0, ...),
        PricedCell(1765220400, 1765238400, 1, ...)]

Prices of a series are cells one by one. Of rates that are many together more is done with arrays
(psd/tariffs/timetables.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from psd.tariffs.plans import PricePlan, Rate
from psd.tariffs.prices import NO_PRICES, Prices
from psd.tariffs.timetables import NO_RATE, Period, Timetable


class PricedCell(msgspec.Struct, frozen=True, gc=False):
    """[start, end) of one price, within one local month, or day where a tier is of a day.

    ``rate`` is the place of the rate among the plan's, ``price`` that of a series; both are None
    where a series has no price. ``period`` tells apart what tiers are of: (year, month, day), the
    day 0 without tiers of a day.
    """

    start: int
    end: int
    rate: int | None
    price: int | None
    period: Period


def price_cells(
    plan: PricePlan, start: int, end: int, prices: Prices = NO_PRICES
) -> list[PricedCell]:
    """The cells of [start, end) in order, together the whole of it."""
    if not plan.series:
        return rated_cells(plan, plan.rates, start, end)
    listed: list[tuple[int, int, int | None]] = [
        (each.start, each.end, each.rate) for each in prices.within(start, end)
    ]
    listed += [(first, last, None) for first, last in prices.unpriced(start, end)]
    listed.sort(key=_first_second)
    months = rated_cells(plan, (), start, end)
    found, at = [], 0
    for first, last, price in listed:
        opens = first
        while opens < last:
            if months[at].end <= opens:
                at += 1
            closes = min(last, months[at].end)
            found.append(PricedCell(opens, closes, None, price, months[at].period))
            opens = closes
    return found


def _first_second(span: tuple[int, int, int | None]) -> int:
    return span[0]


def rated_cells(plan: PricePlan, rates: Sequence[Rate], start: int, end: int) -> list[PricedCell]:
    """The cells of rates of a plan; without any of its months alone."""
    if start >= end:
        return []
    timetable = Timetable.of(plan, rates)
    found = timetable.cells(start, end)
    listed = (found.starts, found.ends, found.rates, found.periods)
    return [
        PricedCell(opens, closes, None if rate == NO_RATE else rate, None, timetable.period(period))
        for opens, closes, rate, period in zip(*(each.tolist() for each in listed), strict=True)
    ]


def edges_of(cells: Iterable[Sequence[PricedCell]]) -> list[int]:
    """Every second at which some cell begins or ends, in order."""
    return sorted({edge for each in cells for cell in each for edge in (cell.start, cell.end)})
