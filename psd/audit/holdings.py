r"""What one owner holds of one thing, read from its keys as they stand. Pure.

``Holdings.of`` takes the contents by key suffix and sorts them: totals by place, bookings by
(second, atid, aid), activities by aid. What cannot be read is left out here; comparing
with what should stand there (psd/audit/expected.py) then names it.

>>> held = Holdings.of({"y": {b"2016": b"373"}, "l:201604": b"A\x00\x00\x01\x00\x00\x01u"})
>>> held.bookings
{(1459468801, 0, 0): 373}
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from psd.audit.layout import HOUR_S, Place, leaf_start
from psd.audit.shapes import (
    WITHDRAWN,
    ReportRecord,
    Total,
    crowd_bookings,
    id_of,
    leaf_bookings,
    record_order,
    records_of,
    sum_of,
    summary_value,
    total_of,
    total_value,
)
from psd.errors import ShapeError

Content = bytes | dict[bytes, bytes]

BOOKING_BYTES_MIN = 8
"""So many has a booking of a leaf at least, or a report of an activity."""
Contents = Mapping[str, Content]
"""What keys hold, by the part of the key that follows owner and thing: ``y``, ``l:201604``."""

BookingPlace = tuple[int, int, int]
"""(second, atid, aid): what tells bookings of one owner and thing apart."""

ACTIVITIES = b"activities"
NEWEST = b"newest"
POSITION = b"at"
TOOK = b"took"


class Bucket(msgspec.Struct):
    """A total over all atids, and the sum of each."""

    sum: int = 0
    count: int = 0
    parts: dict[int, int] = {}

    def add(self, atid: int, delta: int) -> None:
        """Count one booking."""
        self.sum += delta
        self.count += 1
        self.parts[atid] = self.parts.get(atid, 0) + delta

    def take(self, other: Bucket) -> None:
        """Count everything in another bucket."""
        self.sum += other.sum
        self.count += other.count
        for atid, part in other.parts.items():
            self.parts[atid] = self.parts.get(atid, 0) + part

    def says(self, other: Bucket | None) -> bool:
        """Whether both count the same; None counts nothing."""
        other = other or Bucket()
        return (self.sum, self.count, self._nonzero()) == (
            other.sum,
            other.count,
            other._nonzero(),
        )

    def _nonzero(self) -> dict[int, int]:
        return {atid: part for atid, part in self.parts.items() if part}


Buckets = dict[Place, Bucket]


class HeldActivity(msgspec.Struct):
    """What is held of one activity: its field in a shard, and the keys of a long one."""

    packed: bytes | None = None
    shard: str = ""
    directory: dict[bytes, bytes] | None = None
    hours: dict[int, bytes] = {}
    records: list[ReportRecord] = []
    is_damaged: bool = False

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was withdrawn: then it has no reports, whatever else is held of it."""
        return self.packed == WITHDRAWN

    @property
    def is_half_withdrawn(self) -> bool:
        """Whether a withdrawal took some of its reports and was cut off (lua/lib/activity_back)."""
        return bool(self.directory) and TOOK in (self.directory or {})

    @property
    def is_cut(self) -> bool:
        """Whether reports are missing that the directory or the shard still names."""
        if self.is_withdrawn:
            return False
        if self.packed == b"" and self.directory is None:
            return True
        named = {int(name) for name in self.directory or {} if _is_number(name)}
        return bool(named - set(self.hours))

    @property
    def is_contradicted(self) -> bool:
        """Whether a directory tells other reports of an hour than are there."""
        if not self.directory:
            return False
        hours: dict[int, list[ReportRecord]] = {number: [] for number in self.hours}
        for record in self.records:
            hours.setdefault(record.second // HOUR_S, []).append(record)
        directory = self.directory
        return any(
            not made or summary_value(made) != directory.get(b"%d" % number)
            for number, made in hours.items()
        )

    def read(self) -> None:
        """Read the records out of what is held; a part that is damaged is left out."""
        by_order: dict[tuple[int, int, tuple[int, bytes]], ReportRecord] = {}
        if self.is_withdrawn:
            return
        for packed in (self.packed, *self.hours.values()):
            try:
                records = records_of(packed or b"")
            except ShapeError:
                self.is_damaged = True
                continue
            by_order.update((record_order(record), record) for record in records)
        self.records = [by_order[order] for order in sorted(by_order)]


def weight_of(contents: Contents) -> int:
    """How many bookings and totals contents may hold: a reason to sort them beside the loop."""
    return sum(
        len(each) // BOOKING_BYTES_MIN if isinstance(each, bytes) else len(each)
        for each in contents.values()
    )


class Holdings(msgspec.Struct):
    """Everything of one owner and thing."""

    contents: Contents
    buckets: Buckets
    bookings: dict[BookingPlace, int]
    activities: dict[int, HeldActivity]
    activity_count: int | None
    newest_s: int | None = None
    """The newest second with a booking, as the year hash tells it."""

    position: int | None = None
    """Where the owner stands in its partition's columns."""

    logged: frozenset[int] = frozenset()
    """Activities that the owner's log calls withdrawn."""

    @classmethod
    def of(cls, contents: Contents) -> Holdings:
        """Sort what the keys hold."""
        held = cls(contents, {}, {}, {}, None)
        for suffix, content in contents.items():
            kind, _, rest = suffix.partition(":")
            if isinstance(content, bytes):
                held._take_string(kind, rest, content)
            elif kind == "a":
                held._take_shard(suffix, content)
            elif kind == "r":
                held._take_directory(rest, content)
            elif kind == "b":
                held._take_crowd(rest, content)
            else:
                held._take_totals(suffix, content)
        for activity in held.activities.values():
            activity.read()
        if gone := held.withdrawn:
            held.bookings = {p: delta for p, delta in held.bookings.items() if p[2] not in gone}
        return held

    @property
    def withdrawn(self) -> set[int]:
        """The activities that were withdrawn; bookings of theirs in leaves are left out."""
        return {aid for aid, activity in self.activities.items() if activity.is_withdrawn}

    def _take_string(self, kind: str, rest: str, content: bytes) -> None:
        if kind == "r":
            name, _, hour = rest.partition(":")
            with contextlib.suppress(ShapeError):
                self._activity(aid_named(name)).hours[int(hour)] = content
            return
        with contextlib.suppress(ShapeError, ValueError):
            start = leaf_start(rest)
            for offset_s, atid, aid, delta in leaf_bookings(content):
                self.bookings[start + offset_s, atid, aid] = delta

    def _take_crowd(self, label: str, content: dict[bytes, bytes]) -> None:
        for field, packed in content.items():
            with contextlib.suppress(ShapeError, ValueError):
                for _, atid, aid, delta in crowd_bookings(field, packed):
                    self.bookings[leaf_start(label), atid, aid] = delta

    def _take_directory(self, name: str, content: dict[bytes, bytes]) -> None:
        with contextlib.suppress(ShapeError):
            self._activity(aid_named(name)).directory = content

    def _take_shard(self, suffix: str, content: dict[bytes, bytes]) -> None:
        for field, packed in content.items():
            try:
                activity = self._activity(id_of(field))
            except ShapeError:
                continue
            activity.packed, activity.shard = packed, suffix

    def _take_totals(self, suffix: str, content: dict[bytes, bytes]) -> None:
        key = suffix.removesuffix(":t")
        for field, value in content.items():
            name, _, atid = field.decode("ascii", "replace").partition(":")
            try:
                if field == ACTIVITIES:
                    self.activity_count = sum_of(value)
                elif field == NEWEST:
                    self.newest_s = sum_of(value)
                elif field == POSITION:
                    self.position = sum_of(value)
                elif atid:
                    self._bucket((key, name)).parts[int(atid)] = sum_of(value)
                else:
                    bucket = self._bucket((key, name))
                    bucket.sum, bucket.count = total_of(value)
            except (ShapeError, ValueError):
                continue

    def _bucket(self, place: Place) -> Bucket:
        bucket = self.buckets.get(place)
        if bucket is None:
            bucket = self.buckets[place] = Bucket()
        return bucket

    def _activity(self, aid: int) -> HeldActivity:
        activity = self.activities.get(aid)
        if activity is None:
            activity = self.activities[aid] = HeldActivity()
        return activity


def aid_named(name: str) -> int:
    """The activity whose key has this name."""
    aid = int(name)
    if not -(2**63) <= aid < 2**63:
        raise ShapeError(f"aid: {name} is not a 64-bit integer")
    return aid


def added_up(
    bookings: Iterable[tuple[BookingPlace, int]], places: Callable[[int], Iterable[Place]]
) -> Buckets:
    """Totals of bookings; ``places`` says which buckets count a second."""
    buckets: Buckets = {}
    for (second, atid, _), delta in bookings:
        for place in places(second):
            bucket = buckets.get(place)
            if bucket is None:
                bucket = buckets[place] = Bucket()
            bucket.add(atid, delta)
    return buckets


def fields_of(buckets: Buckets) -> Iterator[tuple[str, bytes, bytes]]:
    """The hash fields that hold these totals: key, field and value."""
    for (key, field), bucket in buckets.items():
        if bucket.count > 0:
            yield key, field.encode(), total_value(Total(bucket.sum, bucket.count))
        parts_key = f"{key}:t" if key.startswith("d:") else key
        for atid, part in bucket.parts.items():
            if part:
                yield parts_key, f"{field}:{atid}".encode(), b"%d" % part


def _is_number(name: bytes) -> bool:
    return name.removeprefix(b"-").isdigit()
