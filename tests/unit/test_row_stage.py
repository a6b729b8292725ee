"""Rows of a run before anybody sees them: a killed run goes on, another never meets them."""

from __future__ import annotations

from psd.rewards.registry import Registry
from psd.rewards.row_stage import MemoryStage, RedisStage
from psd.rewards.shards import shard_of
from tests.support.stored.fake_store import FakeStore


async def test_a_run_that_goes_on_passes_over_the_shards_that_are_there() -> None:
    store = FakeStore().as_store()
    await RedisStage(store, 3).put(5, 1, b"rows of 1", [])
    await RedisStage(store, 3).put(5, 9, b"rows of 9", [])
    goes_on = RedisStage(store, 3)
    assert await goes_on.staged(5, [1, 2, 9]) == {1, 9}
    assert await goes_on.get(5, [9, 2, 1]) == [b"rows of 9", b"", b"rows of 1"]


async def test_weeks_and_generations_do_not_meet() -> None:
    store = FakeStore().as_store()
    await RedisStage(store, 3).put(5, 1, b"rows", [])
    assert await RedisStage(store, 4).staged(5, [1]) == set()
    assert await RedisStage(store, 3).get(6, [1]) == [b""]


async def test_a_vehicle_with_a_row_that_nobody_registered_is_found_by_its_shard() -> None:
    store = FakeStore()
    await RedisStage(store.as_store(), 3).put(5, shard_of(7), b"rows", [7])
    registry = Registry(store.as_store())
    assert await registry.shards() == [shard_of(7)]


async def test_a_trial_keeps_its_rows_until_the_week_is_over_and_registers_nobody() -> None:
    stage = MemoryStage()
    await stage.put(5, 1, b"rows", [7])
    assert await stage.staged(5, [1]) == set()
    assert await stage.get(5, [1, 2]) == [b"rows", b""]
    await stage.ended(5)
    assert await stage.get(5, [1]) == [b""]
