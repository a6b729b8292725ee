"""What was booked in the last seconds: what a store that was emptied unnoticed may lack. Pure.

That a store was emptied is found out up to a second later (psd/store/standing.py). Whoever thought
meanwhile that something was there already, and did not write it, writes it then::

    10:00:00.0  SADD psd:owners:{o42}:1 7        remembered
    10:00:03.0  FLUSHALL                         nobody knows
    10:00:03.2  7 books again, no SADD
    10:00:04.0  found out: everything of the last seconds is written again, 7 among it
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

RECENT_S = 5.0
"""Longer than it takes to find that the store was emptied: a second, and a trip."""

H = TypeVar("H", bound=Hashable)


class Recent(Generic[H]):
    """What was added in the last RECENT_S seconds at least, and in no more than twice as long."""

    def __init__(self) -> None:
        self._older: set[H] = set()
        self._newer: set[H] = set()
        self._since_s = time.monotonic()

    def add(self, each: Iterable[H]) -> None:
        """These are booked now."""
        now_s = time.monotonic()
        if now_s - self._since_s > RECENT_S:
            self._older = self._newer if now_s - self._since_s < 2 * RECENT_S else set()
            self._newer = set()
            self._since_s = now_s
        self._newer.update(each)

    def all(self) -> set[H]:
        """All of them."""
        return self._older | self._newer
