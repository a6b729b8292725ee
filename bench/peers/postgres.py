"""PostgreSQL 15 as a peer: one event table, one index, a private cluster of its own.

What a team would write that needs no psd: a row an event, ``sum(delta)`` over an index that
covers the sum. psd's booking in any order would need a read per event here too; COPY does
not pay for that, which is in PostgreSQL's favour. Durability settings are the defaults. The
client is psycopg's asynchronous one, because psd's is asynchronous too.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from bench.model import Answer
from bench.processes import NotInstalledError
from psd.engine.events import Report
from psd.engine.plan import Range

if TYPE_CHECKING:
    import psycopg

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SYSTEM_USER = "postgres"
SERVER_OPTIONS = "-c listen_addresses= -c shared_buffers=1GB -c jit=off -c max_wal_size=4GB"
"""The buffers hold the whole workload; jit costs more than it gains on queries this short."""

ONE_SUM = (
    "SELECT coalesce(sum(delta), 0) FROM events "
    "WHERE thing = %s AND uid = %s AND ts >= %s AND ts < %s"
)
PAGE_SUMS = (
    "SELECT uid, thing, sum(delta) FROM events "
    "WHERE thing = ANY(%s) AND uid = ANY(%s) AND ts >= %s AND ts < %s GROUP BY uid, thing"
)
PAGE_ACTIVITIES = (
    "SELECT uid, array_agg(DISTINCT ARRAY[aid, atid]) FROM events "
    "WHERE thing = ANY(%s) AND uid = ANY(%s) AND ts >= %s AND ts < %s GROUP BY uid"
)
TOP = (
    "SELECT sum(delta), uid FROM events WHERE thing = %s AND ts >= %s AND ts < %s "
    "GROUP BY uid ORDER BY 1 DESC, 2 DESC LIMIT %s"
)
CREATE = (
    "DROP TABLE IF EXISTS events",
    "CREATE TABLE events "
    "(uid bigint, aid bigint, ts bigint, delta bigint, atid int, thing smallint)",
)
INDEX = "CREATE INDEX events_by_owner ON events (thing, uid, ts) INCLUDE (delta)"
INDEX_BY_TIME = "CREATE INDEX events_by_time ON events (thing, ts) INCLUDE (uid, delta)"


class Postgres:
    """One table of events; a load replaces what was in it."""

    name = "PostgreSQL 15"

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def load(self, reports: Iterable[Report]) -> None:
        """COPY the events in, index and vacuum them."""
        for statement in CREATE:
            await self._connection.execute(statement)
        columns = "COPY events (uid, aid, ts, delta, atid, thing) FROM STDIN"
        async with self._connection.cursor() as cursor, cursor.copy(columns) as copy:
            for report in reports:
                await copy.write_row(
                    (report.uid, report.aid, report.ts2, report.value, report.atid, report.thing)
                )
        await self._connection.execute(INDEX)
        await self._connection.execute("VACUUM (ANALYZE, FREEZE) events")

    async def index_by_time(self) -> None:
        """A second covering index, by which a short range of everybody reads less."""
        await self._connection.execute(INDEX_BY_TIME)
        await self._connection.execute("VACUUM (ANALYZE, FREEZE) events")

    async def bytes_on_disk(self) -> int:
        """Table and index."""
        return int((await self.rows("SELECT pg_total_relation_size('events')", ()))[0][0])

    async def sums(
        self, uids: Sequence[int], things: Sequence[int], range_: Range, *, activities: bool = False
    ) -> list[Answer]:
        """Sums (and activities) of each user; one user and thing by the simplest statement."""
        if len(uids) == len(things) == 1 and not activities:
            asked_one = (things[0], uids[0], range_.start, range_.end)
            return [Answer({things[0]: int((await self.rows(ONE_SUM, asked_one))[0][0])}, {})]
        asked = (list(things), list(uids), range_.start, range_.end)
        found: dict[int, dict[int, int]] = {uid: dict.fromkeys(things, 0) for uid in uids}
        for uid, thing, total in await self.rows(PAGE_SUMS, asked):
            found[uid][thing] = int(total)
        listed: dict[int, dict[int, int]] = {}
        if activities:
            listed = {uid: dict(pairs) for uid, pairs in await self.rows(PAGE_ACTIVITIES, asked)}
        return [Answer(found[uid], listed.get(uid, {})) for uid in uids]

    async def top(self, count: int, thing: int, range_: Range) -> list[tuple[int, int]]:
        """The largest sums as (sum, user)."""
        rows = await self.rows(TOP, (thing, range_.start, range_.end, count))
        return [(int(total), uid) for total, uid in rows]

    def cpu_us(self) -> float:
        """CPU microseconds of the process that serves this connection, so far."""
        pid = self._connection.info.backend_pid
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e3

    @asynccontextmanager
    async def another(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One more connection to the same server."""
        connecting = type(self._connection).connect(self._connection.info.dsn, autocommit=True)
        async with await connecting as connection:
            yield connection

    async def run(self, statement: LiteralString) -> None:
        """One statement that answers nothing."""
        await self._connection.execute(statement)

    async def copy(self, statement: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
        """Rows into a table."""
        async with self._connection.cursor() as cursor, cursor.copy(statement) as copying:
            for row in rows:
                await copying.write_row(row)

    async def rows(self, query: LiteralString, arguments: Sequence[Any]) -> list[Any]:
        """What a prepared statement answers."""
        cursor = await self._connection.execute(query, arguments, prepare=True)
        return await cursor.fetchall()


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Postgres]:
    """A private cluster on a unix socket; raises NotInstalledError without Debian's binaries."""
    if importlib.util.find_spec("psycopg") is None:
        raise NotInstalledError("psycopg (the extra 'bench' brings it)")
    psycopg = importlib.import_module("psycopg")
    if not (PROGRAMS / "initdb").exists():
        raise NotInstalledError("PostgreSQL 15")
    data = folder / "data"
    _start(folder, data)
    try:
        where = f"host={folder} user={SYSTEM_USER} dbname=postgres"
        connecting = psycopg.AsyncConnection.connect(where, autocommit=True)
        async with await connecting as connection:
            yield Postgres(connection)
    finally:
        _run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def _start(folder: Path, data: Path) -> None:
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, SYSTEM_USER)
    _run("initdb", "-D", str(data), "-A", "trust", "-U", SYSTEM_USER)
    options = f"-k {folder} {SERVER_OPTIONS}"
    _run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")


def _run(name: str, *arguments: str) -> None:
    """Run a PostgreSQL program, as its own system user when we are root (it refuses root)."""
    command = [str(PROGRAMS / name), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", SYSTEM_USER, "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
