"""What the strings in Redis mean, and which strings no script writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from psd.audit.shapes import (
    LeafBooking,
    ReportRecord,
    Total,
    leaf_bookings,
    leaf_value,
    record_order,
    records_of,
    records_value,
    summary_of,
    summary_value,
    total_of,
    total_value,
    whole_of,
    whole_value,
)
from psd.errors import ShapeError

LEAF = b"\x41\x00\x00\x01\x00\x00\x01\x75"
"""The worked example of lua/lib/leaf.lua."""

RECORDS = [
    ReportRecord(1000, 100, 2, 50),
    ReportRecord(1050, -1, -(2**63), -7),
    ReportRecord(9000, 0, 300, 2**40),
]


def test_a_leaf_is_read_and_written_as_the_scripts_do() -> None:
    assert leaf_bookings(LEAF) == [LeafBooking(1, 0, 0, 373)]
    assert leaf_value([LeafBooking(1, 0, 0, 373)]) == LEAF


def test_a_leaf_is_as_narrow_as_its_widest_booking_and_sorted_by_bytes() -> None:
    bookings = [
        LeafBooking(70_000, 0, 300, 5),
        LeafBooking(70_000, 0, -1, 5),
        LeafBooking(7, 2**40, 1, -(2**40)),
    ]
    value = leaf_value(bookings)
    assert len(value) == 1 + 3 * (3 + 8 + 2 + 8)
    assert leaf_bookings(value) == [bookings[2], bookings[1], bookings[0]]


@pytest.mark.parametrize("total", [Total(0, 2), Total(-5, 1), Total(4730, 12)])
def test_a_total_comes_back_as_it_was_written(total: Total) -> None:
    assert total_of(total_value(total)) == total


def test_one_booking_is_written_without_its_number() -> None:
    assert total_value(Total(373, 1)) == b"373"


def test_reports_come_back_as_they_were_written() -> None:
    assert records_of(records_value(RECORDS)) == RECORDS


def test_a_directory_tells_of_windows_hour_by_hour_and_of_seconds_in_all() -> None:
    assert summary_of(summary_value(RECORDS)) == (3, 2**40 + 43, 900, 9000)
    assert whole_of(whole_value(RECORDS)) == (2**40 + 43, 3, 1000, 9000, None)
    assert whole_of(whole_value(RECORDS, 2)) == (2**40 + 43, 3, 1000, 9000, 2)


def test_reports_stand_by_second_then_window_and_increments_by_type() -> None:
    wide, narrow = ReportRecord(5, 4, 1, 0), ReportRecord(5, 0, 9, 0)
    late, early = ReportRecord(5, -1, 300, 0), ReportRecord(5, -1, 7, 0)
    assert sorted([wide, narrow, late, early], key=record_order) == [early, late, narrow, wide]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (leaf_bookings, b""),
        (leaf_bookings, b"\x00"),
        (leaf_bookings, LEAF[:-1]),
        (total_of, b""),
        (total_of, b"12:"),
        (total_of, b"+12"),
        (total_of, b"1_0"),
        (total_of, b"1.5:2"),
        (records_of, b"\x01\x02"),
        (records_of, b"\xce\x00\x00"),
        (records_of, records_value([ReportRecord(-5, 0, 1, 1)])),
        (records_of, records_value([ReportRecord(5, -2, 1, 1)])),
        (records_of, b"\x05\x00\xa3abc\x01"),
        (records_of, b"\x05\x00\x01\x01"),
        (summary_of, b"\x01\x02\x03"),
        (whole_of, b"\x01\x02\x03\xa1a"),
    ],
)
def test_what_no_script_writes_is_refused(read: Callable[[bytes], object], value: bytes) -> None:
    with pytest.raises(ShapeError):
        read(value)
