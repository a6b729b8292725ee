"""Load a workload into psd and the original's layout, and account for what it cost.

The two take turns, slice by slice (a tenth of the workload each), in batches of 200: a figure
is the median over the slices, and the first slice, on an empty store, is in it. At the end a
sample of answers is compared with the model.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from bench.figures import Figure
from bench.model import Model, check
from bench.peers.original import OriginalLayout
from bench.psd_system import PsdSystem
from bench.redis_cost import Footprint, RedisCost
from bench.workloads import batches
from psd.engine.events import Report
from psd.engine.plan import Range

CHECKED_ANSWERS = 40


class Cost(msgspec.Struct, frozen=True):
    """Of one system: Redis CPU per report of each slice, and what the whole load takes up."""

    cpu_us_per_report: Figure
    footprint: Footprint


class Loaded(msgspec.Struct, frozen=True):
    """Both systems with the same reports in them."""

    psd: PsdSystem
    original: OriginalLayout
    model: Model
    reports: Sequence[Report]
    psd_cost: Cost
    original_cost: Cost


async def load(
    pair: tuple[PsdSystem, OriginalLayout], reports: Sequence[Report], slices: int
) -> Loaded:
    """Book all reports in both systems, check a sample, and return the costs."""
    psd, original = pair
    size = -(-len(reports) // slices)
    cpu_us: dict[str, list[float]] = {psd.name: [], original.name: []}
    with RedisCost(psd.socket) as psd_redis, RedisCost(original.socket) as original_redis:
        await original.sums([0], [0], Range(0, 1))
        empty = psd_redis.footprint(), original_redis.footprint()
        for start in range(0, len(reports), size):
            piece = reports[start : start + size]
            for system, cost in ((psd, psd_redis), (original, original_redis)):
                spent = await cost.cpu_us(_book(system, piece))
                cpu_us[system.name].append(spent / len(piece))
        full = psd_redis.footprint(), original_redis.footprint()
    model = Model(reports)
    systems: tuple[PsdSystem | OriginalLayout, ...] = pair
    for system in systems:
        await check_sample(system, model, reports)
    costs = [
        Cost(Figure(tuple(cpu_us[system.name])), after.since(before))
        for system, before, after in zip(systems, empty, full, strict=True)
    ]
    return Loaded(psd, original, model, reports, costs[0], costs[1])


async def check_sample(
    system: PsdSystem | OriginalLayout, model: Model, reports: Sequence[Report]
) -> None:
    """Compare sums and activities over random ranges with plain addition."""
    rng = random.Random("sample")
    seconds = [report.ts2 for report in reports]
    things = sorted({report.thing for report in reports})
    uids = model.users()
    for _ in range(CHECKED_ANSWERS):
        uid = rng.choice(uids)
        range_ = Range(*sorted((rng.choice(seconds), rng.choice(seconds))))
        got = (await system.sums([uid], things, range_, activities=True))[0]
        expected = model.answer(uid, things, range_, activities=True)
        check(system.name, f"user {uid}, things {things}, {range_}", got, expected)


async def _book(system: PsdSystem | OriginalLayout, reports: Sequence[Report]) -> None:
    for batch in batches(reports):
        await system.book(batch)
