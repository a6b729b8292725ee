"""A row: what one vehicle's week came to, and how a shard's rows are packed. Pure.

A week's rows of a shard are one string of 29-byte records in the order of the vehicles, so that
the job reads and writes a shard in one command and a single row is found by bisection (here) or
by a search for its 8 bytes (lua/rewards/rows.lua)::

    vehicle  streak  off  active  integration  streak points  earned  why
    8        2       2    4       4            4              4       1     bytes, big-endian
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntFlag

import msgspec

from psd.errors import ShapeError


class Why(IntFlag):
    """What a row's numbers rest on."""

    STREAK = 1
    """Part of the vehicle's streak: a week without such a row begins a new one."""
    CONNECTED = 2
    UNPAIRED = 4
    """Active on other integrations too, which are not paired and did not count."""
    FORBIDDEN = 8
    """Active, but not minted or not opted in."""
    VIN_TAKEN = 16
    """Active, but its VIN earned for another vehicle: the streak stands still."""
    OVERRIDDEN = 32
    """The streak was set by hand."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One vehicle and week: streak after the week, ``active`` integrations as bits, points."""

    vehicle: int
    connection_streak: int
    disconnection_streak: int
    active: int
    integration_points: int
    streak_points: int
    earned_points: int
    why: int

    @property
    def points(self) -> int:
        """All points of the week."""
        return self.integration_points + self.streak_points + self.earned_points


RECORD = struct.Struct(">qHHIIIiB")


def pack_rows(rows: Iterable[Row]) -> bytes:
    """The rows of one shard, which come in the order of their vehicles."""
    pack = RECORD.pack
    return b"".join(
        [
            pack(
                row.vehicle,
                row.connection_streak,
                row.disconnection_streak,
                row.active,
                row.integration_points,
                row.streak_points,
                row.earned_points,
                row.why,
            )
            for row in rows
        ]
    )


def unpack_rows(packed: bytes) -> Iterator[Row]:
    """Rows from their bytes; raises ShapeError for what is no row of records."""
    if len(packed) % RECORD.size:
        raise ShapeError(f"rows: {len(packed)} bytes are not records of {RECORD.size}")
    for fields in RECORD.iter_unpack(packed):
        yield Row(*fields)
