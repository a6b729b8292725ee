"""Settling a week: from what is known of a vehicle to its row. Pure; the heart of the rewards.

::

    last week      Row(streak 3, off 0)      active on {Smartcar}, paired with everything
    this week      Row(streak 4, off 0, 1,000 integration points, 1,000 of level 2)

A vehicle has a row when it was active, when it had a row of its streak last week, or when it
earned points otherwise. docs/rewards.md has the rules. Unlike in rewards-api, where they come from,
a vehicle whose VIN earned for another one is not punished as disconnected.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from psd.rewards.integrations import integration_points
from psd.rewards.levels import level_of
from psd.rewards.rows import Row, Why
from psd.rewards.streaks import Streak, advance
from psd.rewards.tables import Tables

EARNED_MAX = 2**31 - 1

# Plain integers: arithmetic of IntFlag took 11 % of a week of a million vehicles.
_STREAK, _CONNECTED = int(Why.STREAK), int(Why.CONNECTED)
_UNPAIRED, _FORBIDDEN = int(Why.UNPAIRED), int(Why.FORBIDDEN)
_VIN_TAKEN, _OVERRIDDEN = int(Why.VIN_TAKEN), int(Why.OVERRIDDEN)


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What happened to one vehicle in one week.

    ``active`` and ``paired`` are integrations as bits; ``override`` is the streak that was set
    by hand, None for none.
    """

    vehicle: int
    active: int = 0
    paired: int = -1
    may_earn: bool = True
    vin_taken: bool = False
    earned: int = 0
    override: int | None = None


class Settling:
    """Settles the vehicles of one week by one set of tables; remembers what repeats.

    A million vehicles have a few hundred different combinations of streak and integrations.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._outcome = lru_cache(maxsize=65_536)(self._settle)

    def row(self, facts: Facts, before: Row | None) -> Row | None:
        """The vehicle's row; ``before`` is that of the week before, None where it had none."""
        active = facts.active & facts.paired
        why = 0 if active == facts.active else _UNPAIRED
        if active and not facts.may_earn:
            active, why = 0, why | _FORBIDDEN
        in_streak = before is not None and before.why & _STREAK != 0
        streak = (0, 0)
        if before is not None and in_streak:
            streak = (before.connection_streak, before.disconnection_streak)
        if facts.override is not None:
            why |= _OVERRIDDEN
        if facts.vin_taken and active:
            # Who had no streak does not begin one, and so cannot be off next week either.
            why |= _VIN_TAKEN | (_STREAK if in_streak else 0)
            connected, off = streak
            if facts.override is not None:
                connected, why = facts.override, why | _STREAK
            return Row(facts.vehicle, connected, off, active, 0, 0, facts.earned, why)
        if active or in_streak or facts.override is not None:
            found = self._outcome(active, streak, facts.override)
            return Row(facts.vehicle, *found[:2], active, *found[2:4], facts.earned, why | found[4])
        if facts.earned:
            return Row(facts.vehicle, 0, 0, 0, 0, 0, facts.earned, why)
        return None

    def _settle(
        self, active: int, streak: tuple[int, int], override: int | None
    ) -> tuple[int, int, int, int, int]:
        """Streak, weeks off, integration points, streak points and why, of a week in a streak."""
        after = advance(Streak(*streak), connected=bool(active), tables=self._tables)
        if override is not None:
            after = Streak(override, after.off)
        if not active:
            return after.connected, after.off, 0, 0, _STREAK
        level = level_of(after.connected, self._tables.levels)
        return (
            after.connected,
            after.off,
            integration_points(active, self._tables),
            self._tables.levels[level - 1].points,
            _STREAK | _CONNECTED,
        )
