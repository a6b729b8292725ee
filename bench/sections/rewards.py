"""(r) The weekly rewards of a fleet with 40 weeks of history: time, processor, memory, rows.

``psd rewards calculate 39`` in a process of its own, on the history of bench/reward_load.py. The
first run computes the week and the others compute it again, which is the same work; then all of
its rows are compared with those of bench/fleet.py. In turn with it PostgreSQL reads and writes
one row a vehicle (bench/peers/postgres_rows.py): one by one of 50,000 vehicles, times as many as
the fleet has, and pipelined of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

import msgspec
import redis

from bench.figures import Figure, Measurement, Row, Target, interleaved
from bench.fleet import WEEKS, Fleet
from bench.peers.postgres_rows import RewardRows, reward_rows
from bench.processes import NotInstalledError, redis_server, wait_for
from bench.redis_cost import RedisCost
from bench.reward_job import MB, Job
from bench.reward_load import check_rows, load_fleet
from bench.workbench import Workbench
from psd.rewards.rows import Row as RewardRow
from psd.rewards.rows import unpack_rows

WEEK = WEEKS - 1
ONE_BY_ONE_VEHICLES = 50_000
AOF_POLL_S, AOF_TIMEOUT_S = 0.1, 600.0
TIME_TARGET = Target("<=", 60.0, 30.0, of="psd")
MEMORY_TARGET = Target("<=", 1000.0, 250.0, of="psd")


class Measured(msgspec.Struct, frozen=True):
    """What a run of this section found; bytes of rows are those of one."""

    seconds: dict[str, Figure]
    job: Job
    durable: Figure
    history_bytes: int
    row_bytes: float
    row_bytes_on_disk: float | None


async def run(bench: Workbench) -> None:
    """Load and measure, then tell."""
    size = bench.sizes.reward_vehicles
    async with AsyncExitStack() as stack:
        found = await _measured(bench, stack, size)
    bench.add(*_time_rows(f"a week of {size:,} vehicles", found), *_space_rows(found))


async def _measured(bench: Workbench, stack: AsyncExitStack, size: int) -> Measured:
    """Load, compute in turn with the peer, compare; at last with every write on the disk."""
    socket = stack.enter_context(redis_server(bench.folder("rewards")))
    cost = stack.enter_context(RedisCost(socket))
    log = bench.folder("rewards.log")
    with redis_server(bench.folder("scratch")) as scratch:
        fleet = await load_fleet(socket, scratch, size, Job(socket, log, cost).weeks_0_and_1)
    history = cost.footprint()
    await Job(socket, log, cost).wall_s()
    row_bytes = cost.footprint().since(history).memory_bytes / size
    job, peer = Job(socket, log, cost), await _peer(bench, stack)
    on_disk = peer.load(_rows(fleet, WEEK - 1), WEEK - 1) if peer else None
    seconds = await interleaved(
        bench.sizes.repetitions, {"psd": job.wall_s, **_peer_measurements(peer, size)}
    )
    with redis.Redis(unix_socket_path=str(socket)) as client:
        check_rows(client, fleet, WEEK)
        _keep_on_disk(client)
        durable = Figure((await Job(socket, log, cost, "durable").wall_s(),))
        check_rows(client, fleet, WEEK)
    return Measured(seconds, job, durable, history.memory_bytes, row_bytes, on_disk)


def _time_rows(measure: str, found: Measured) -> Iterator[Row]:
    ours, job = found.seconds["psd"], found.job
    for kind in ("one by one", "pipelined"):
        theirs = found.seconds.get(kind)
        note = "" if theirs else "not installed"
        peer = f"{RewardRows.name}, {kind}"
        yield Row("r", measure, "s", ours, peer, theirs, TIME_TARGET, note)
    durable = f"{measure}, durable"
    yield Row("r", durable, "s", found.durable, "psd, fast", ours, TIME_TARGET)
    yield Row("r", f"{measure}, CPU of psd", "s", job.figure(lambda each: each.psd_cpu_s))
    yield Row("r", f"{measure}, CPU of Redis", "s", job.figure(lambda each: each.redis_cpu_s))


def _space_rows(found: Measured) -> Iterator[Row]:
    peak = found.job.figure(lambda each: each.peak_mb)
    yield Row("r", "peak memory of psd", "MB", peak, target=MEMORY_TARGET)
    yield Row("r", "memory of Redis with 39 weeks", "MB", Figure((found.history_bytes / MB,)))
    on_disk = found.row_bytes_on_disk
    theirs = None if on_disk is None else Figure((on_disk,))
    note = "" if theirs else "not installed"
    measure = "bytes of a row (memory against disk)"
    ours = Figure((found.row_bytes,))
    yield Row("r", measure, "B", ours, RewardRows.name, theirs, None, note)


async def _peer(bench: Workbench, stack: AsyncExitStack) -> RewardRows | None:
    try:
        return await stack.enter_async_context(reward_rows(bench.folder("reward-rows")))
    except NotInstalledError:
        return None


def _peer_measurements(peer: RewardRows | None, size: int) -> dict[str, Measurement]:
    """Seconds for the whole fleet; one by one from some of it."""
    if peer is None:
        return {}
    some = min(ONE_BY_ONE_VEHICLES, size)

    async def one_by_one_s() -> float:
        return await peer.one_by_one_s(range(1, some + 1)) * size / some

    return {
        "one by one": one_by_one_s,
        "pipelined": lambda: peer.pipelined_s(range(1, size + 1)),
    }


def _rows(fleet: Fleet, week: int) -> Iterator[RewardRow]:
    """All rows of a week in the order of vehicles."""
    packed = b"".join(fleet.rows(shard, week) for shard in fleet.shards)
    return iter(sorted(unpack_rows(packed), key=lambda row: row.vehicle))


def _keep_on_disk(client: redis.Redis) -> None:
    """Turn the append-only file on, and wait until it holds what there is."""
    client.config_set("appendfsync", "always")
    client.config_set("appendonly", "yes")

    def is_written() -> bool:
        found = dict(client.info("persistence"))
        return not (found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"])

    wait_for("append-only file", is_written, AOF_TIMEOUT_S, AOF_POLL_S)
