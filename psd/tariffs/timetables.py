"""When the rates of a plan are on, and what that makes of a range: cells as arrays. Pure.

All that cells depend on are hours, days, months and holidays, whatever the prices are. Days alike
are looked at once: of a year in London with four rates there are some 110 pairs of a kind of day
and the kind before it, and of these some five ways to cut a day::

    Timetable.of(plan, plan.rates).cells(start, end)
    -> starts  1765152000, 1765209600, 1765220400      rates  1, 0, 1      periods  671, 671, 671

Timetables are remembered with the ways that they cut days, and days of a zone are shared by all
plans (psd/tariffs/local_days.py), so 20 plans that nobody has asked about are cut over a year in
some 25 ms; cells one by one took 95.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from psd import arrays
from psd.tariffs.local_days import (
    KINDS,
    LocalDays,
    date_of,
    day_kind,
    day_number,
    local_days,
    month_of,
)
from psd.tariffs.plans import PricePlan, Rate
from psd.zones import DATE_S

if TYPE_CHECKING:
    from psd.arrays import Int64s

NO_RATE = -1
"""The place of a rate where there is none."""

REMEMBERED = 1_024

Period = tuple[int, int, int]
"""(year, month, day), the day 0 where no tiers are of a day."""


class CellArrays(msgspec.Struct, frozen=True):
    """Cells by position, in order: [start, end), the place of the rate, and the period's number."""

    starts: Int64s
    ends: Int64s
    rates: Int64s
    periods: Int64s


class CellGroups(msgspec.Struct, frozen=True):
    """The same cells, those of one rate and period together; ``firsts`` are where groups begin."""

    starts: Int64s
    ends: Int64s
    firsts: Int64s
    keys: tuple[tuple[int | None, Period], ...]


class _Cuts(msgspec.Struct, frozen=True):
    """A day cut by its rates: seconds of the day, and the place of the rate between them."""

    opens: Int64s
    closes: Int64s
    places: Int64s


class _When(msgspec.Struct, frozen=True):
    """Days, months, hours and holidays of rates, in their order."""

    tz: str
    holidays: frozenset[dt.date]
    by_day: bool
    rates: tuple[tuple[frozenset[int], frozenset[int], range, bool | None], ...]


class Timetable:
    """When rates are on; one that was looked at is remembered."""

    def __init__(self, when: _When) -> None:
        self._zone = ZoneInfo(when.tz)
        self._by_day = when.by_day
        self._holidays = sorted(day_number(date) for date in when.holidays)
        self._rates = [
            Rate("", (), days, months, window, holidays)
            for days, months, window, holidays in when.rates
        ]
        self._places: dict[int, int] = {}
        self._cuts: list[_Cuts] = []
        self._known: dict[tuple[tuple[bool, ...], tuple[bool, ...]], int] = {}
        self._begin: dict[int, tuple[bool, ...]] = {}

    @staticmethod
    def of(plan: PricePlan, rates: Sequence[Rate]) -> Timetable:
        """That of some rates of a plan; without any its months and days alone."""
        told = tuple((rate.days, rate.months, rate.window, rate.holidays) for rate in rates)
        return _timetable(_When(plan.tz, plan.holidays, plan.has_daily_tiers, told))

    def cells(self, start: int, end: int) -> CellArrays:
        """The cells of [start, end), together the whole of it."""
        np = arrays.numpy
        days = local_days(start, end, self._zone)
        ways = self._ways(days)
        periods = days.days if self._by_day else days.months
        parts: list[list[Int64s]] = []
        for way in np.unique(ways).tolist():
            of_way, cuts = np.nonzero(ways == way)[0], self._cuts[way]
            midnight = days.midnight[of_way][:, None]
            begins = np.maximum(midnight + cuts.opens, days.first[of_way][:, None])
            ends = np.minimum(midnight + cuts.closes, days.last[of_way][:, None])
            shape = begins.shape
            rates = np.broadcast_to(cuts.places, shape)
            own = np.broadcast_to(periods[of_way][:, None], shape)
            there = begins < ends
            parts.append([each[there] for each in (begins, ends, rates, own)])
        joined = [np.concatenate(each) for each in zip(*parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        return _touching_joined(CellArrays(*(each[order] for each in joined)))

    def groups(self, start: int, end: int) -> CellGroups:
        """The cells of [start, end) by rate and period, those first that begin first."""
        np = arrays.numpy
        cells = self.cells(start, end)
        alike = cells.periods * (len(self._rates) + 1) + cells.rates - NO_RATE
        _, begins, group = np.unique(alike, return_index=True, return_inverse=True)
        order = np.argsort(begins[group], kind="stable")
        firsts = np.searchsorted(begins[group][order], np.sort(begins))
        keys = tuple(
            (None if rate == NO_RATE else rate, self.period(period))
            for rate, period in zip(
                cells.rates[order[firsts]].tolist(),
                cells.periods[order[firsts]].tolist(),
                strict=True,
            )
        )
        return CellGroups(cells.starts[order], cells.ends[order], firsts, keys)

    def period(self, number: int) -> Period:
        """What the number of a period stands for."""
        if self._by_day:
            date = date_of(number)
            return date.year, date.month, date.day
        return (*month_of(number), 0)

    def _ways(self, days: LocalDays) -> Int64s:
        """In which way each of some days is cut."""
        np = arrays.numpy
        kinds, before = days.kinds, days.kinds_before
        if self._holidays:
            kinds = kinds + np.isin(days.days, self._holidays)
            before = before + np.isin(days.days - 1, self._holidays)
        pairs, places = np.unique(kinds * KINDS + before, return_inverse=True)
        found: Int64s = np.array([self._way(pair) for pair in pairs.tolist()])[places]
        return found

    def _way(self, pair: int) -> int:
        """The way to cut a day of a kind that follows one of a kind."""
        way = self._places.get(pair)
        if way is None:
            today, yesterday = (self._on(kind) for kind in divmod(pair, KINDS))
            on = today, yesterday
            way = self._known.get(on)
            if way is None:
                way = self._known[on] = len(self._cuts)
                self._cuts.append(self._cut(today, yesterday))
            self._places[pair] = way
        return way

    def _on(self, kind: int) -> tuple[bool, ...]:
        """Which rates begin on a day of a kind."""
        on = self._begin.get(kind)
        if on is None:
            month, weekday, is_holiday = day_kind(kind)
            on = tuple(rate.is_on(month, weekday, is_holiday=is_holiday) for rate in self._rates)
            self._begin[kind] = on
        return on

    def _cut(self, today: Sequence[bool], yesterday: Sequence[bool]) -> _Cuts:
        edges = {0, DATE_S}
        for rate in self._rates:
            edges |= {rate.window.start, rate.window.stop, rate.window.stop - DATE_S}
        inner = sorted(edge for edge in edges if 0 <= edge <= DATE_S)
        array = arrays.numpy.array
        places = [self._first(opens, today, yesterday) for opens, _ in pairwise(inner)]
        return _Cuts(array(inner[:-1]), array(inner[1:]), array(places))

    def _first(self, opens: int, today: Sequence[bool], yesterday: Sequence[bool]) -> int:
        for place, rate in enumerate(self._rates):
            if today[place] and opens in rate.window:
                return place
            if yesterday[place] and opens + DATE_S in rate.window:
                return place
        return NO_RATE


@lru_cache(maxsize=REMEMBERED)
def _timetable(when: _When) -> Timetable:
    return Timetable(when)


def _touching_joined(cells: CellArrays) -> CellArrays:
    """Cells without borders at which neither rate nor period changes."""
    np = arrays.numpy
    changes = (cells.rates[1:] != cells.rates[:-1]) | (cells.periods[1:] != cells.periods[:-1])
    begins = np.concatenate(([True], changes))
    ends = np.concatenate((changes, [True]))
    return CellArrays(
        cells.starts[begins], cells.ends[ends], cells.rates[begins], cells.periods[begins]
    )
