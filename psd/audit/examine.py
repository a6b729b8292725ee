"""Hold what one owner's keys hold against what they should: the list of differences. Pure.

>>> held = Holdings.of({...})       # the day says 374 where its only booking is 373
>>> [str(each) for each in examine("psd:{p0}:7:1:", held, expected_of(held, ...))]
["psd:{p0}:7:1:d:201604 12: 374, should be 373 by its bookings"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from psd.audit.expected import Expected
from psd.audit.holdings import ACTIVITIES, NEWEST, Bucket, Content, Holdings
from psd.audit.layout import leaf_start
from psd.audit.shapes import (
    WITHDRAWN,
    Total,
    crowd_bookings,
    id_of,
    leaf_bookings,
    records_of,
    summary_of,
    total_value,
    whole_of,
)
from psd.errors import ShapeError
from psd.store.keys import kind_of

TEXT_MAX = 120
"""Longer values are cut where they are printed; the repair takes them whole."""

NOTHING = "nothing"

_SOURCES = {
    "y": "its months",
    "m": "its days",
    "d": "its bookings",
    "h": "its bookings",
    "n": "its bookings",
    "s": "its bookings",
    "l": "the reports of activities",
    "b": "the reports of activities",
    "a": "its reports and leaves",
    "r": "its reports and leaves",
}
_BY_BOOKINGS = "its bookings"
_BY_DAYS = "its days"
_BY_ACTIVITIES = "the activities there are"


class Discrepancy(msgspec.Struct, frozen=True):
    """One thing that is not as it should be; ``field`` is empty for a whole string."""

    key: str
    field: str
    expected: str
    found: str
    source: str
    is_lost: bool = False
    """Bookings are gone: nothing that psd holds can say what they were."""

    def __str__(self) -> str:
        place = f"{self.key} {self.field}".rstrip()
        if self.is_lost:
            return f"{place}: {self.found}, but only {self.expected} by {self.source}: lost"
        return f"{place}: {self.found}, should be {self.expected} by {self.source}"


def examine(prefix: str, held: Holdings, expected: Expected) -> list[Discrepancy]:
    """Every difference; ``prefix`` is the owner's root and thing with a colon at its end."""
    suffixes = sorted(held.contents.keys() | expected.contents.keys())
    differences: list[Discrepancy] = []
    for suffix in suffixes:
        found, should = held.contents.get(suffix), expected.contents.get(suffix)
        if found != should:
            differences += _of_key(prefix, suffix, found, should)
    return differences + list(_lost(prefix, held, expected))


def _of_key(
    prefix: str, suffix: str, found: Content | None, should: Content | None
) -> Iterator[Discrepancy]:
    if isinstance(found, bytes) or isinstance(should, bytes):
        assert not isinstance(found, dict)
        assert not isinstance(should, dict)
        yield from _of_string(prefix, suffix, found, should)
        return
    found, should = found or {}, should or {}
    for field in sorted(found.keys() | should.keys()):
        if found.get(field) != should.get(field):
            yield Discrepancy(
                key=prefix + suffix,
                field=_field_text(suffix, field),
                expected=_value_text(suffix, field, should.get(field)),
                found=_value_text(suffix, field, found.get(field)),
                source=_source(suffix, field),
            )


def _of_string(
    prefix: str, suffix: str, found: bytes | None, should: bytes | None
) -> Iterator[Discrepancy]:
    """A leaf by its bookings, where it can be read and they differ; else the string as a whole."""
    source = _SOURCES[suffix[0]]
    by_place = [_by_place(suffix, value) for value in (found, should)]
    stands, wanted = by_place
    if suffix[0] != "l" or found is None or stands is None or wanted is None or stands == wanted:
        yield Discrepancy(
            prefix + suffix, "", _string_text(suffix, should), _string_text(suffix, found), source
        )
        return
    for place in sorted(stands.keys() | wanted.keys()):
        if stands.get(place) != wanted.get(place):
            second, atid, aid = place
            yield Discrepancy(
                key=prefix + suffix,
                field=f"second {second} atid {atid} aid {aid}",
                expected=str(wanted.get(place, NOTHING)),
                found=str(stands.get(place, NOTHING)),
                source=source,
            )


def _by_place(suffix: str, value: bytes | None) -> Mapping[tuple[int, int, int], int] | None:
    if value is None:
        return {}
    try:
        start = leaf_start(suffix[2:])
        return {(start + b.offset_s, b.atid, b.aid): b.delta for b in leaf_bookings(value)}
    except (ShapeError, ValueError):
        return None


def _lost(prefix: str, held: Holdings, expected: Expected) -> Iterator[Discrepancy]:
    # The finest total that counts more says it best: where a day does, its month is not told.
    finest = [place for place in expected.lost if place[0][0] == "d"]
    for key, field in sorted(finest or expected.lost):
        bucket = held.buckets[key, field]
        counted = expected.counted.get((key, field))
        yield Discrepancy(
            key=prefix + key,
            field=field,
            expected=_total_text(counted) if counted else NOTHING,
            found=_total_text(bucket),
            source="reports and leaves",
            is_lost=True,
        )


def _total_text(bucket: Bucket) -> str:
    return total_value(Total(bucket.sum, bucket.count)).decode()


def _source(suffix: str, field: bytes) -> str:
    if suffix[0] == "w":
        return _BY_BOOKINGS if field.startswith(b"i") else _BY_DAYS
    if field == ACTIVITIES:
        return _BY_ACTIVITIES
    if field == NEWEST:
        return _BY_BOOKINGS
    return _SOURCES[suffix[0]]


def _field_text(suffix: str, field: bytes) -> str:
    if suffix[0] in "ab":
        try:
            return f"aid {id_of(field)}"
        except ShapeError:
            return repr(field)
    return field.decode("ascii", "backslashreplace")


def _value_text(suffix: str, field: bytes, value: bytes | None) -> str:
    if value is None:
        return NOTHING
    if suffix[0] == "b":
        return _crowd_text(field, value)
    if suffix[0] not in "ar":
        return _cut(value.decode("ascii", "backslashreplace"))
    if suffix[0] == "a":
        return _string_text("r", value)
    try:
        numbers = whole_of(value) if field == b"all" else summary_of(value)
    except ShapeError:
        return _cut(repr(value))
    return " ".join(
        f"{name} {number}" for name, number in numbers._asdict().items() if number is not None
    )


def _crowd_text(field: bytes, value: bytes) -> str:
    try:
        return ", ".join(f"atid {b.atid}: {b.delta}" for b in crowd_bookings(field, value))
    except ShapeError:
        return _cut(repr(value))


def _string_text(suffix: str, value: bytes | None) -> str:
    if value is None:
        return NOTHING
    try:
        if suffix[0] == "l":
            bookings = leaf_bookings(value)
            return f"{len(bookings)} bookings of {sum(b.delta for b in bookings)}"
        if not value:
            return "reports in keys of their own"
        if value == WITHDRAWN:
            return "withdrawn"
        return _cut(
            " ".join(
                f"{r.second}-{r.window} atid {r.atid}: {r.booking}," for r in records_of(value)
            )
        ).removesuffix(",")
    except ShapeError:
        return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}... ({len(text)} characters)"


def is_audited(key: str) -> bool:
    """Whether a key is one that an audit reads: of an owner's thing, not a marker."""
    kind = kind_of(key)
    return kind is not None and kind.level not in ("", "marker")
