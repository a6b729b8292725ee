"""What every total must say, from the bookings up, and which totals tell of lost bookings. Pure.

A day is the sum of its bookings, a month and an ISO week that of their days, a year that of its
months; an issuance week begins at 05:00 and is counted from the bookings. A total that counts
more than all there is below it is one of three:

- detail below it has ended by its lifetime: the total stands;
- another level counts more in the same days as well, say the day and its week have 12 bookings
  where leaves and reports have 10: two bookings are lost, the totals stand, and both are told;
- no other level does: this total alone is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

import msgspec

from psd.audit.holdings import Bucket, Buckets
from psd.audit.layout import EPOCH_DAY, Place, day_of
from psd.audit.truth import Lifetimes

LEVEL_OF_KIND = {"y": "year", "m": "month", "d": "day", "w": "week", "i": "week"}


class Totals(msgspec.Struct):
    """What the calendar's totals must say, and places whose bookings are lost."""

    buckets: Buckets
    lost: set[Place]


def kind_of_place(place: Place) -> str:
    """y, m, d, w (ISO week) or i (issuance week)."""
    key, field = place
    return "i" if field.startswith("i") else key[0]


@lru_cache(maxsize=65_536)
def days_of(place: Place) -> range:
    """Numbers of the days that a total touches; ValueError where the calendar has none."""
    key, field = place
    match kind_of_place(place):
        case "y":
            start, end = date(int(field), 1, 1), date(int(field) + 1, 1, 1)
        case "m":
            year, month = int(key[2:]), int(field)
            start = date(year, month, 1)
            end = date(year + month // 12, month % 12 + 1, 1)
        case "d":
            start = date(int(key[2:6]), int(key[6:8]), int(field))
            end = date.fromordinal(start.toordinal() + 1)
        case kind:
            start = date.fromisocalendar(int(key[2:6]), int(field.removeprefix("i")), 1)
            end = date.fromordinal(start.toordinal() + (8 if kind == "i" else 7))
    return range(start.toordinal() - EPOCH_DAY, end.toordinal() - EPOCH_DAY)


def settled_totals(counted: Buckets, held: Buckets, lifetimes: Lifetimes) -> Totals:
    """What the totals must say where bookings add up to ``counted`` and ``held`` stands."""
    calendar = {
        place: bucket
        for place, bucket in held.items()
        if place[0][0] in "ymdw" and bucket.count and _is_dated(place)
    }
    return _Settling(counted, calendar, lifetimes).run()


def _is_dated(place: Place) -> bool:
    try:
        return place in _places_of(days_of(place).start)
    except (ValueError, OverflowError):
        return False


@lru_cache(maxsize=65_536)
def _places_of(number: int) -> tuple[Place, ...]:
    day = day_of(number)
    key, week = day.week_place
    return (day.year_place, day.month_place, day.place, day.week_place, (key, f"i{week}"))


class _Settling:
    def __init__(self, counted: Buckets, held: Buckets, lifetimes: Lifetimes) -> None:
        self._counted = counted
        self._held = held
        self._lifetimes = lifetimes
        self._confirmed = _confirmed_surplus(counted, held)
        self._totals = Totals({}, set())

    def run(self) -> Totals:
        """Settle from days up; what a level's keys may have lost by a lifetime is held."""
        ends = self._lifetimes.end
        self._level("d", {p: b for p, b in self._counted.items() if p[0][0] == "d"}, ends("second"))
        days = {p: b for p, b in self._totals.buckets.items() if p[0][0] == "d"}
        self._level("m", _above(days, 1), ends("day"))
        months = {p: b for p, b in self._totals.buckets.items() if p[0][0] == "m"}
        self._level("y", _above(months, 0), ends("month"))
        self._level("w", _above(days, 3), ends("day"))
        issued = {p: b for p, b in self._counted.items() if kind_of_place(p) == "i"}
        self._level("i", issued, ends("second"))
        return self._totals

    def _level(self, kind: str, below: Buckets, may_lack: bool) -> None:
        held = {place for place in self._held if kind_of_place(place) == kind}
        begins_anew = self._lifetimes.end(LEVEL_OF_KIND[kind])
        for place in held | set(below):
            bucket = self._settled(place, below.get(place, Bucket()), may_lack, begins_anew)
            if bucket is not None and bucket.count:
                self._totals.buckets[place] = bucket

    def _settled(
        self, place: Place, below: Bucket, may_lack: bool, begins_anew: bool
    ) -> Bucket | None:
        found = self._held.get(place)
        if begins_anew and (found is None or found.count < below.count):
            return found
        if found is None or found.count <= below.count:
            return below
        if may_lack:
            if sum(found.parts.values()) != found.sum:
                self._totals.lost.add(place)
            return found
        if place in self._confirmed:
            self._totals.lost.add(place)
            return found
        return below


def _above(buckets: Buckets, level: int) -> Buckets:
    """Totals of the level above: 0 years, 1 months, 3 ISO weeks."""
    above: Buckets = defaultdict(Bucket)
    for place, bucket in buckets.items():
        above[_places_of(days_of(place).start)[level]].take(bucket)
    return dict(above)


def _confirmed_surplus(counted: Buckets, held: Buckets) -> set[Place]:
    """Totals that count more than there is, where another level does so in the same days."""
    surplus = {p for p, b in held.items() if b.count > counted.get(p, Bucket()).count}
    days: dict[str, set[int]] = defaultdict(set)
    for place in surplus:
        days[kind_of_place(place)].update(days_of(place))
    return {place for place in surplus if _is_confirmed(place, days)}


def _is_confirmed(place: Place, days: dict[str, set[int]]) -> bool:
    others: Iterable[set[int]] = (d for kind, d in days.items() if kind != kind_of_place(place))
    touched = days_of(place)
    return any(not other.isdisjoint(touched) for other in others)
