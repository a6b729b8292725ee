"""What a store holds of some owners, unpacked into the fields that tests/chaos/oracle.py expects.

Totals and markers are taken as they stand. A leaf of one booking of 373 steps (first byte 41: ids
of one byte, a delta of two) becomes one field of its key:

>>> leaf_fields("psd:{p0}:8:1:l:201604", bytes.fromhex("41 000001 00 00 0175"))
{('psd:{p0}:8:1:l:201604', '1459468801:0:0'): '373'}

An activity's reports become one text whether they stand in a shard or, of a long one, by hour.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgpack
from redis.asyncio import Redis

from psd.store.keys import PARTITIONS_KEY, ROOT, uid_of
from psd.store.partitions import ON_ONE_SERVER, Partitions
from tests.support.stored.held_columns import Told, cell, cells, columns_of

Fields = dict[tuple[str, str], str]
"""Text by (key, field)."""

WIDTHS = (1, 2, 4, 8)
UNIT_FORMATS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
KEYS_A_TRIP = 1_000
AT = b"at"
"""Field of the owner's position in the columns."""

ROOT_OF_KEY = re.compile(rf"{ROOT}(?=:)")
COUNTS = "psd:c:"


class Record(NamedTuple):
    """A report as its activity keeps it; the window of an increment is -1."""

    second: int
    window: int
    atid: int
    booking: int


def record_text(record: Record) -> str:
    """``1460462400-100/2@=50``: second, window, atid and booking."""
    return f"{record.second}-{record.window}/{record.atid}@={record.booking}"


def summary_text(total: int, count: int, first: int, last: int) -> str:
    """``50:3 1460462400..1460463000``: sum and number of bookings, then the two ends."""
    return f"{total}:{count} {first}..{last}"


async def stored(client: Redis, roots: Sequence[str]) -> Fields:
    """Every field of every key of these owners, under the roots of a single server. A few trips.

    In a store of several partitions an owner's keys are those under the tag of its own.
    """
    wanted = await _places(client, roots)
    keys = [key async for key in client.scan_iter(count=KEYS_A_TRIP) if _root(key) in wanted]
    fields: Fields = {}
    reports: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for name, content in (await _contents(client, sorted(keys))).items():
        held_under = root_of(name)
        key = wanted[held_under] + name.removeprefix(held_under)
        kind = below_root(key)[1]
        if ":k:" in key:
            fields |= {(key, field.hex()): value.decode() for field, value in content.items()}
        elif kind == "l":
            fields |= leaf_fields(key, content)
        elif kind == "b":
            # Each aid's field is a leaf without its first byte, all numbers 8 bytes wide.
            fields |= leaf_fields(key, b"\x7f" + b"".join(content.values()))
        elif kind == "r" and not _is_string(key):
            fields |= _summaries(key, content)
        elif kind in {"a", "r"}:
            for activity, records in _reports(key, content):
                reports[activity] += records
        else:
            # Who came first has the first position: what stands there is told by uid below.
            told = {f.decode(): value.decode() for f, value in content.items() if f != AT}
            fields |= {(key, field): value for field, value in told.items()}
    for (prefix, aid), records in reports.items():
        fields[f"{prefix}:a", str(aid)] = " ".join(map(record_text, sorted(records)))
    return fields | await stored_columns(client, wanted)


async def stored_columns(client: Redis, places: Mapping[str, str]) -> Fields:
    """What columns say of owners, at their roots of a single server: each cell, logs as sums.

    An owner whose hash of years names another position than columns have him at is told nothing of.
    """
    keys = sorted([key async for key in client.scan_iter("psd:columns:{*", count=KEYS_A_TRIP)])
    texts = await client.mget(keys) if keys else []
    held = {key.decode(): text for key, text in zip(keys, texts, strict=True)}
    fields: Fields = {}
    for root, owners in columns_of(held).items():
        tag, thing = root.removeprefix("psd:columns:").rsplit(":", 1)
        uids = cells(held[f"{root}:owners"])
        for uid, told in owners.items():
            owner = f"psd:{tag}:{uid}"
            if owner in places:
                at = await client.hget(f"{owner}:{thing}:y", AT)
                if at is None or cell(uids, int(at)) != uid:
                    continue
                fields |= column_fields(f"{places[owner]}:{thing}", told)
    return fields


def column_fields(prefix: str, told: Told) -> Fields:
    """``columns:y:2016`` and so on of an owner's thing, which is told apart from a key of psd."""
    key = f"{prefix}:columns"
    numbers = {"count": told.bookings, "newest": told.newest, **told.sums}
    numbers |= {f"l:{second}": delta for second, delta in told.booked.items()}
    return {(key, field): str(number) for field, number in numbers.items() if number}


def root_of(key: str) -> str:
    """The root that a key of an owner or a count begins with; empty for any other key."""
    match = ROOT_OF_KEY.match(key)
    return "" if match is None else match[0]


def below_root(key: str) -> list[str]:
    """What follows the root in a key: the thing, the kind, ..."""
    return key.removeprefix(root_of(key)).split(":")[1:]


def _root(key: bytes) -> str:
    return root_of(key.decode())


async def _places(client: Redis, roots: Sequence[str]) -> dict[str, str]:
    """Roots of a single server by those that they are in this store."""
    partitions = Partitions(int(await client.get(PARTITIONS_KEY) or ON_ONE_SERVER))
    return {
        root if root.startswith(COUNTS) else partitions.owner_root(uid_of(root)): root
        for root in roots
    }


async def _contents(client: Redis, keys: Sequence[bytes]) -> dict[str, Any]:
    """What the keys hold: strings as bytes, hashes as maps."""
    contents: dict[str, Any] = {}
    for start in range(0, len(keys), KEYS_A_TRIP):
        page = keys[start : start + KEYS_A_TRIP]
        pipe = client.pipeline(transaction=False)
        for key in page:
            _ = pipe.get(key) if _is_string(key.decode()) else pipe.hgetall(key)
        replies = await pipe.execute()
        contents |= {key.decode(): reply for key, reply in zip(page, replies, strict=True)}
    return contents


def _is_string(key: str) -> bool:
    """Leaves, and the reports of one hour of a long activity."""
    kind, *place = below_root(key)[1:]
    return kind == "l" or (kind == "r" and len(place) == 2)


def leaf_fields(key: str, leaf: bytes) -> Fields:
    """The records of a leaf by ``second:atid:aid``; a record that stands twice is a defect."""
    label = key.rpartition(":")[2]
    unit = datetime.strptime(label, UNIT_FORMATS[len(label)]).replace(tzinfo=UTC)
    start = int(unit.timestamp())
    shape = leaf[0] - 64
    widths = (3, WIDTHS[shape // 16], WIDTHS[shape // 4 % 4], WIDTHS[shape % 4])
    fields: Fields = {}
    for at in range(1, len(leaf), sum(widths)):
        offset, atid, aid, delta = _numbers(leaf, at, widths)
        field = f"{start + offset}:{atid}:{aid}"
        if (key, field) in fields:
            field += " again"
        fields[key, field] = str(delta)
    return fields


def _numbers(packed: bytes, at: int, widths: Sequence[int]) -> list[int]:
    numbers = []
    for place, width in enumerate(widths):
        numbers.append(int.from_bytes(packed[at : at + width], "big", signed=place > 0))
        at += width
    return numbers


def _reports(key: str, content: Any) -> list[tuple[tuple[str, int], list[Record]]]:
    """The activities of a shard with their reports, or one hour of a long activity."""
    thing, kind, *place = below_root(key)
    prefix = f"{root_of(key)}:{thing}"
    if kind == "r":
        return [((prefix, int(place[0])), _unpacked(content))]
    return [((prefix, _number(aid)), _unpacked(packed)) for aid, packed in content.items()]


def _summaries(key: str, directory: dict[bytes, bytes]) -> Fields:
    """The directory of a long activity; hours have the number before the sum."""
    fields: Fields = {}
    for field, packed in directory.items():
        one, other, first, last, *_ = _flat(packed)
        total, count = (one, other) if field == b"all" else (other, one)
        fields[key, field.decode()] = summary_text(total, count, first, last)
    return fields


def _unpacked(packed: bytes) -> list[Record]:
    flat = _flat(packed)
    return [Record(*flat[at : at + 4]) for at in range(0, len(flat), 4)]


def _flat(packed: bytes) -> list[int]:
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(packed)
    return [_number(each) if isinstance(each, bytes) else int(each) for each in unpacker]


def _number(packed: bytes) -> int:
    return int.from_bytes(packed, "big", signed=True)


async def forget(client: Redis, roots: Sequence[str]) -> None:
    """Delete every key of these owners, so that the store stays small over many trials.

    Columns go with the last owners: who is booked again then has his first position.
    """
    wanted = await _places(client, roots)
    found = [key async for key in client.scan_iter("psd:*", count=KEYS_A_TRIP)]
    keys = [key for key in found if _root(key) in wanted]
    if not any(key.startswith(b"psd:{") for key in set(found) - set(keys)):
        keys += [key for key in found if key.startswith(b"psd:columns:{")]
    for start in range(0, len(keys), KEYS_A_TRIP):
        await client.unlink(*keys[start : start + KEYS_A_TRIP])
