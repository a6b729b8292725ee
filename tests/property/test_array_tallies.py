"""What is made of bookings in arrays is what is made of them one by one."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from psd.engine import array_tallies, tallies, unpacking
from psd.engine.leaves import ReadingPace, shape_of
from psd.engine.tallies import listed, reached_at, summed, summed_by_atid, tallied
from psd.errors import OutOfBoundsError

SUM_MAX = 2**53 - 1
START_S = 1_460_419_200
ENDS = (10, 200, 10**6, SUM_MAX // 40, SUM_MAX)


def parts_of(rng: random.Random) -> list[int | bytes]:
    """Leaves in the order of time; some seconds have several bookings, some leaves few."""
    parts: list[int | bytes] = []
    start, most = START_S, rng.choice(ENDS)
    for _ in range(rng.randint(1, 6)):
        code = 127 if most > 10**6 else rng.choice((66, 110, 126))
        most_here = min(most, 2**31 - 1 if code in {66, 110} else most)
        shape = shape_of(code)
        packed = bytes([code])
        seconds = sorted(rng.randrange(40) for _ in range(rng.randint(1, 60)))
        for second in seconds:
            delta = rng.randint(-most_here // 2, most_here)
            packed += shape.pack(0, second, rng.randrange(-2, 3), rng.randrange(9), delta)
        parts += [start, packed]
        start += 3_600
    return parts


async def outcome(asked: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of it, what has an order in its order, an error by its text."""
    try:
        told = await asked()
        return list(told.items()) if isinstance(told, dict) else told
    except OutOfBoundsError as error:
        return str(error)


async def answers(
    rng: random.Random, parts: list[int | bytes], others: list[int | bytes]
) -> list[Any]:
    """All that is told of these bookings, and of those of another thing beside them."""
    atids = rng.choice((None, frozenset((1,)), frozenset((-2, 2, 9))))
    bounds = rng.choice(([], [START_S, START_S + 20, START_S + 3_610, START_S + 86_400]))
    kinds = {1: 7} if rng.random() < 0.5 else {}
    total = sum(delta for *_, delta in unpacking.read(unpacking.handed_of(0, parts)).columns.T)
    scores = (1, int(total) // 2, int(total), rng.randint(1, 10**6))
    pace = ReadingPace(10**9)
    return [
        await outcome(lambda: summed(parts, atids, pace, kinds)),
        kinds,
        await outcome(lambda: tallied(parts, atids, bounds, pace)),
        await outcome(lambda: summed_by_atid(parts, pace)),
        await outcome(lambda: listed({1: parts, 2: others, 3: []}, atids, pace)),
        *[await outcome(lambda s=s: reached_at(parts, s, atids, pace)) for s in scores],
    ]


@pytest.mark.parametrize("seed", range(60))
async def test_arrays_tell_what_one_by_one_tells(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, others = parts_of(random.Random(seed)), parts_of(random.Random(f"others {seed}"))
    monkeypatch.setattr(array_tallies, "MANY_BYTES", 10**9)
    wanted = await answers(random.Random(f"asked {seed}"), parts, others)
    monkeypatch.setattr(array_tallies, "MANY_BYTES", 0)
    monkeypatch.setattr(unpacking, "RECORDS_AT_ONCE", 1 + seed % 3 * 20)
    monkeypatch.setattr(tallies, "ROWS_AT_ONCE", 1 + seed % 5)
    assert await answers(random.Random(f"asked {seed}"), parts, others) == wanted


async def test_of_no_bookings_of_these_atids_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(array_tallies, "MANY_BYTES", 0)
    parts, none = parts_of(random.Random(5)), frozenset((77,))
    assert await reached_at(parts, 1, none, ReadingPace(10**6)) is None
    assert await listed({1: parts}, none, ReadingPace(10**6)) == {}
    assert await tallied(parts, none, [], ReadingPace(10**6)) == tallies.Tally(0, 0, None, None, [])


async def test_what_64_bits_would_add_up_to_a_small_number_is_refused() -> None:
    """2,048 times 2^53 - 1 are 2^64 - 2,048, which 64 bits take for -2,048."""
    shape = shape_of(127)
    rows = [shape.pack(0, second, 1, 1, SUM_MAX) for second in range(2_048)]
    parts: list[int | bytes] = [START_S, bytes([127]) + b"".join(rows)]
    assert array_tallies.are_many(parts)
    for refused in (
        summed_by_atid(parts, ReadingPace(10**6)),
        listed({1: parts}, None, ReadingPace(10**6)),
    ):
        with pytest.raises(OutOfBoundsError):
            await refused
