"""Ids travel in their fewest bytes and come back as they were."""

from __future__ import annotations

import random

import pytest

from psd.store.codec import marker_of, pack_id

EDGES = {
    0: 1,
    1: 1,
    -1: 1,
    127: 1,
    -128: 1,
    128: 2,
    -129: 2,
    32_767: 2,
    -32_768: 2,
    32_768: 4,
    -32_769: 4,
    2**31 - 1: 4,
    -(2**31): 4,
    2**31: 8,
    -(2**31) - 1: 8,
    2**53 + 1: 8,
    2**63 - 1: 8,
    -(2**63): 8,
}


@pytest.mark.parametrize(("number", "width"), EDGES.items())
def test_an_id_takes_its_fewest_bytes(number: int, width: int) -> None:
    packed = pack_id(number)
    assert len(packed) == width
    assert int.from_bytes(packed, "big", signed=True) == number


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64])
def test_a_number_past_64_bits_is_no_id(number: int) -> None:
    with pytest.raises(OverflowError, match=str(number)):
        pack_id(number)


def test_packed_ids_are_told_apart() -> None:
    rng = random.Random(3)
    drawn = [rng.randint(-(2**63), 2**63 - 1) >> rng.randint(0, 62) for _ in range(999)]
    numbers = {*EDGES, *drawn}
    assert len({pack_id(number) for number in numbers}) == len(numbers)


def test_a_marker_is_eight_bytes_that_follow_from_the_id_and_the_key() -> None:
    assert len(marker_of("event-1", b"psd")) == 8
    assert marker_of("event-1", b"psd") == marker_of("event-1", b"psd")
    assert marker_of("event-1", b"psd") != marker_of("event-2", b"psd")
    assert marker_of("event-1", b"psd") != marker_of("event-1", b"other")


def test_markers_of_many_ids_do_not_meet() -> None:
    assert len({marker_of(f"event-{n}", b"psd") for n in range(20_000)}) == 20_000
