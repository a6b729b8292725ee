"""Every way in which a store's keys can be spoiled from outside, one at a time.

>>> damage = random_damage(rng, await keyspace(client))
>>> await damage.apply(client)
>>> damage.key
'psd:{p0}:1:1:d:201604'
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from redis.asyncio import Redis

from psd.audit.examine import Discrepancy
from psd.audit.shapes import records_of, records_value
from psd.audit.truth import bookings_of
from psd.errors import ShapeError
from psd.store.keys import ROOT
from tests.support.stored.keyspace import ACTIVITY_FIELDS

Hash = dict[bytes, bytes]
Content = bytes | Hash | None
Change = Callable[[random.Random, Any], Content]


class Damage(msgspec.Struct, frozen=True):
    """What a key holds afterwards; None is no key.

    ``is_exact``: what was lost stands elsewhere too, so that every byte can come back. Else only
    sums, leaves and totals can: the windows of lost reports stand nowhere but in the archive.
    """

    kind: str
    key: str
    content: Content
    is_exact: bool

    def is_named_by(self, difference: Discrepancy) -> bool:
        """Whether it tells of this damage: in its key, or beside a report that is gone.

        A report that booked 0 is missed by the directory or the number of activities alone.
        """
        reports = re.match(rf"({ROOT}:\d+):[ar]:", self.key)
        return difference.key == self.key or (
            reports is not None
            and difference.key.startswith(
                (f"{reports[1]}:a:", f"{reports[1]}:r:", f"{reports[1]}:y")
            )
        )

    async def apply(self, client: Redis) -> None:
        """Spoil the key."""
        await client.delete(self.key)
        if isinstance(self.content, bytes):
            await client.set(self.key, self.content)
        elif self.content:
            flat = [part for item in self.content.items() for part in item]
            await client.execute_command("HSET", self.key, *flat)


def _without(rng: random.Random, held: Hash) -> Hash:
    dropped = rng.choice(sorted(held))
    return {field: value for field, value in held.items() if field != dropped}


def _with_other_sum(rng: random.Random, held: Hash) -> Hash:
    field = rng.choice(sorted(held.keys() - set(ACTIVITY_FIELDS)) or sorted(held))
    number, colon, count = held[field].partition(b":")
    return {**held, field: b"%d%s%s" % (int(number) + rng.choice((-7, 1, 300)), colon, count)}


def _with_other_count(rng: random.Random, held: Hash) -> Hash:
    fields = sorted(f for f in held if b":" not in f and f not in ACTIVITY_FIELDS)
    if not fields:
        return _with_other_sum(rng, held)
    field = rng.choice(fields)
    number, _, count = held[field].partition(b":")
    return {**held, field: b"%s:%d" % (number, int(count or 1) + rng.choice((1, 2, 600)))}


def _with_more(rng: random.Random, held: Hash) -> Hash:
    return {**held, rng.choice((b"999", b"12:77", b"i60", b"what is this")): b"5"}


def _with_other_activity_count(rng: random.Random, held: Hash) -> Hash:
    number = int(held.get(b"activities", b"0"))
    return {**held, b"activities": b"%d" % max(0, number + rng.choice((-1, 1, 500)))}


def _with_other_newest(rng: random.Random, held: Hash) -> Hash:
    if rng.random() < 0.3:
        return {field: value for field, value in held.items() if field != b"newest"}
    return {**held, b"newest": b"%d" % rng.randrange(2**32)}


def _gone(_: random.Random, __: Content) -> None:
    return None


def _with_other_byte(rng: random.Random, held: bytes) -> bytes:
    at = rng.randrange(len(held))
    return held[:at] + bytes([held[at] ^ rng.randrange(1, 256)]) + held[at + 1 :]


def _with_other_reports(rng: random.Random, held: bytes) -> bytes:
    """Another byte, so that the reports book something else in a day, or cannot be read.

    Another window books the same, and for another second of the day a report is believed more
    than a leaf: nothing could tell.
    """
    if _is_spoiled(held):
        return held
    while True:
        changed = _with_other_byte(rng, held)
        try:
            if _by_day(changed) != _by_day(held):
                return changed
        except ShapeError:
            return changed


def _with_other_hour(rng: random.Random, held: bytes) -> bytes:
    """The same for an hour of a long activity, whose directory tells of another second as well."""
    if _is_spoiled(held):
        return held
    while True:
        changed = _with_other_byte(rng, held)
        try:
            if bookings_of({0: records_of(changed)}) != bookings_of({0: records_of(held)}):
                return changed
        except ShapeError:
            return changed


def _by_day(packed: bytes) -> dict[tuple[int, int], int]:
    sums: dict[tuple[int, int], int] = {}
    for record in records_of(packed):
        place = record.second // 86_400, record.atid
        sums[place] = sums.get(place, 0) + record.booking
    return {place: booking for place, booking in sums.items() if booking}


def _cut_short(rng: random.Random, held: bytes) -> bytes:
    return held[: rng.randrange(1, len(held))] if len(held) > 1 else b"A"


def _is_spoiled(held: bytes) -> bool:
    try:
        return not records_of(held)
    except ShapeError:
        return True


def _with_other_booking(rng: random.Random, held: bytes) -> bytes:
    if _is_spoiled(held):
        return held
    records = records_of(held)
    at = rng.randrange(len(records))
    records[at] = records[at]._replace(booking=records[at].booking + rng.choice((-9, 1, 70_000)))
    return records_value(records)


def _in_field(change: Callable[[random.Random, bytes], bytes]) -> Change:
    def changed(rng: random.Random, held: Hash) -> Hash:
        field = rng.choice(sorted(field for field, value in held.items() if value) or [b""])
        return {**held, field: change(rng, held[field])} if field else {**held, b"": b"x"}

    return changed


TOTALS = r":(?:y|m:\d+|d:\d+(?::t)?|w:.*|[hns]:\d+)$"
DAMAGES: tuple[tuple[str, str, Change, bool], ...] = (
    ("total's sum", TOTALS, _with_other_sum, True),
    ("total's count", TOTALS, _with_other_count, True),
    ("total's field gone", TOTALS, _without, True),
    ("total's field too many", TOTALS, _with_more, True),
    ("totals gone", TOTALS, _gone, True),
    ("number of activities", ":y$", _with_other_activity_count, True),
    ("newest second", ":y$", _with_other_newest, True),
    ("leaf's byte", r":l:\d+$", _with_other_byte, True),
    ("leaf cut", r":l:\d+$", _cut_short, True),
    ("leaf gone", r":l:\d+$", _gone, True),
    ("crowd's byte", r":b:\d+$", _in_field(_with_other_byte), True),
    ("crowd's field gone", r":b:\d+$", _without, True),
    ("crowd gone", r":b:\d+$", _gone, True),
    ("directory's field gone", r":r:-?\d+$", _without, True),
    ("directory's byte", r":r:-?\d+$", _in_field(_with_other_byte), True),
    ("directory gone", r":r:-?\d+$", _gone, True),
    ("report's booking", r":a:\d+$", _in_field(_with_other_booking), False),
    ("report's byte", r":a:\d+$", _in_field(_with_other_reports), False),
    ("activity gone", r":a:\d+$", _without, False),
    ("shard gone", r":a:\d+$", _gone, False),
    ("hour's byte", r":r:-?\d+:\d+$", _with_other_hour, False),
    ("hour gone", r":r:-?\d+:\d+$", _gone, False),
)
"""Name, keys that it can befall, what it does, and whether every byte can come back."""

KINDS = tuple(name for name, *_ in DAMAGES)


def random_damage(
    rng: random.Random, held: Mapping[str, Any], kind: str | None = None
) -> Damage | None:
    """One damage to one key; None where no key can have a damage of this kind."""
    known = [each for each in DAMAGES if kind in (None, each[0])]
    rng.shuffle(known)
    for name, pattern, change, is_exact in known:
        keys = sorted(key for key in held if re.search(pattern, key))
        if keys:
            key = rng.choice(keys)
            return Damage(name, key, change(rng, held[key]), is_exact)
    return None


def sums_and_leaves(held: Mapping[str, Any]) -> dict[str, Any]:
    """A keyspace without the reports of activities and their number."""
    kept = {
        key: {f: v for f, v in content.items() if f != b"activities"}
        if isinstance(content, dict)
        else content
        for key, content in held.items()
        if not re.match(rf"{ROOT}:\d+:[ar]:", key)
    }
    return {key: content for key, content in kept.items() if content}
