"""Energy of meters by plain Fractions: every reading in a dict, every sum by a loop.

It shares no code with psd. What a flow of a meter ever said is kept as it came; what is asked is
computed from all of it::

    meter = PlainMeter(gap_max_s=7200, max_kw=100)
    meter.powers[0] = {0: Fraction(1), 3600: Fraction(1)}
    sum(each.mwh for each in meter.bookings(0, 3600))    -> 1000000

What is exact is rounded as docs/energy.md says it: power half to even at each edge of a cell since
its hour began, a register down at each edge since the reading before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

CELL_S = 300
HOUR_S = 3_600
KWH_MWH = 10**6

Window = tuple[int, int]


class Booked(NamedTuple):
    """Energy that counts from the last second of a window on."""

    second: int
    mwh: int
    is_measured: bool


class Span(NamedTuple):
    """Energy between two readings of a register that count; of a long one all in the last cell."""

    start: int
    end: int
    kwh: Fraction
    is_measured: bool
    is_long: bool

    def touches(self, cell: int) -> bool:
        """Whether some of it is in a cell."""
        first = (self.end - 1) // CELL_S * CELL_S if self.is_long else self.start
        return first < cell + CELL_S and cell < self.end


@dataclass
class PlainMeter:
    """What a flow said, by register; power in kW, registers and intervals in kWh.

    Of power what is above 0 counts. ``exchanges`` are (final, first) by their second.
    """

    gap_max_s: int = 7_200
    max_kw: Fraction = Fraction(100)
    digits: int | None = None
    spread_max_s: int = 3_024_000
    powers: dict[int, dict[int, Fraction]] = field(default_factory=dict)
    registers: dict[int, dict[int, Fraction]] = field(default_factory=dict)
    intervals: dict[int, dict[Window, Fraction]] = field(default_factory=dict)
    exchanges: dict[int, dict[int, tuple[Fraction, Fraction]]] = field(default_factory=dict)

    def bookings(self, start: int, end: int) -> list[Booked]:
        """All energy that counts in [start, end), which are edges of hours."""
        found: list[Booked] = []
        for points in self.powers.values():
            found += self._of_power(points, start, end)
        for register in self.registers:
            found += self._of_register(register, start, end)
        for rows in self.intervals.values():
            found += _of_intervals(rows)
        return [each for each in found if start <= each.second < end]

    def runs(self) -> list[Window]:
        """From when to when some channel is metered, in any order."""
        runs = [window for rows in self.intervals.values() for window in rows]
        for points in self.powers.values():
            for before, after in itertools.pairwise(sorted(points)):
                if after - before <= self.gap_max_s:
                    runs.append((before, after))
        for points in self.registers.values():
            if len(points) > 1:
                runs.append((min(points), max(points)))
        return runs

    def gaps(self, start: int, end: int) -> list[Window]:
        """Parts of a range in which no channel is metered."""
        found, at = [], start
        for first, last in sorted(self.runs()):
            if at < min(first, end):
                found.append((at, min(first, end)))
            at = max(at, last)
        return [*found, (at, end)] if at < end else found

    def _of_power(self, points: dict[int, Fraction], start: int, end: int) -> Iterator[Booked]:
        for hour in range(start, end, HOUR_S):
            before = 0
            for edge in range(hour + CELL_S, hour + HOUR_S + 1, CELL_S):
                after = round(self._integral(points, hour, edge) * KWH_MWH)
                yield Booked(edge - 1, after - before, is_measured=True)
                before = after

    def _integral(self, points: dict[int, Fraction], start: int, end: int) -> Fraction:
        """KWh of what lies under the lines and above 0."""
        found = Fraction(0)
        for before, after in itertools.pairwise(sorted(points)):
            low, high = max(before, start), min(after, end)
            if after - before > self.gap_max_s or low >= high:
                continue
            slope = (points[after] - points[before]) / (after - before)
            first, last = (points[before] + slope * (each - before) for each in (low, high))
            if min(first, last) < 0 < max(first, last):
                top = max(first, last)
                found += top * top / (2 * abs(slope)) / HOUR_S
            else:
                found += max(first + last, Fraction(0)) / 2 * (high - low) / HOUR_S
        return found

    def _of_register(self, register: int, start: int, end: int) -> Iterator[Booked]:
        spans = list(self._spans(register))
        for cell in range(start, end, CELL_S):
            mwh, is_measured = 0, True
            for span in spans:
                if span.touches(cell):
                    upto = [_shown(span, max(cell, span.start)), _shown(span, cell + CELL_S)]
                    mwh += upto[1] - upto[0]
                    is_measured = is_measured and span.is_measured
            yield Booked(cell + CELL_S - 1, mwh, is_measured)

    def _spans(self, register: int) -> Iterator[Span]:
        points = self.registers[register]
        seconds = sorted(points)
        last = seconds[0]
        for place, second in enumerate(seconds[1:], 1):
            later = [points[each] for each in seconds[place + 1 : place + 2]]
            told = self._since(register, last, second, later)
            if told is not None:
                kwh, is_true = told
                length_s = second - last
                is_measured = is_true and length_s <= self.gap_max_s
                yield Span(last, second, kwh, is_measured, length_s > self.spread_max_s)
                last = second

    def _since(
        self, register: int, last: int, second: int, later: list[Fraction]
    ) -> tuple[Fraction, bool] | None:
        """KWh since the last reading that counts, and whether the register shows it.

        None for a reading that is left out.
        """
        points = self.registers[register]
        most, rise = self.max_kw * (second - last) / HOUR_S, points[second] - points[last]
        known = self.exchanges.get(register, {})
        told = [pair for at, pair in known.items() if last < at <= second]
        if told:
            exchanged = rise + sum((final - first for final, first in told), Fraction(0))
            if 0 <= exchanged <= most:
                return exchanged, True
        if 0 <= rise <= most:
            return rise, True
        if rise > most:
            return None if later and later[0] < points[second] else (rise, False)
        turned = rise + Fraction(10) ** (self.digits or 0)
        if self.digits is not None and turned <= most:
            return turned, True
        is_small = 10 * points[second] >= 9 * points[last]
        if is_small and later and later[0] >= points[last]:
            return None
        return (points[second] if points[second] <= most else Fraction(0)), False


def _shown(span: Span, second: int) -> int:
    """MWh since the beginning of a span, rounded down."""
    if span.is_long:
        return int(span.kwh * KWH_MWH) if second >= span.end else 0
    passed = min(second, span.end) - span.start
    return math.floor(span.kwh * KWH_MWH * passed / (span.end - span.start))


def _of_intervals(rows: dict[Window, Fraction]) -> list[Booked]:
    """Of those within an hour, and of those across its end, one within another is a part of it."""
    found: list[Booked] = []
    alike: dict[tuple[int, bool], list[Window]] = {}
    for start, end in rows:
        is_across = (end - 1) // HOUR_S > start // HOUR_S
        alike.setdefault((start // HOUR_S, is_across), []).append((start, end))
    for windows in alike.values():
        booked: list[tuple[int, Fraction]] = []
        for start, end in sorted(windows, key=lambda each: (each[1], each[1] - each[0])):
            inside = sum((kwh for at, kwh in booked if start < at <= end), Fraction(0))
            booked.append((end, rows[start, end] - inside))
        found += [Booked(end - 1, int(kwh * KWH_MWH), is_measured=True) for end, kwh in booked]
    return found
