"""A dump of the store read back by its documented shapes: are all levels one and the same sum?

Leaves are decoded here without psd's code, from the words of docs/architecture.md: one byte that
tells the widths, then records of 3 bytes of seconds, atid, aid and delta.

>>> bookings_of_leaf(bytes.fromhex("41 000001 00 00 0175"), 1_460_419_200)
[(1460419201, 0, 0, 373)]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from psd.store.keys import OWNER_ROOT, ROOT
from tests.support.plain.model import Model
from tests.support.stored.keyspace import calendar_totals, expected_totals
from tests.support.stored.placements import owner_key

LEAF = re.compile(rf"({OWNER_ROOT}:\d+):l:(\d{{6,14}})")
CROWD = re.compile(rf"({OWNER_ROOT}:\d+):b:(\d{{14}})")
LEVEL = re.compile(rf"{ROOT}:\d+:([a-z])")
WIDTHS = (1, 2, 4, 8)

HeldBooking = tuple[int, ...]
"""(second, atid, aid, delta)."""


def bookings_of_leaf(leaf: bytes, start: int) -> list[HeldBooking]:
    """The records of one leaf of a unit that begins at second ``start``."""
    number = leaf[0] - 64
    atid, aid, delta = (WIDTHS[code] for code in (number // 16, number // 4 % 4, number % 4))
    size = 3 + atid + aid + delta
    bookings = []
    for at in range(1, len(leaf), size):
        ends = (at + 3, at + 3 + atid, at + 3 + atid + aid, at + size)
        ids_and_delta = (
            int.from_bytes(leaf[low:high], signed=True) for low, high in pairwise(ends)
        )
        bookings.append((start + int.from_bytes(leaf[at : ends[0]]), *ids_and_delta))
    return bookings


def mistakes(held: Mapping[str, Any], model: Model) -> list[str]:
    """What of a dump's owners differs from what the model's bookings make of each level."""
    found = []
    held = {key: content for key, content in held.items() if key.startswith("psd:{")}
    if calendar_totals(held) != expected_totals(model):
        found.append("the totals of years, months, days or weeks")
    if sorted(_leaf_bookings(held)) != sorted(_model_bookings(model)):
        found.append("the bookings in the leaves")
    if _fields(held, "h", "n", "s") != _hours_and_minutes(held, model):
        found.append("the totals of hours, minutes or seconds")
    if _activity_numbers(held) != _activities_sent(model):
        found.append("the number of activities")
    if _newest(held) != _newest_booked(model):
        found.append("the newest seconds")
    if _withdrawn_marks(held) != _withdrawn(model):
        found.append("the marks of withdrawn activities")
    return found


def _leaf_bookings(held: Mapping[str, Any]) -> Iterator[tuple[str, HeldBooking]]:
    for key, content in held.items():
        if match := LEAF.fullmatch(key):
            label = match[2] + ("01" if len(match[2]) == 6 else "")
            for booking in bookings_of_leaf(content, _start(label)):
                yield match[1], booking
        elif match := CROWD.fullmatch(key):
            # Each field is a leaf without its first byte, all of its numbers 8 bytes wide.
            for value in content.values():
                for booking in bookings_of_leaf(b"\x7f" + value, _start(match[2])):
                    yield match[1], booking


def _start(label: str) -> int:
    start = datetime.strptime(label.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(start.timestamp())


def _model_bookings(model: Model) -> Iterator[tuple[str, HeldBooking]]:
    for uid, thing, aid in model.all_activities():
        for second, atid, delta in model.entries(uid, thing, aid):
            yield owner_key(uid, str(thing)), (second, atid, aid, delta)


def _fields(held: Mapping[str, Any], *levels: str) -> dict[tuple[str, str], str]:
    return {
        (key, field.decode()): value.decode()
        for key, content in held.items()
        if (match := LEVEL.match(key)) and match[1] in levels
        for field, value in content.items()
    }


def _hours_and_minutes(held: Mapping[str, Any], model: Model) -> dict[tuple[str, str], str]:
    """What hashes of hours, minutes and seconds that are there ought to hold."""
    sums: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for prefix, (second, atid, _, delta) in _model_bookings(model):
        at = datetime.fromtimestamp(second, UTC)
        for key, field in (
            (f"{prefix}:h:{at:%Y%m%d}", str(at.hour)),
            (f"{prefix}:n:{at:%Y%m%d%H}", str(at.minute)),
            (f"{prefix}:s:{at:%Y%m%d%H%M}", str(at.second)),
        ):
            if key in held:
                sums[key, field] += delta
                sums[key, f"{field}:{atid}"] += delta
                counts[key, field] += 1
    return {
        place: str(total) if counts.get(place, 1) == 1 else f"{total}:{counts[place]}"
        for place, total in sums.items()
        if total or place in counts
    }


def _activity_numbers(held: Mapping[str, Any]) -> dict[str, int]:
    return {
        key.removesuffix(":y"): int(content[b"activities"])
        for key, content in held.items()
        if key.endswith(":y") and b"activities" in content
    }


def _activities_sent(model: Model) -> Counter[str]:
    known = [*model.all_activities(), *model.withdrawn]
    return Counter(owner_key(uid, str(thing)) for uid, thing, _ in known)


def _newest(held: Mapping[str, Any]) -> dict[str, int]:
    return {
        key.removesuffix(":y"): int(content[b"newest"])
        for key, content in held.items()
        if key.endswith(":y") and b"newest" in content
    }


def _newest_booked(model: Model) -> dict[str, int]:
    newest: dict[str, int] = {}
    for prefix, (second, *_) in _model_bookings(model):
        newest[prefix] = max(second, newest.get(prefix, 0))
    return newest


def _withdrawn_marks(held: Mapping[str, Any]) -> set[tuple[str, int]]:
    return {
        (key.rpartition(":a:")[0], int.from_bytes(field, signed=True))
        for key, content in held.items()
        if ":a:" in key
        for field, value in content.items()
        if value == b"withdrawn"
    }


def _withdrawn(model: Model) -> set[tuple[str, int]]:
    return {(owner_key(uid, str(thing)), aid) for uid, thing, aid in model.withdrawn}
