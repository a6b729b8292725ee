"""What the ledger keeps of each decision, which of them are later, and what readers see of it."""

from __future__ import annotations

from typing import cast

import pytest

from psd.archive.turns import Turns
from psd.clock import ManualClock
from psd.errors import ShapeError
from psd.rewards.decisions import (
    Barred,
    BlacklistEntry,
    LedgerDecision,
    Overridden,
    Override,
    OverrideDropped,
    Paid,
    Payout,
    Unbarred,
)
from psd.rewards.keys import rewards_key
from psd.rewards.rulings import Rulings
from psd.rewards.shards import shard_of
from psd.rewards.store import RewardsStore
from tests.support.stored.fake_store import FakeStore

OWNER = "0x" + "a" * 40
ENTRY = BlacklistEntry(OWNER, "stolen", "ann", 5)
FAR = next(vehicle for vehicle in range(2, 10**4) if shard_of(vehicle) != shard_of(1))


def override(week: int, vehicle: int, streak: int = 19) -> Override:
    return Override(week, vehicle, streak, "support", "ann", 5)


def paid(version: int, *vehicles: int, request: str = "r1") -> Paid:
    return Paid(
        week=3,
        payouts=[Payout(3, vehicle, "10", request, 5) for vehicle in vehicles],
        version=version,
    )


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def ledger(store: FakeStore) -> Rulings:
    """Decisions are handed to it archived, so it needs no turns."""
    return Rulings(store.as_store(), ManualClock(0), cast("Turns", None))


async def test_who_is_barred_is_on_the_list_until_he_is_not(ledger: Rulings) -> None:
    await ledger.carry_out(Barred(entry=ENTRY, version=1))
    assert await ledger.barred(OWNER) == ENTRY
    assert await ledger.blacklist() == {OWNER: ENTRY}
    await ledger.carry_out(Unbarred(owner=OWNER, version=2))
    assert await ledger.barred(OWNER) is None
    assert await ledger.blacklist() == {}


async def test_overrides_are_read_by_week_and_in_order(ledger: Rulings) -> None:
    made = [override(2, 9), override(1, 10), override(1, 9)]
    for version, each in enumerate(made, 1):
        await ledger.carry_out(Overridden(override=each, version=version))
    assert await ledger.overrides() == [made[2], made[1], made[0]]
    assert await ledger.overrides(1) == [made[2], made[1]]
    await ledger.carry_out(OverrideDropped(week=1, vehicle=9, version=4))
    assert await ledger.overrides(1) == [made[1]]


async def test_an_override_marks_a_week_that_was_read_and_no_other(
    ledger: Rulings, store: FakeStore
) -> None:
    rewards = RewardsStore(store.as_store())
    await ledger.carry_out(Overridden(override=override(3, 9), version=1))
    assert await rewards.dirty() == {}
    await store.writes.call(("SET", rewards_key("begun"), 3))
    for week in (3, 4):
        await ledger.carry_out(Overridden(override=override(week, 9), version=2))
    await ledger.carry_out(OverrideDropped(week=3, vehicle=9, version=3))
    assert await rewards.dirty() == {3: 2}


async def test_payouts_are_found_by_vehicle_and_by_shard(ledger: Rulings) -> None:
    await ledger.carry_out(paid(1, 1, FAR))
    found = await ledger.payouts([1, FAR, 10**6], 3)
    assert {vehicle: payout.request for vehicle, payout in found.items()} == {1: "r1", FAR: "r1"}
    assert set(await ledger.payouts_of_shard(shard_of(FAR), 3)) == {FAR}
    assert await ledger.payouts([1], 4) == {}
    assert await ledger.payouts([], 3) == {}


@pytest.mark.parametrize(
    ("kept", "again"),
    [
        (Barred(entry=ENTRY, version=5), Unbarred(owner=OWNER, version=4)),
        (Overridden(override=override(1, 9), version=5), OverrideDropped(1, 9, version=4)),
    ],
)
async def test_only_a_later_decision_about_the_same_is_unknown(
    ledger: Rulings, kept: LedgerDecision, again: LedgerDecision
) -> None:
    assert await ledger.unknown(kept) == kept
    await ledger.carry_out(kept)
    assert await ledger.unknown(kept) is None
    assert await ledger.unknown(again) is None
    other = Barred(entry=BlacklistEntry("0x" + "b" * 40, "", "ann", 5), version=1)
    assert await ledger.unknown(other) == other


async def test_of_payouts_those_are_unknown_that_no_later_one_replaced(ledger: Rulings) -> None:
    await ledger.carry_out(paid(5, 1))
    earlier = paid(4, 1, FAR)
    assert await ledger.unknown(earlier) == paid(4, FAR)
    assert await ledger.unknown(paid(5, 1)) is None
    assert await ledger.unknown(paid(6, 1, request="r2")) == paid(6, 1, request="r2")


async def test_an_entry_that_is_none_is_named(ledger: Rulings, store: FakeStore) -> None:
    await store.writes.call(("HSET", rewards_key("blacklist"), OWNER, b'{"owner": 7}'))
    with pytest.raises(ShapeError, match="an entry of the blacklist"):
        await ledger.barred(OWNER)
