"""(f) How the cost of one sum grows with the activities of the owner in the range."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bench.figures import Figure, Row, Target
from bench.loading import check_sample
from bench.model import Model
from bench.sections.reading import Query, redis_us_per_query
from bench.workbench import Workbench
from bench.workloads import batches, heavy, heavy_ranges

GROWTH_TARGET = Target("<=", 3.0, 1.2, of="psd")


async def run(bench: Workbench) -> None:
    """One owner per size in both systems; Redis time of sums over nearly all activities."""
    sizes = bench.sizes
    costs: list[tuple[Figure, Figure]] = []
    async with AsyncExitStack() as stack:
        psd, original = await bench.pair(stack)
        for activities in sizes.heavy_activities:
            reports = heavy(activities)
            for system in (psd, original):
                for batch in batches(reports):
                    await system.book(batch)
                await check_sample(system, Model(reports), reports)
            queries = [Query((activities,), (1,), r) for r in heavy_ranges(sizes.heavy_queries)]
            ours, theirs = await redis_us_per_query(sizes.repetitions, (psd, original), queries)
            costs.append((ours, theirs))
            name = f"one sum, {activities:,} activities in range, Redis time"
            bench.add(Row("f", name, "us", ours, original.name, theirs))
    first, last = costs[0], costs[-1]
    grown = f"the same, growth from {sizes.heavy_activities[0]:,} to {sizes.heavy_activities[-1]:,}"
    bench.add(
        Row(
            "f",
            grown,
            "x",
            _growth(first[0], last[0]),
            original.name,
            _growth(first[1], last[1]),
            GROWTH_TARGET,
        )
    )


def _growth(first: Figure, last: Figure) -> Figure:
    return Figure((last.median / first.median,))
