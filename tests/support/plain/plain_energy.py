"""Energy of meters by plain Fractions: every reading in a dict, every sum by a loop.

It shares no code with psd. What a meter ever said is kept as it came; what is asked is computed
from all of it::

    meter = PlainMeter(gap_max_s=7200, max_kw=100)
    meter.power({0: Fraction(1), 3600: Fraction(1)})
    meter.kwh(0, 3600)    -> Fraction(1)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from fractions import Fraction

CELL_S = 300


@dataclass
class PlainMeter:
    """What a meter said, by register; power in kW, registers and intervals in kWh."""

    gap_max_s: int = 7_200
    max_kw: Fraction = Fraction(100)
    digits: int | None = None
    powers: dict[int, dict[int, Fraction]] = field(default_factory=dict)
    registers: dict[int, dict[int, Fraction]] = field(default_factory=dict)
    intervals: dict[int, dict[tuple[int, int], Fraction]] = field(default_factory=dict)
    exchanges: dict[int, tuple[Fraction, Fraction]] = field(default_factory=dict)

    def kwh(self, start: int, end: int) -> Fraction:
        """All energy of the import between two edges of cells."""
        found = Fraction(0)
        for points in self.powers.values():
            found += self._of_power(points, start, end)
        for points in self.registers.values():
            found += self._of_register(points, start, end)
        for rows in self.intervals.values():
            found += sum(each for (_, stop), each in rows.items() if start < stop <= end)
        return found

    def metered_s(self, start: int, end: int) -> int:
        """How many seconds of a range some channel is metered."""
        runs = [window for rows in self.intervals.values() for window in rows]
        for points in self.powers.values():
            seconds = sorted(points)
            for before, after in itertools.pairwise(seconds):
                if after - before <= self.gap_max_s:
                    runs.append((before, after))
        for points in self.registers.values():
            if len(points) > 1:
                runs.append((min(points), max(points)))
        covered, at = 0, start
        for first, last in sorted(runs):
            low, high = max(first, at), min(last, end)
            if low < high:
                covered += high - low
                at = high
        return covered

    def _of_power(self, points: dict[int, Fraction], start: int, end: int) -> Fraction:
        found, seconds = Fraction(0), sorted(points)
        for before, after in itertools.pairwise(seconds):
            low, high = max(before, start), min(after, end)
            if after - before > self.gap_max_s or low >= high:
                continue
            slope = (points[after] - points[before]) / (after - before)
            middle = points[before] + slope * (Fraction(low + high, 2) - before)
            found += middle * (high - low) / 3_600
        return found

    def _of_register(self, points: dict[int, Fraction], start: int, end: int) -> Fraction:
        found, seconds = Fraction(0), sorted(points)
        if not seconds:
            return found
        last = seconds[0]
        for place, second in enumerate(seconds[1:], 1):
            later = [points[each] for each in seconds[place + 1 : place + 2]]
            kwh = self._since(last, second, points, later)
            if kwh is None:
                continue
            low, high = max(last, start), min(second, end)
            if low < high:
                found += kwh * (high - low) / (second - last)
            last = second
        return found

    def _since(
        self, last: int, second: int, points: dict[int, Fraction], later: list[Fraction]
    ) -> Fraction | None:
        """KWh since the last reading that counts; None for one that is left out."""
        most, rise = self.max_kw * (second - last) / 3_600, points[second] - points[last]
        told = [pair for at, pair in self.exchanges.items() if last < at <= second]
        if told:
            exchanged = rise + sum((final - first for final, first in told), Fraction(0))
            if 0 <= exchanged <= most:
                return exchanged
        if 0 <= rise <= most:
            return rise
        if rise > most:
            return None if later and later[0] < points[second] else rise
        turned = rise + Fraction(10) ** (self.digits or 0)
        if self.digits is not None and turned <= most:
            return turned
        is_small = 10 * points[second] >= 9 * points[last]
        if is_small and later and later[0] >= points[last]:
            return None
        return points[second] if points[second] <= most else Fraction(0)
