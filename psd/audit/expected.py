"""What the keys of one owner and thing must hold, byte for byte as booking writes it. Pure.

>>> expected = expected_of(Holdings.of({"y": {b"2016": b"374"}, "l:201604": b"A..."}), ...)
>>> expected.contents["y"][b"2016"]
b'373'
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from psd.audit.holdings import (
    ACTIVITIES,
    NEWEST,
    POSITION,
    BookingPlace,
    Bucket,
    Buckets,
    Content,
    HeldActivity,
    Holdings,
    added_up,
    fields_of,
)
from psd.audit.layout import (
    BLOCK_HOURS,
    HOUR_S,
    Limits,
    Place,
    day_of,
    hour_place,
    leaf_start,
    leaf_suffix,
    minute_place,
    second_place,
    shard_count,
    shard_of,
)
from psd.audit.shapes import (
    WITHDRAWN,
    LeafBooking,
    ReportRecord,
    crowd_field_value,
    leaf_value,
    records_value,
    summary_value,
    whole_value,
)
from psd.audit.true_totals import settled_totals
from psd.audit.truth import Archived, Lifetimes, Truth, calendar_totals, truth_of
from psd.store.codec import pack_id


class Expected(msgspec.Struct):
    """What must stand, and what cannot be said."""

    contents: dict[str, Content]
    lost: set[Place]
    """Totals that count more bookings than there are reports and leaves."""

    counted: Buckets
    """What the bookings alone add up to."""

    is_incomplete: bool
    """Whether reports are missing, also such as booked 0."""


def expected_of(
    held: Holdings,
    limits: Limits,
    lifetimes: Lifetimes,
    archived: Archived | None = None,
) -> Expected:
    """What should stand where ``held`` stands."""
    truth = truth_of(held, lifetimes, archived)
    counted = calendar_totals(truth.bookings.items())
    totals = settled_totals(counted, held.buckets, lifetimes)
    bookings = _in_leaves(truth, held, lifetimes)
    buckets = dict(totals.buckets)
    _add_hours(
        buckets, bookings, held.buckets, limits, bool(totals.lost) or lifetimes.end("second")
    )
    contents: dict[str, Content] = {}
    hashes: dict[str, dict[bytes, bytes]] = defaultdict(dict)
    for key, field, value in fields_of(buckets):
        hashes[key][field] = value
    _add_activities(hashes, contents, held, truth, limits, lifetimes)
    newest_s = _newest_s(held, truth, lifetimes, has_lost=bool(totals.lost))
    if newest_s is not None:
        hashes["y"][NEWEST] = b"%d" % newest_s
    if held.position is not None:
        hashes["y"][POSITION] = b"%d" % held.position
    contents |= hashes
    contents |= _leaves(bookings, buckets, limits)
    return Expected(contents, totals.lost, counted, _is_incomplete(held, truth, lifetimes))


def _is_incomplete(held: Holdings, truth: Truth, lifetimes: Lifetimes) -> bool:
    if lifetimes.end("activity") or lifetimes.end("year"):
        return bool(truth.rebuilt)
    return (
        bool(truth.rebuilt)
        or any(activity.is_damaged or activity.is_cut for activity in held.activities.values())
        or (held.activity_count or 0) > _known(truth)
    )


def _newest_s(held: Holdings, truth: Truth, lifetimes: Lifetimes, *, has_lost: bool) -> int | None:
    """The newest second with a booking; what is held may be of a later one that is lost by now."""
    booked_s = max((second for second, _, _ in truth.bookings), default=None)
    may_end = any(lifetimes.end(level) for level in ("year", "second", "activity"))
    if may_end and held.newest_s is None:
        return None
    if held.newest_s is None or not (may_end or has_lost):
        return booked_s
    return held.newest_s if booked_s is None else max(held.newest_s, booked_s)


def _known(truth: Truth) -> int:
    return len({aid for aid, made in truth.records.items() if made} | truth.withdrawn)


def _in_leaves(truth: Truth, held: Holdings, lifetimes: Lifetimes) -> dict[BookingPlace, int]:
    """Bookings that leaves must have: all, or where leaves end those of the leaves there are."""
    if not lifetimes.end("second"):
        return truth.bookings
    spots = {(second, aid) for second, _, aid in held.bookings}
    return {p: delta for p, delta in truth.bookings.items() if (p[0], p[2]) in spots}


def _add_hours(
    buckets: Buckets,
    bookings: Mapping[BookingPlace, int],
    held: Buckets,
    limits: Limits,
    may_lack: bool,
) -> None:
    """Totals of the hours of split days, the minutes of split hours, the seconds of minutes."""

    def is_split(place: Place, most: int) -> bool:
        return place in buckets and buckets[place].count > most

    def below(second: int) -> tuple[Place, ...]:
        day = day_of(second // (24 * HOUR_S))
        if not is_split(day.month_place, limits.month_bookings):
            return ()
        return (hour_place(second),) if is_split(day.place, limits.day_bookings) else ()

    def below_hour(second: int) -> tuple[Place, ...]:
        hour = hour_place(second)
        return (minute_place(second),) if is_split(hour, limits.hour_bookings) else ()

    def below_minute(second: int) -> tuple[Place, ...]:
        minute = minute_place(second)
        return (second_place(second),) if is_split(minute, limits.minute_bookings) else ()

    for kind, places in (("h", below), ("n", below_hour), ("s", below_minute)):
        counted = added_up(bookings.items(), places)
        if may_lack:
            kept = {p: b for p, b in held.items() if p[0][0] == kind}
            more = {p: b for p, b in kept.items() if b.count > counted.get(p, Bucket()).count}
            counted |= more
        buckets |= counted


def _leaves(
    bookings: Mapping[BookingPlace, int], buckets: Buckets, limits: Limits
) -> dict[str, Content]:
    counts = {place: bucket.count for place, bucket in buckets.items()}
    units: dict[str, list[LeafBooking]] = defaultdict(list)
    for (second, atid, aid), delta in bookings.items():
        suffix = leaf_suffix(second, counts, limits)
        units[suffix].append(LeafBooking(second - leaf_start(suffix[2:]), atid, aid, delta))
    return {
        suffix: leaf_value(leaf) if suffix[0] == "l" else _crowd(leaf)
        for suffix, leaf in units.items()
    }


def _crowd(bookings: list[LeafBooking]) -> dict[bytes, bytes]:
    """The hash of a crowded second."""
    by_aid: dict[int, list[LeafBooking]] = defaultdict(list)
    for booking in bookings:
        by_aid[booking.aid].append(booking)
    return {pack_id(aid): crowd_field_value(each) for aid, each in by_aid.items()}


def _add_activities(
    hashes: dict[str, dict[bytes, bytes]],
    contents: dict[str, Content],
    held: Holdings,
    truth: Truth,
    limits: Limits,
    lifetimes: Lifetimes,
) -> None:
    writer = _ActivityWriter(hashes, contents, limits)
    for aid, records in truth.records.items():
        activity = held.activities.get(aid, HeldActivity())
        has_ended = lifetimes.end("activity") and activity.is_cut
        if (has_ended or activity.is_half_withdrawn) and aid not in truth.rebuilt:
            writer.as_held(aid, activity)
        elif records:
            writer.add(aid, records)
    writer.fields |= dict.fromkeys(truth.withdrawn, WITHDRAWN)
    count = len(writer.fields)
    if lifetimes.end("year"):
        count = held.activity_count or 0
    elif lifetimes.end("activity"):
        count = max(held.activity_count or 0, count)
    if count:
        hashes["y"][ACTIVITIES] = b"%d" % count
    shards = shard_count(count, limits)
    for aid, packed in writer.fields.items():
        stands = held.activities[aid].shard if aid in held.activities else ""
        shard = stands if stands and lifetimes.end("year") else f"a:{shard_of(aid, shards)}"
        hashes[shard][pack_id(aid)] = packed


def _blocks(records: list[ReportRecord]) -> dict[bytes, bytes]:
    """A directory's entries of blocks of hours."""
    blocks: dict[bytes, list[ReportRecord]] = defaultdict(list)
    for record in records:
        for name, hours in BLOCK_HOURS.items():
            blocks[b"%s%d" % (name.encode(), record.second // HOUR_S // hours)].append(record)
    return {name: summary_value(made) for name, made in blocks.items()}


class _ActivityWriter:
    """The keys of long activities, and the field that each activity has in its shard."""

    def __init__(
        self,
        hashes: dict[str, dict[bytes, bytes]],
        contents: dict[str, Content],
        limits: Limits,
    ) -> None:
        self._hashes = hashes
        self._contents = contents
        self._limits = limits
        self.fields: dict[int, bytes] = {}

    def add(self, aid: int, records: list[ReportRecord]) -> None:
        """An activity with these records, in order."""
        if len(records) <= self._limits.short_records:
            self.fields[aid] = records_value(records)
            return
        self.fields[aid] = b""
        hours: dict[int, list[ReportRecord]] = defaultdict(list)
        for record in records:
            hours[record.second // HOUR_S].append(record)
        directory = self._hashes[f"r:{aid}"]
        has_blocks = len(hours) > self._limits.listed_hours
        directory[b"all"] = whole_value(records, len(hours) if has_blocks else None)
        if has_blocks:
            directory |= _blocks(records)
        for hour, made in hours.items():
            directory[b"%d" % hour] = summary_value(made)
            self._contents[f"r:{aid}:{hour}"] = records_value(made)

    def as_held(self, aid: int, activity: HeldActivity) -> None:
        """An activity of which a part has ended or was withdrawn, its directory not brought up."""
        if activity.packed is not None:
            self.fields[aid] = activity.packed
        if activity.directory is not None:
            self._hashes[f"r:{aid}"] = activity.directory
        for hour, packed in activity.hours.items():
            self._contents[f"r:{aid}:{hour}"] = packed
