"""(q) Queries of every kind beside all peers, and how their cost grows.

One client asks one question at a time; what it waits, from the call to the decoded answer, is
told as p50 and p99. All systems get each question in turn, and every answer of every peer has to
be psd's. The first question of each kind, on which caches and statements are prepared, is checked
and not counted. Where fewer than 100 were asked the p99 is the slowest.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from bench.figures import WHOLE_FROM, Figure, Row, Target
from bench.model import check
from bench.peers.original import OriginalLayout
from bench.peers.query_systems import OriginalQueries, PostgresQueries, PsdQueries, QuerySystem
from bench.peers.time_series import InfluxDB, VictoriaMetrics
from bench.processes import NotInstalledError, redis_server
from bench.sections.query_data import (
    HEAVY_THING,
    LONG_SECOND_THING,
    LONG_THING,
    LONG_USERS,
    board_things,
    boards,
    heavy_users,
    long,
    ranges_of,
)
from bench.workbench import Workbench
from bench.workloads import DAY_S, heavy_ranges, random_years
from psd.engine.events import Report
from psd.engine.plan import Range

YEAR_S = 365 * DAY_S
SPANS = {
    "1 minute": 60,
    "1 hour": 3600,
    "1 day": DAY_S,
    "30 days": 30 * DAY_S,
    "1 year": YEAR_S,
    "5 years": 5 * YEAR_S,
}
SLOW_USERS = 10_000
"""Boards of so many users and more are asked for fewer times."""

TOP, GROWTH = Target("<=", 150.0, 50.0, of="psd"), Target("<=", 3.0, 1.2, of="psd")

Ask = Callable[[QuerySystem], Awaitable[Any]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of question, and the questions; the first is not counted."""

    name: str
    asks: Sequence[Ask]


async def run(bench: Workbench) -> None:
    """Load all systems, ask everything, and leave the table."""
    sizes = bench.sizes
    users = sizes.query_users
    reports = [*boards(users), *long(), *heavy_users(sizes.heavy_activities)]
    async with AsyncExitStack() as stack:
        systems, missing = await _systems(bench, stack)
        for system in systems:
            await _load(system, reports)
        many, few = sizes.queries, sizes.slow_queries
        kinds = [
            *single_kinds(many, few),
            *board_kinds(users, many, few, reports),
            *range_kinds(many),
            *activity_kinds(sizes.heavy_activities, many),
        ]
        lines = {}
        for kind in kinds:
            lines[kind.name] = await _measured(kind, systems)
    names = [system.name for system in systems]
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    notes = [f"{name}: not installed, left out" for name in missing]
    notes += [f"{len(reports):,} events; load average at the end {load}"]
    bench.notes.append("\n".join([table(names, lines), "", *notes]))
    _add_rows(bench, lines, users)


async def _systems(bench: Workbench, stack: AsyncExitStack) -> tuple[list[QuerySystem], list[str]]:
    """First psd; a peer that is not installed is left out and named."""
    socket = stack.enter_context(redis_server(bench.folder("psd")))
    layout = OriginalLayout(stack.enter_context(redis_server(bench.folder("original"))))
    stack.push_async_callback(layout.close)
    psd = await stack.enter_async_context(PsdQueries.open(socket))
    systems: list[QuerySystem] = [psd, OriginalQueries(layout)]
    missing = []
    for peer in (PostgresQueries, VictoriaMetrics, InfluxDB):
        try:
            systems.append(await stack.enter_async_context(peer.open(bench.folder("peer"))))
        except NotInstalledError as exc:
            missing.append(str(exc))
    return systems, missing


async def _load(system: QuerySystem, reports: Sequence[Report]) -> None:
    started = time.perf_counter()
    await system.load(reports)
    print(f"q: {system.name} loaded in {time.perf_counter() - started:.0f} s", file=sys.stderr)


def single_kinds(many: int, few: int) -> list[Kind]:
    """Sums and series."""
    rng = random.Random("query singles")
    page = (LONG_THING, LONG_SECOND_THING)
    sums = [
        Range(*sorted((one.start, other.start)))
        for one, other in zip(ranges_of(60, many), ranges_of(61, many), strict=True)
    ]
    return [
        Kind("one sum, random range of 5 years", [_sum(rng.choice(LONG_USERS), r) for r in sums]),
        Kind("100 users x 2 things", [_page(page, r) for r in sums[: many // 2]]),
        Kind(
            "series, 30 days by hour",
            [_series(rng.choice(LONG_USERS), r, 3600) for r in ranges_of(30 * DAY_S, few, 3600)],
        ),
        Kind(
            "series, a year by day",
            [_series(rng.choice(LONG_USERS), r, DAY_S) for r in ranges_of(YEAR_S, few, DAY_S)],
        ),
    ]


def board_kinds(
    users: tuple[int, ...], many: int, few: int, reports: Sequence[Report]
) -> list[Kind]:
    """Top ten by the number of users, then the other questions about the board of 10,000."""
    things = board_things(users)
    kinds = []
    for number in users:
        count = many if number < SLOW_USERS else max(few * SLOW_USERS // number, 6)
        asks = [_top(things[number], number, r) for r in random_years(count, f"top {number}")]
        kinds.append(Kind(f"top 10 of {number:,} users over a year", asks))
    most = max(number for number in users if number <= SLOW_USERS)
    rng = random.Random("query boards")
    years = random_years(few, "as of")
    cuts = [(r, rng.randrange(r.start + YEAR_S // 2, r.end)) for r in years]
    as_of = [_top(things[most], most, r, at) for r, at in cuts]
    middles = [(r, _middle(reports, things[most], r)) for r in random_years(few, "around")]
    around = [_around(things[most], most, r, uid) for r, uid in middles]
    return [
        *kinds,
        Kind(f"top 10 of {most:,} users as of an instant", as_of),
        Kind(f"5 places around one of {most:,} users", around),
    ]


def range_kinds(many: int) -> list[Kind]:
    """One sum by the length of the range."""
    rng = random.Random("query spans")
    return [
        Kind(
            f"one sum, range of {name}",
            [_sum(rng.choice(LONG_USERS), r) for r in ranges_of(span_s, many)],
        )
        for name, span_s in SPANS.items()
    ]


def activity_kinds(activities: tuple[int, ...], many: int) -> list[Kind]:
    """One sum by the number of the user's activities in the range."""
    return [
        Kind(
            f"one sum, {number:,} activities in range",
            [_sum(number, r, HEAVY_THING) for r in heavy_ranges(many)],
        )
        for number in activities
    ]


def _sum(uid: int, range_: Range, thing: int = LONG_THING) -> Ask:
    return lambda system: system.sums([thing], [uid], range_)


def _page(things: Sequence[int], range_: Range) -> Ask:
    return lambda system: system.sums(things, LONG_USERS, range_)


def _series(uid: int, range_: Range, step_s: int) -> Ask:
    return lambda system: system.series(LONG_THING, uid, range_, step_s)


def _top(thing: int, users: int, range_: Range, as_of: int | None = None) -> Ask:
    return lambda system: system.top(thing, users, range_, as_of)


def _around(thing: int, users: int, range_: Range, uid: int) -> Ask:
    return lambda system: system.around(thing, users, range_, uid)


def _middle(reports: Sequence[Report], thing: int, range_: Range) -> int:
    """Who stands in the middle of a board."""
    sums: dict[int, int] = {}
    for report in reports:
        if report.thing == thing and range_.start <= report.ts2 < range_.end:
            sums[report.uid] = sums.get(report.uid, 0) + report.value
    return sorted(sums, key=sums.__getitem__)[len(sums) // 2]


async def _measured(kind: Kind, systems: Sequence[QuerySystem]) -> list[Figure]:
    """Milliseconds of each system's answers, by position."""
    taken: list[list[float]] = [[] for _ in systems]
    for ask in kind.asks:
        expected: Any = None
        for system, waits in zip(systems, taken, strict=True):
            started = time.perf_counter()
            answer = await ask(system)
            waits.append((time.perf_counter() - started) * 1e3)
            if system is systems[0]:
                expected = answer
            check(system.name, kind.name, answer, expected)
    return [Figure(tuple(waits[1:])) for waits in taken]


def table(names: Sequence[str], lines: dict[str, list[Figure]]) -> str:
    """p50 / p99 in milliseconds, side by side."""
    counts = [len(figures[0].values) for figures in lines.values()]
    rows = [
        [name, str(count), *map(_cell, figures)]
        for (name, figures), count in zip(lines.items(), counts, strict=True)
    ]
    header = ["question, ms p50 / p99", "asked", *names]
    body = [header, ["-", "-:", *("-:" for _ in names)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in body)


def p99(figure: Figure) -> float:
    """The value that one in a hundred passes; of fewer, the largest."""
    ordered = sorted(figure.values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _cell(figure: Figure) -> str:
    numbers = (statistics.median(figure.values), p99(figure))
    return " / ".join(f"{ms:,.0f}" if ms >= WHOLE_FROM else f"{ms:.3g}" for ms in numbers)


def _add_rows(bench: Workbench, lines: dict[str, list[Figure]], users: tuple[int, ...]) -> None:
    """The figures that have a target."""
    for number in users:
        name = f"top 10 of {number:,} users over a year"
        target = TOP if number == SLOW_USERS else None
        bench.add(Row("q", f"{name}, p50", "ms", lines[name][0], target=target))
    sizes = bench.sizes.heavy_activities
    first, last = (lines[f"one sum, {n:,} activities in range"][0] for n in (sizes[0], sizes[-1]))
    growth = Figure((last.median / first.median,))
    name = f"one sum, growth from {sizes[0]:,} to {sizes[-1]:,} activities, client waits"
    bench.add(Row("q", name, "x", growth, target=GROWTH))
