"""(g) The top 10 of 10,000 users over a random range of a year, one request."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial

from bench.figures import Figure, Row, Target, interleaved
from bench.model import Model, check
from bench.peers.original import OriginalLayout
from bench.peers.postgres import Postgres
from bench.psd_system import PsdSystem
from bench.workbench import Workbench
from bench.workloads import batches, board, random_years
from psd.engine.plan import Range

PLACES = 10
THING = 1
MEASURE = "top 10 of 10,000 users over a year"
TARGET = Target("<=", 150.0, 50.0, of="psd")


async def run(bench: Workbench) -> None:
    """The same board from all three systems, at different ranges each time."""
    sizes = bench.sizes
    reports = board(sizes.board_users, sizes.board_events_per_user)
    model = Model(reports)
    uids = model.users()
    ranges = random_years(sizes.board_queries, "board")
    postgres = await bench.postgres()
    async with AsyncExitStack() as stack:
        psd, original = await bench.pair(stack)
        for system in (psd, original):
            for batch in batches(reports):
                await system.book(batch)
        if postgres is not None:
            await postgres.load(reports)
        taken: dict[str, list[float]] = {}
        for range_ in ranges:
            expected = model.top(PLACES, THING, range_)
            measurements = {
                psd.name: partial(_top_ms, psd, range_, expected),
                original.name: partial(_original_ms, original, uids, range_, expected),
            }
            if postgres is not None:
                measurements[postgres.name] = partial(_top_ms, postgres, range_, expected)
            for name, figure in (await interleaved(1, measurements)).items():
                taken.setdefault(name, []).extend(figure.values)
    figures = {name: Figure(tuple(values)) for name, values in taken.items()}
    ours = figures[PsdSystem.name]
    theirs = figures[OriginalLayout.name]
    note = "" if postgres else "not installed"
    bench.add(
        Row("g", MEASURE, "ms", ours, OriginalLayout.name, theirs, TARGET),
        Row("g", MEASURE, "ms", ours, Postgres.name, figures.get(Postgres.name), None, note),
    )


Board = list[tuple[int, int]]


async def _original_ms(
    system: OriginalLayout, uids: list[int], range_: Range, expected: Board
) -> float:
    started = time.perf_counter()
    answers = await system.sums(uids, (THING,), range_)
    sums = zip((answer.sums[THING] for answer in answers), uids, strict=True)
    top = sorted(sums, reverse=True)[:PLACES]
    waited_ms = (time.perf_counter() - started) * 1e3
    check(system.name, f"{MEASURE}, {range_}", top, expected)
    return waited_ms


async def _top_ms(system: PsdSystem | Postgres, range_: Range, expected: Board) -> float:
    started = time.perf_counter()
    top = await system.top(PLACES, THING, range_)
    waited_ms = (time.perf_counter() - started) * 1e3
    check(system.name, f"{MEASURE}, {range_}", top, expected)
    return waited_ms
