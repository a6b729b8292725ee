"""Load a fleet with 39 weeks of history into Redis, as psd itself would have left it.

A history of 1,000,000 vehicles is 90 million activities, hours of booking. What the weekly job
reads is written in its place, and compared with what psd writes:

- the week hashes ``psd:{v}:6:w:*``: one vehicle of each profile is booked by the engine, on a
  scratch Redis, and its hashes are restored (DUMP, RESTORE) under the keys of the others. The
  other buckets, leaves and activities, which the job does not read, are left out;
- the registry: records, owners and VINs;
- weeks 0 and 1: computed by the job. All of their rows must equal those of bench/fleet.py;
- weeks 2 to 38: rows, streaks, results and states made from the rows of bench/fleet.py.

Of some vehicles all hashes and records are compared with those that booking and registering them
leaves on the scratch Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import redis

from bench.fleet import (
    PROFILES,
    PROMOTIONS,
    SHARED_VIN_EVERY,
    SIGNALS,
    WEEKS,
    Fleet,
    owner_of,
    vin_of,
)
from bench.model import WrongAnswerError, check
from bench.psd_system import settings_for
from bench.reward_writers import (
    Template,
    write_activity,
    write_owners,
    write_records,
    write_weeks,
)
from bench.workloads import batches
from psd.engine.plan import week_blocks
from psd.rewards.keys import owner_vehicles_key, rewards_key, rows_key, vehicles_key, vins_key
from psd.rewards.part import RewardsPart
from psd.rewards.registry import vin_shard
from psd.rewards.shards import shard_of
from psd.rewards.tables import load_tables
from psd.rewards.week_results import WeekResult
from psd.rewards.weeks import bounds
from psd.runtime import Runtime, open_runtime
from psd.store.owner_calls import ONE_SERVER

PROCESSES = 2
SAMPLE = 40
SHARDS_AT_ONCE = 64
COMPUTED_WEEKS = 2
"""Weeks that the job itself computes: the first without a history, the second with one."""


async def load_fleet(
    socket: Path, scratch: Path, size: int, compute: Callable[[], Awaitable[Any]]
) -> Fleet:
    """Fill an empty Redis; ``compute`` runs the job for weeks 0 and 1."""
    fleet = Fleet(size, load_tables())
    psd = await open_runtime(settings_for(scratch))
    try:
        templates = await booked_templates(psd, fleet)
        with _pool() as pool:
            await _all(
                *(
                    pool.submit(write_activity, socket, part, templates)
                    for part in _parts(range(1, size + 1))
                ),
                pool.submit(write_owners, socket, size),
                pool.submit(write_records, socket, size),
            )
        await check_sample(psd, socket, fleet)
    finally:
        await psd.close()
    await compute()
    with redis.Redis(unix_socket_path=str(socket)) as client:
        generations = [check_rows(client, fleet, week) for week in range(COMPUTED_WEEKS)]
        weeks = range(COMPUTED_WEEKS, WEEKS - 1)
        with _pool() as pool:
            await _all(
                *(
                    pool.submit(write_weeks, socket, size, part, max(generations) + 1)
                    for part in _parts(weeks)
                )
            )
        client.set(rewards_key("begun"), weeks[-1])
    return fleet


async def booked_templates(psd: Runtime, fleet: Fleet) -> list[Template]:
    """Book one vehicle of each profile and dump its week hashes; by number of profile."""
    examples = [each.number or PROFILES for each in fleet.profiles]
    reports = [each for vehicle in examples for each in fleet.profile(vehicle).reports(vehicle)]
    for batch in batches(reports):
        await psd.engine.book(batch)
    client, templates = psd.store.client, []
    for vehicle in examples:
        root = ONE_SERVER.owner_root(vehicle)
        dumps = [(end, await client.dump(root + end)) for end in week_key_ends()]
        templates.append([(end, dump) for end, dump in dumps if dump is not None])
    return templates


async def check_sample(psd: Runtime, socket: Path, fleet: Fleet) -> None:
    """Compare what was written of some vehicles with what psd writes on the scratch Redis."""
    step = max(fleet.size // SAMPLE, 1)
    owners = {each // 2 for each in (*range(PROFILES, fleet.size, step), SHARED_VIN_EVERY)}
    sample = sorted(each for owner in owners for each in (2 * owner, 2 * owner + 1))
    await psd.part(RewardsPart).registry.change([fleet.change(each) for each in sample])
    for vehicle in sample:
        await psd.engine.book(fleet.profile(vehicle).reports(vehicle))
    with redis.Redis(unix_socket_path=str(socket)) as loaded:
        for vehicle in sample:
            for question in _questions(vehicle, fleet):
                expected = await psd.store.client.execute_command(*question)
                found = loaded.execute_command(*question)
                check("the loader", " ".join(question), found, expected)


def check_rows(client: redis.Redis, fleet: Fleet, week: int) -> int:
    """Compare all visible rows of a week with the fleet's; returns the week's generation."""
    found: Any = client.hget(rewards_key("weeks"), str(week))
    generation = msgspec.json.decode(found, type=WeekResult).generation
    shards = sorted(fleet.shards)
    for start in range(0, len(shards), SHARDS_AT_ONCE):
        page = shards[start : start + SHARDS_AT_ONCE]
        kept: Any = client.mget([rows_key(shard, week, generation) for shard in page])
        for shard, packed in zip(page, kept, strict=True):
            if packed != fleet.rows(shard, week):
                raise WrongAnswerError(f"psd: week {week}: the rows of shard {shard} are others")
    return generation


def week_key_ends() -> list[str]:
    """What follows an owner's root in the keys of all weeks, of activity and of promotions."""
    every = [week_blocks(bounds(week).start, bounds(week).end) for week in range(WEEKS)]
    blocks = dict.fromkeys(str(block) for [[block, _]] in every)
    return [f":{thing}:{block}" for thing in (SIGNALS, PROMOTIONS) for block in blocks]


def _questions(vehicle: int, fleet: Fleet) -> Iterator[tuple[str, ...]]:
    """Commands that read all that is loaded of a vehicle."""
    for end in week_key_ends():
        yield ("HGETALL", ONE_SERVER.owner_root(vehicle) + end)
    yield ("HGET", vehicles_key(shard_of(vehicle)), str(vehicle))
    vin = vin_of(vehicle, fleet.size)
    yield ("HGET", vins_key(vin_shard(vin.encode())), vin)
    yield ("SMEMBERS", owner_vehicles_key(owner_of(vehicle)))


def _parts(numbers: range) -> list[range]:
    return [numbers[part::PROCESSES] for part in range(PROCESSES)]


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))


async def _all(*futures: Future[None]) -> None:
    await asyncio.gather(*(asyncio.wrap_future(each) for each in futures))
