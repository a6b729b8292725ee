"""What is answered of streaks, vehicles at risk, weeks and owners: for server and client.

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


class WeekLine(msgspec.Struct):
    """One week for operators; the numbers are None for one that was never computed."""

    week: int
    start: str
    end: str
    status: str
    reason: str
    vehicles: int | None = None
    connected: int | None = None
    points: int | None = None
    pool: str | None = None
    tokens: str | None = None
    levels: list[int] | None = None
    dirty: int = 0
    tables: str | None = None
    digest: str | None = None
    source: str | None = None
    computed_at: str | None = None


class WeeksPage(Rows, frozen=True):
    """A part of the weeks, the newest first."""

    data: list[WeekLine]
    next: str | None


class OwnerVehicle(msgspec.Struct, frozen=True):
    """A vehicle over all its weeks, and in the open one.

    ``paired`` are the integrations that count, null while none are known of it; ``active`` those
    that sent in the open week, and ``connected`` whether the week will count by them.
    """

    vehicle: str
    connection_streak: int
    disconnection_streak: int
    level: int
    points: int
    tokens: str
    paired: list[str] | None
    active: list[str]
    connected: bool


class OwnerVehicles(Rows, frozen=True):
    """The vehicles that are an owner's now, by number, in the open week."""

    owner: str
    week: int | None
    data: list[OwnerVehicle]


class WeekEntry(msgspec.Struct, frozen=True):
    """What was earned in a week."""

    week: int
    start: str
    end: str
    points: int
    tokens: str


class OwnerHistory(Rows, frozen=True):
    """The weeks of an owner's vehicles, the newest first."""

    owner: str
    data: list[WeekEntry]


class VehicleHistory(Rows, frozen=True):
    """The weeks in which a vehicle has a row, the newest first."""

    vehicle: str
    data: list[WeekEntry]
