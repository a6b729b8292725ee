"""What pointspaced's hashes say, as bookings at seconds. Pure.

The Go daemon kept five hashes for each event, each by the next finer unit, type and activity::

    hz:1:7:2016          201604:12:41        = 90      a month of thing 1 of user 7
    hz:1:7:201604        20160412:12:41      = 90      a day
    hz:1:7:20160412      2016041208:12:41    = 90      an hour
    hz:1:7:2016041208    201604120830:12:41  = 90      a minute
    hz:1:7:201604120830  20160412083015:12:41 = 90     a second
    c:hifive_1:2016      201604              = 3       a count, likewise

Finer hashes ended earlier. What a unit has more than its parts say is its *rest*: it is booked at
the unit's first second, less what was booked of the unit before by somebody who still saw its
seconds. So the sum of every unit stays what it was, however often and however late it is read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from psd.errors import ShapeError

LEVELS: Mapping[int, str] = {6: "month", 8: "day", 10: "hour", 12: "minute", 14: "second"}
"""Digits of a label, and the unit that it names."""

BUCKET_DIGITS = (4, 6, 8, 10, 12)
INTEGER_MAX = 2**63 - 1

_METRIC = re.compile(r"hz:(\d{1,9}):(-?\d{1,19}):(\d{4,12})", re.ASCII)
_COUNT = re.compile(r"c:(.+):(\d{4,12})", re.DOTALL | re.ASCII)
_FIELD = re.compile(r"(\d{6,14}):(-?\d{1,19}):(-?\d{1,19})", re.ASCII)
_COUNT_FIELD = re.compile(r"\d{6,14}", re.ASCII)
_VALUE = re.compile(r"-?\d{1,19}", re.ASCII)


class OldOwner(NamedTuple):
    """Whose hashes: of a thing by number and a user, or of a count by name (thing 0)."""

    thing: int
    uid: int
    name: str


class OldKey(NamedTuple):
    """A hash: its owner, and the unit that it is of."""

    owner: OldOwner
    bucket: str


Nodes = dict[str, int]
"""What was booked of an activity and a type, by label of a unit."""


class PlacedNodes(msgspec.Struct, frozen=True):
    """Bookings by second; ``coarse`` are those that stand for a whole unit, by their labels.

    ``moved`` are bookings that lie in units finer than what is told of them: (second, booking,
    digits of what tells of them).
    """

    bookings: dict[int, int]
    coarse: dict[str, int]
    moved: list[tuple[int, int, int]]


def old_key(name: str) -> OldKey | None:
    """The hash of a name; None for one of another shape."""
    if (found := _METRIC.fullmatch(name)) is not None:
        thing, uid, bucket = int(found[1]), int(found[2]), found[3]
        if thing == 0 or abs(uid) > INTEGER_MAX:
            return None
        owner = OldOwner(thing, uid, "")
    elif (found := _COUNT.fullmatch(name)) is not None:
        owner, bucket = OldOwner(0, 0, found[1]), found[2]
    else:
        return None
    return OldKey(owner, bucket) if len(bucket) in BUCKET_DIGITS else None


def old_field(key: OldKey, field: bytes, value: bytes) -> tuple[tuple[int, int], str, int]:
    """(atid, aid), label and value of a field; raises ShapeError for one of another shape."""
    text, number = field.decode(errors="replace"), value.decode(errors="replace")
    if key.owner.thing == 0:
        is_one = _COUNT_FIELD.fullmatch(text) is not None
        label, kind = text, (0, 0)
    else:
        found = _FIELD.fullmatch(text)
        is_one = found is not None
        label, kind = (found[1], (int(found[2]), int(found[3]))) if found else ("", (0, 0))
    is_finer = label.startswith(key.bucket) and len(label) == len(key.bucket) + 2
    if not is_one or not is_finer or not _VALUE.fullmatch(number):
        raise ShapeError(f"{text[:60]!r} = {number[:30]!r} is no field of pointspaced")
    first_second(label)
    return kind, label, int(number)


@lru_cache(maxsize=65_536)
def first_second(label: str) -> int:
    """The first second of a unit; raises ShapeError where the calendar has none."""
    parts = [int(label[:4]), *(int(label[at : at + 2]) for at in range(4, len(label), 2))]
    try:
        year, month, day, hour, minute, second = parts + [1, 1, 0, 0, 0][len(parts) - 1 :]
        at = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError as exc:
        raise ShapeError(f"{label}: the calendar has no such time") from exc
    return int(at.timestamp())


def end_of(label: str) -> int:
    """The second behind a unit."""
    if len(label) == 6:
        year, month = int(label[:4]), int(label[4:])
        return first_second(f"{year + month // 12:04}{month % 12 + 1:02}")
    return first_second(label) + {8: 86_400, 10: 3_600, 12: 60, 14: 1}[len(label)]


def label_of(second: int) -> str:
    """The label of a second."""
    return f"{dt.datetime.fromtimestamp(second, dt.UTC):%Y%m%d%H%M%S}"


def rests(nodes: Nodes) -> Nodes:
    """What units have more, or less, than their parts say."""
    parts: defaultdict[str, int] = defaultdict(int)
    for label, value in nodes.items():
        # Where a unit between is not told of, that is a part of the one above.
        parts[_told_by(label[:-2], nodes)] += value
    return {
        label: value - parts[label]
        for label, value in nodes.items()
        if len(label) < 14 and value != parts[label]
    }


def placed(nodes: Nodes, held: Mapping[int, int]) -> PlacedNodes:
    """Bookings that make every unit what it was; ``held`` is what psd has of them, by second."""
    bookings: defaultdict[int, int] = defaultdict(int)
    for label, value in nodes.items():
        if len(label) == 14 and value:
            bookings[first_second(label)] += value
    left = rests(nodes)
    moved: list[tuple[int, int, int]] = []
    for second, value in held.items() if left else ():
        unit = _told_by(label_of(second), nodes)
        if unit in left and second != first_second(unit):
            left[unit] -= value
            moved.append((second, value, len(unit)))
    for unit, rest in left.items():
        if rest:
            bookings[first_second(unit)] += rest
            moved.append((first_second(unit), rest, len(unit)))
    return PlacedNodes(dict(bookings), {unit: rest for unit, rest in left.items() if rest}, moved)


def _told_by(label: str, nodes: Nodes) -> str:
    """The finest unit that is told of and has all of this one, empty for none."""
    sizes = range(len(label), 4, -2)
    return next((label[:size] for size in sizes if label[:size] in nodes), "")


Expected = dict[tuple[str, int], int]
"""What units have by type."""


def expected(activities: Iterable[tuple[int, Nodes, PlacedNodes]]) -> Expected:
    """What psd must answer of each unit that is told of, from (atid, nodes, what was placed)."""
    found: defaultdict[tuple[str, int], int] = defaultdict(int)
    listed = list(activities)
    for atid, nodes, _ in listed:
        for label, value in nodes.items():
            found[label, atid] += value
    for atid, _, made in listed:
        for second, value, digits in made.moved:
            label = label_of(second)
            for size in (14, 12, 10, 8):
                if size > digits and (label[:size], atid) in found:
                    found[label[:size], atid] += value
    return dict(found)
