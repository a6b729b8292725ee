"""What the registry answers, and what a booking for a vehicle leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.engine.books import Books
from psd.engine.events import Accepted, Count, Report
from psd.engine.outcomes import Outcome
from psd.errors import StoreUnavailableError
from psd.rewards.booking import VehicleFollower
from psd.rewards.keys import owner_vehicles_key, rewards_key, vehicles_key
from psd.rewards.part import RewardsPart
from psd.rewards.registry import Registry
from psd.rewards.shards import shard_of
from psd.rewards.vehicle_events import VehicleChange
from psd.rewards.vehicles import Vehicle
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.engine import engine_on, increment, report
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import owner_key

SIGNALS, PROMOTIONS = 6, 7
T = bounds(5).start


def change(time_s: int = T, vehicle: int = 7, **fields: object) -> VehicleChange:
    return VehicleChange(time_s, vehicle, fields)


def activity(week: int = 5, vehicle: int = 7, value: int = 1) -> Report:
    second = bounds(week).start
    return report(value, second, uid=vehicle, atid=1, aid=1, thing=SIGNALS)


async def book(psd: Runtime, *events: Accepted) -> list[str]:
    return [outcome.status for outcome in await psd.books.book(events)]


async def dirty(psd: Runtime) -> dict[int, int]:
    found = await psd.store.client.hgetall(rewards_key("dirty"))
    return {int(week): int(marks) for week, marks in found.items()}


async def begin(psd: Runtime, week: int) -> None:
    """What the weekly job notes before it reads a week."""
    await psd.store.client.set(rewards_key("begun"), week)


async def test_an_owner_has_the_vehicles_that_are_its_own_now(psd: Runtime) -> None:
    await psd.part(RewardsPart).registry.change(
        [change(vehicle=n, owner="1") for n in (300, 4, 50)]
    )
    await psd.part(RewardsPart).registry.change([change(T + 1, vehicle=4, owner="2")])
    assert [each.vehicle for each in await psd.part(RewardsPart).registry.of_owner("1")] == [
        50,
        300,
    ]
    assert await psd.part(RewardsPart).registry.of_owner("2") == [Vehicle(4, "2")]
    assert await psd.part(RewardsPart).registry.of_owner("3") == []


async def test_an_address_is_found_in_any_case(psd: Runtime) -> None:
    await psd.part(RewardsPart).registry.change([change(owner="0x" + "ab" * 20)])
    assert len(await psd.part(RewardsPart).registry.of_owner("0X" + "AB" * 20)) == 1


async def test_an_owner_may_be_named_like_a_key(psd: Runtime) -> None:
    for vehicle, owner in enumerate(("{a}", "a", "%7Ba%7D", owner_key(1, "1:y"), "\n", "é")):
        await psd.part(RewardsPart).registry.change([change(vehicle=vehicle, owner=owner)])
        assert await psd.part(RewardsPart).registry.of_owner(owner) == [Vehicle(vehicle, owner)]


async def test_vins_that_two_vehicles_have_now_come_in_groups(psd: Runtime) -> None:
    await psd.part(RewardsPart).registry.change(
        [
            *(change(vehicle=n, vin="B") for n in (9, 2)),
            *(change(vehicle=n, vin="A") for n in (5, 30, 4)),
            *(change(vehicle=n, vin="C") for n in (100, 101)),
            change(vehicle=200, vin="D"),
        ]
    )
    await psd.part(RewardsPart).registry.change(
        [change(T + 1, 101, vin="D"), change(T + 1, 30, vin=None)]
    )
    groups = await psd.part(RewardsPart).registry.shared_vins()
    assert [[each.vehicle for each in group] for group in groups] == [[4, 5], [2, 9], [101, 200]]
    assert {each.vin for each in groups[2]} == {"D"}


async def test_an_empty_registry_answers_with_nothing(psd: Runtime) -> None:
    assert await psd.part(RewardsPart).registry.shared_vins() == []
    assert await psd.part(RewardsPart).registry.shards() == []
    assert await psd.part(RewardsPart).registry.shard(3) == {}
    assert await psd.part(RewardsPart).registry.vehicles([]) == {}
    assert await psd.part(RewardsPart).registry.change([]) == []


async def test_a_shard_is_all_of_its_vehicles(psd: Runtime) -> None:
    shard = shard_of(0)
    members = [number for number in range(40_000) if shard_of(number) == shard]
    await psd.part(RewardsPart).registry.change([change(vehicle=n, owner=str(n)) for n in members])
    await psd.part(RewardsPart).registry.register([1])
    assert await psd.part(RewardsPart).registry.shard(shard) == {
        n: Vehicle(n, str(n)) for n in members
    }
    assert await psd.part(RewardsPart).registry.shards() == sorted({shard, shard_of(1)})


async def test_activity_registers_its_vehicle_in_the_sets_before_its_record(psd: Runtime) -> None:
    assert await book(psd, activity(vehicle=7), activity(vehicle=8)) == ["booked", "booked"]
    assert await psd.part(RewardsPart).registry.vehicles([7, 8]) == {7: Vehicle(7), 8: Vehicle(8)}
    assert await psd.part(RewardsPart).registry.shards() == sorted({shard_of(7), shard_of(8)})


async def test_a_registry_that_was_lost_heals_with_the_next_activity(psd: Runtime) -> None:
    await book(psd, activity())
    await psd.store.client.flushdb()
    await book(psd, activity())
    assert await psd.part(RewardsPart).registry.vehicle(7) == Vehicle(7)
    assert await psd.part(RewardsPart).registry.shards() == [shard_of(7)]


async def test_what_is_about_no_vehicle_leaves_no_trace_of_one(psd: Runtime) -> None:
    await begin(psd, 100)
    steps = report(10, T, uid=7)
    assert await book(psd, steps, Count("signups", 1, T, "a")) == ["booked", "booked"]
    assert not [key for key in await keyspace(psd.store.client) if key.startswith("psd:rewards:{s")]
    assert await dirty(psd) == {}


async def test_outcomes_come_back_by_position_in_a_mixed_batch(psd: Runtime) -> None:
    events = (
        change(owner="1"),
        report(10, T, uid=7),
        change(vehicle=8),
        activity(),
        Count("signups", 1, T, "a"),
    )
    assert await book(psd, *events) == ["booked", "booked", "booked", "booked", "booked"]
    assert await book(psd, *events) == [
        *("unchanged", "unchanged", "unchanged", "unchanged", "duplicate")
    ]


async def test_late_activity_marks_weeks_that_were_begun_and_no_others(psd: Runtime) -> None:
    await book(psd, activity(3))
    assert await dirty(psd) == {}
    await begin(psd, 5)
    await book(psd, activity(4), activity(5), activity(5, vehicle=8), activity(6), activity(7))
    assert await dirty(psd) == {4: 1, 5: 1}


async def test_a_second_delivery_marks_too_for_the_first_may_have_died_before(
    psd: Runtime,
) -> None:
    earned = increment("p-1", 500, bounds(2).start, uid=7, thing=PROMOTIONS)
    await begin(psd, 5)
    assert await book(psd, activity(4), earned) == ["booked", "booked"]
    assert await book(psd, activity(4), earned) == ["unchanged", "duplicate"]
    assert await dirty(psd) == {4: 2, 2: 2}


async def test_a_change_of_a_vehicle_marks_nothing(psd: Runtime) -> None:
    await begin(psd, 5)
    await book(psd, change(owner="1"), change(vehicle=8))
    assert await dirty(psd) == {}


async def test_what_is_refused_neither_registers_nor_marks(psd: Runtime) -> None:
    await begin(psd, 5)
    await book(psd, activity(4, value=2**53 - 1))
    await psd.store.client.delete(rewards_key("dirty"), vehicles_key(shard_of(7)))
    late = report(1, bounds(4).start + 1, uid=7, atid=1, aid=2, thing=SIGNALS)
    assert await book(psd, late) == ["refused"]
    assert await psd.part(RewardsPart).registry.vehicle(7) is None
    assert await dirty(psd) == {}


async def test_signals_from_before_week_0_register_and_mark_nothing(psd: Runtime) -> None:
    await begin(psd, 5)
    assert await book(psd, report(1, 1_460_462_400, uid=7, thing=SIGNALS)) == ["booked"]
    assert await psd.part(RewardsPart).registry.vehicle(7) == Vehicle(7)
    assert await dirty(psd) == {}


async def test_a_number_below_0_is_no_vehicle(psd: Runtime) -> None:
    assert await book(psd, report(1, T, uid=-7, thing=SIGNALS)) == ["booked"]
    assert await psd.part(RewardsPart).registry.shards() == []


async def test_a_death_between_booking_and_marking_is_made_up_for_by_the_next_delivery(
    psd: Runtime,
) -> None:
    await begin(psd, 5)
    assert [each.status for each in await psd.engine.book([activity(4)])] == ["booked"]
    assert await book(psd, activity(4)) == ["unchanged"]
    assert await dirty(psd) == {4: 1}
    assert await psd.part(RewardsPart).registry.vehicle(7) == Vehicle(7)


class BeganMeanwhile:
    """An engine during whose booking the weekly job begins a week."""

    def __init__(self, psd: Runtime, week: int) -> None:
        self._psd = psd
        self._week = week

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        outcomes = await self._psd.engine.book(events)
        await begin(self._psd, self._week)
        return outcomes


async def test_a_week_that_is_begun_while_an_event_is_booked_is_marked(psd: Runtime) -> None:
    follower = VehicleFollower(psd.part(RewardsPart).registry, psd.store, psd.books.things)
    books = Books(BeganMeanwhile(psd, 4), psd.store.order, psd.metrics, [follower])
    await books.book([activity(4)])
    assert await dirty(psd) == {4: 1}


async def test_too_few_replicas_are_an_outage_and_no_success(redis_url: str) -> None:
    flags = {"redis.durability": "replicated", "redis.replicas": 1, "redis.replica_timeout_ms": 20}
    async with engine_on(redis_url, flags) as psd:
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
            await Registry(psd.store).change([change(owner="1")])
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
            await psd.part(RewardsPart).registry.register([7])


async def test_no_owner_set_stands_without_need(psd: Runtime) -> None:
    await psd.part(RewardsPart).registry.change([change(owner="1"), change(vehicle=8, owner=None)])
    owners = [key async for key in psd.store.client.scan_iter("psd:rewards:owner:*")]
    assert owners == [owner_vehicles_key("1").encode()]
