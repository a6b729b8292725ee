"""What fills a Redis with a fleet (bench/reward_load.py): each function is run by a process.

They make the commands as they travel and hand them to ``redis-cli --pipe``: the 7 million of a
million vehicles take half a minute.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path

import msgspec

from bench.fleet import (
    KNOWN_SINCE_S,
    MINTED_FROM_S,
    PROFILES,
    SHARED_VIN_EVERY,
    Fleet,
    owner_of,
    vin_of,
)
from bench.processes import program
from psd.rewards.keys import (
    owner_vehicles_key,
    rewards_key,
    rows_key,
    streaks_key,
    vehicles_key,
    vins_key,
)
from psd.rewards.registry import VehicleRecord, vin_shard
from psd.rewards.row_stage import MemoryStage
from psd.rewards.tables import load_tables
from psd.rewards.week_results import ENCODE, WeekResult, WeekStatus
from psd.rewards.week_totals import total_week
from psd.store.owner_calls import ONE_SERVER

COMMANDS_AT_ONCE = 1000

Template = list[tuple[str, bytes]]
"""The week hashes of one profile: what follows the owner's root in the key, and the DUMP."""

Write = Callable[[Iterable[bytes]], None]


def write_activity(socket: Path, vehicles: Iterable[int], templates: Sequence[Template]) -> None:
    """Restore the week hashes of vehicles, 4 each."""
    with _pipe(socket) as write:
        write(
            command("RESTORE", ONE_SERVER.owner_root(vehicle) + end, 0, dump)
            for vehicle in vehicles
            for end, dump in templates[vehicle % PROFILES]
        )


def write_owners(socket: Path, size: int) -> None:
    """The sets and hashes that lead from owners and VINs to vehicles."""
    with _pipe(socket) as write:
        write(
            command("SADD", owner_vehicles_key(owner_of(vehicle)), vehicle)
            for vehicle in range(1, size + 1)
        )
        by_vin: dict[str, str] = {}
        for vehicle in range(1, size + 1):
            vin = vin_of(vehicle, size)
            by_vin[vin] = f"{by_vin[vin]},{vehicle}" if vin in by_vin else f"{vehicle}"
        write(
            command("HSET", vins_key(vin_shard(vin.encode())), vin, vehicles)
            for vin, vehicles in by_vin.items()
        )
        shared = range(SHARED_VIN_EVERY, size, SHARED_VIN_EVERY)
        write(command("SADD", rewards_key("shared_vins"), vin_of(each, size)) for each in shared)


def write_records(socket: Path, size: int) -> None:
    """What is known of each vehicle, by shard."""
    fleet = _fleet(size)
    with _pipe(socket) as write:
        write([command("SADD", rewards_key("shards"), *fleet.shards)])
        for shard, vehicles in fleet.shards.items():
            fields = [part for each in vehicles for part in (each, _record(fleet, each))]
            write([command("HSET", vehicles_key(shard), *fields)])


def write_weeks(socket: Path, size: int, weeks: Sequence[int], generation: int) -> None:
    """Rows, streaks, result and state of weeks, as the weekly job leaves them."""
    fleet = _fleet(size)
    with _pipe(socket) as write:
        for week in weeks:
            write(asyncio.run(_week(fleet, week, generation)))


def command(*parts: bytes | str | int) -> bytes:
    """One command as it travels."""
    encoded = [each if isinstance(each, bytes) else str(each).encode() for each in parts]
    return b"*%d\r\n" % len(encoded) + b"".join(
        [b"$%d\r\n%b\r\n" % (len(each), each) for each in encoded]
    )


async def _week(fleet: Fleet, week: int, generation: int) -> list[bytes]:
    tables, stage, shards = load_tables(), MemoryStage(), sorted(fleet.shards)
    for shard in shards:
        await stage.put(week, shard, fleet.rows(shard, week), [])
    totals = await total_week(stage, week, shards, tables)
    now_s = int(time.time())
    result = WeekResult(
        week=week,
        generation=generation,
        tables=tables.digest,
        version=tables.version,
        source="redis",
        computed_at_s=now_s,
        rows=totals.rows,
        connected=totals.connected,
        points=totals.points,
        levels=totals.levels,
        shares=totals.shares,
    )
    rows = zip(shards, await stage.get(week, shards), strict=True)
    return [
        *(command("SET", rows_key(shard, week, generation), packed) for shard, packed in rows),
        command("SET", streaks_key(week, generation), totals.streaks),
        command("HSET", rewards_key("weeks"), week, ENCODE(result)),
        command("HSET", rewards_key("status"), week, ENCODE(WeekStatus("Finished", now_s))),
    ]


def _record(fleet: Fleet, vehicle: int) -> bytes:
    profile = fleet.profile(vehicle)
    is_paired = profile.paired >= 0
    return msgspec.msgpack.encode(
        VehicleRecord(
            owner_since_s=KNOWN_SINCE_S,
            owner=owner_of(vehicle),
            integrations_since_s=KNOWN_SINCE_S if is_paired else 0,
            integrations=profile.paired if is_paired else False,
            vin_since_s=KNOWN_SINCE_S,
            vin=vin_of(vehicle, fleet.size),
            minted_at_since_s=KNOWN_SINCE_S,
            minted_at_s=MINTED_FROM_S + vehicle,
            minted_since_s=0,
            minted=False,
            opted_in_since_s=0,
            opted_in=False,
        )
    )


@lru_cache(maxsize=1)
def _fleet(size: int) -> Fleet:
    return Fleet(size, load_tables())


@contextmanager
def _pipe(socket: Path) -> Iterator[Write]:
    """A writer of commands, all of which have to succeed."""
    child = subprocess.Popen(
        [program("redis-cli"), "-s", str(socket), "--pipe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert child.stdin is not None

    def write(commands: Iterable[bytes]) -> None:
        assert child.stdin is not None
        waiting = iter(commands)
        while page := b"".join(islice(waiting, COMMANDS_AT_ONCE)):
            child.stdin.write(page)

    try:
        yield write
    finally:
        output = child.communicate()[0].decode()
    if child.returncode or "errors: 0" not in output:
        raise RuntimeError(f"redis-cli --pipe: {output[-2000:]}")
