"""What a store must hold after a stream, worked out the slow way from a list of its events.

No part of psd's booking is used: an activity's reports are replayed in the order of
tests/support/plain/model.py, and each booking is added to every bucket that holds its second. One
report of 50 steps of owner 8, activity 41, at 2016-04-12 12:00:00 makes, among others,

>>> expected([Report(1, 8, 2, 41, 50, 1460462400, 1460462400)])["psd:{p0}:8:1:m:2016", "4"]
'50'

Keys and fields are those of docs/architecture.md for totals and markers. A leaf's records are
fields ``second:atid:aid`` of the leaf's key; an activity's reports are one field ``aid`` of
``<root>:<thing>:a``, whichever shard or hour they stand in (tests/chaos/stored.py reads both).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from redis.asyncio import Redis

from psd.config import BookingSettings
from psd.engine.events import Event, Report
from psd.store.codec import marker_of
from psd.store.keys import count_root
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.stored import (
    COUNTS,
    Fields,
    Record,
    column_fields,
    record_text,
    stored,
    summary_text,
)
from tests.chaos.stream import Stream
from tests.support.stored.held_columns import Told

ISSUANCE_OFFSET = timedelta(hours=5)
MARKER_KEY = BookingSettings().marker_key.encode()
LISTED_HOURS = 128
MONTH_LEAF_BOOKINGS = 128
DAY_LEAF_BOOKINGS = 512
HOUR_LEAF_BOOKINGS = 512
MINUTE_LEAF_BOOKINGS = 512
SECOND_LEAF_BOOKINGS = 512
LEAF_UNITS = (
    ("%Y%m", MONTH_LEAF_BOOKINGS),
    ("%Y%m%d", DAY_LEAF_BOOKINGS),
    ("%Y%m%d%H", HOUR_LEAF_BOOKINGS),
    ("%Y%m%d%H%M", MINUTE_LEAF_BOOKINGS),
    ("%Y%m%d%H%M%S", SECOND_LEAF_BOOKINGS),
)
"""Units from the coarsest on: a booking is in the leaf of the first that has no more than this."""

SHORT_RECORDS = 4


class Difference(NamedTuple):
    """One field that is not what it must be; an absent one is an empty text."""

    key: str
    field: str
    expected: str
    found: str
    kind: Literal["lost", "doubled"]

    def __str__(self) -> str:
        """As a failure tells it."""
        found, expected = self.found or "nothing", self.expected or "nothing"
        return f"{self.kind}: {self.key} {self.field} = {found}, expected {expected}"


class Booked(NamedTuple):
    """All bookings of an owner's thing at one second by one activity under one type."""

    second: int
    atid: int
    aid: int
    delta: int


async def differences(client: Redis, stream: Stream) -> list[Difference]:
    """Everything in the keys of the stream's owners that is not as the stream makes it."""
    return compare(expected(stream.events), await stored(client, stream.roots))


def compare(wanted: Fields, found: Fields) -> list[Difference]:
    """Fields that differ, the finest first: records, markers, then totals."""
    differing = [
        Difference(key, field, want, have, _kind(want, have))
        for key, field in wanted.keys() | found.keys()
        if (want := wanted.get((key, field), "")) != (have := found.get((key, field), ""))
    ]
    return sorted(differing, key=lambda each: (not re.search(":[lb]:", each.key), each))


def _kind(wanted: str, found: str) -> Literal["lost", "doubled"]:
    """``lost`` where something is missing, ``doubled`` where there is more than was sent."""
    if not found:
        return "lost"
    if not wanted:
        return "doubled"
    want_sum, want_count = _sum_and_count(wanted)
    found_sum, found_count = _sum_and_count(found)
    if want_count != found_count:
        return "lost" if found_count < want_count else "doubled"
    return "lost" if abs(found_sum) < abs(want_sum) else "doubled"


def _sum_and_count(text: str) -> tuple[int, int]:
    """``12`` and ``12:3`` of totals; of an activity's reports the bookings and their number."""
    if "@" in text:
        return sum(int(part.partition("=")[2]) for part in text.split()), len(text.split())
    total, _, count = text.partition(" ")[0].partition(":")
    return int(total), int(count or 1)


def expected(events: Iterable[Event]) -> Fields:
    """Every field of every key of the events' owners."""
    fields: Fields = {}
    activities: dict[str, dict[int, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        root, report, marked = _as_report(event)
        activities[f"{root}:{report.thing}"][report.aid].append(report)
        if report.event_id is not None:
            marker = marker_of(marked, MARKER_KEY)
            fields[f"{root}:k:{report.ts2 // 86_400}", marker.hex()] = "1"
    for prefix, by_aid in activities.items():
        bookings: list[Booked] = []
        for aid, reports in by_aid.items():
            records = replayed(reports)
            fields[f"{prefix}:a", str(aid)] = " ".join(map(record_text, records))
            fields |= _directory(f"{prefix}:r:{aid}", records)
            bookings += _booked(aid, records)
        fields[f"{prefix}:y", "activities"] = str(len(by_aid))
        if bookings:
            fields[f"{prefix}:y", "newest"] = str(max(each.second for each in bookings))
        fields |= _totals(prefix, bookings) | _leaves(prefix, bookings)
        if not prefix.startswith(COUNTS):
            fields |= column_fields(prefix, _told(bookings))
    return fields


def _told(bookings: Sequence[Booked]) -> Told:
    """What columns must say of an owner's thing; of logs the sum of each second."""
    sums: dict[str, int] = defaultdict(int)
    booked: dict[int, int] = defaultdict(int)
    for second, _, _, delta in bookings:
        at = datetime.fromtimestamp(second, UTC)
        sums[f"y:{at:%Y}"] += delta
        sums[f"m:{at:%Y%m}"] += delta
        booked[second] += delta
    newest = max((each.second for each in bookings), default=0)
    return Told(len(bookings), newest, sums, booked)


def _as_report(event: Event) -> tuple[str, Report, str]:
    """The owner's root, the event as a report, and what its marker is made of."""
    if isinstance(event, Report):
        return ONE_SERVER.owner_root(event.uid), event, f"{event.thing}:{event.event_id}"
    report = Report(0, 0, 0, 0, event.value, event.ts, event.ts, event.event_id)
    return count_root(event.name), report, event.event_id


def replayed(reports: Iterable[Report]) -> list[Record]:
    """An activity's reports as the bookings they make; increments of one second are one.

    In order of (second, narrower window): each books its value minus what lies in its window.
    """
    added: dict[tuple[int, int], int] = defaultdict(int)
    totals: list[Report] = []
    for report in reports:
        if report.event_id is None:
            totals.append(report)
        else:
            added[report.ts2, report.atid] += report.value
    records = [Record(second, -1, atid, value) for (second, atid), value in added.items()]
    for report in sorted(totals, key=lambda each: (each.ts2, each.ts2 - each.ts1)):
        inside = sum(r.booking for r in records if report.ts1 <= r.second <= report.ts2)
        window = report.ts2 - report.ts1
        records.append(Record(report.ts2, window, report.atid, report.value - inside))
    return sorted(records)


def _directory(key: str, records: Sequence[Record]) -> Fields:
    """What stands beside the reports of a long activity: summaries of all and of each hour."""
    if len(records) <= SHORT_RECORDS:
        return {}
    hours: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        hours[record.second // 3600].append(record)
    fields = {(key, str(hour)): _summary(held) for hour, held in hours.items()}
    if len(hours) > LISTED_HOURS:
        fields |= _blocks(key, records)
    total = sum(record.booking for record in records)
    fields[key, "all"] = summary_text(total, len(records), records[0].second, records[-1].second)
    return fields


def _blocks(key: str, records: Sequence[Record]) -> Fields:
    """Summaries of 128 hours and of 16,384, of an activity with more hours than are listed."""
    blocks: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for name, hours in (("b", 128), ("B", 16_384)):
            blocks[f"{name}{record.second // 3600 // hours}"].append(record)
    return {(key, name): _summary(held) for name, held in blocks.items()}


def _summary(records: Sequence[Record]) -> str:
    starts = [record.second - max(record.window, 0) for record in records]
    total = sum(record.booking for record in records)
    return summary_text(total, len(records), min(starts), max(starts))


def _booked(aid: int, records: Sequence[Record]) -> list[Booked]:
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for record in records:
        sums[record.second, record.atid] += record.booking
    return [Booked(second, atid, aid, delta) for (second, atid), delta in sums.items() if delta]


def _totals(prefix: str, bookings: Sequence[Booked]) -> Fields:
    """Years, months, weeks, days, and what is finer where their units are split."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    parts: dict[tuple[str, str], int] = defaultdict(int)
    by_day, by_hour = _counts_of(bookings, "%Y%m%d"), _counts_of(bookings, "%Y%m%d%H")
    by_minute = _counts_of(bookings, "%Y%m%d%H%M")
    for second, atid, _, delta in bookings:
        at = datetime.fromtimestamp(second, UTC)
        places = calendar_places(prefix, at)
        if by_day[f"{at:%Y%m%d}"] > DAY_LEAF_BOOKINGS:
            places.append((f"{prefix}:h:{at:%Y%m%d}", str(at.hour)))
            if by_hour[f"{at:%Y%m%d%H}"] > HOUR_LEAF_BOOKINGS:
                places.append((f"{prefix}:n:{at:%Y%m%d%H}", str(at.minute)))
                if by_minute[f"{at:%Y%m%d%H%M}"] > MINUTE_LEAF_BOOKINGS:
                    places.append((f"{prefix}:s:{at:%Y%m%d%H%M}", str(at.second)))
        for key, field in places:
            sums[key, field] += delta
            counts[key, field] += 1
            parts[f"{key}:t" if ":d:" in key else key, f"{field}:{atid}"] += delta
    totals = {
        place: str(total) if counts[place] == 1 else f"{total}:{counts[place]}"
        for place, total in sums.items()
    }
    return totals | {place: str(total) for place, total in parts.items() if total}


def calendar_places(prefix: str, at: datetime) -> list[tuple[str, str]]:
    """Key and field of the year, month, day, ISO week and issuance week of a time."""
    week = at.isocalendar()
    issued = (at - ISSUANCE_OFFSET).isocalendar()
    return [
        (f"{prefix}:y", str(at.year)),
        (f"{prefix}:m:{at.year}", str(at.month)),
        (f"{prefix}:d:{at:%Y%m}", str(at.day)),
        (f"{prefix}:w:{week.year}:{(week.week - 1) // 13}", str(week.week)),
        (f"{prefix}:w:{issued.year}:{(issued.week - 1) // 13}", f"i{issued.week}"),
    ]


def _leaves(prefix: str, bookings: Sequence[Booked]) -> Fields:
    """Each booking in the leaf where the number of bookings around it puts it."""
    counts = [(_counts_of(bookings, unit), unit, most) for unit, most in LEAF_UNITS]
    fields: Fields = {}
    for second, atid, aid, delta in bookings:
        at = datetime.fromtimestamp(second, UTC)
        place = f"b:{at:%Y%m%d%H%M%S}"
        for by_unit, unit, most in counts:
            label = at.strftime(unit)
            if by_unit[label] <= most:
                place = f"l:{label}"
                break
        fields[f"{prefix}:{place}", f"{second}:{atid}:{aid}"] = str(delta)
    return fields


def _counts_of(bookings: Iterable[Booked], unit: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for booked in bookings:
        counts[datetime.fromtimestamp(booked.second, UTC).strftime(unit)] += 1
    return counts
