"""Logs of columns, raw and sealed, against plain sums; labels and limits of their units."""

from __future__ import annotations

import random
import struct
from collections import defaultdict

import pytest

from psd import arrays
from psd.columns.column_keys import column_key, day_records, month_records, unit_start
from psd.columns.column_logs import RECORD, added_up, records_of, sealed, unsealed
from psd.errors import ShapeError


def log_of(records: list[tuple[int, int, int]]) -> bytes:
    return b"".join(struct.pack("<IIq", *record) for record in records)


def test_a_log_is_read_as_it_was_written() -> None:
    records = [(1036928, 0, 373), (1036928, 7, -373), (5, 4_294_967_295, 2**63 - 1)]
    assert records_of(log_of(records)).tolist() == records
    assert len(records_of(None)) == 0


@pytest.mark.parametrize("scale", [7, 200, 100_000, 2**40])
def test_a_sealed_log_has_the_sums_of_each_place_in_their_order(scale: int) -> None:
    rng = random.Random(scale)
    records = [
        (rng.randrange(min(scale, 3_000)), rng.randrange(min(scale, 70_000)), sign * scale)
        for _ in range(1_000)
        for sign in (-1, 1)
    ]
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for second, position, delta in records:
        sums[second, position] += delta
    wanted = [(*place, total) for place, total in sorted(sums.items()) if total]
    packed = sealed(records_of(log_of(records)))
    assert unsealed(packed).tolist() == wanted
    assert added_up(unsealed(packed)).tolist() == wanted
    assert len(packed) <= 8 + 16 * len(wanted)


def test_a_booking_takes_six_bytes_of_a_sealed_month() -> None:
    rng = random.Random(6)
    records = [
        (rng.randrange(2_678_400), rng.randrange(10_000), rng.randrange(1, 5_000))
        for _ in range(20_000)
    ]
    assert len(sealed(records_of(log_of(records)))) <= 6.1 * len(records)


def test_nothing_is_left_of_what_was_taken_back() -> None:
    assert sealed(records_of(log_of([(9, 1, 5), (9, 1, -5)]))) == b""
    assert len(unsealed(None)) == 0


@pytest.mark.parametrize(
    "log", [b"", b"\x01", b"\x02\x01\x01\x01\0\0\0\0", b"\x01\x03\x01\x01\1\0\0\0xyz"]
)
def test_what_is_no_sealed_log_is_told(log: bytes) -> None:
    with pytest.raises(ShapeError, match="sealed log"):
        unsealed(log)


def test_a_log_that_ends_within_a_record_is_told() -> None:
    with pytest.raises(ShapeError, match="17 bytes"):
        records_of(bytes(17))


def test_a_record_has_sixteen_bytes() -> None:
    assert arrays.numpy.dtype(RECORD).itemsize == 16


def test_units_begin_where_their_labels_say() -> None:
    assert [unit_start(label) for label in ("2016", "201604", "20160412", "2016041208")] == [
        1451606400,
        1459468800,
        1460419200,
        1460448000,
    ]
    assert column_key("psd:columns:{p0}:1", "owners") == "psd:columns:{p0}:1:owners"
    assert (month_records(0), month_records(5000)) == (1024, 10_000)
    assert (day_records(0), day_records(5000)) == (256, 2500)
