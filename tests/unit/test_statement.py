"""Statements: rows that the rules settled, and the sentences that say why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.clock import utc_text
from psd.rewards.decisions import Override, Payout
from psd.rewards.explanation import IntegrationSignals, Material
from psd.rewards.rows import Row, Why
from psd.rewards.settling import Facts, Settling
from psd.rewards.shares import Shares, cut_of
from psd.rewards.statement import Statement, statement_of
from psd.rewards.tables import load_tables
from psd.rewards.vehicles import Vehicle
from psd.rewards.week_results import WeekResult
from psd.rewards.weeks import bounds

TABLES = load_tables()
WEEK = 50
START_S = bounds(WEEK).start
SMARTCAR, TESLA, AUTOPI = (1 << each.id for each in TABLES.integrations)
STREAK = int(Why.STREAK)


def before(streak: int, off: int = 0) -> Row:
    """The row of the week before."""
    return Row(7, streak, off, 0, 0, 0, 0, STREAK)


def settled(facts: Facts, row_before: Row | None = None) -> Row:
    row = Settling(TABLES).row(facts, row_before)
    assert row is not None
    return row


def shares_of(points: int, others: int = 0) -> Shares:
    """A pool of 100 over this row and others of 1 point each."""
    counts = {points: 1, 1: others} if others else {points: 1}
    return cut_of(100, counts).shares([7])


def told(row: Row, row_before: Row | None = None, **known: Any) -> Statement:
    """The statement of a row."""
    result = WeekResult(
        week=WEEK,
        generation=1,
        tables=TABLES.digest,
        version=TABLES.version,
        source="redis",
        computed_at_s=START_S,
        rows=1,
        connected=1,
        points=row.points,
        levels=[1, 0, 0, 0],
        shares=known.pop("shares", shares_of(row.points)),
    )
    vehicle = known.pop("vehicle", Vehicle(7))
    material = Material(vehicle, row, row_before, result, TABLES, **known)
    return statement_of(material, dirty=False)


def rule(found: Statement, number: str) -> str:
    [reason] = [each for each in found.explanation if each.number == number]
    return reason.rule


def test_every_number_of_a_statement_is_explained_with_its_own_value() -> None:
    row_before = before(19)
    found = told(settled(Facts(7, TESLA | AUTOPI, earned=250), row_before), row_before)
    numbers = {each.number: each.value for each in found.explanation}
    assert numbers == {
        "connection_streak": 20,
        "disconnection_streak": 0,
        "level": 3,
        "integration_points": 6000,
        "streak_points": 2000,
        "earned_points": 250,
        "points": 8250,
        "tokens": "100",
    }
    fields = msgspec.to_builtins(found)
    assert numbers == {name: fields[name] for name in numbers}
    assert fields["streak_before"] == {"connection": 19, "disconnection": 0, "level": 2}


@pytest.mark.parametrize(
    ("streak", "off", "active", "expected"),
    [
        (3, 0, TESLA, "Connected: one more than the 3 weeks before."),
        (
            3,
            2,
            TESLA,
            "Connected: one more than the 3 weeks before, which waited through 2 weeks off.",
        ),
        (
            1,
            0,
            0,
            "Not connected. The streak is paused: off for 1 week in a row, it drops after 3.",
        ),
        (
            1,
            1,
            0,
            "Not connected. The streak is paused: off for 2 weeks in a row, it drops after 3.",
        ),
        (
            22,
            2,
            0,
            "Not connected. The streak drops: off for 3 weeks in a row, and each 3 take it to the "
            "minimum of the level below, here from 22 to 4 (table levels).",
        ),
        (
            4,
            3,
            0,
            "Not connected. The streak is paused: off for 4 weeks in a row, it drops after 6.",
        ),
        (
            4,
            5,
            0,
            "Not connected. The streak drops: off for 6 weeks in a row, and each 3 take it to the "
            "minimum of the level below, here from 4 to 0 (table levels).",
        ),
    ],
)
def test_the_streak_says_what_the_week_did_to_it(
    streak: int, off: int, active: int, expected: str
) -> None:
    row_before = before(streak, off)
    found = told(settled(Facts(7, active), row_before), row_before)
    assert rule(found, "connection_streak") == expected


def test_a_first_week_begins_a_streak() -> None:
    found = told(settled(Facts(7, TESLA)))
    assert rule(found, "connection_streak") == "Connected: the first week of a streak."
    assert (found.streak_before.connection, found.streak_before.level) == (0, 1)


def test_a_row_of_earnings_alone_is_no_streak_before() -> None:
    earned = settled(Facts(7, earned=5))
    assert rule(told(earned), "connection_streak") == (
        "Not connected. There is no streak that could wait."
    )
    found = told(settled(Facts(7, TESLA), earned), earned)
    assert found.streak_before.connection == 0
    assert found.connection_streak == 1


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (SMARTCAR, "Smartcar earns 1,000 (table integrations)."),
        (TESLA | AUTOPI, "AutoPi earns 6,000 (table integrations), the best of Tesla and AutoPi."),
        (SMARTCAR | AUTOPI, "Smartcar and AutoPi together earn 7,000 (table pairs)."),
        (
            SMARTCAR | TESLA | AUTOPI,
            "Smartcar and AutoPi together earn 7,000 (table pairs), "
            "the best of Smartcar, Tesla and AutoPi.",
        ),
        (0, "Not connected."),
    ],
)
def test_integration_points_name_what_earned_them(active: int, expected: str) -> None:
    found = told(settled(Facts(7, active), before(1)), before(1))
    assert rule(found, "integration_points") == expected


def test_what_is_not_paired_does_not_count_and_is_named() -> None:
    activity = {
        2: IntegrationSignals(3, START_S, START_S + 9),
        3: IntegrationSignals(1, START_S, START_S),
    }
    vehicle = Vehicle(7, integrations=frozenset({3}))
    facts = Facts(7, TESLA | AUTOPI, paired=AUTOPI)
    found = told(settled(facts), activity=activity, vehicle=vehicle)
    assert rule(found, "integration_points") == (
        "AutoPi earns 6,000 (table integrations); activity on Tesla does not count, it is not "
        "paired."
    )
    tesla, autopi = found.integrations
    assert (tesla.integration, tesla.paired, tesla.counted, tesla.signals) == (
        "Tesla",
        False,
        False,
        3,
    )
    assert (tesla.first_seen, tesla.last_seen) == ("2023-01-16T05:00:00Z", "2023-01-16T05:00:09Z")
    assert (autopi.paired, autopi.counted) == (True, True)


def test_a_week_on_nothing_paired_counts_as_off() -> None:
    row = settled(Facts(7, TESLA, paired=AUTOPI), before(3))
    known = told(row, before(3), activity={2: IntegrationSignals(1, START_S, START_S)})
    assert rule(known, "integration_points") == (
        "Active on Tesla, which is not paired with it, so it counts as off."
    )
    assert "Active on another integration" in rule(told(row, before(3)), "connection_streak")


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        (Vehicle(7, minted=False), "Active, but not minted, so it counts as off."),
        (Vehicle(7, opted_in=False), "Active, but not opted in, so it counts as off."),
        (
            Vehicle(7),
            "Active, but not minted or its owner not opted in, so it counts as off.",
        ),
    ],
)
def test_who_may_not_earn_is_told_why(vehicle: Vehicle, expected: str) -> None:
    row = settled(Facts(7, TESLA, may_earn=False), before(3))
    found = told(row, before(3), vehicle=vehicle)
    assert rule(found, "integration_points") == expected
    assert rule(found, "streak_points") == "Only connected weeks earn streak points."


def test_a_vin_that_earned_for_another_vehicle_leaves_the_streak_as_it_was() -> None:
    found = told(settled(Facts(7, TESLA, vin_taken=True), before(9, 1)), before(9, 1))
    assert (found.connection_streak, found.disconnection_streak, found.points) == (9, 1, 0)
    assert rule(found, "connection_streak").endswith("The streak stands still.")
    assert "VIN earned for another vehicle" in rule(found, "integration_points")
    assert "neither on nor off" in rule(found, "disconnection_streak")
    assert not found.integrations[0].counted


def test_an_override_is_told_with_its_author_and_note() -> None:
    row = settled(Facts(7, TESLA, override=36), before(3))
    made = Override(WEEK, 7, 36, "case 981", "alice", START_S)
    found = told(row, before(3), override=made)
    assert rule(found, "connection_streak") == "Set by hand to 36 by alice: case 981."
    assert rule(found, "level") == (
        "A streak of 36 weeks is level 4, which lasts from 36 on (table levels)."
    )
    changed = told(row, before(3), override=msgspec.structs.replace(made, streak=5))
    assert "another number when the week was computed" in rule(changed, "connection_streak")
    assert "taken back since" in rule(told(row, before(3)), "connection_streak")


def test_earnings_are_told_by_thing_and_late_ones_too() -> None:
    row = settled(Facts(7, TESLA, earned=-300))
    found = told(row, earnings={"promotions": 200, "corrections": -500, "referrals": 0})
    assert msgspec.to_builtins(found.earnings) == [
        {"thing": "corrections", "points": -500},
        {"thing": "promotions", "points": 200},
    ]
    assert rule(found, "earned_points") == "Earned otherwise: corrections -500, promotions 200."
    late = told(row, earnings={"corrections": -500})
    assert rule(late, "earned_points").endswith("Some of it came after the week was computed.")
    expired = told(row, earnings=None)
    assert (expired.earnings, rule(expired, "earned_points")) == (
        None,
        "Earned otherwise; by what has expired.",
    )
    assert rule(told(settled(Facts(7, TESLA))), "earned_points") == "Nothing earned otherwise."


def test_tokens_tell_the_share_and_the_rounding() -> None:
    whole = told(settled(Facts(7, TESLA)), shares=shares_of(4000))
    assert whole.tokens == "100"
    assert rule(whole, "tokens") == (
        "4,000 of the 4,000 points of all vehicles share the week's pool of 100, rounded down "
        "(table tokens; 10^18 are one token)."
    )
    # 4000 * 100 / 4002 is 99.95: rounded down 99, and the one that is left goes to vehicle 7.
    more = told(settled(Facts(7, TESLA)), shares=shares_of(4000, others=2))
    assert more.tokens == "100"
    assert "rounded down and 1 more, for one of the largest remainders" in rule(more, "tokens")
    none = told(settled(Facts(7, earned=-5)), shares=shares_of(1))
    assert (none.tokens, rule(none, "tokens")) == (
        "0",
        "Who has no points has no share in the week's pool.",
    )


def test_what_was_paid_is_told_with_its_request() -> None:
    payout = Payout(WEEK, 7, "99", "r-1", START_S)
    found = told(settled(Facts(7, TESLA)), payout=payout)
    assert msgspec.to_builtins(found.paid) == {
        "tokens": "99",
        "request": "r-1",
        "paid_at": "2023-01-16T05:00:00Z",
    }
    assert rule(found, "paid") == "Paid by request r-1."
    silent = msgspec.structs.replace(payout, request="")
    assert rule(told(settled(Facts(7, TESLA)), payout=silent), "paid") == "Paid."


def test_activity_that_psd_has_not_booked_itself_has_no_signals() -> None:
    [seen] = told(settled(Facts(7, TESLA))).integrations
    assert (seen.signals, seen.first_seen, seen.last_seen) == (None, None, None)
    assert seen.counted


@pytest.mark.parametrize("atid", [-5, 0, 30, 2**62])
def test_bookings_of_what_is_no_integration_are_not_told(atid: int) -> None:
    found = told(settled(Facts(7, TESLA)), activity={atid: IntegrationSignals(1, START_S, START_S)})
    assert [each.integration for each in found.integrations] == ["Tesla"]


def test_a_time_is_written_as_rfc_3339_has_it() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00Z"
    assert utc_text(bounds(9282).end) == "2199-12-30T05:00:00Z"
