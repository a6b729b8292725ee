"""Where in Redis a booking is counted and kept: the limits of lua/lib and its calendar. Pure.

A place is a key without its owner and thing, and a field: ``("m:2016", "4")`` is April 2016.

>>> [place for place in calendar_places(1_460_462_400)]   # 2016-04-12 12:00, a Tuesday
[('y', '2016'), ('m:2016', '4'), ('d:201604', '12'), ('w:2016:1', '15'), ('w:2016:1', 'i15')]
>>> leaf_start("20160412")
1460419200
>>> shard_of(41, shards=3)
1
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from psd.store.codec import pack_id

DAY_S = 86_400
HOUR_S = 3_600
MINUTE_S = 60
ISSUANCE_OFFSET_S = 18_000
"""Issuance weeks begin on Monday at 05:00."""

WEEKS_PER_KEY = 13
EPOCH_DAY = date(1970, 1, 1).toordinal()

Place = tuple[str, str]


class Limits(msgspec.Struct, frozen=True):
    """How much a leaf, a shard and a shard's field hold before they are split."""

    month_bookings: int = 128
    day_bookings: int = 512
    hour_bookings: int = 512
    minute_bookings: int = 512
    second_bookings: int = 512
    shard_activities: int = 96
    short_records: int = 4
    listed_hours: int = 128


class Day(NamedTuple):
    """A UTC day in the words of the keys."""

    year: int
    month: int
    date: int
    label: str
    week_key: str
    week: str

    @property
    def month_label(self) -> str:
        """``201604``."""
        return self.label[:6]

    @property
    def place(self) -> Place:
        """The day's own total."""
        return f"d:{self.month_label}", str(self.date)

    @property
    def month_place(self) -> Place:
        """The total of its month."""
        return f"m:{self.year}", str(self.month)

    @property
    def year_place(self) -> Place:
        """The total of its year."""
        return "y", str(self.year)

    @property
    def week_place(self) -> Place:
        """The total of its ISO week."""
        return self.week_key, self.week


@lru_cache(maxsize=65_536)
def day_of(number: int) -> Day:
    """The day with this number; 0 is 1970-01-01."""
    at = date.fromordinal(EPOCH_DAY + number)
    iso = at.isocalendar()
    return Day(
        at.year,
        at.month,
        at.day,
        f"{at.year:04d}{at.month:02d}{at.day:02d}",
        f"w:{iso.year}:{(iso.week - 1) // WEEKS_PER_KEY}",
        str(iso.week),
    )


def issuance_place(second: int) -> Place:
    """The total of the issuance week: the ISO week of five hours earlier."""
    key, week = day_of((second - ISSUANCE_OFFSET_S) // DAY_S).week_place
    return key, f"i{week}"


@lru_cache(maxsize=65_536)
def calendar_places(second: int) -> tuple[Place, Place, Place, Place, Place]:
    """The year, month, day, ISO week and issuance week that count a booking at this second."""
    day = day_of(second // DAY_S)
    return (
        day.year_place,
        day.month_place,
        day.place,
        day.week_place,
        issuance_place(second),
    )


def hour_place(second: int) -> Place:
    """The hour's total in a split day."""
    return f"h:{day_of(second // DAY_S).label}", str(second % DAY_S // HOUR_S)


def minute_place(second: int) -> Place:
    """The minute's total in a split hour."""
    return f"n:{label_of(second, 'hour')}", str(second % HOUR_S // MINUTE_S)


def second_place(second: int) -> Place:
    """The second's total in a split minute."""
    return f"s:{label_of(second, 'minute')}", str(second % MINUTE_S)


def label_of(second: int, unit: Literal["hour", "minute", "second"]) -> str:
    """The label of a second, or of the hour or minute that holds it."""
    label = f"{day_of(second // DAY_S).label}{second % DAY_S // HOUR_S:02d}"
    if unit == "hour":
        return label
    label = f"{label}{second % HOUR_S // MINUTE_S:02d}"
    return label if unit == "minute" else f"{label}{second % MINUTE_S:02d}"


@lru_cache(maxsize=65_536)
def leaf_start(label: str) -> int:
    """First second of the unit with this label; ValueError where the calendar has none."""
    parts = [int(label[at : at + 2]) for at in range(4, len(label), 2)]
    month, day, hour, minute, second = parts + [1, 0, 0, 0][len(parts) - 1 :]
    start = datetime(int(label[:4]), month, day, hour, minute, second, tzinfo=UTC)
    return int(start.timestamp())


def leaf_suffix(second: int, counts: Mapping[Place, int], limits: Limits) -> str:
    """The key, without owner and thing, that keeps a booking: ``l:201604``, ``b:20160412120000``.

    ``counts`` has the number of bookings of months, days, hours, minutes and seconds; what it
    lacks has none.
    """
    day = day_of(second // DAY_S)
    if counts.get(day.month_place, 0) <= limits.month_bookings:
        return f"l:{day.month_label}"
    if counts.get(day.place, 0) <= limits.day_bookings:
        return f"l:{day.label}"
    if counts.get(hour_place(second), 0) <= limits.hour_bookings:
        return f"l:{label_of(second, 'hour')}"
    if counts.get(minute_place(second), 0) <= limits.minute_bookings:
        return f"l:{label_of(second, 'minute')}"
    is_crowded = counts.get(second_place(second), 0) > limits.second_bookings
    return f"{'b' if is_crowded else 'l'}:{label_of(second, 'second')}"


BLOCK_HOURS = {"b": 128, "B": 128 * 128}
"""Hours of the blocks that a directory of more than ``listed_hours`` has."""


def shard_count(activities: int, limits: Limits) -> int:
    """Number of shards of so many activities."""
    return max(1, -(-activities // limits.shard_activities))


def shard_of(aid: int, shards: int) -> int:
    """The shard of an activity by linear hashing, as lua/lib/shards.lua has it."""
    packed = pack_id(aid)
    low = int.from_bytes(packed[-4:], "big")
    if len(packed) == 8:
        low = (low + int.from_bytes(packed[:4], "big") * 65_599) % 2**32
    hashed = low * 40_503 % 2**32 >> 16
    power = 1 << (shards.bit_length() - 1)
    shard = hashed % (power * 2)
    return shard if shard < shards else hashed % power
