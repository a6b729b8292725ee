"""The weekly job as a service with a table would do it: one row read, one row written a vehicle.

PostgreSQL holds a week's rows of the whole fleet. For each vehicle its row is selected and the
next week's is inserted, by prepared statements and with a commit for each 1,000 vehicles. Once
statement by statement, and once through psycopg's pipeline mode: 1,000 reads travel together,
then 1,000 writes. Nothing else of a week is done: no activity, VIN, earnings, totals or tokens.

The client is psycopg's plain one, which is faster than its asynchronous one. The durability is
PostgreSQL's default, so each commit waits for the disk.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.peers.postgres import SYSTEM_USER, postgres
from psd.rewards.rows import Row

if TYPE_CHECKING:
    import psycopg

BATCH = 1000
CREATE = (
    "CREATE TABLE rewards (vehicle bigint, week int, connection_streak int, "
    "disconnection_streak int, integration_points int, streak_points int, "
    "PRIMARY KEY (week, vehicle))"
)
READ = (
    "SELECT connection_streak, disconnection_streak, integration_points, streak_points "
    "FROM rewards WHERE vehicle = %s AND week = %s"
)
WRITE = "INSERT INTO rewards VALUES (%s, %s, %s, %s, %s, %s)"


class RewardRows:
    """A table of rows. ``written`` is the newest week in it."""

    name = "PostgreSQL 15"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._week = 0
        self._written = 0

    def load(self, rows: Iterable[Row], week: int) -> float:
        """COPY a week in; bytes a row, index included."""
        run = self._connection.execute
        run(CREATE)
        count = 0
        with self._connection.cursor() as cursor, cursor.copy("COPY rewards FROM STDIN") as copy:
            for row in rows:
                streak = (row.connection_streak, row.disconnection_streak)
                points = (row.integration_points, row.streak_points)
                copy.write_row((row.vehicle, week, *streak, *points))
                count += 1
        self._connection.commit()
        self._connection.autocommit = True
        run("VACUUM (ANALYZE, FREEZE) rewards")
        self._connection.autocommit = False
        self._week = self._written = week
        [size] = run("SELECT pg_total_relation_size('rewards')").fetchone() or [0]
        return int(size) / count

    async def one_by_one_s(self, vehicles: Sequence[int]) -> float:
        """Seconds for these vehicles, each statement waited for."""
        return await asyncio.to_thread(self._timed, self._one_by_one, vehicles)

    async def pipelined_s(self, vehicles: Sequence[int]) -> float:
        """Seconds for these vehicles, 1,000 statements at once."""
        return await asyncio.to_thread(self._timed, self._pipelined, vehicles)

    def _timed(self, write_batch: Any, vehicles: Sequence[int]) -> float:
        self._written += 1
        started = time.perf_counter()
        for start in range(0, len(vehicles), BATCH):
            write_batch(vehicles[start : start + BATCH])
            self._connection.commit()
        return time.perf_counter() - started

    def _one_by_one(self, vehicles: Sequence[int]) -> None:
        with self._connection.cursor() as cursor:
            for vehicle in vehicles:
                before = cursor.execute(READ, (vehicle, self._week), prepare=True).fetchone()
                cursor.execute(WRITE, self._next(vehicle, before), prepare=True)

    def _pipelined(self, vehicles: Sequence[int]) -> None:
        run = self._connection.execute
        with self._connection.pipeline():
            asked = [run(READ, (vehicle, self._week), prepare=True) for vehicle in vehicles]
            for vehicle, cursor in zip(vehicles, asked, strict=True):
                run(WRITE, self._next(vehicle, cursor.fetchone()), prepare=True)

    def _next(self, vehicle: int, before: tuple[int, ...] | None) -> tuple[int, ...]:
        """A row that is one connected week further."""
        streak, _, integration, points = before or (0, 0, 0, 0)
        return vehicle, self._written, streak + 1, 0, integration, points


@asynccontextmanager
async def reward_rows(folder: Path) -> AsyncIterator[RewardRows]:
    """An empty table in a private cluster; raises NotInstalledError as bench.peers.postgres."""
    async with postgres(folder):
        psycopg = importlib.import_module("psycopg")
        with psycopg.connect(f"host={folder} user={SYSTEM_USER} dbname=postgres") as connection:
            yield RewardRows(connection)
