"""Streaks: how a week on or off changes a vehicle's streak. Pure.

::

    advance(Streak(3, 2), connected=True,  ...)   -> Streak(4, 0)    level 2 from now on
    advance(Streak(5, 1), connected=False, ...)   -> Streak(5, 2)    a pause
    advance(Streak(22, 2), connected=False, ...)  -> Streak(4, 3)    the third week off: a drop

One or two weeks off pause a streak; each third in a row (3, 6, 9, ...) drops it to the minimum
of the level below. tests/golden/rewards.json has the 1,098 transitions of rewards-api.
"""

from __future__ import annotations

import msgspec

from psd.rewards.levels import minimum_below
from psd.rewards.tables import Tables

WEEKS_MAX = 2**16 - 1
"""What a row has room for; 1,260 years."""


class Streak(msgspec.Struct, frozen=True, gc=False):
    """Weeks connected, pauses not counted as breaks, and weeks off in a row."""

    connected: int = 0
    off: int = 0


def advance(streak: Streak, *, connected: bool, tables: Tables) -> Streak:
    """The streak after one more week."""
    if connected:
        return Streak(min(streak.connected + 1, WEEKS_MAX), 0)
    off = min(streak.off + 1, WEEKS_MAX)
    if off % tables.weeks_off_to_drop:
        return Streak(streak.connected, off)
    return Streak(minimum_below(streak.connected, tables.levels), off)
