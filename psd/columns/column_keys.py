"""Columns of a partition's owners of a thing: their keys, units and limits. Pure.

Each owner of a thing has a position in its partition; a column holds a number of each, a log what
was booked and when. The steps of a store with one partition, whose first owner is 1503960366::

    psd:columns:{p0}:1:owners        00000000 59a4912e ...                 8 bytes an owner
    psd:columns:{p0}:1:y:2016        374546, ...                           8 bytes an owner
    psd:columns:{p0}:1:m:201604      238654, ...                           8 bytes an owner
    psd:columns:{p0}:1:l:201604      1036928 s, position 0, 373; ...       16 bytes a booking

A booking is in one log only: its month's while that has room, else its day's, else its hour's. A
day's column ``d:20160412`` sums what is in the logs of the day and of its hours, so that bookings
of [a, b) within a month are its log's in [a, b), whole days' columns, and of days that are cut
the day's and hours' logs. A thing whose boards go by the day has no logs; its days' columns hold
everything.

>>> column_key("psd:columns:{p0}:1", "m", "201604"), unit_start("20160412")
('psd:columns:{p0}:1:m:201604', 1460419200)
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

OWNERS, COUNT, NEWEST, CHANGES = "owners", "count", "newest", "changes"
"""Uids, numbers of bookings and newest seconds by position; how often anything was written."""

SEALS, DRAFT = "seals", "draft"
"""How often a log was sealed; a sealed log that has still to be put in its place."""

YEAR, MONTH, DAY, LOG, SEALED = "y", "m", "d", "l", "s"
"""What has a unit's label behind it; a sealed log is what its unit's log held when it was over."""

LEVELS = frozenset({"year_s", "month_s", "day_s", "second_s"})
"""Columns are whole where none of these levels ever had a lifetime (``psd:retention``)."""

CELL_BYTES = 8
"""Of a column: big-endian, two's complement, as BITFIELD has an i64."""

RECORD_BYTES = 16
"""Of a log (psd/columns/column_logs.py)."""

ERASED_UID = -(2**63)
"""Stands in the place of an owner who was erased; no position is given twice."""

MONTH_RECORDS_MIN, DAY_RECORDS_MIN = 1024, 256
"""What logs of a month and a day take in any partition, as lua/lib/column_writes.lua has it."""


def month_records(owners: int) -> int:
    """Bookings that a month's log takes among so many owners; what comes after is in its days."""
    return max(MONTH_RECORDS_MIN, 2 * owners)


def day_records(owners: int) -> int:
    """Bookings that a day's log takes among so many owners; what comes after is in its hours."""
    return max(DAY_RECORDS_MIN, owners // 2)


def column_key(root: str, kind: str, label: str = "") -> str:
    """A key of the columns with this root."""
    return f"{root}:{kind}:{label}" if label else f"{root}:{kind}"


@lru_cache(maxsize=65_536)
def unit_start(label: str) -> int:
    """First second of the year, month, day or hour with this label, from which its log counts."""
    parts = [int(label[at : at + 2]) for at in range(4, len(label), 2)]
    month, day, hour = parts + [1, 1, 0][len(parts) :]
    return int(datetime(int(label[:4]), month, day, hour, tzinfo=UTC).timestamp())


UNIT_S = {len("2016041208"): 3600, len("20160412"): 86_400}


def unit_end(label: str) -> int:
    """First second behind the month, day or hour with this label.

    >>> unit_end("201612") == unit_start("201701"), unit_end("2016041223") == unit_start("20160413")
    (True, True)
    """
    if len(label) in UNIT_S:
        return unit_start(label) + UNIT_S[len(label)]
    months = int(label[:4]) * 12 + int(label[4:])
    return unit_start(f"{months // 12:04d}{months % 12 + 1:02d}")
