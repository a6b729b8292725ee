"""Work on many rows in slices, between which the event loop has its turn.

A process answers everybody on one loop: whoever sorts 100,000 rows in one go (150 ms) keeps all
others waiting that long. Slices rather than a thread, because what takes long here is Python and
holds the interpreter either way: a sort in a thread is one call that lets nobody in. ::

    await in_slices(uids, lambda some: [root_of(uid) for uid in some])   1,000 at a time
    await sorted_in_slices(rows)          sorts 5,000 at a time, then merges runs

Of all requests that work so, one goes on in each turn of the loop. If each did, ten of them would
hold every turn for ten slices, and a sum of somebody else takes several turns.

What remains is the last merge of a sort, some 8 ms for 100,000 rows of three numbers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

ROWS_AT_ONCE = 1_000
"""0.2 to 2 ms of whatever is made of a row."""

SORTED_AT_ONCE = 5_000
"""2 to 3 ms. Shorter runs would be merged more often."""

ARRAY_ROWS_AT_ONCE = 30_000
"""Sorted by numpy in 2 to 4 ms."""


class Comparable(Protocol):
    """What can be sorted."""

    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C", bound=Comparable)

_Waiting = deque[asyncio.Future[None]]

_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting] = WeakKeyDictionary()
"""Who has done a slice and waits for the next, first come first; of each loop its own."""


async def give_way() -> None:
    """Let the others run; returns when it is this one's turn of all who work in slices."""
    loop = asyncio.get_running_loop()
    waiting = _waiting.setdefault(loop, deque())
    turn = loop.create_future()
    waiting.append(turn)
    if len(waiting) == 1:
        loop.call_soon(_next, loop, waiting)
    await turn


def _next(loop: asyncio.AbstractEventLoop, waiting: _Waiting) -> None:
    """Let one go on in the turn that follows, and the one behind it in the turn after that."""
    turn = waiting.popleft()
    while turn.done() and waiting:
        # Whoever was waiting there has been cancelled.
        turn = waiting.popleft()
    if not turn.done():
        turn.set_result(None)
    if waiting:
        loop.call_soon(_next, loop, waiting)


async def beside_the_loop(rows: int, make: Callable[[], R], at_once: int = ARRAY_ROWS_AT_ONCE) -> R:
    """What is made of so many rows in one piece: of more than ``at_once`` in a thread.

    numpy lets a thread run beside others; Python takes turns with the loop, each millisecond
    (server/serving.py).
    """
    return make() if rows <= at_once else await asyncio.to_thread(make)


class Stretch:
    """Work that is not made row by row: after each ``at_once`` rows the others have a turn."""

    def __init__(self, at_once: int = ROWS_AT_ONCE) -> None:
        self._at_once = at_once
        self._rows = 0

    async def after(self, rows: int) -> None:
        """So many rows, or as much as they are, have been worked on."""
        self._rows += rows
        if self._rows >= self._at_once:
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
    for start in range(0, len(rows), SORTED_AT_ONCE):
        if start:
            await give_way()
        runs.append(sorted(rows[start : start + SORTED_AT_ONCE]))
    while len(runs) > 1:
        merged: list[list[C]] = []
        for at in range(0, len(runs), 2):
            await give_way()
            # Python's sort finds the runs that are there, and only merges them.
            merged.append(sorted([*runs[at], *runs[at + 1]]) if at + 1 < len(runs) else runs[at])
        runs = merged
        await give_way()
    return runs[0] if runs else []
