"""Columns and logs of millions of bookings, written straight into a server.

Booking a million users takes half an hour. What that leaves in columns (psd/columns) is
made here in a few seconds, and nothing else: only boards of everybody can be asked of it. Samples
are compared with what booking leaves by tests/property/test_written_columns.py. ::

    writer = ColumnWriter(client, Partitions(1), thing=3)
    writer.write(seconds, uids, values)         arrays in the order in which they are booked
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from psd.columns.column_keys import day_records, month_records
from psd.columns.column_logs import RECORD, sealed
from psd.store.keys import columns_root
from psd.store.partitions import Partitions

Int64s = NDArray[np.int64]

PIPELINE_BYTES = 8_000_000
FORMATS = {"y": "%Y", "m": "%Y%m", "d": "%Y%m%d", "h": "%Y%m%d%H"}
UNITS = {"y": "datetime64[Y]", "m": "datetime64[M]", "d": "datetime64[D]", "h": "datetime64[h]"}


class ColumnWriter:
    """Writes what is kept of one thing; ``seals`` puts the logs of months in their sealed form."""

    def __init__(
        self, client: redis.Redis, partitions: Partitions, thing: int, *, seals: bool = False
    ) -> None:
        self._pipeline = client.pipeline(transaction=False)
        self._waiting = 0
        self._partitions = partitions
        self._thing = thing
        self._seals = seals
        self._root = ""
        self.bytes = 0

    def write(self, seconds: Int64s, uids: Int64s, values: Int64s) -> None:
        """All bookings; their seconds are ascending."""
        parts = self._parts(uids)
        for number in range(self._partitions.count):
            mine = parts == number
            self._root = columns_root(self._partitions.tag(number), self._thing)
            self._write_part(seconds[mine], uids[mine], values[mine])
        self._pipeline.execute()

    def _parts(self, uids: Int64s) -> Int64s:
        bits = self._partitions.count.bit_length() - 1
        if not bits:
            return np.zeros(len(uids), np.int64)
        top = uids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return (top >> np.uint64(64 - bits)).astype(np.int64)

    def _write_part(self, seconds: Int64s, uids: Int64s, values: Int64s) -> None:
        owners, places = np.unique(uids, return_inverse=True)
        self._put("owners", owners)
        self._put("count", np.bincount(places, minlength=len(owners)))
        newest = np.zeros(len(owners), np.int64)
        np.maximum.at(newest, places, seconds)
        self._put("newest", newest)
        records = np.empty(len(seconds), RECORD)
        records["position"], records["delta"] = places, values
        for level in "ym":
            for label, _, at in units(seconds, level):
                self._put(f"{level}:{label}", added_up(records[at], len(owners)))
        for label, start, at in units(seconds, "m"):
            self._write_month(label, start, seconds[at], records[at], len(owners))

    def _write_month(
        self, label: str, start: int, seconds: Int64s, records: NDArray[Any], owners: int
    ) -> None:
        stop = self._write_log(label, start, seconds, records, month_records(owners))
        seconds, records = seconds[stop:], records[stop:]
        for day, day_start, at in units(seconds, "d"):
            self._put(f"d:{day}", added_up(records[at], owners))
            stop = self._write_log(day, day_start, seconds[at], records[at], day_records(owners))
            late, rest = seconds[at][stop:], records[at][stop:]
            for hour, hour_start, within in units(late, "h"):
                self._write_log(hour, hour_start, late[within], rest[within], len(late))

    def _write_log(
        self, label: str, start: int, seconds: Int64s, records: NDArray[Any], most: int
    ) -> int:
        """The first so many; how many there are."""
        first = records[:most]
        first["second"] = seconds[:most] - start
        if self._seals:
            self._set(f"s:{label}", sealed(first))
        else:
            self._set(f"l:{label}", first.tobytes())
        return len(first)

    def _put(self, suffix: str, numbers: Int64s) -> None:
        self._set(suffix, numbers.astype(">i8").tobytes())

    def _set(self, suffix: str, text: bytes) -> None:
        self._pipeline.set(f"{self._root}:{suffix}", text)
        self.bytes += len(text)
        self._waiting += len(text)
        if self._waiting > PIPELINE_BYTES:
            self._pipeline.execute()
            self._waiting = 0


def units(seconds: Int64s, level: str) -> Iterator[tuple[str, int, slice]]:
    """Labels of the calendar units that have bookings, first seconds, and where they stand."""
    if not len(seconds):
        return
    numbers = seconds.astype("datetime64[s]").astype(UNITS[level])
    firsts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    for first, stop in zip(firsts, np.r_[firsts[1:], len(seconds)], strict=True):
        start = int(numbers[first].astype("datetime64[s]").astype(np.int64))
        label = datetime.fromtimestamp(start, UTC).strftime(FORMATS[level])
        yield label, start, slice(int(first), int(stop))


def added_up(records: NDArray[Any], owners: int) -> Int64s:
    """The sum of each owner."""
    sums = np.zeros(owners, np.int64)
    np.add.at(sums, records["position"], records["delta"])
    return sums
