"""What logs of columns hold, as numpy reads and writes it: raw records, and sealed ones.

A record is 16 bytes: seconds since the log's unit began (u32), the owner's position (u32) and what
was booked (i64), little-endian. A *sealed* log is what a unit held that is over: its records by
(second, position), those of one place added up and nothing of 0, each field by itself in the fewest
bytes::

    1            this format
    1 1 2        bytes of a step from second to second, of a position, of a booking
    3 0 0 0      records
    5 0 10       the seconds 5, 5 and 15, each as the step from the one before
    0 4 0        the positions
    117 1, ...   the bookings 373, ...
    ...          CRC-32 of all that

which are some 6 bytes a booking where the raw log has 16. So two sealed logs of a unit that end
with the same bytes are the same log: who reads one in pieces looks at its end once more.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from psd import arrays
from psd.columns.column_keys import RECORD_BYTES
from psd.errors import ShapeError

if TYPE_CHECKING:
    from psd.arrays import Rows

RECORD = [("second", "<u4"), ("position", "<u4"), ("delta", "<i8")]
"""As numpy.dtype takes it."""

SEALED_FORMAT = 1
_HEAD = struct.Struct("<BBBBI")
_CHECK = struct.Struct("<I")
_KINDS = "uui"
"""Of the fields of a sealed record: unsigned, or with a sign."""

_WIDTHS = (1, 2, 4, 8)


def records_of(log: bytes | None) -> Rows:
    """The records of a raw log, in the order in which they came; ShapeError for what is none."""
    if log is None:
        return arrays.numpy.empty(0, RECORD)
    if len(log) % RECORD_BYTES:
        raise ShapeError(f"log: {len(log)} bytes are no records of {RECORD_BYTES}")
    found: Rows = arrays.numpy.frombuffer(log, RECORD)
    return found


def added_up(records: Rows) -> Rows:
    """Sorted by (second, position), one record a place, none of 0."""
    np = arrays.numpy
    place = records["second"].astype(np.uint64) << np.uint64(32) | records["position"]
    places, at = np.unique(place, return_inverse=True)
    sums = np.zeros(len(places), np.int64)
    np.add.at(sums, at, records["delta"])
    kept = sums != 0
    found: Rows = np.empty(int(kept.sum()), RECORD)
    found["second"] = places[kept] >> np.uint64(32)
    found["position"] = places[kept] & np.uint64(0xFFFFFFFF)
    found["delta"] = sums[kept]
    return found


def sealed(records: Rows) -> bytes:
    """The same in the fewest bytes; empty where nothing is left of them."""
    kept = added_up(records)
    if not len(kept):
        return b""
    steps = arrays.numpy.diff(kept["second"].astype("<i8"), prepend=0)
    fields = (steps, kept["position"], kept["delta"])
    widths = [
        _unsigned_width(steps),
        _unsigned_width(kept["position"]),
        _signed_width(kept["delta"]),
    ]
    packed = [
        field.astype(f"<{kind}{width}").tobytes()
        for field, kind, width in zip(fields, _KINDS, widths, strict=True)
    ]
    log = b"".join((_HEAD.pack(SEALED_FORMAT, *widths, len(kept)), *packed))
    return log + _CHECK.pack(zlib.crc32(log))


def unsealed(log: bytes | None) -> Rows:
    """The records of a sealed log, by (second, position); ShapeError for what is none."""
    if log is None:
        return arrays.numpy.empty(0, RECORD)
    if len(log) < _HEAD.size or log[0] != SEALED_FORMAT:
        raise ShapeError(f"sealed log: {log[:8]!r} is no beginning of one")
    _, *widths, number = _HEAD.unpack_from(log)
    is_sound = all(width in _WIDTHS for width in widths)
    end = _HEAD.size + number * sum(widths)
    if not is_sound or len(log) != end + _CHECK.size:
        raise ShapeError(f"sealed log: {len(log)} bytes are not {number} records of {widths}")
    if log[end:] != _CHECK.pack(zlib.crc32(memoryview(log)[:end])):
        raise ShapeError(f"sealed log: its {len(log)} bytes are not those that were written")
    np = arrays.numpy
    found, at = np.empty(number, RECORD), _HEAD.size
    for (name, _), kind, width in zip(RECORD, _KINDS, widths, strict=True):
        field = np.frombuffer(log, f"<{kind}{width}", number, at)
        found[name] = np.cumsum(field, dtype=np.int64) if name == "second" else field
        at += number * width
    return found


def _unsigned_width(numbers: Rows) -> int:
    most = int(numbers.max())
    return next(width for width in _WIDTHS if most < 1 << 8 * width)


def _signed_width(numbers: Rows) -> int:
    least, most = int(numbers.min()), int(numbers.max())
    return next(
        width for width in _WIDTHS if -(1 << 8 * width - 1) <= least and most < 1 << 8 * width - 1
    )
