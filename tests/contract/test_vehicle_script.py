"""The registry's scripts: what is known of a vehicle does not depend on the order of changes."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest

from psd.errors import ShapeError, StoreError
from psd.rewards.keys import vehicles_key, vins_key
from psd.rewards.part import RewardsPart
from psd.rewards.registry import VIN_VEHICLES_MAX, VehicleRecord, vin_shard
from psd.rewards.shards import shard_of
from psd.rewards.vehicle_events import CHANGEABLE, VehicleChange
from psd.rewards.vehicles import Vehicle
from psd.runtime import Runtime
from tests.support.stored.keyspace import keyspace

T = 1_644_210_000
LARGEST = 2**63 - 1


def change(time_s: int = T, vehicle: int = 7, **fields: object) -> VehicleChange:
    return VehicleChange(time_s, vehicle, fields)


async def statuses(psd: Runtime, *changes: VehicleChange) -> list[str]:
    return [outcome.status for outcome in await psd.part(RewardsPart).registry.change(changes)]


async def test_every_field_comes_back_as_it_was_said(psd: Runtime) -> None:
    said = change(
        vehicle=LARGEST,
        owner="0xab",
        integrations=(1, 3, 31),
        vin="5YJ3E1EA7KF317000",
        minted_at=1_640_000_000,
        minted=True,
        opted_in=False,
    )
    assert await statuses(psd, said) == ["booked"]
    assert await psd.part(RewardsPart).registry.vehicle(LARGEST) == Vehicle(
        LARGEST, "0xab", frozenset({1, 3, 31}), "5YJ3E1EA7KF317000", 1_640_000_000, True, False
    )


async def test_what_was_not_said_is_unknown_and_no_integration_is_not_unknown(
    psd: Runtime,
) -> None:
    await statuses(psd, change(integrations=()))
    assert await psd.part(RewardsPart).registry.vehicle(7) == Vehicle(7, integrations=frozenset())
    assert await psd.part(RewardsPart).registry.vehicle(8) is None


CHANGES = (
    change(T, owner="1", vin="A", integrations=(1, 2), minted=True),
    change(T + 1, owner="2", vin=None, opted_in=True),
    change(T + 1, owner="22", minted_at=5, integrations=(), minted=None),
    change(T + 1, owner="é", minted_at=None, integrations=None),
    change(T + 2, vehicle=7, minted=False),
)


async def test_all_orders_of_changes_leave_the_same_bytes(psd: Runtime) -> None:
    found = set()
    for order in itertools.permutations(CHANGES):
        await psd.store.client.flushdb()
        for each in order:
            await psd.part(RewardsPart).registry.change([each])
        found.add(repr(await keyspace(psd.store.client)))
    assert len(found) == 1
    assert await psd.part(RewardsPart).registry.vehicle(7) == Vehicle(
        7, "é", frozenset(), None, 5, minted=False, opted_in=True
    )


async def test_batches_in_any_order_with_repeats_leave_the_same_bytes(psd: Runtime) -> None:
    rng = random.Random(7)
    values = {
        "owner": ["1", "2", "0xab", None],
        "vin": ["A", "B", None],
        "integrations": [(), (1,), (1, 3), None],
        "minted": [True, False, None],
    }
    said = [
        change(T + rng.randrange(3), rng.randrange(5), **{name: rng.choice(values[name])})
        for name in values
        for _ in range(12)
    ]
    found = []
    for _ in range(4):
        await psd.store.client.flushdb()
        sent = rng.sample(said, len(said)) + rng.sample(said, 10)
        for start in range(0, len(sent), 7):
            await psd.part(RewardsPart).registry.change(sent[start : start + 7])
        await psd.part(RewardsPart).registry.register(range(5))
        found.append(await keyspace(psd.store.client))
    assert found[1:] == found[:-1]


async def test_a_change_that_changes_nothing_says_so_and_writes_nothing(psd: Runtime) -> None:
    first = change(T, owner="1", minted=True)
    assert await statuses(psd, first, first) == ["booked", "unchanged"]
    before = await keyspace(psd.store.client)
    assert await statuses(psd, first, change(T - 1, owner="9", minted=None)) == ["unchanged"] * 2
    after = await keyspace(psd.store.client)
    assert after.pop("psd:rewards:owner:{9}") == {b"7"}, "sets may name who has moved on"
    assert after == before


async def test_a_vehicle_without_fields_is_registered_and_keeps_what_was_said(
    psd: Runtime,
) -> None:
    assert await statuses(psd, change(), change(), change(owner="1"), change()) == [
        *("booked", "unchanged", "booked", "unchanged")
    ]
    await psd.part(RewardsPart).registry.register([7, 8])
    assert await psd.part(RewardsPart).registry.vehicles([7, 8, 9]) == {
        7: Vehicle(7, "1"),
        8: Vehicle(8),
    }
    assert await psd.part(RewardsPart).registry.shards() == sorted({shard_of(7), shard_of(8)})


async def test_a_record_that_is_none_is_an_error_and_not_an_empty_vehicle(psd: Runtime) -> None:
    await psd.store.client.hset(vehicles_key(shard_of(7)), "7", b"\xc1spoiled")
    with pytest.raises(ShapeError):
        await psd.part(RewardsPart).registry.vehicle(7)
    with pytest.raises(StoreError):
        await psd.part(RewardsPart).registry.change([change(owner="1")])


async def test_the_vehicles_of_a_vin_are_noted_once_and_in_order(psd: Runtime) -> None:
    for vehicle in (30, LARGEST, 4, 30, LARGEST - 1, 200):
        await psd.part(RewardsPart).registry.change([change(vehicle=vehicle, vin="A")])
    noted = await psd.store.client.hget(vins_key(vin_shard(b"A")), "A")
    assert noted == b"4,30,200,%d,%d" % (LARGEST - 1, LARGEST)


async def test_a_vin_that_too_many_gave_is_refused_and_nothing_of_its_change_is_kept(
    psd: Runtime,
) -> None:
    many = [change(vehicle=number, vin="0") for number in range(VIN_VEHICLES_MAX)]
    assert set(await statuses(psd, *many)) == {"booked"}
    before = await keyspace(psd.store.client)
    late = change(vehicle=5000, owner="1", vin="0")
    assert await statuses(psd, late, many[0]) == ["refused", "unchanged"]
    [outcome] = await psd.part(RewardsPart).registry.change([late])
    assert str(outcome.error) == "vin: '0' is that of 1000 vehicles already"
    assert await keyspace(psd.store.client) == before


def test_a_record_has_two_slots_for_each_field() -> None:
    names = [field.name for field in msgspec.structs.fields(VehicleRecord)]
    assert names[::2] == [f"{name}_since_s" for name in CHANGEABLE]
    assert [name.removesuffix("_s") for name in names[1::2]] == list(CHANGEABLE)
