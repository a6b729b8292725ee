"""The ledger of swaps as the original keeps it, on PostgreSQL 15: a row a transaction.

The rules are those of docs/swaps.md, done the way of the original: a transaction is inserted with
the one before it of its driver, moves its batteries, and is added to the stored summary of the
driver's day. A correction rejects a row, inserts another, and applies again whatever is later of
the drivers and batteries that either names; their days are added up anew. Each of these is one
database transaction of some statements, whose commit waits for the disk (the default). As there,
what others did with a battery meanwhile is not looked into: drivers of the workload share none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from bench.peers.postgres import Postgres, postgres

if TYPE_CHECKING:
    import psycopg

PAGE_ROWS = 50

CREATE: tuple[LiteralString, ...] = (
    "CREATE TABLE drivers (driver text PRIMARY KEY, battery text)",
    "CREATE TABLE batteries (battery text PRIMARY KEY, station text, holder text)",
    "CREATE TABLE swaps (id bigserial PRIMARY KEY, driver text, station text, battery_in text, "
    "battery_out text, energy_in bigint, energy_out bigint, odometer bigint, second bigint, "
    "root bigint, corrects bigint, rejected boolean DEFAULT false, last bigint)",
    "CREATE INDEX swaps_of_driver ON swaps (driver, second, root) WHERE NOT rejected",
    "CREATE INDEX swaps_in ON swaps (battery_in, second, root) WHERE NOT rejected",
    "CREATE INDEX swaps_out ON swaps (battery_out, second, root) WHERE NOT rejected",
    "CREATE TABLE days (driver text, day bigint, distance bigint, energy bigint, "
    "PRIMARY KEY (driver, day))",
)
INSERT: LiteralString = (
    "INSERT INTO swaps (driver, station, battery_in, battery_out, energy_in, energy_out, odometer, "
    "second, corrects) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"
)
PLACE: LiteralString = (
    "UPDATE swaps s SET root = coalesce((SELECT o.root FROM swaps o "
    "WHERE o.id = s.corrects AND o.second = s.second), s.id) WHERE id = %s"
)
RELINK: LiteralString = (
    "UPDATE swaps s SET last = (SELECT o.id FROM swaps o WHERE o.driver = s.driver AND "
    "NOT o.rejected AND (o.second, o.root) < (s.second, s.root) "
    "ORDER BY o.second DESC, o.root DESC LIMIT 1) "
    "WHERE driver = ANY(%s) AND NOT rejected AND second >= %s"
)
MOVE_IN: LiteralString = "UPDATE batteries SET station = %s, holder = NULL WHERE battery = %s"
MOVE_OUT: LiteralString = "UPDATE batteries SET station = NULL, holder = %s WHERE battery = %s"
CARRY: LiteralString = "UPDATE drivers SET battery = %s WHERE driver = %s"
LATER: LiteralString = (
    "SELECT driver, station, battery_in, battery_out FROM swaps WHERE NOT rejected "
    "AND second >= %s AND (driver = ANY(%s) OR battery_in = ANY(%s) OR battery_out = ANY(%s)) "
    "ORDER BY second, root"
)
DERIVED: LiteralString = (
    "SELECT s.id, s.second, s.station, s.battery_in, s.battery_out, s.energy_in, s.energy_out, "
    "s.odometer, coalesce(s.odometer - l.odometer, 0), "
    "CASE WHEN coalesce(l.energy_out, 0) = 0 THEN 0 ELSE l.energy_out - s.energy_in END, "
    "s.energy_out - (SELECT o.energy_in FROM swaps o WHERE o.battery_in = s.battery_out AND "
    "NOT o.rejected AND (o.second, o.root) < (s.second, s.root) "
    "ORDER BY o.second DESC, o.root DESC LIMIT 1) "
    "FROM swaps s LEFT JOIN swaps l ON l.id = s.last "
)
PAGE: LiteralString = (
    DERIVED + "WHERE s.driver = %s AND NOT s.rejected ORDER BY s.second DESC, s.root DESC LIMIT %s"
)
ADD_DAYS: LiteralString = (
    "INSERT INTO days SELECT s.driver, s.second / 86400, "
    "sum(coalesce(s.odometer - l.odometer, 0)), sum("
    "CASE WHEN coalesce(l.energy_out, 0) = 0 THEN 0 ELSE l.energy_out - s.energy_in END) "
    "FROM swaps s LEFT JOIN swaps l ON l.id = s.last "
    "WHERE s.driver = ANY(%s) AND NOT s.rejected AND s.second >= %s GROUP BY 1, 2 "
    "ON CONFLICT (driver, day) DO UPDATE SET "
    "distance = excluded.distance, energy = excluded.energy"
)
DROP_DAYS: LiteralString = "DELETE FROM days WHERE driver = ANY(%s) AND day >= %s"
DAYS: LiteralString = (
    "SELECT day, distance, energy FROM days WHERE driver = %s AND day >= %s AND day < %s "
    "ORDER BY day"
)
DAY_S = 86_400


class SwapRow(NamedTuple):
    """A transaction as it comes; ``corrects`` is the number of the wrong one."""

    driver: str
    station: str
    battery_in: str | None
    battery_out: str | None
    energy_in: int
    energy_out: int
    odometer: int
    second: int
    corrects: int | None = None


class SwapTables:
    """One connection to the tables; each transaction waits for the disk."""

    name = "PostgreSQL 15, as the original"

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def create(self, drivers: Sequence[str], batteries: dict[str, str]) -> None:
        """Empty tables, and who is there."""
        for statement in CREATE:
            await self._connection.execute(statement)
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO drivers VALUES (%s, NULL)", [(each,) for each in drivers]
            )
            await cursor.executemany(
                "INSERT INTO batteries VALUES (%s, %s, NULL)", [*batteries.items()]
            )

    async def add(self, swap: SwapRow) -> int:
        """Add one; the number of it."""
        async with self._connection.transaction():
            n = await self._inserted(swap)
            await self._run(RELINK, [swap.driver], swap.second)
            await self._apply(swap.driver, swap.station, swap.battery_in, swap.battery_out)
            await self._run(ADD_DAYS, [swap.driver], swap.second // DAY_S * DAY_S)
        return n

    async def correct(self, swap: SwapRow) -> int:
        """Reject what it corrects, and apply again what is later."""
        async with self._connection.transaction():
            old = await self._reject(swap.corrects)
            n = await self._inserted(swap)
            drivers = [*{swap.driver, old.driver}]
            named = {swap.battery_in, swap.battery_out, old.battery_in, old.battery_out}
            batteries = [each for each in named if each is not None]
            since = min(swap.second, old.second)
            await self._run(RELINK, drivers, since)
            for later in await self._rows(LATER, since, drivers, batteries, batteries):
                await self._apply(*later)
            await self._run(DROP_DAYS, drivers, since // DAY_S)
            await self._run(ADD_DAYS, drivers, since // DAY_S * DAY_S)
        return n

    async def page(self, driver: str) -> list[Any]:
        """A driver's newest transactions with what follows from them."""
        return await self._rows(PAGE, driver, PAGE_ROWS)

    async def days(self, driver: str, first: int, end: int) -> list[Any]:
        """Stored summaries of days since 1970."""
        return await self._rows(DAYS, driver, first, end)

    async def carried(self) -> dict[str, str | None]:
        """What each driver's vehicle carries."""
        return dict(await self._rows("SELECT driver, battery FROM drivers"))

    async def _inserted(self, swap: SwapRow) -> int:
        await self._run("SELECT 1 FROM drivers WHERE driver = %s FOR UPDATE", swap.driver)
        [[n]] = await self._rows(INSERT, *swap)
        await self._run(PLACE, n)
        return int(n)

    async def _reject(self, n: int | None) -> SwapRow:
        [old] = await self._rows(
            "UPDATE swaps SET rejected = true WHERE id = %s AND NOT rejected RETURNING driver, "
            "station, battery_in, battery_out, energy_in, energy_out, odometer, second",
            n,
        )
        wrong = SwapRow(*old)
        # In reverse: what came in is on the vehicle again, what went out is at the station.
        await self._run(MOVE_OUT, wrong.driver, wrong.battery_in)
        await self._run(MOVE_IN, wrong.station, wrong.battery_out)
        await self._run(CARRY, wrong.battery_in, wrong.driver)
        return wrong

    async def _apply(
        self, driver: str, station: str, battery_in: str | None, battery_out: str | None
    ) -> None:
        await self._run(MOVE_IN, station, battery_in)
        await self._run(MOVE_OUT, driver, battery_out)
        await self._run(CARRY, battery_out, driver)

    async def _run(self, query: LiteralString, *arguments: Any) -> None:
        await self._connection.execute(query, arguments, prepare=True)

    async def _rows(self, query: LiteralString, *arguments: Any) -> list[Any]:
        cursor = await self._connection.execute(query, arguments, prepare=True)
        return await cursor.fetchall()


@asynccontextmanager
async def swap_tables(folder: Path, connections: int) -> AsyncIterator[list[SwapTables]]:
    """A private cluster, and so many connections to it; raises NotInstalledError."""
    async with AsyncExitStack() as stack:
        first: Postgres = await stack.enter_async_context(postgres(folder))
        found = [await stack.enter_async_context(first.another()) for _ in range(connections)]
        yield [SwapTables(each) for each in found]
