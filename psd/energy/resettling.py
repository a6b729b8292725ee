"""Which windows some readings may have changed, and their energy now. Pure.

A meter's readings are kept in order; of them a few on both sides of what is new are looked at. What
is new changes the energy from the reading before it to the reading after it, and with a register
that of every reading whose case depends on it::

    power     00:10, [00:20], 00:30    -> cells of 00:10 up to 01:00, as the hour's rounding is one
    register  r0 <= r1 <= r2 untouched -> r1 counts, whatever comes behind it or came before

Where too few readings are at hand to say it exactly, nothing is said, and more are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec

from psd.energy import registers
from psd.energy.channels import MEASURED
from psd.energy.registers import Reading, RegisterRule, RegisterSpan
from psd.measures import curve
from psd.measures.curve import HOUR_S

FIRST_S, LAST_S = 0, 1 << 40
"""Before and behind everything."""

Cells = dict[int, tuple[int, int]]
"""(mWh, quality) by the first second of a cell."""


class NearReadings(msgspec.Struct, frozen=True):
    """Readings in order, and whether they begin and end with the first and last that are kept."""

    readings: Sequence[Reading]
    begins: bool
    ends: bool


class Settled(msgspec.Struct, frozen=True):
    """Energy by cell, and from where to where energy is metered, as far as that is known.

    Between the two seconds of ``known`` nothing else is metered, and in whole cells of ``window``
    there is no other energy; nor is there any in ``bare``, cells of time whose energy stands in its
    last one. ``delivered`` is None where no power was ever below 0.
    """

    cells: Cells
    runs: list[tuple[int, int]]
    delivered: Cells | None = None
    known: tuple[int, int] | None = None
    window: tuple[int, int] = (0, 0)
    unmetered_s: int = 0
    spans: Sequence[RegisterSpan] = ()
    bare: Sequence[tuple[int, int]] = ()


def power(
    kept: NearReadings,
    first: int,
    last: int,
    cell_s: int,
    gap_max_s: int,
    *,
    delivers: bool = False,
) -> Settled | None:
    """The energy of power, of cells that readings from ``first`` to ``last`` may have changed.

    What is below 0 is told where the channel ``delivers``: some of its power was ever below 0.
    """
    seconds = [second for second, _ in kept.readings]
    low = max((each for each in seconds if each < first), default=first)
    high = min((each for each in seconds if each > last), default=last)
    hour, end = low // HOUR_S * HOUR_S, -(-high // HOUR_S) * HOUR_S
    if not (kept.begins or seconds[0] <= hour) or not (kept.ends or seconds[-1] >= end):
        return None
    since = low // cell_s * cell_s
    found = curve.cells(kept.readings, cell_s, gap_max_s)
    cells = {cell: (mwh, MEASURED) for cell, mwh in found.items() if since <= cell < end}
    delivered: Cells | None = None
    if delivers:
        out = curve.cells(kept.readings, cell_s, gap_max_s, is_export=True)
        delivered = {cell: (mwh, MEASURED) for cell, mwh in out.items() if since <= cell < end}
    runs = [
        (start, stop)
        for start, stop in pairwise(seconds)
        if low <= start and stop <= high and stop - start <= gap_max_s
    ]
    metered = merged(runs)
    unmetered_s = high - low - sum(stop - start for start, stop in metered)
    return Settled(cells, metered, delivered, (low, high), (since, end), unmetered_s)


def emptied(settled: Settled, runs: Sequence[tuple[int, int]], cell_s: int) -> Settled:
    """The same with no energy in cells that were metered up to now, and are no more."""
    since, end = settled.window
    gone = {
        cell: (0, MEASURED)
        for start, stop in runs
        for cell in range(max(start // cell_s * cell_s, since), min(stop, end), cell_s)
    }
    delivered = None if settled.delivered is None else gone | settled.delivered
    return msgspec.structs.replace(settled, cells=gone | settled.cells, delivered=delivered)


def behind(settled: Settled, first: int) -> Settled:
    """The same of cells from a second on: those before it stay as they are."""
    since, end = settled.window
    return msgspec.structs.replace(
        settled,
        cells=_from(settled.cells, first),
        delivered=None if settled.delivered is None else _from(settled.delivered, first),
        window=(max(since, first), end),
        bare=[(max(opens, first), closes) for opens, closes in settled.bare if closes > first],
    )


def _from(cells: Cells, first: int) -> Cells:
    return {cell: told for cell, told in cells.items() if cell >= first}


def register(
    kept: NearReadings, first: int, last: int, cell_s: int, rule: RegisterRule
) -> Settled | None:
    """The same of a register."""
    counting = _counting(kept.readings)
    low = _before(kept, counting, first, cell_s)
    high = _behind(kept, counting, last, cell_s)
    if low is None or high is None:
        return None
    (start, since), (end, until) = low, high
    found = [
        span
        for span in registers.spans(kept.readings[start:], rule)
        if span.end <= kept.readings[end][0]
    ]
    cells = registers.cells(found, cell_s, rule.spread_max_s)
    bare = [
        (max(span.start // cell_s * cell_s, since), min(span.end, until))
        for span in found
        if span.end - span.start > rule.spread_max_s
    ]
    return Settled(
        {cell: told for cell, told in cells.items() if since <= cell < until},
        merged([(span.start, span.end) for span in found]),
        spans=found,
        bare=[(first, end) for first, end in bare if first < end],
    )


def bared(settled: Settled, booked: Collection[int]) -> Cells:
    """No energy in cells with some that others have booked where there is none.

    A reading that was left out, or was not, may have had energy spread there that is elsewhere now.
    """
    return {
        cell: (0, MEASURED)
        for first, end in settled.bare
        for cell in booked
        if first <= cell < end and cell not in settled.cells
    }


def merged(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs without those that touch: in order, each up to before its second second."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _counting(readings: Sequence[Reading]) -> list[int]:
    """Places of readings that count whatever stands before and behind their neighbours."""
    return [
        place
        for place in range(1, len(readings) - 1)
        if readings[place - 1][1] <= readings[place][1] <= readings[place + 1][1]
    ]


def _before(
    kept: NearReadings, counting: Sequence[int], first: int, cell_s: int
) -> tuple[int, int] | None:
    """The place from which all is known, and the first cell that may have changed."""
    readings = kept.readings
    place = max((each for each in counting if readings[each + 1][0] < first), default=None)
    if place is None:
        return (0, FIRST_S) if kept.begins else None
    cell = readings[place][0] // cell_s * cell_s
    start = max((each for each in counting if readings[each][0] <= cell), default=None)
    if start is None:
        return (0, cell) if kept.begins else None
    return min(start, place), cell


def _behind(
    kept: NearReadings, counting: Sequence[int], last: int, cell_s: int
) -> tuple[int, int] | None:
    """The place up to which all is known, and the first cell behind those that changed."""
    readings = kept.readings
    place = min((each for each in counting if readings[each - 1][0] > last), default=None)
    if place is None:
        return (len(readings) - 1, LAST_S) if kept.ends else None
    until = -(-readings[place][0] // cell_s) * cell_s
    end = min((each for each in counting if readings[each][0] >= until), default=None)
    if end is None:
        return (len(readings) - 1, until) if kept.ends else None
    return max(end, place), until
