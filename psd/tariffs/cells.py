"""When which rate of a plan is the one: the range of a bill, cut where the price changes. Pure.

A day of a plan with a peak from 16:00 to 19:00 in London, in winter::

    price_cells(plan, 1765152000, 1765238400)
    -> [PricedCell(1765152000, 1765209600, 1, ...), PricedCell(1765209600, 1765220400, 0, ...),
        PricedCell(1765220400, 1765238400, 1, ...)]

Between two jumps of the clocks a zone's time is UTC and a constant, so a day of 23 hours needs
nothing of its own: what its clocks never show is in no cell, and what they show twice is in two.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from psd.tariffs.periods import ONE_DAY, date_at
from psd.tariffs.plans import PricePlan, Rate
from psd.tariffs.prices import NO_PRICES, Prices
from psd.zones import DATE_S, STEADY_S, beginning_of, next_jump, offset_s

_EPOCH = dt.date(1970, 1, 1)


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
    period: tuple[int, int, int]


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


class CellGroup(msgspec.Struct, frozen=True, gc=False):
    """The cells of one rate and period, by where they begin and end."""

    rate: int | None
    period: tuple[int, int, int]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


class _When(msgspec.Struct, frozen=True):
    """When the rates of a plan are on: all that cells depend on, whatever the prices are."""

    tz: str
    holidays: frozenset[dt.date]
    by_day: bool
    rates: tuple[tuple[frozenset[int], frozenset[int], range, bool | None], ...]

    @classmethod
    def of(cls, plan: PricePlan, rates: Sequence[Rate]) -> _When:
        told = tuple((rate.days, rate.months, rate.window, rate.holidays) for rate in rates)
        return cls(plan.tz, plan.holidays, plan.has_daily_tiers, told)


REMEMBERED_MONTHS = 1_024
"""Of all plans; a month of four rates takes some 20 kB. To cut a year for 20 plans took 180 ms on a
busy machine, and takes 12 where its months are remembered."""


def rated_cells(plan: PricePlan, rates: Sequence[Rate], start: int, end: int) -> list[PricedCell]:
    """The cells of rates of a plan; without any of its months alone."""
    when = _When.of(plan, rates)
    found: list[PricedCell] = []
    for opens, closes in _months(start, end, plan.zone):
        found += _cells(when, opens, closes)
    return found


def rated_groups(plan: PricePlan, rates: Sequence[Rate], start: int, end: int) -> list[CellGroup]:
    """The same cells by rate and period, month after month."""
    when = _When.of(plan, rates)
    found: list[CellGroup] = []
    for opens, closes in _months(start, end, plan.zone):
        found += _grouped(when, opens, closes)
    return found


def _months(start: int, end: int, tz: ZoneInfo) -> Iterator[tuple[int, int]]:
    """A range cut where the months of a zone begin."""
    opens = start
    while opens < end:
        date = date_at(opens, tz)
        following = (date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        closes = min(beginning_of(following, tz), end)
        yield opens, closes
        opens = closes


@lru_cache(maxsize=REMEMBERED_MONTHS)
def _grouped(when: _When, start: int, end: int) -> tuple[CellGroup, ...]:
    by_key: dict[tuple[int | None, tuple[int, int, int]], list[PricedCell]] = {}
    for cell in _cells(when, start, end):
        by_key.setdefault((cell.rate, cell.period), []).append(cell)
    return tuple(
        CellGroup(rate, period, tuple(cell.start for cell in own), tuple(cell.end for cell in own))
        for (rate, period), own in by_key.items()
    )


@lru_cache(maxsize=REMEMBERED_MONTHS)
def _cells(when: _When, start: int, end: int) -> tuple[PricedCell, ...]:
    days = _Days(when)
    found: list[PricedCell] = []
    for first, last, ahead_s in _steady(start, end, ZoneInfo(when.tz)):
        for day in range((first + ahead_s) // DATE_S, (last - 1 + ahead_s) // DATE_S + 1):
            midnight = day * DATE_S - ahead_s
            period = days.period(day)
            for opens, closes, rate in days.spans(day):
                begins, ends = max(midnight + opens, first), min(midnight + closes, last)
                if begins < ends:
                    _append(found, PricedCell(begins, ends, rate, None, period))
    return tuple(found)


def edges_of(cells: Iterable[Sequence[PricedCell]]) -> list[int]:
    """Every second at which some cell begins or ends, in order."""
    return sorted({edge for each in cells for cell in each for edge in (cell.start, cell.end)})


def _append(found: list[PricedCell], cell: PricedCell) -> None:
    """Put a cell behind the others, or make the last one longer."""
    if found:
        last = found[-1]
        if (last.end, last.rate, last.period) == (cell.start, cell.rate, cell.period):
            found[-1] = PricedCell(last.start, cell.end, cell.rate, None, cell.period)
            return
    found.append(cell)


def _steady(start: int, end: int, tz: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Parts of a range within which the clocks do not jump, and how far they are ahead of UTC."""
    begins, at = start, start
    while at < end:
        jump = next_jump(at, tz)
        at = jump if jump is not None else at + STEADY_S
        if jump is not None or at >= end:
            yield begins, min(at, end), offset_s(begins, tz)
            begins = at


class _Days:
    """Which rate is when of a day; days alike are looked at once."""

    def __init__(self, when: _When) -> None:
        self._holidays = when.holidays
        self._rates = [
            Rate("", (), days, months, window, holidays)
            for days, months, window, holidays in when.rates
        ]
        self._known: dict[tuple[bool, ...], list[tuple[int, int, int | None]]] = {}
        self._by_day = when.by_day

    def period(self, day: int) -> tuple[int, int, int]:
        date = _EPOCH + dt.timedelta(days=day)
        return date.year, date.month, date.day if self._by_day else 0

    def spans(self, day: int) -> list[tuple[int, int, int | None]]:
        """(first second of the day, first behind it, place of the rate), in order."""
        date = _EPOCH + dt.timedelta(days=day)
        on = (*self._on(date), *self._on(date - ONE_DAY))
        found = self._known.get(on)
        if found is None:
            found = self._known[on] = self._spans(on[: len(self._rates)], on[len(self._rates) :])
        return found

    def _on(self, date: dt.date) -> Iterator[bool]:
        is_holiday = date in self._holidays
        return (rate.is_on(date, is_holiday=is_holiday) for rate in self._rates)

    def _spans(
        self, today: Sequence[bool], yesterday: Sequence[bool]
    ) -> list[tuple[int, int, int | None]]:
        edges = {0, DATE_S}
        for rate in self._rates:
            edges |= {rate.window.start, rate.window.stop, rate.window.stop - DATE_S}
        inner = sorted(edge for edge in edges if 0 <= edge <= DATE_S)
        found = []
        for opens, closes in pairwise(inner):
            found.append((opens, closes, self._first(opens, today, yesterday)))
        return found

    def _first(self, opens: int, today: Sequence[bool], yesterday: Sequence[bool]) -> int | None:
        for place, rate in enumerate(self._rates):
            if today[place] and opens in rate.window:
                return place
            if yesterday[place] and opens + DATE_S in rate.window:
                return place
        return None
