"""Work on many rows in slices, between which the event loop has its turn.

A process answers everybody on one loop: whoever sorts 100,000 rows in one go (150 ms) keeps all
others waiting that long. Slices rather than a thread, because what takes long here is Python and
holds the interpreter either way: a sort in a thread is one call that lets nobody in. ::

    await in_slices(uids, lambda some: [owner_root(uid) for uid in some])   5,000 at a time
    await sorted_in_slices(rows)          sorts 5,000 at a time, then merges runs

What remains is the last merge of a sort, some 8 ms for 100,000 rows of three numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

ROWS_AT_ONCE = 5_000
"""2 to 8 ms of whatever is made of a row."""


class Comparable(Protocol):
    """What can be sorted."""

    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C", bound=Comparable)


async def give_way() -> None:
    """Let the others run."""
    await asyncio.sleep(0)


class Stretch:
    """Work that is not made row by row: after each ROWS_AT_ONCE of them the others have a turn."""

    def __init__(self) -> None:
        self._rows = 0

    async def after(self, rows: int) -> None:
        """So many rows, or as much as they are, have been worked on."""
        self._rows += rows
        if self._rows >= ROWS_AT_ONCE:
            self._rows = 0
            await give_way()


async def in_slices(
    rows: Sequence[T], make: Callable[[Sequence[T]], Iterable[R]], at_once: int = ROWS_AT_ONCE
) -> list[R]:
    """What is made of all rows, in their order; few rows are one slice without a turn."""
    made: list[R] = []
    for start in range(0, len(rows), at_once):
        if start:
            await give_way()
        made += make(rows[start : start + at_once])
    return made


async def sorted_in_slices(rows: Sequence[C]) -> list[C]:
    """The rows, ascending."""
    runs: list[list[C]] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        if start:
            await give_way()
        runs.append(sorted(rows[start : start + ROWS_AT_ONCE]))
    while len(runs) > 1:
        merged: list[list[C]] = []
        for at in range(0, len(runs), 2):
            await give_way()
            # Python's sort finds the runs that are there, and only merges them.
            merged.append(sorted([*runs[at], *runs[at + 1]]) if at + 1 < len(runs) else runs[at])
        runs = merged
        await give_way()
    return runs[0] if runs else []
