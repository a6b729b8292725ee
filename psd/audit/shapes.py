r"""What the strings in Redis mean: leaves, totals and the reports of activities. Pure.

The scripts in lua/lib write these shapes; here they are read and written back byte for byte.
373 of aid 0, atid 0, one second after its unit began, is a leaf of one booking:

>>> leaf_bookings(b"A\x00\x00\x01\x00\x00\x01u")
[LeafBooking(offset_s=1, atid=0, aid=0, delta=373)]
>>> total_of(b"4730:12"), total_of(b"373")
(Total(sum=4730, bookings=12), Total(sum=373, bookings=1))
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgpack

from psd.errors import ShapeError
from psd.store.codec import pack_id

_WIDTHS = (1, 2, 4, 8)
_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}
_LEAF_CODES = range(64, 128)
"""64 + 16 * atid + 4 * aid + delta, each a width's place in _WIDTHS."""

_CROWD_RECORD = struct.Struct(">BHqqq")
"""3 bytes of seconds, which are 0, then atid, aid and delta (lua/lib/crowd.lua)."""

RECORD_SLOTS = 4
WITHDRAWN = b"withdrawn"
"""What stands in a shard for an activity that was withdrawn (lua/lib/activity.lua)."""

SECOND_END = 7_258_118_400
"""2200-01-01 00:00:00 UTC: nothing is booked from there on (psd/engine/events.py)."""


class LeafBooking(NamedTuple):
    """A booking as a leaf holds it; the second counts from the start of the leaf's unit."""

    offset_s: int
    atid: int
    aid: int
    delta: int


class Total(NamedTuple):
    """Sum and number of the bookings of a bucket."""

    sum: int
    bookings: int


class ReportRecord(NamedTuple):
    """A report of an activity, kept as the booking it made; ``window`` -1 is an increment."""

    second: int
    window: int
    atid: int
    booking: int


class HourSummary(NamedTuple):
    """What the directory of a long activity says of one hour; the last two are window starts."""

    reports: int
    sum: int
    earliest: int
    latest: int


class Whole(NamedTuple):
    """What that directory says of all hours; the last two are the seconds of records."""

    sum: int
    reports: int
    first: int
    last: int
    hours: int | None = None
    """How many hours there are, where the directory has blocks of them."""


def byte_order(number: int) -> tuple[int, bytes]:
    """How the scripts order ids: packed, shorter first."""
    packed = pack_id(number)
    return len(packed), packed


def id_of(packed: bytes) -> int:
    """The id of its 1, 2, 4 or 8 bytes."""
    if len(packed) not in _LETTERS:
        raise ShapeError(f"id: {len(packed)} bytes; 1, 2, 4 or 8 are an id")
    return int.from_bytes(packed, "big", signed=True)


def leaf_bookings(value: bytes) -> list[LeafBooking]:
    """Every booking of a leaf, in its order."""
    if not value or value[0] not in _LEAF_CODES:
        raise ShapeError(f"leaf: begins with {value[:1]!r}, which names no widths")
    code = value[0] - _LEAF_CODES.start
    letters = [_LETTERS[_WIDTHS[part]] for part in (code // 16, code // 4 % 4, code % 4)]
    record = struct.Struct(">BH" + "".join(letters))
    if (len(value) - 1) % record.size:
        raise ShapeError(f"leaf: {len(value) - 1} bytes are no whole records of {record.size}")
    return [
        LeafBooking((high << 16) + low, atid, aid, delta)
        for high, low, atid, aid, delta in record.iter_unpack(value[1:])
    ]


def leaf_value(bookings: Iterable[LeafBooking]) -> bytes:
    """The leaf of at least one booking, as narrow as all of them allow."""
    ordered = sorted(bookings, key=lambda b: (b.offset_s, byte_order(b.atid), byte_order(b.aid)))
    widths = [max(len(pack_id(booking[part])) for booking in ordered) for part in (1, 2, 3)]
    codes = [_WIDTHS.index(width) for width in widths]
    record = struct.Struct(">BH" + "".join(_LETTERS[width] for width in widths))
    first = _LEAF_CODES.start + 16 * codes[0] + 4 * codes[1] + codes[2]
    packed = [
        record.pack(b.offset_s >> 16, b.offset_s & 0xFFFF, b.atid, b.aid, b.delta) for b in ordered
    ]
    return bytes([first]) + b"".join(packed)


def crowd_field_value(bookings: Iterable[LeafBooking]) -> bytes:
    """What an aid's field of a crowded second holds: the records of its bookings, 27 bytes each."""
    ordered = sorted(bookings, key=lambda b: byte_order(b.atid))
    return b"".join(_CROWD_RECORD.pack(0, 0, b.atid, b.aid, b.delta) for b in ordered)


def crowd_bookings(field: bytes, value: bytes) -> list[LeafBooking]:
    """The bookings of one aid in a crowded second."""
    aid = id_of(field)
    if not value or len(value) % _CROWD_RECORD.size:
        raise ShapeError(f"crowd: {len(value)} bytes are no whole records of {_CROWD_RECORD.size}")
    found = [LeafBooking(*rest) for _, *rest in _CROWD_RECORD.iter_unpack(value)]
    if any(booking.offset_s or booking.aid != aid for booking in found):
        raise ShapeError(f"crowd: a record of the field {aid} is of another aid or second")
    return found


def total_of(value: bytes) -> Total:
    """Sum and count of a bucket's field."""
    text, colon, count = value.partition(b":")
    return Total(_whole_number(text), _whole_number(count) if colon else 1)


def total_value(total: Total) -> bytes:
    """A bucket's field; a single booking is written as its sum alone."""
    return b"%d" % total.sum if total.bookings == 1 else b"%d:%d" % total


def sum_of(value: bytes) -> int:
    """The sum in an atid's field."""
    return _whole_number(value)


def records_of(packed: bytes) -> list[ReportRecord]:
    """The reports of a short activity, or of an hour of a long one."""
    flat = _unpacked(packed)
    if len(flat) % RECORD_SLOTS:
        raise ShapeError(f"reports: {len(flat)} values are no whole records of {RECORD_SLOTS}")
    records = []
    for at in range(0, len(flat), RECORD_SLOTS):
        second, window, atid, booking = flat[at : at + RECORD_SLOTS]
        if (
            not isinstance(atid, bytes)
            or not _all_int((second, window, booking))
            or not (0 < second < SECOND_END and window >= -1)
        ):
            raise ShapeError(f"reports: {flat[at : at + RECORD_SLOTS]!r} is no record")
        records.append(ReportRecord(second, window, id_of(atid), booking))
    return records


def records_value(records: Iterable[ReportRecord]) -> bytes:
    """Reports as the scripts pack them; they are in order already (see :func:`record_order`)."""
    return b"".join(
        _packed(part) for r in records for part in (r.second, r.window, pack_id(r.atid), r.booking)
    )


def record_order(record: ReportRecord) -> tuple[int, int, tuple[int, bytes]]:
    """The order of replay; increments of one second and window stand by their atid."""
    by_atid = byte_order(record.atid) if record.window < 0 else (0, b"")
    return record.second, record.window, by_atid


def summary_of(packed: bytes) -> HourSummary:
    """An hour's entry in a directory."""
    return HourSummary(*_four_numbers(packed))


def summary_value(records: Sequence[ReportRecord]) -> bytes:
    """The entry that these records of an hour have."""
    starts = [record.second - max(record.window, 0) for record in records]
    total = sum(record.booking for record in records)
    return b"".join(map(_packed, (len(records), total, min(starts), max(starts))))


def whole_of(packed: bytes) -> Whole:
    """The entry ``all`` of a directory."""
    return Whole(*_four_numbers(packed, more=1))


def whole_value(records: Sequence[ReportRecord], hours: int | None = None) -> bytes:
    """The entry ``all`` that these records, in order, have; ``hours`` where there are blocks."""
    total = sum(record.booking for record in records)
    numbers = (total, len(records), records[0].second, records[-1].second)
    return b"".join(map(_packed, numbers if hours is None else (*numbers, hours)))


def _packed(part: int | bytes) -> bytes:
    packed: bytes = msgpack.packb(part, use_bin_type=False)
    return packed


def _unpacked(packed: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(raw=True, max_buffer_size=len(packed) + 1)
    unpacker.feed(packed)
    try:
        flat = list(unpacker)
    except (ValueError, msgpack.UnpackException) as exc:
        raise ShapeError(f"msgpack: {exc}") from exc
    if unpacker.tell() != len(packed):
        raise ShapeError(f"msgpack: ends within a value after byte {unpacker.tell()}")
    return flat


def _four_numbers(packed: bytes, more: int = 0) -> list[int]:
    numbers = _unpacked(packed)
    if not RECORD_SLOTS <= len(numbers) <= RECORD_SLOTS + more or not _all_int(numbers):
        raise ShapeError(f"directory: {numbers!r} are not four numbers")
    return numbers


def _all_int(values: Iterable[object]) -> bool:
    return all(type(value) is int for value in values)


def _whole_number(text: bytes) -> int:
    # int() also takes "+1", " 1" and "1_0", which the scripts never write.
    if not text.removeprefix(b"-").isdigit():
        raise ShapeError(f"total: {text[:40]!r} is not a whole number")
    return int(text)
