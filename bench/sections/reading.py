"""(d) Sums through the engine: one user's random range, and 100 users x 2 things at once.

Three views: time inside Redis against the original's layout in Lua; CPU of the database
process against PostgreSQL; and what one client waits, one request at a time, against both
(asynchronous clients in one event loop). A sample of all answers is checked.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec

from bench.figures import Figure, Row, Target, interleaved
from bench.loading import Loaded
from bench.model import Answer, check
from bench.peers.original import OriginalLayout
from bench.peers.postgres import Postgres
from bench.psd_system import PsdSystem
from bench.redis_cost import RedisCost
from bench.workbench import Workbench
from bench.workloads import SPARSE_USERS, random_picks, random_ranges
from psd.engine.plan import Range

PAGE_THINGS = (1, 2)
CHECKED_QUERIES = 3

RedisSystem = PsdSystem | OriginalLayout
System = RedisSystem | Postgres


class Query(msgspec.Struct, frozen=True):
    """One request for sums."""

    uids: Sequence[int]
    things: Sequence[int]
    range_: Range
    activities: bool = False

    async def ask(self, system: System) -> list[Answer]:
        """The answer of a system."""
        return await system.sums(self.uids, self.things, self.range_, activities=self.activities)


class Question(msgspec.Struct, frozen=True):
    """A kind of query with its targets against either peer."""

    name: str
    queries: Sequence[Query]
    against_original: Target
    against_postgres: Target | None


async def run(bench: Workbench) -> None:
    """Ask all questions of all systems."""
    loaded = await bench.sparse()
    postgres = await bench.postgres()
    if postgres is not None:
        await postgres.load(loaded.reports)
    for question in questions(bench.sizes.sum_queries, bench.sizes.page_queries):
        await _check(question, loaded, postgres)
        await _add_redis_time(bench, question, loaded)
        await _add_server_cpu(bench, question, loaded, postgres)
        await _add_waiting_time(bench, question, loaded, postgres)


def questions(sum_queries: int, page_queries: int) -> tuple[Question, ...]:
    """The three kinds of query over the sparse workload."""
    picks = zip(random_picks(sum_queries, "d"), random_ranges(sum_queries, "d"), strict=True)
    single = [Query((uid,), (thing,), range_) for (uid, thing), range_ in picks]
    ranges = random_ranges(page_queries, "pages")
    page = [Query(SPARSE_USERS, PAGE_THINGS, range_) for range_ in ranges]
    listing = [Query(SPARSE_USERS, PAGE_THINGS, range_, activities=True) for range_ in ranges]
    faster, much_faster = Target("<=", 1.0, 0.5), Target("<=", 1.0, 0.4)
    return (
        Question("one sum, random range", single, Target("<=", 0.25, 0.08), faster),
        Question("100 users x 2 things", page, Target("<=", 0.15, 0.05), much_faster),
        Question("100 x 2 with activity sets", listing, Target("<=", 0.3, 0.1), None),
    )


async def redis_us_per_query(
    repetitions: int, systems: Sequence[RedisSystem], queries: Sequence[Query]
) -> list[Figure]:
    """Microseconds inside scripts per query for each system, taken in turns."""
    measurements = {s.name: partial(_script_us, s, queries) for s in systems}
    figures = await interleaved(repetitions, measurements)
    return [figures[system.name] for system in systems]


async def _add_redis_time(bench: Workbench, question: Question, loaded: Loaded) -> None:
    psd, original = await redis_us_per_query(
        bench.sizes.repetitions, (loaded.psd, loaded.original), question.queries
    )
    name = f"{question.name}, Redis time"
    target = question.against_original
    bench.add(Row("d", name, "us", psd, loaded.original.name, original, target))


async def _add_server_cpu(
    bench: Workbench, question: Question, loaded: Loaded, postgres: Postgres | None
) -> None:
    taken = await _by_system(bench, (loaded.psd, postgres), _cpu_us, question.queries)
    name = f"{question.name}, server CPU"
    theirs = taken.get(Postgres.name)
    note = "" if postgres else "not installed"
    bench.add(Row("d", name, "us", taken[PsdSystem.name], Postgres.name, theirs, None, note))


async def _add_waiting_time(
    bench: Workbench, question: Question, loaded: Loaded, postgres: Postgres | None
) -> None:
    systems = (loaded.psd, loaded.original, postgres)
    taken = await _by_system(bench, systems, _waited_ms, question.queries)
    name = f"{question.name}, client waits"
    ours, original = taken[PsdSystem.name], taken[OriginalLayout.name]
    theirs, target = taken.get(Postgres.name), question.against_postgres
    note = "" if postgres else "not installed"
    bench.add(
        Row("d", name, "ms", ours, OriginalLayout.name, original),
        Row("d", name, "ms", ours, Postgres.name, theirs, target, note),
    )


async def _by_system(
    bench: Workbench,
    systems: Sequence[System | None],
    measure: Callable[[System, Sequence[Query]], Awaitable[float]],
    queries: Sequence[Query],
) -> Mapping[str, Figure]:
    present = [system for system in systems if system is not None]
    measurements = {system.name: partial(measure, system, queries) for system in present}
    return await interleaved(bench.sizes.repetitions, measurements)


async def _script_us(system: RedisSystem, queries: Sequence[Query]) -> float:
    with RedisCost(system.socket) as cost:
        return await cost.script_us(_ask_all(system, queries)) / len(queries)


async def _cpu_us(system: System, queries: Sequence[Query]) -> float:
    if isinstance(system, Postgres):
        before = system.cpu_us()
        await _ask_all(system, queries)
        return (system.cpu_us() - before) / len(queries)
    with RedisCost(system.socket) as cost:
        return await cost.cpu_us(_ask_all(system, queries)) / len(queries)


async def _waited_ms(system: System, queries: Sequence[Query]) -> float:
    started = time.perf_counter()
    await _ask_all(system, queries)
    return (time.perf_counter() - started) * 1e3 / len(queries)


async def _ask_all(system: System, queries: Sequence[Query]) -> None:
    for query in queries:
        await query.ask(system)


async def _check(question: Question, loaded: Loaded, postgres: Postgres | None) -> None:
    systems: list[System] = [loaded.psd, loaded.original]
    if postgres is not None:
        systems.append(postgres)
    for query in question.queries[:CHECKED_QUERIES]:
        expected = [
            loaded.model.answer(uid, query.things, query.range_, activities=query.activities)
            for uid in query.uids
        ]
        for system in systems:
            got = await query.ask(system)
            check(system.name, f"{question.name}, {query.range_}", got, expected)
