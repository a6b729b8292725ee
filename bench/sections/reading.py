"""(d) Sums through the engine: one user's random range, and 100 users x 2 things at once.

Redis time against the original's layout in Lua; the client's waiting time, one request at a
time, against PostgreSQL. Every answer of PostgreSQL's and a sample of the others' is checked.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from bench.figures import Figure, Row, Target, interleaved
from bench.loading import Loaded
from bench.model import check
from bench.peers.original import OriginalLayout
from bench.peers.postgres import Postgres
from bench.psd_system import PsdSystem
from bench.redis_cost import RedisCost
from bench.workbench import Workbench
from bench.workloads import SPARSE_USERS, random_picks, random_ranges
from psd.engine.plan import Range

PAGE_THINGS = (1, 2)
PAGE_CHECKED = 3


class Query(msgspec.Struct, frozen=True):
    """One request for sums."""

    uids: Sequence[int]
    things: Sequence[int]
    range_: Range
    activities: bool = False


class Question(msgspec.Struct, frozen=True):
    """A kind of query with its targets against either peer."""

    name: str
    queries: Sequence[Query]
    against_original: Target
    against_postgres: Target | None


async def run(bench: Workbench) -> None:
    """Ask all questions of all systems."""
    loaded = await bench.sparse()
    postgres = bench.postgres()
    if postgres is not None:
        postgres.load(loaded.reports)
    for question in questions(bench.sizes.sum_queries, bench.sizes.page_queries):
        await _check_page(question, loaded, postgres)
        await _add_redis_time(bench, question, loaded)
        await _add_waiting_time(bench, question, loaded, postgres)


def questions(sum_queries: int, page_queries: int) -> tuple[Question, ...]:
    """The three kinds of query over the sparse workload."""
    picks = zip(random_picks(sum_queries, "d"), random_ranges(sum_queries, "d"), strict=True)
    single = [Query((uid,), (thing,), range_) for (uid, thing), range_ in picks]
    ranges = random_ranges(page_queries, "pages")
    page = [Query(SPARSE_USERS, PAGE_THINGS, range_) for range_ in ranges]
    listing = [Query(SPARSE_USERS, PAGE_THINGS, range_, activities=True) for range_ in ranges]
    faster = Target("<=", 1.0, 0.5)
    return (
        Question("one sum, random range", single, Target("<=", 0.25, 0.08), faster),
        Question("100 users x 2 things", page, Target("<=", 0.15, 0.05), Target("<=", 1.0, 0.4)),
        Question("100 x 2 with activity sets", listing, Target("<=", 0.3, 0.1), None),
    )


async def ask_all(system: PsdSystem | OriginalLayout, queries: Sequence[Query]) -> None:
    """One request after the other."""
    for query in queries:
        await system.sums(query.uids, query.things, query.range_, activities=query.activities)


async def redis_us_per_query(
    repetitions: int, systems: Sequence[PsdSystem | OriginalLayout], queries: Sequence[Query]
) -> list[Figure]:
    """Microseconds of Redis time per query for each system, taken in turns."""

    def measure(system: PsdSystem | OriginalLayout) -> Callable[[], Awaitable[float]]:
        async def once() -> float:
            with RedisCost(system.socket) as cost:
                return await cost.script_us(ask_all(system, queries)) / len(queries)

        return once

    figures = await interleaved(repetitions, {system.name: measure(system) for system in systems})
    return [figures[system.name] for system in systems]


async def _add_redis_time(bench: Workbench, question: Question, loaded: Loaded) -> None:
    psd, original = await redis_us_per_query(
        bench.sizes.repetitions, (loaded.psd, loaded.original), question.queries
    )
    name = f"{question.name}, Redis time"
    target = question.against_original
    bench.add(Row("d", name, "us", psd, loaded.original.name, original, target))


async def _add_waiting_time(
    bench: Workbench, question: Question, loaded: Loaded, postgres: Postgres | None
) -> None:
    async def psd_ms() -> float:
        return await _waited_ms(ask_all(loaded.psd, question.queries)) / len(question.queries)

    async def original_ms() -> float:
        return await _waited_ms(ask_all(loaded.original, question.queries)) / len(question.queries)

    async def postgres_ms() -> float:
        assert postgres is not None
        started = time.perf_counter()
        for query in question.queries:
            ask_postgres(postgres, query)
        return (time.perf_counter() - started) * 1e3 / len(question.queries)

    measurements = {"psd": psd_ms, "original": original_ms}
    if postgres is not None:
        measurements["postgres"] = postgres_ms
    taken = await interleaved(bench.sizes.repetitions, measurements)
    name = f"{question.name}, client waits"
    note = "" if postgres else "not installed"
    target = question.against_postgres
    bench.add(
        Row("d", name, "ms", taken["psd"], loaded.original.name, taken["original"]),
        Row("d", name, "ms", taken["psd"], Postgres.name, taken.get("postgres"), target, note),
    )


def ask_postgres(postgres: Postgres, query: Query) -> object:
    """The same request as SQL."""
    if len(query.uids) == 1 and not query.activities:
        return postgres.one_sum(query.uids[0], query.things[0], query.range_)
    return postgres.sums(query.uids, query.things, query.range_, activities=query.activities)


async def _check_page(question: Question, loaded: Loaded, postgres: Postgres | None) -> None:
    for query in question.queries[:PAGE_CHECKED]:
        expected = [
            loaded.model.answer(uid, query.things, query.range_, activities=query.activities)
            for uid in query.uids
        ]
        for system in (loaded.psd, loaded.original):
            got = await system.sums(
                query.uids, query.things, query.range_, activities=query.activities
            )
            check(system.name, f"{question.name}, {query.range_}", got, expected)
        if postgres is not None:
            answers = postgres.sums(
                query.uids, query.things, query.range_, activities=query.activities
            )
            check(postgres.name, f"{question.name}, {query.range_}", answers, expected)


async def _waited_ms(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1e3
