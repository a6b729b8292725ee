"""Sums of owners over many windows at once, and what is left of them when detail has expired.

The ends of all windows are the boundaries of one series; what lies in a window is the difference of
two running totals. Windows of an hour at each half hour are no more calls than one of them::

    windows (0, 3600), (1800, 5400)   -> boundaries 0, 1800, 3600, 5400
    sums 5, 1, 2 in between           -> totals 0, 5, 6, 8 -> windows 6 - 0 and 8 - 5
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

import msgspec

from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.engine.series import BUCKETS_MAX, BucketQuestion
from psd.engine.series_columns import Series
from psd.engine.whole import checked_sum
from psd.errors import DetailExpiredError
from psd.queries.calendar import bucket_of
from psd.queries.freshness import LEVELS, UTC, Level
from psd.slices import Stretch

Key = tuple[int, int | None]
"""Which owner, by position (0 for all together), and which atid; None is all atids."""

Columns = dict[Key, list[int]]
"""A sum for each window."""

ReadWindows = Callable[[Sequence[Range]], Awaitable[Columns]]


class Counted(msgspec.Struct, frozen=True):
    """What is summed: of whom, which thing, which atids, and whether all owners are one."""

    uids: Sequence[int]
    thing: int
    atids: frozenset[int] | None
    by_atid: bool
    merged: bool


class Exact(msgspec.Struct, frozen=True):
    """Columns, and the windows that detail was missing for: their sums stand as 0 and mean nothing.

    ``resolution`` is what is still exact there.
    """

    columns: Columns
    expired: frozenset[int] = frozenset()
    resolution: str | None = None


def edges_of(windows: Sequence[Range]) -> list[int]:
    """Where windows begin and end, ascending."""
    return sorted({edge for window in windows for edge in (window.start, window.end)})


async def sums(engine: Reads, counted: Counted, windows: Sequence[Range]) -> Columns:
    """A column for each owner, or for all; each has one when nothing is split by atid.

    A call for BUCKETS_MAX boundaries; of one window, which is what a number on a panel asks for,
    the sum alone, for a fifth of what a series takes. Raises DetailExpiredError.
    """
    if len(windows) == 1 and not counted.by_atid:
        return await _of_one_window(engine, counted, windows[0])
    edges = edges_of(windows)
    between: Columns = {}
    stretch = Stretch()
    for at in range(0, len(edges) - 1, BUCKETS_MAX):
        bounds = edges[at : at + BUCKETS_MAX + 1]
        question = BucketQuestion(counted.thing, bounds, counted.atids, by_atid=counted.by_atid)
        for key, series in await _series(engine, counted, question):
            await stretch.after(1 + len(series.sums))
            column = between.setdefault(key, [0] * (len(edges) - 1))
            column[at : at + len(series.sums)] = series.sums
    if not counted.by_atid:
        for place in range(1 if counted.merged else len(counted.uids)):
            between.setdefault((place, None), [0] * max(len(edges) - 1, 0))
    places = {edge: place for place, edge in enumerate(edges)}
    found: Columns = {}
    for key, column in between.items():
        await stretch.after(len(edges) + len(windows))
        totals = list(accumulate(column, initial=0))
        found[key] = [totals[places[each.end]] - totals[places[each.start]] for each in windows]
    return found


async def exact_sums(read: ReadWindows, windows: Sequence[Range]) -> Exact:
    """The sums of all windows that can still be told exactly.

    Detail expires from the oldest on: the windows up to where that ends are asked for again where
    they are whole days, months or years. At most some 20 calls for 11,000 windows.
    """
    try:
        return Exact(await read(windows))
    except DetailExpiredError as error:
        resolution = error.resolution
    first, columns = await _newest(read, windows)
    found = _placed(columns, range(first, len(windows)), len(windows))
    known, resolution = await _whole(read, windows[:first], resolution, found, len(windows))
    expired = frozenset(range(first)).difference(known)
    return Exact(found, expired, resolution)


async def _of_one_window(engine: Reads, counted: Counted, window: Range) -> Columns:
    within = window.clamped()
    if within.start >= within.end:
        found: Sequence[int] = [0] * len(counted.uids)
    else:
        found = await engine.standings(counted.uids, counted.thing, within, atids=counted.atids)
    if counted.merged:
        return {(0, None): [checked_sum(sum(found))]}
    return {(place, None): [value] for place, value in enumerate(found)}


async def _series(
    engine: Reads, counted: Counted, question: BucketQuestion
) -> list[tuple[Key, Series]]:
    if counted.merged:
        merged = await engine.series_of_all(counted.uids, question)
        return [((0, atid), series) for atid, series in merged.items()]
    owners = await engine.series(counted.uids, question)
    return [
        ((place, atid), series)
        for place, columns in enumerate(owners)
        for atid, series in columns.items()
    ]


async def _newest(read: ReadWindows, windows: Sequence[Range]) -> tuple[int, Columns]:
    """The first window from which on all can be told, and their sums."""
    low, high = 1, len(windows)
    columns: Columns = {}
    while low < high:
        middle = (low + high) // 2
        try:
            columns = await read(windows[middle:])
            high = middle
        except DetailExpiredError:
            low = middle + 1
    return high, columns


async def _whole(
    read: ReadWindows, windows: Sequence[Range], resolution: str, found: Columns, count: int
) -> tuple[list[int], str]:
    """Which of the windows are whole units of what is kept; their sums are put in their places."""
    first = LEVELS.index(resolution) if resolution in LEVELS else 0
    for level in LEVELS[first:]:
        places = [place for place, each in enumerate(windows) if _is_whole(each, level)]
        if not places:
            return [], level
        try:
            columns = await read([windows[place] for place in places])
        except DetailExpiredError:
            continue
        for key, column in _placed(columns, places, count).items():
            there = found.setdefault(key, [0] * count)
            for place in places:
                there[place] = column[place]
        return places, level
    return [], LEVELS[-1]


def _is_whole(window: Range, level: Level) -> bool:
    edges = (window.start, window.end)
    return all(bucket_of(edge, level, UTC).start == edge for edge in edges)


def _placed(columns: Columns, places: Sequence[int], count: int) -> Columns:
    found: Columns = {}
    for key, column in columns.items():
        found[key] = [0] * count
        for place, value in zip(places, column, strict=True):
            found[key][place] = value
    return found
