"""Slices of long work come to the same as the whole, and let others in between."""

from __future__ import annotations

import asyncio
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd import slices
from psd.slices import give_way, in_slices, sorted_in_slices


@given(st.lists(st.tuples(st.integers(0, 9), st.integers())))
def test_rows_sorted_in_slices_are_the_rows_sorted(rows: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(slices, "SORTED_AT_ONCE", 3)
        assert asyncio.run(sorted_in_slices(rows)) == sorted(rows)


async def test_whoever_waits_has_a_turn_after_each_slice() -> None:
    seen: list[int] = []

    def noted(some: range) -> list[int]:
        seen.append(len(some))
        return [*some]

    async def others() -> None:
        while True:
            seen.append(0)
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    assert await in_slices(range(25), noted, 10) == [*range(25)]
    waiting.cancel()
    assert [each for each, _ in groupby(seen)] == [0, 10, 0, 10, 0, 5]


async def test_of_all_who_work_in_slices_one_goes_on_in_each_turn() -> None:
    turns: list[list[str]] = [[]]

    async def worker(name: str, slices_left: int) -> None:
        for _ in range(slices_left):
            await give_way()
            turns[-1].append(name)

    async def clock() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append([])

    ticking = asyncio.create_task(clock())
    gone = asyncio.create_task(worker("gone", 9))
    working = [asyncio.create_task(worker(name, 3)) for name in "abc"]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*working)
    ticking.cancel()
    assert [names for names in turns if names] == [[name] for name in "abcabcabc"]
