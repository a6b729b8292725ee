"""In which order messages were accepted, and when: a number decides it, clocks tell of it.

What goes to the disk together has one :class:`Stamp`. Its ``number`` is above every number of
what anybody had booked before, because it is asked of the store (psd/store/highest.py): of two
corrections of which the second was sent after the answer to the first, the second has the higher
one, whatever the clocks of their machines showed::

    machine a, 40 days fast   number 1460462400000000   accepted 2016-05-22 12:00:00
    machine b, the later one  number 1460462400000001   accepted 2016-04-12 11:59:57

Numbers are microseconds by the slower one of the machine's clock and the store's, or one more
than the last number where that is higher. So they go on after a store was lost, and what was
archived before there were numbers has its place among them (:func:`unnumbered`).

No clock is believed alone: whoever asks for a window of time gets what either clock puts into it,
and what lies between the two (:func:`may_be_within`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

LAST_S = 253_402_300_799
"""9999-12-31 23:59:59, the last second that has a date of four digits."""

SET_BACK_MS = 60_000
"""Both clocks are that much behind the number, which was theirs once: they were set back."""

DAY_MS = 86_400_000


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The place of what was appended together, and the store's clock when it got that place."""

    number: int
    store_ms: int


def unnumbered(accepted_ms: int) -> Stamp:
    """The stamp of what has none: its order is that of the clock that accepted it."""
    return Stamp(accepted_ms * 1000, accepted_ms)


def number_ms(number: int) -> int:
    """The moment in a number, in milliseconds: never ahead of both clocks."""
    return number // 1000


def day_of(moment_ms: int) -> str:
    """The name of a day: ``1460462400000`` -> ``"20160412"`` (UTC)."""
    return datetime.fromtimestamp(min(moment_ms // 1000, LAST_S), UTC).strftime("%Y%m%d")


def may_be_within(stamp: Stamp, accepted_ms: int, from_ms: int, to_ms: int) -> bool:
    """Whether something may have been accepted in [from_ms, to_ms).

    Nobody knows when, if both clocks were set back: then it may be any time.
    """
    earliest_ms = min(accepted_ms, stamp.store_ms)
    latest_ms = max(accepted_ms, stamp.store_ms)
    if latest_ms < number_ms(stamp.number) - SET_BACK_MS:
        return True
    return earliest_ms < to_ms and latest_ms >= from_ms


def is_apart(stamp: Stamp, first_ms: int, last_ms: int) -> bool:
    """Whether a clock is more than a day from the moment in the number.

    ``first_ms`` and ``last_ms`` are the earliest and the latest time of acceptance. What is not
    apart is found by its day and the days beside it.
    """
    moment_ms = number_ms(stamp.number)
    times = (first_ms, last_ms, stamp.store_ms)
    return any(abs(each - moment_ms) > DAY_MS for each in times)
