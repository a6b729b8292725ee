"""(e) What the data costs: bytes and keys per event, and Redis CPU per booked report.

Columns and logs are in all of it. The psd before it had columns (fb34f31, schema 2) is measured by
turns with this one, in a process of its own out of the repository's history (bench/earlier.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bench import workloads
from bench.booker import SIGNALS_AN_HOUR
from bench.earlier import BEFORE_COLUMNS, HERE, booked_by_turns, tree_of
from bench.figures import Figure, Row, Target
from bench.loading import Loaded, load
from bench.peers.postgres import Postgres
from bench.processes import NotInstalledError
from bench.redis_cost import RedisCost
from bench.workbench import Workbench
from psd.engine.events import Report

CPU_TARGETS = {
    "in order": Target("<=", 0.65, 0.4),
    "random order": Target("<=", 0.7, 0.4),
    "dense": Target("<=", 0.6, 0.4),
}
BEFORE_COLUMNS_TARGET = Target("<=", 0.75, 0.55)
SEALED_TARGETS = {
    "sparse": Target("<=", 115, 100, of="psd"),
    "dense": Target("<=", 34, 28, of="psd"),
}
BYTES_TARGETS = {"sparse": Target("<=", 0.25, 0.125), "dense": Target("<=", 1.0, 0.667)}
POSTGRES_BYTES_TARGET = Target("<=", 1.2, 0.5)


async def run(bench: Workbench) -> None:
    """Load sparse in order, sparse in random order, and dense."""
    sizes = bench.sizes
    in_order = await bench.sparse()
    _add_cpu(bench, "in order", in_order)
    await _load_and_add(bench, "random order", workloads.shuffled(in_order.reports))
    lasting = workloads.lasting(sizes.sparse_events)
    await _load_and_add(bench, "in order, windows of up to 1 h", lasting)
    await _add_space(bench, "sparse", in_order)
    dense = workloads.dense(sizes.dense_vehicles, sizes.dense_hours)
    await _load_and_add(bench, "dense", dense)
    await _add_turns(bench)


async def _load_and_add(bench: Workbench, name: str, reports: list[Report]) -> None:
    async with AsyncExitStack() as stack:
        loaded = await load(await bench.pair(stack), reports, bench.sizes.slices)
        _add_cpu(bench, name, loaded)
        if name in BYTES_TARGETS:
            await _add_space(bench, name, loaded)


def _add_cpu(bench: Workbench, name: str, loaded: Loaded) -> None:
    bench.add(
        Row(
            "e",
            f"Redis CPU per booked report, {name}",
            "us",
            loaded.psd_cost.cpu_us_per_report,
            loaded.original.name,
            loaded.original_cost.cpu_us_per_report,
            CPU_TARGETS.get(name),
        )
    )


async def _add_turns(bench: Workbench) -> None:
    """Both psds by turns; left out where the history is not there."""
    sizes = bench.sizes
    numbers = {
        "in order": sizes.sparse_events,
        "dense": sizes.dense_vehicles * sizes.dense_hours * SIGNALS_AN_HOUR,
    }
    try:
        before = tree_of(BEFORE_COLUMNS, bench.folder("before-columns"))
    except NotInstalledError as exc:
        bench.notes.append(f"e, by turns, left out: {exc} is not in this clone")
        return
    for name, number in numbers.items():
        ours, theirs = await asyncio.to_thread(
            booked_by_turns, [HERE, before], name, number, sizes.slices
        )
        measure, peer = f"Redis CPU per booked report, {name}, by turns", f"psd {BEFORE_COLUMNS}"
        bench.add(Row("e", measure, "us", ours, peer, theirs, BEFORE_COLUMNS_TARGET))


async def _add_space(bench: Workbench, name: str, loaded: Loaded) -> None:
    events = len(loaded.reports)
    ours, theirs = loaded.psd_cost.footprint, loaded.original_cost.footprint
    in_memory = _per_event(ours.memory_bytes, events)
    bench.add(
        Row(
            "e",
            f"bytes per event, {name}",
            "B",
            in_memory,
            loaded.original.name,
            _per_event(theirs.memory_bytes, events),
            BYTES_TARGETS[name],
        ),
        Row(
            "e",
            f"keys per event, {name}",
            "keys",
            _per_event(ours.keys, events),
            loaded.original.name,
            _per_event(theirs.keys, events),
        ),
        await _against_postgres(await bench.postgres(), name, loaded, in_memory),
        await _sealed(name, loaded),
    )


async def _sealed(name: str, loaded: Loaded) -> Row:
    """The same with the logs of columns sealed, as ``psd seal`` leaves them."""
    with RedisCost(loaded.psd.socket) as cost:
        before = cost.footprint()
        await loaded.psd.seal()
        saved = before.memory_bytes - cost.footprint().memory_bytes
    in_memory = loaded.psd_cost.footprint.memory_bytes - saved
    return Row(
        "e",
        f"bytes per event, {name}, logs sealed",
        "B",
        _per_event(in_memory, len(loaded.reports)),
        target=SEALED_TARGETS[name],
    )


async def _against_postgres(
    postgres: Postgres | None, name: str, loaded: Loaded, in_memory: Figure
) -> Row:
    on_disk = None
    if postgres is not None:
        await postgres.load(loaded.reports)
        on_disk = _per_event(await postgres.bytes_on_disk(), len(loaded.reports))
    return Row(
        "e",
        f"bytes per event, {name} (memory against disk)",
        "B",
        in_memory,
        Postgres.name,
        on_disk,
        POSTGRES_BYTES_TARGET,
        "" if postgres else "not installed",
    )


def _per_event(total: int, events: int) -> Figure:
    return Figure((total / events,))
