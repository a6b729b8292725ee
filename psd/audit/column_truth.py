"""What columns must say of one owner's thing, by the owner's own keys, and how fine they are. Pure.

>>> column_truth(Holdings.of({"y": {b"2016": b"373"}, ...}), FINEST).cells
{'count': 1, 'newest': 1459468801, 'y:2016': 373, 'm:201604': 373}
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from psd.audit.holdings import Holdings
from psd.audit.layout import DAY_S, day_of
from psd.audit.truth import Lifetimes
from psd.columns.column_keys import COUNT, DAY, LOG, MONTH, NEWEST, SEALED, YEAR
from psd.engine import column_modes


class ColumnLevels(msgspec.Struct, frozen=True):
    """Which columns a thing has, as lua/lib/column_places.lua has it."""

    years: bool
    months: bool
    days: bool
    logs: bool

    def has(self, suffix: str) -> bool:
        """Whether a key with this suffix may be there: ``y:2016``, ``owners``."""
        kind = suffix.partition(":")[0]
        if kind == MONTH:
            return self.months
        if kind == DAY:
            return self.days or self.logs
        return self.logs if kind in (LOG, SEALED) else self.years


NOTHING = ColumnLevels(years=False, months=False, days=False, logs=False)


def levels_of(mode: str, lifetimes: Lifetimes) -> ColumnLevels:
    """Those of a thing: nothing finer than a level that has, or had, a lifetime."""
    if mode == column_modes.NONE or lifetimes.end("year"):
        return NOTHING
    has_months = not lifetimes.end("month")
    has_days = has_months and not lifetimes.end("day") and not lifetimes.end("second")
    return ColumnLevels(
        years=True,
        months=has_months,
        days=has_days and mode == column_modes.DAY,
        logs=has_days and mode != column_modes.DAY,
    )


class ColumnTruth(msgspec.Struct):
    """Of one owner: numbers by the column's suffix, and by month what logs must add up to."""

    cells: dict[str, int] = {}
    booked: dict[str, dict[int, int]] = {}
    """Sums by second, by the month's label; nothing of 0."""


def column_truth(held: Holdings, levels: ColumnLevels) -> ColumnTruth:
    """What an owner's keys say, as columns of these levels have it."""
    cells = {COUNT: 0, NEWEST: held.newest_s or 0}
    for (key, field), bucket in held.buckets.items():
        if key == "y" and field.isdigit():
            cells[COUNT] += bucket.count
            cells[f"{YEAR}:{field}"] = bucket.sum
        elif key[0] == "m" and levels.months and field.isdigit():
            cells[f"{MONTH}:{key[2:]}{int(field):02d}"] = bucket.sum
        elif key[0] == "d" and levels.days and field.isdigit():
            cells[f"{DAY}:{key[2:]}{int(field):02d}"] = bucket.sum
    if not cells[COUNT]:
        cells[NEWEST] = 0
    return ColumnTruth(cells, _booked(held) if levels.logs else {})


def _booked(held: Holdings) -> dict[str, dict[int, int]]:
    sums: dict[int, int] = defaultdict(int)
    for (second, _, _), delta in held.bookings.items():
        sums[second] += delta
    booked: dict[str, dict[int, int]] = defaultdict(dict)
    for second, total in sums.items():
        if total:
            booked[day_of(second // DAY_S).month_label][second] = total
    return booked
