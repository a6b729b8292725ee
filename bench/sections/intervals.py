"""(u) What intervals of meters cost: bytes, Redis' CPU, and how many one worker takes a second.

100 meters send half-hours of 30 days. Interleaved, each message is one interval, the next one of
another meter; by day it is 48 of one meter. Redis' CPU and memory have all in them that psd does
about an interval: its report, columns and logs, and from when to when the meter is metered.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

from bench import energy_load
from bench.energy_load import HALF_HOUR_S, Interval, meter_of
from bench.figures import Figure, Row, Target, interleaved
from bench.model import check
from bench.peers.energy_rows import IntervalRows
from bench.processes import redis_server
from bench.psd_system import settings_for
from bench.redis_cost import Footprint, RedisCost
from bench.sections.worker import drained_s, psd_worker
from bench.workbench import Workbench
from psd.energy.channels import THINGS, meter_uid
from psd.engine.plan import Range
from psd.runtime import Runtime, open_runtime

MESSAGES_AT_ONCE = 1_200
"""As a worker takes them."""

CHECKED_METERS = 10

BYTES, CPU = Target("<=", 60.0, 50.0, of="psd"), Target("<=", 35.0, 25.0, of="psd")
FAST = Target(">=", 12_000.0, 18_000.0, of="psd")
DURABLE = Target(">=", 9_000.0, 14_000.0, of="psd")


async def run(bench: Workbench) -> None:
    """What Redis spends, then what a worker takes."""
    intervals = energy_load.intervals_of(bench.sizes.meters, bench.sizes.meter_days)
    loads = {
        "interleaved": energy_load.interleaved(intervals),
        "48 a message": energy_load.by_day(intervals),
    }
    for name, bodies in loads.items():
        cpu, footprint = await cost_of(bench, bodies, intervals)
        on_disk, note = await _on_disk(bench, intervals)
        took = Figure((footprint.memory_bytes / len(intervals),))
        bytes_row = f"bytes an interval, {name} (memory against disk)"
        bench.add(
            Row("u", bytes_row, "B", took, IntervalRows.name, on_disk, BYTES, note),
            Row("u", f"Redis CPU an interval, {name}", "us", cpu, target=CPU),
        )
    for name, bodies in loads.items():
        await _drained(bench, name, bodies, intervals)


async def cost_of(
    bench: Workbench, bodies: Sequence[bytes], intervals: Sequence[Interval]
) -> tuple[Figure, Footprint]:
    """Redis' CPU microseconds an interval by part of the load, and what all of it takes up."""
    async with AsyncExitStack() as stack:
        socket = stack.enter_context(redis_server(bench.folder("intervals")))
        runtime = await open_runtime(settings_for(socket))
        stack.push_async_callback(runtime.close)
        cost = stack.enter_context(RedisCost(socket))
        per_message = len(intervals) / len(bodies)
        part = -(-len(bodies) // bench.sizes.slices)
        # Scripts, connections and what a store has once are there before anything is weighed.
        await book(runtime, [energy_load.message(len(intervals), [intervals[0][1:]])])
        empty, spent = cost.footprint(), []
        for at in range(0, len(bodies), part):
            some = bodies[at : at + part]
            taken = await cost.cpu_us(book(runtime, some))
            spent.append(taken / len(some) / per_message)
        footprint = cost.footprint().since(empty)
        await check_sums(runtime, intervals)
    return Figure(tuple(spent)), footprint


async def book(runtime: Runtime, bodies: Sequence[bytes]) -> None:
    """Have messages booked as a worker has them, all of them."""
    for at in range(0, len(bodies), MESSAGES_AT_ONCE):
        events = [
            event
            for body in bodies[at : at + MESSAGES_AT_ONCE]
            for event in runtime.rules.events(body, runtime.clock.now_s(), "")
        ]
        outcomes = await runtime.books.book(events)
        statuses = {outcome.status for outcome in outcomes}
        check("psd", f"outcomes of {len(events)} messages", statuses, {"booked"})


async def check_sums(runtime: Runtime, intervals: Sequence[Interval]) -> None:
    """Hold the energy of some meters against plain addition."""
    first = min(start for _, start, _ in intervals)
    end = max(start for _, start, _ in intervals) + HALF_HOUR_S
    meters = sorted({meter for meter, _, _ in intervals})[:CHECKED_METERS]
    uids = [meter_uid(meter_of(meter)) for meter in meters]
    thing = runtime.settings.numbers[THINGS["import"]]
    found = await runtime.engine.sums(uids, [thing], [Range(first, end)] * len(uids))
    told = [owner.sums.get(thing, 0) for owner in found]
    own = [sum(mwh for each, _, mwh in intervals if each == meter) for meter in meters]
    check("psd", "energy of meters", told, own)


async def _on_disk(bench: Workbench, intervals: Sequence[Interval]) -> tuple[Figure | None, str]:
    peer = await bench.postgres()
    if peer is None:
        return None, "not installed"
    rows = IntervalRows(peer)
    await rows.load(intervals)
    return Figure((await rows.bytes_on_disk() / len(intervals),)), ""


async def _drained(
    bench: Workbench, name: str, bodies: Sequence[bytes], intervals: Sequence[Interval]
) -> None:
    """Rows of what one worker takes out of nsqd."""

    async def intervals_per_s(durability: str) -> float:
        folder = bench.folder(f"meters-{durability}")
        with ExitStack() as stack:
            socket = stack.enter_context(redis_server(folder, durable=durability == "durable"))
            taken_s = drained_s(stack, folder, bodies, partial(psd_worker, socket, durability))
            await _check(socket, intervals)
        return len(intervals) / taken_s

    modes = {each: partial(intervals_per_s, each) for each in ("fast", "durable")}
    taken = await interleaved(bench.sizes.repetitions, modes)
    fast, durable = taken["fast"], taken["durable"]
    measure = f"worker drains nsqd, {name}"
    bench.add(
        Row("u", measure, "intervals/s", fast, target=FAST),
        Row("u", f"{measure}, durable", "intervals/s", durable, "psd, fast", fast, DURABLE),
    )


async def _check(socket: Path, intervals: Sequence[Interval]) -> None:
    runtime = await open_runtime(settings_for(socket))
    try:
        await check_sums(runtime, intervals)
    finally:
        await runtime.close()
