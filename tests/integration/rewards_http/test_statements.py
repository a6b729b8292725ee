"""``/v3/vehicles/{id}/statement``: each number of a vehicle's week, and the rule behind it."""

from __future__ import annotations

from typing import Any

from psd.rewards.decisions import Payout
from psd.rewards.part import RewardsPart
from psd.rewards.weeks import bounds
from tests.support.engine import forget
from tests.support.rewards.reward_weeks import (
    OWNER,
    POOL,
    Served,
    a_family,
    statement,
    weeks_served,
)


def rules(found: dict[str, Any]) -> dict[str, str]:
    assert all(each["value"] == found[each["number"]] for each in found["explanation"])
    return {each["number"]: each["rule"] for each in found["explanation"]}


async def test_a_statement_explains_every_number_of_a_week(served: Served) -> None:
    await a_family(served)
    found = await statement(served, 7, 4)
    why = rules(found)
    del found["explanation"]
    computed_at, digest = found.pop("computed_at"), found["tables"].pop("digest")
    assert computed_at == "2022-03-14T07:00:00Z"
    assert digest == served.psd.part(RewardsPart).tables.digest
    seen_at = "2022-02-28T06:00:00Z"
    assert found == {
        "vehicle": "7",
        "week": 4,
        "start": "2022-02-28T05:00:00Z",
        "end": "2022-03-07T05:00:00Z",
        "connection_streak": 5,
        "disconnection_streak": 0,
        "level": 2,
        "integration_points": 7000,
        "streak_points": 1000,
        "earned_points": 0,
        "points": 8000,
        "tokens": str(POOL),
        "paid": None,
        "streak_before": {"connection": 4, "disconnection": 0, "level": 2},
        "earnings": [],
        "integrations": [
            {
                "integration": name,
                "paired": True,
                "counted": True,
                "signals": 1,
                "first_seen": seen_at,
                "last_seen": seen_at,
            }
            for name in ("Smartcar", "AutoPi")
        ],
        "tables": {"version": "2022-seed"},
        "source": "redis",
        "dirty": False,
    }
    assert why["connection_streak"] == "Connected: one more than the 4 weeks before."
    assert why["integration_points"] == "Smartcar and AutoPi together earn 7,000 (table pairs)."
    assert why["streak_points"] == "Each connected week at level 2 earns 1,000 (table levels)."


async def test_a_statement_is_of_the_newest_computed_week_unless_told(served: Served) -> None:
    await a_family(served)
    newest = await served.ok("/v3/vehicles/8/statement")
    assert (newest["week"], newest["disconnection_streak"], newest["points"]) == (4, 3, 0)
    assert "The streak drops: off for 3 weeks in a row" in rules(newest)["connection_streak"]
    paused = await statement(served, 8, 3)
    assert "it drops after 3" in rules(paused)["connection_streak"]


async def test_a_statement_tells_earnings_overrides_payments_and_late_changes(
    served: Served,
) -> None:
    await served.describe(7, owner=OWNER)
    await served.drive_in(7, "Tesla", 0, 1)
    await served.fleet.earn(1, 7, 500)
    await served.psd.part(RewardsPart).ledger.override(1, 7, 12, "case 981", "alice")
    await served.compute(1)
    async with served.psd.part(RewardsPart).ledger.turn() as turn:
        await served.psd.part(RewardsPart).ledger.record(
            turn, 1, [Payout(1, 7, "5", "r-1", bounds(3).start)]
        )
    found = await statement(served, 7, 1)
    assert (found["earnings"], found["earned_points"]) == (
        [{"thing": "promotions", "points": 500}],
        500,
    )
    assert found["paid"] == {"tokens": "5", "request": "r-1", "paid_at": "2022-02-21T05:00:00Z"}
    why = {each["number"]: each["rule"] for each in found["explanation"]}
    assert why["connection_streak"] == "Set by hand to 12 by alice: case 981."
    assert why["earned_points"] == "Earned otherwise: promotions 500."
    assert why["paid"] == "Paid by request r-1."
    assert not found["dirty"]
    await served.fleet.earn(0, 7, 9)
    assert (await statement(served, 7, 1))["dirty"], "week 0 reaches into week 1"


async def test_a_statement_says_why_activity_did_not_count(served: Served) -> None:
    await served.describe(1, vin="V" * 17, minted_at=1_500_000_000)
    await served.describe(2, vin="V" * 17, minted_at=1_600_000_000)
    await served.describe(3, integrations=["AutoPi"])
    await served.describe(4, opted_in=False)
    await served.describe(5, integrations=["Smartcar"])
    for vehicle in (1, 2, 4):
        await served.drive_in(vehicle, "Tesla", 0)
    await served.drive_in(3, "Tesla", 0)
    await served.drive_in(3, "AutoPi", 0)
    await served.drive_in(5, "Smartcar", 0)
    await served.drive_in(5, "Tesla", 1)
    await served.compute(1)
    taken = await statement(served, 1, 0)
    assert (taken["points"], taken["integrations"][0]["counted"]) == (0, False)
    assert "VIN earned for another vehicle" in rules(taken)["connection_streak"]
    partly = await statement(served, 3, 0)
    assert [each["counted"] for each in partly["integrations"]] == [False, True]
    assert "activity on Tesla does not count" in rules(partly)["integration_points"]
    absent = await statement(served, 5, 1)
    assert rules(absent)["integration_points"].startswith("Active on Tesla, which is not paired")
    assert (await served.client.get("/v3/vehicles/4/statement?week=0")).status == 404


async def test_a_statement_outlives_the_detail_of_its_week(redis_url: str) -> None:
    flags = {"retention.second_s": 60}
    async with weeks_served(redis_url, 2, flags) as served:
        await served.drive_in(7, "Tesla", 0, 1)
        await served.compute(1)
        await forget(served.psd.store.client, "second")
        [seen] = (await statement(served, 7, 1))["integrations"]
        assert (seen["signals"], seen["first_seen"], seen["last_seen"]) == (1, None, None)
