"""What is answered of the longest streaks and of vehicles at risk: for server and client.

::

    GET /v3/streaks?limit=1
    {"week":9,"data":[{"rank":1,"vehicle":"7","connection_streak":36,"level":4,"points":9500}],
     "next":"OS4y"}
    -> StreaksPage(9, [StreakEntry(1, "7", 36, 4, 9500)], "OS4y")
"""

from __future__ import annotations

import msgspec

from psd.frames import Rows


class StreakEntry(msgspec.Struct, frozen=True):
    """A vehicle's place among the streaks; vehicles of one streak share a rank."""

    rank: int
    vehicle: str
    connection_streak: int
    level: int
    points: int


class StreaksPage(Rows, frozen=True):
    """A part of the streaks of a week, the longest first."""

    week: int
    data: list[StreakEntry]
    next: str | None


class RiskEntry(msgspec.Struct, frozen=True):
    """A vehicle that must be active before the deadline, or is off for a week."""

    vehicle: str
    owner: str | None
    connection_streak: int
    level: int
    last_activity: str | None
    deadline: str


class RiskPage(Rows, frozen=True):
    """Vehicles at risk in the open week."""

    week: int
    data: list[RiskEntry]
    next: str | None
