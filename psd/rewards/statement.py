"""The statement of a vehicle's week: each number, and in plain words why it is what it is. Pure.

What lives here: the record and how it is put together; the sentences are in explanation.py, and
what reads everything from the store in accounts.py::

    week 5, Smartcar and AutoPi paired and active, a streak of 4 before
    -> connection_streak 5, level 2, integration_points 7000, streak_points 1000, points 8000,
       explanation [{"number": "streak_points", "value": 1000,
                     "rule": "Each connected week at level 2 earns 1,000 (table levels)."}, ...]

A statement tells what was computed. What is known today and may have changed since (activity,
pairing, earnings, what was paid) stands beside it, and the sentences say where the two differ.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.clock import utc_text
from psd.rewards.decisions import Payout
from psd.rewards.explanation import Material, Reason, explain
from psd.rewards.levels import level_of
from psd.rewards.rows import Why
from psd.rewards.weeks import bounds


class StreakBefore(msgspec.Struct, frozen=True):
    """The streak as it stood before the week; 0, 0 and level 1 for one that began in it."""

    connection: int
    disconnection: int
    level: int


class Earning(msgspec.Struct, frozen=True):
    """Points earned otherwise, of one thing."""

    thing: str
    points: int


class Seen(msgspec.Struct, frozen=True):
    """An integration that was active, paired as it is now, and counted in the week's points.

    ``signals`` are None where psd has no bookings of it (another source), the times where their
    detail has expired.
    """

    integration: str
    paired: bool
    counted: bool
    signals: int | None
    first_seen: str | None
    last_seen: str | None


class UsedTables(msgspec.Struct, frozen=True):
    """The tables that the week was computed by."""

    version: str
    digest: str


class Payment(msgspec.Struct, frozen=True):
    """What was paid for the week, in wei as text."""

    tokens: str
    request: str
    paid_at: str


class Statement(msgspec.Struct, frozen=True):
    """One vehicle and week.

    ``tokens`` are in wei as text, ``earnings`` None where their detail has expired. ``dirty`` says
    that something came since for this week or one before it, which is not computed yet.
    """

    vehicle: str
    week: int
    start: str
    end: str
    connection_streak: int
    disconnection_streak: int
    level: int
    integration_points: int
    streak_points: int
    earned_points: int
    points: int
    tokens: str
    paid: Payment | None
    streak_before: StreakBefore
    earnings: list[Earning] | None
    integrations: list[Seen]
    tables: UsedTables
    source: str
    computed_at: str
    dirty: bool
    explanation: list[Reason]


def statement_of(material: Material, *, dirty: bool) -> Statement:
    """The statement of a row from everything that is known of its week."""
    row, result, tables = material.row, material.result, material.tables
    week = bounds(result.week)
    payout = material.payout
    return Statement(
        vehicle=str(row.vehicle),
        week=result.week,
        start=utc_text(week.start),
        end=utc_text(week.end),
        connection_streak=row.connection_streak,
        disconnection_streak=row.disconnection_streak,
        level=level_of(row.connection_streak, tables.levels),
        integration_points=row.integration_points,
        streak_points=row.streak_points,
        earned_points=row.earned_points,
        points=row.points,
        tokens=str(result.tokens(row)),
        paid=None if payout is None else _payment(payout),
        streak_before=_streak_before(material),
        earnings=_earnings(material.earnings),
        integrations=_integrations(material),
        tables=UsedTables(result.version, result.tables),
        source=result.source,
        computed_at=utc_text(result.computed_at_s),
        dirty=dirty,
        explanation=explain(material),
    )


def _payment(payout: Payout) -> Payment:
    return Payment(payout.tokens, payout.request, utc_text(payout.paid_at_s))


def _streak_before(material: Material) -> StreakBefore:
    before = material.streak_before
    level = level_of(before.connected, material.tables.levels)
    return StreakBefore(before.connected, before.off, level)


def _earnings(earnings: Mapping[str, int] | None) -> list[Earning] | None:
    if earnings is None:
        return None
    return [Earning(thing, points) for thing, points in sorted(earnings.items()) if points]


def _integrations(material: Material) -> list[Seen]:
    row, paired = material.row, material.vehicle.paired_mask
    seen = []
    for each in material.tables.integrations:
        found = material.activity.get(each.id)
        is_active = bool(row.active >> each.id & 1)
        if found is None and not is_active:
            continue
        seen.append(
            Seen(
                integration=each.name,
                paired=bool(paired >> each.id & 1),
                counted=is_active and bool(row.why & Why.CONNECTED),
                signals=found.signals if found else None,
                first_seen=_time_or_none(found.first_s if found else None),
                last_seen=_time_or_none(found.last_s if found else None),
            )
        )
    return seen


def _time_or_none(second: int | None) -> str | None:
    return None if second is None else utc_text(second)
