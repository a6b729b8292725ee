"""Slices of long work come to the same as the whole, and let others in between."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd import slices
from psd.slices import in_slices, sorted_in_slices


@given(st.lists(st.tuples(st.integers(0, 9), st.integers())))
def test_rows_sorted_in_slices_are_the_rows_sorted(rows: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(slices, "ROWS_AT_ONCE", 3)
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
    assert seen == [0, 10, 0, 10, 0, 5]
