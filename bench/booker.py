"""Books a workload with the psd of the tree that it is run in, slice by slice as it is told.

It is run by path, with the tree in front of ``sys.path``, so that the same lines measure a psd of
an earlier commit (bench/earlier.py). Each slice is answered by the CPU of Redis a report::

    PYTHONPATH=TREE python bench/booker.py dense 518400
    ready
    0 51840          <- reports from the first to before the second
    12.9             -> microseconds
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.processes import redis_server
from bench.psd_system import PsdSystem
from bench.redis_cost import RedisCost
from bench.workloads import batches, dense, sparse
from psd.engine.events import Report

VEHICLES = 20
SIGNALS_AN_HOUR = 360


def reports_of(workload: str, number: int) -> list[Report]:
    """The first so many of a workload."""
    if workload == "in order":
        return sparse(number)
    return dense(VEHICLES, -(-number // (VEHICLES * SIGNALS_AN_HOUR)))[:number]


async def run(workload: str, number: int) -> None:
    """Book until nothing is asked for any more."""
    reports = reports_of(workload, number)
    with (
        tempfile.TemporaryDirectory(prefix="psd-booker-") as folder,
        redis_server(Path(folder) / "redis") as socket,
        RedisCost(socket) as cost,
    ):
        system = await PsdSystem.open(socket)
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            first, stop = map(int, line.split())
            spent = await cost.cpu_us(book(system, reports[first:stop]))
            print(spent / (stop - first), flush=True)
        await system.close()


async def book(system: PsdSystem, reports: Sequence[Report]) -> None:
    """In batches of the bench."""
    for batch in batches(reports):
        await system.book(batch)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
