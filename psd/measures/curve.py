"""Energy of power that was read at instants: straight lines, in cells of the clock. Pure.

A reading is ``(second, mW)``. Between neighbours at most ``gap_max_s`` apart the power is a
straight line; a longer gap has no energy and is told by :func:`gaps`. ``cum(t)`` is the exact
integral since the beginning of t's clock hour, and the cell [a, b) is ``R(cum(b)) - R(cum(a))``,
rounded half to even. So the cells of an hour add up to the rounded hour, however long a cell is::

    cells([(0, 1_000_000), (3600, 1_000_000)], 300, 7200)
    -> {0: 83333, 300: 83334, ..., 3300: 83333}, which are 1,000,000 mWh

The windows are those of the clock, so a reading that comes late gives the same cells other values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

HOUR_S = 3600

Point = tuple[int, int]
"""(second, mW), in order of seconds, which are distinct."""

Gap = tuple[int, int]
"""From the second of a reading to that of the next one."""


def gaps(points: Sequence[Point], gap_max_s: int) -> list[Gap]:
    """Where neighbours are too far apart for a line between them."""
    return [(start, end) for (start, _), (end, _) in pairwise(points) if end - start > gap_max_s]


def cells(
    points: Sequence[Point], cell_s: int, gap_max_s: int, *, is_export: bool = False
) -> dict[int, int]:
    """Energy in mWh by the first second of each cell that a line crosses; 3,600 is whole cells.

    Power below 0 counts nothing, and alone with ``is_export``: a meter at the grid shows both.
    """
    found: dict[int, int] = {}
    hour, cum, before = None, Fraction(0), 0
    sign = -1 if is_export else 1
    for cell, area in _areas(points, cell_s, gap_max_s, sign):
        if cell // HOUR_S != hour:
            hour, cum, before = cell // HOUR_S, area, 0
        else:
            cum += area
        after = _rounded(cum.numerator, cum.denominator * HOUR_S)
        found[cell] = found.get(cell, 0) + after - before
        before = after
    return found


def _areas(
    points: Sequence[Point], cell_s: int, gap_max_s: int, sign: int
) -> Iterator[tuple[int, Fraction]]:
    """In order of time: a cell, and mW s of a piece of a line within it."""
    for (start, start_mw), (end, end_mw) in pairwise(points):
        if end - start > gap_max_s:
            continue
        low, high = sign * start_mw, sign * end_mw
        if low <= 0 and high <= 0:
            yield from ((cell, Fraction(0)) for cell in _cells_of(start, end, cell_s))
            continue
        if low >= 0 and high >= 0:
            yield from _areas_above(start, end, (low, high), cell_s)
            continue
        slope = Fraction(high - low, end - start)
        for cell in _cells_of(start, end, cell_s):
            first, last = max(cell, start), min(cell + cell_s, end)
            yield (
                cell,
                _area(low + slope * (first - start), low + slope * (last - start), last - first),
            )


def _areas_above(
    start: int, end: int, line: tuple[int, int], cell_s: int
) -> Iterator[tuple[int, Fraction]]:
    """Of a line that is nowhere below 0: whole numbers, one fraction a cell."""
    (low, high), width_s = line, end - start
    for cell in _cells_of(start, end, cell_s):
        first, last = max(cell, start), min(cell + cell_s, end)
        ends = 2 * low * width_s + (high - low) * (first - start + last - start)
        yield cell, Fraction(ends * (last - first), 2 * width_s)


def _rounded(numerator: int, denominator: int) -> int:
    """Half to even, as ``round`` does with a fraction."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


def _cells_of(start: int, end: int, cell_s: int) -> Iterable[int]:
    return range(start // cell_s * cell_s, end, cell_s)


def _area(first: Fraction, last: Fraction, width_s: int) -> Fraction:
    """What lies under a line and above 0."""
    if first >= 0 and last >= 0:
        return (first + last) * width_s / 2
    if first <= 0 and last <= 0:
        return Fraction(0)
    top = max(first, last)
    return top * top * width_s / (2 * abs(first - last))
