"""Intervals of meters in PostgreSQL 15: a row an interval, and an index that covers it.

A bill of a month is one statement that rates each half-hour by its local clock; usage by hour is
one that adds up by hour. Booking in any order, corrections and estimates that are replaced would
need a unique index and an upsert each; COPY pays for none of it, which is in the peer's favour.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import LiteralString

from bench.energy_load import Interval
from bench.peers.postgres import Postgres

CREATE: tuple[LiteralString, ...] = (
    "DROP TABLE IF EXISTS intervals",
    "CREATE TABLE intervals (meter int, start timestamptz, mwh bigint)",
)
INDEX: LiteralString = "CREATE INDEX intervals_by_meter ON intervals (meter, start) INCLUDE (mwh)"

BILL: LiteralString = """
SELECT name, sum(mwh) FROM (
  SELECT mwh, CASE
    WHEN extract(isodow FROM shown) < 6 AND shown::time >= '16:00' AND shown::time < '19:00'
      AND extract(month FROM shown) IN (11, 12, 1, 2) THEN 'peak'
    WHEN shown::time >= '16:00' AND shown::time < '20:00' THEN 'shoulder'
    WHEN shown::time >= '23:30' OR shown::time < '05:30' THEN 'night'
    ELSE 'base' END AS name
  FROM (SELECT mwh, start AT TIME ZONE 'Europe/London' AS shown FROM intervals
        WHERE meter = %s AND start >= to_timestamp(%s) AND start < to_timestamp(%s)) AS local
) AS rated GROUP BY name
"""

BY_HOUR: LiteralString = (
    "SELECT date_trunc('hour', start) AS hour, sum(mwh) FROM intervals "
    "WHERE meter = %s AND start >= to_timestamp(%s) AND start < to_timestamp(%s) "
    "GROUP BY hour ORDER BY hour"
)


class IntervalRows:
    """One table; a load replaces what was in it."""

    name = Postgres.name

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def load(self, intervals: Iterable[Interval]) -> None:
        """COPY, index and vacuum."""
        for statement in CREATE:
            await self._postgres.run(statement)
        rows = ((m, dt.datetime.fromtimestamp(start, dt.UTC), mwh) for m, start, mwh in intervals)
        await self._postgres.copy("COPY intervals (meter, start, mwh) FROM STDIN", rows)
        await self._postgres.run(INDEX)
        await self._postgres.run("VACUUM (ANALYZE, FREEZE) intervals")

    async def bytes_on_disk(self) -> int:
        """Table and index."""
        [[size]] = await self._postgres.rows("SELECT pg_total_relation_size('intervals')", ())
        return int(size)

    async def bill(self, meter: int, start: int, end: int) -> dict[str, int]:
        """Energy by rate."""
        found = await self._postgres.rows(BILL, (meter, start, end))
        return {name: int(mwh) for name, mwh in found}

    async def by_hour(self, meter: int, start: int, end: int) -> list[int]:
        """Energy of each hour."""
        return [int(mwh) for _, mwh in await self._postgres.rows(BY_HOUR, (meter, start, end))]
