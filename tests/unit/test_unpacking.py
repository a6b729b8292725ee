"""Leaves read side by side hold what they hold record by record."""

from __future__ import annotations

import random

import pytest

from psd.engine import unpacking
from psd.engine.leaves import ReadingPace, shape_of
from psd.engine.leaves import records as plain_records
from psd.engine.unpacking import Handed, Records, handed_of, read, read_in_turns
from psd.errors import TooLargeError

DAY_S = 86_400
SUM_MAX = 2**53 - 1
CODES = range(64, 128)


def random_leaf(rng: random.Random, code: int, count: int) -> bytes:
    """Records of the shape that a first byte names, with the ends of their widths among them."""
    shape = shape_of(code)
    widths = [(1, 2, 4, 8)[(code - 64) // power % 4] for power in (16, 4, 1)]
    ends = [2 ** (8 * width - 1) for width in widths]
    most = min(ends[2] - 1, SUM_MAX)
    packed = bytes([code])
    for _ in range(count):
        at = rng.choice((0, 1, 65_535, 65_536, 31 * DAY_S - 1, rng.randrange(31 * DAY_S)))
        atid, aid = (rng.choice((-end, end - 1, rng.randrange(-end, end))) for end in ends[:2])
        delta = rng.choice((-most, most, rng.randint(-most, most)))
        packed += shape.pack(at >> 16, at & 65_535, atid, aid, delta)
    return packed


def rows(found: Records) -> list[tuple[int, ...]]:
    """Owner, second, atid, aid and delta of each."""
    return [tuple(row) for row in found.columns.T.tolist()]


def plain(handed: list[Handed]) -> list[tuple[int, ...]]:
    """The same, read one by one."""
    return [(h.owner, *row) for h in handed for row in plain_records([h.start, h.packed])]


@pytest.mark.parametrize("code", CODES)
def test_every_width_of_every_number_is_read(code: int) -> None:
    handed = [Handed(3, 1_460_419_200, random_leaf(random.Random(code), code, 40))]
    found = read(handed)
    assert rows(found) == plain(handed)
    assert max(abs(delta) for *_, delta in rows(found)) <= found.most


@pytest.mark.parametrize("seed", range(20))
def test_leaves_of_any_shapes_come_in_their_order(seed: int) -> None:
    rng = random.Random(seed)
    handed = [
        Handed(rng.randrange(5), rng.randrange(2**32), random_leaf(rng, code, rng.randrange(30)))
        for code in rng.choices(CODES, k=rng.randint(1, 40))
    ]
    assert rows(read(handed)) == plain(handed)


@pytest.mark.parametrize("code", [64, 127])
def test_a_leaf_without_records_has_none(code: int) -> None:
    found = read([Handed(0, 5, bytes([code]))])
    assert (len(found), rows(found)) == (0, [])


def test_a_second_with_more_bookings_than_a_leaf_holds_is_one_of_wide_records() -> None:
    crowd = b"\x7f" + b"".join(shape_of(127).pack(0, 0, 2, aid, -1) for aid in range(1_000))
    found = read(handed_of(0, [1_460_462_400, crowd]))
    assert set(found.seconds.tolist()) == {1_460_462_400}
    assert found.aids.tolist() == [*range(1_000)]
    assert found.most == 1


def test_records_of_some_atids_keep_their_order() -> None:
    shape = shape_of(64)
    packed = b"\x40" + b"".join(shape.pack(0, n, n % 5 - 2, n, n) for n in range(100))
    found = read([Handed(0, 0, packed)]).of(frozenset((-2, 1, 2**62)))
    assert found.aids.tolist() == [n for n in range(100) if n % 5 - 2 in (-2, 1)]
    assert len(found.of(frozenset())) == 0


async def test_a_long_leaf_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "RECORDS_AT_ONCE", 7)
    rng = random.Random(7)
    handed = [Handed(0, 100, random_leaf(rng, code, 20)) for code in (64, 127, 85)]
    parts = [part async for part in read_in_turns(handed, ReadingPace(60))]
    assert [row for part in parts for row in rows(part)] == plain(handed)
    assert max(len(part) for part in parts) < 14


async def test_more_records_than_a_question_may_read_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpacking, "RECORDS_AT_ONCE", 7)
    handed = [Handed(0, 100, random_leaf(random.Random(1), 64, 20))]
    with pytest.raises(TooLargeError, match="more than 19 bookings"):
        [part async for part in read_in_turns(handed, ReadingPace(19))]
