"""Why each number of a statement is what it is, in a sentence that names rule and table. Pure.

::

    streak 22 before, not connected for the third week in a row
    -> connection_streak 4: "Not connected. The streak drops: off for 3 weeks in a row, and each 3
       take it to the minimum of the level below, here from 22 to 4 (table levels)."

The rules themselves are in settling.py, streaks.py, levels.py, integrations.py and shares.py; the
tests compute rows by those and look at the sentences.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.rewards.decisions import Override, Payout
from psd.rewards.levels import level_of, standing
from psd.rewards.rows import Row, Why
from psd.rewards.streaks import Streak
from psd.rewards.tables import Tables
from psd.rewards.vehicles import Vehicle
from psd.rewards.week_results import WeekResult


class IntegrationSignals(msgspec.Struct, frozen=True):
    """Signals of one integration in the week; the times are None where detail has expired."""

    signals: int
    first_s: int | None
    last_s: int | None


class Material(msgspec.Struct, frozen=True):
    """Everything that a statement is made of.

    ``vehicle`` is what the registry knows today. ``before`` is the row of the week before.
    ``activity`` is by integration id, ``earnings`` by thing, as they are booked today; earnings
    are None where they have expired.
    """

    vehicle: Vehicle
    row: Row
    before: Row | None
    result: WeekResult
    tables: Tables
    activity: Mapping[int, IntegrationSignals] = {}
    earnings: Mapping[str, int] | None = {}
    payout: Payout | None = None
    override: Override | None = None

    @property
    def streak_before(self) -> Streak:
        """The streak that the week began with."""
        if self.before is None or not self.before.why & Why.STREAK:
            return Streak()
        return Streak(self.before.connection_streak, self.before.disconnection_streak)

    def why(self, reason: Why) -> bool:
        """Whether the row rests on this."""
        return bool(self.row.why & reason)


class Reason(msgspec.Struct, frozen=True):
    """One number of a statement by the name of its field, and the rule that led to it."""

    number: str
    value: int | str
    rule: str


def explain(material: Material) -> list[Reason]:
    """A reason for each number, in the order of the statement's fields."""
    row, result, payout = material.row, material.result, material.payout
    level = level_of(row.connection_streak, material.tables.levels)
    reasons = [
        Reason("connection_streak", row.connection_streak, _streak_rule(material)),
        Reason("disconnection_streak", row.disconnection_streak, _off_rule(material)),
        Reason("level", level, _level_rule(material, level)),
        Reason("integration_points", row.integration_points, _integration_rule(material)),
        Reason("streak_points", row.streak_points, _streak_points_rule(material, level)),
        Reason("earned_points", row.earned_points, _earned_rule(material)),
        Reason("points", row.points, "Integration, streak and earned points, added up."),
        Reason("tokens", str(result.tokens(row)), _tokens_rule(material)),
    ]
    if payout is not None:
        request = f" by request {payout.request}" if payout.request else ""
        reasons.append(Reason("paid", payout.tokens, f"Paid{request}."))
    return reasons


def _streak_rule(material: Material) -> str:
    if material.why(Why.OVERRIDDEN):
        return _override_rule(material)
    if material.why(Why.VIN_TAKEN):
        return f"{_vin_rule()} The streak stands still."
    before = material.streak_before
    if material.why(Why.CONNECTED):
        if before == Streak():
            return "Connected: the first week of a streak."
        waited = f", which waited through {_weeks(before.off)} off" if before.off else ""
        return f"Connected: one more than the {_weeks(before.connected)} before{waited}."
    if not material.why(Why.STREAK):
        return f"{_absence(material)} There is no streak that could wait."
    return f"{_absence(material)} {_pause_rule(material)}"


def _pause_rule(material: Material) -> str:
    row, drop = material.row, material.tables.weeks_off_to_drop
    off = f"off for {_weeks(row.disconnection_streak)} in a row"
    if row.disconnection_streak % drop:
        next_drop = row.disconnection_streak - row.disconnection_streak % drop + drop
        return f"The streak is paused: {off}, it drops after {next_drop}."
    return (
        f"The streak drops: {off}, and each {drop} take it to the minimum of the level below, here "
        f"from {material.streak_before.connected} to {row.connection_streak} (table levels)."
    )


def _override_rule(material: Material) -> str:
    made = material.override
    if made is None:
        return "Set by hand when the week was computed; that was taken back since."
    sentence = f"Set by hand to {made.streak} by {made.author}: {made.note}."
    if made.streak != material.row.connection_streak:
        return f"{sentence} It was another number when the week was computed."
    return sentence


def _vin_rule() -> str:
    return "Active, but its VIN earned for another vehicle, which was minted later."


def _absence(material: Material) -> str:
    """Why the vehicle does not count as connected."""
    if material.why(Why.FORBIDDEN):
        vehicle = material.vehicle
        missing = "minted or its owner not opted in"
        if vehicle.minted is False:
            missing = "minted"
        elif vehicle.opted_in is False:
            missing = "opted in"
        return f"Active, but not {missing}, so it counts as off."
    if material.why(Why.UNPAIRED):
        return f"Active on {_unpaired(material)}, which is not paired with it, so it counts as off."
    return "Not connected."


def _off_rule(material: Material) -> str:
    if material.why(Why.CONNECTED):
        return "Connected: no week off."
    if material.why(Why.VIN_TAKEN):
        return "Stands still with the streak: the week counts as neither on nor off."
    if not material.why(Why.STREAK):
        return "Weeks off are counted in a streak alone."
    return "Weeks off in a row, this one included."


def _level_rule(material: Material, level: int) -> str:
    at = standing(level, material.tables.levels)
    until = "on" if at.weeks_max is None else f"to {at.weeks_max}"
    return (
        f"A streak of {_weeks(material.row.connection_streak)} is level {level}, "
        f"which lasts from {at.weeks_min} {until} (table levels)."
    )


def _integration_rule(material: Material) -> str:
    row = material.row
    if material.why(Why.VIN_TAKEN):
        return _vin_rule()
    if not material.why(Why.CONNECTED):
        return _absence(material)
    names, table = _best(row.active, row.integration_points, material.tables)
    together = " together earn" if len(names) > 1 else " earns"
    sentence = f"{_listed(names)}{together} {row.integration_points:,} (table {table})"
    active = material.tables.names(row.active)
    if len(active) > len(names):
        sentence += f", the best of {_listed(active)}"
    if material.why(Why.UNPAIRED):
        sentence += f"; activity on {_unpaired(material)} does not count, it is not paired"
    return f"{sentence}."


def _streak_points_rule(material: Material, level: int) -> str:
    if not material.why(Why.CONNECTED):
        return "Only connected weeks earn streak points."
    points = material.row.streak_points
    return f"Each connected week at level {level} earns {points:,} (table levels)."


def _earned_rule(material: Material) -> str:
    if material.earnings is None:
        return "Earned otherwise; by what has expired."
    parts = [f"{thing} {points:,}" for thing, points in sorted(material.earnings.items()) if points]
    sentence = f"Earned otherwise: {', '.join(parts)}." if parts else "Nothing earned otherwise."
    if sum(material.earnings.values()) != material.row.earned_points:
        return f"{sentence} Some of it came after the week was computed."
    return sentence


def _tokens_rule(material: Material) -> str:
    row, shares = material.row, material.result.shares
    if row.points <= 0:
        return "Who has no points has no share in the week's pool."
    floor = row.points * int(shares.pool) // shares.points
    more = (
        " and 1 more, for one of the largest remainders"
        if material.result.tokens(row) > floor
        else ""
    )
    return (
        f"{row.points:,} of the {shares.points:,} points of all vehicles share the week's pool of "
        f"{int(shares.pool):,}, rounded down{more} (table tokens; 10^18 are one token)."
    )


def _best(active: int, points: int, tables: Tables) -> tuple[list[str], str]:
    """The integration or the pair that earned these points, and the table that says so."""
    for each in tables.integrations:
        if active >> each.id & 1 and each.points == points:
            return [each.name], "integrations"
    for pair in tables.pairs:
        wanted = tables.mask(pair.integrations)
        if active & wanted == wanted and pair.points == points:
            return tables.names(wanted), "pairs"
    return tables.names(active), "integrations"


def _unpaired(material: Material) -> str:
    """Integrations with activity that did not count; their names where activity is known."""
    known = [
        each.name
        for each in material.tables.integrations
        if each.id in material.activity and not material.row.active >> each.id & 1
    ]
    return _listed(known) if known else "another integration"


def _listed(names: list[str]) -> str:
    *others, last = names or ["no integration"]
    return f"{', '.join(others)} and {last}" if others else last


def _weeks(number: int) -> str:
    return "1 week" if number == 1 else f"{number} weeks"
