"""Batches that are too much for one script call: what is booked again, in which portions. Pure.

A call of book.lua stops before it holds Redis for long (lua/lib/work.lua), has then written
nothing, and says how many of its reports may not be too much::

    PSD_HEAVY 9

Its reports are booked again in portions of 9, and after them those of the same owners that stood in
later calls of the trip: the later of two reports with one window wins, so their order counts. What
was booked is found unchanged. A withdrawal of the trip was done already and holds in any order, so
what it took is told as ``withdrawn``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from psd.engine.events import Count, Event
from psd.engine.outcomes import Outcome
from psd.errors import StoreError, TooLargeError

_HEAVY = re.compile(r"PSD_HEAVY ([0-9]{1,9})")

TOO_MUCH = Outcome(
    "refused",
    TooLargeError(
        "ts2: so late a report changes more of its activity's later reports than one call may, or "
        "its aid is one of thousands that fall together; nothing was written"
    ),
)
"""A single report, or a withdrawal of a few bookings, that is too much for a call."""


def fitting(reply: Any) -> int | None:
    """How many reports of a call that was too much may be tried at once; None for any other."""
    if not isinstance(reply, StoreError):
        return None
    match = _HEAVY.search(str(reply))
    return int(match[1]) if match else None


def portions(
    events: Sequence[Event], pages: Sequence[Sequence[int]], size: int
) -> Iterator[list[int]]:
    """Positions of the first page, then those of later pages that are of its owners, in parts."""
    first, *later = pages
    owners = {_owner(events[place]) for place in first}
    again = [*first, *(p for page in later for p in page if _owner(events[p]) in owners)]
    size = max(1, min(size, len(first) // 2))
    for start in range(0, len(again), size):
        yield again[start : start + size]


def _owner(event: Event) -> int | str:
    return event.name if isinstance(event, Count) else event.uid
