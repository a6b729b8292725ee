"""The queries of section q, asked of VictoriaMetrics and InfluxDB 1.x over HTTP, as they are asked.

An event is a point of the series (thing, uid) with its difference as the value. Neither books
reports in any order, re-sent ones or corrections; psd does. What neither language says in one
question (the places around a user) is everybody's sum, sorted by the client.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.peers.query_systems import PLACES, Around, Board, around, cut
from bench.processes import free_port, http_ok, program, running, wait_for
from psd.engine.events import Report
from psd.engine.plan import Range

LINES_PER_WRITE = 10_000
TIMEOUT = aiohttp.ClientTimeout(total=120)

Rows = list[dict[str, Any]]


class VictoriaMetrics:
    """MetricsQL; the response cache is off, as every question is another one."""

    name = "VictoriaMetrics"

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[VictoriaMetrics]:
        """A private server; raises NotInstalledError."""
        with _victoria_metrics(folder) as url:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                yield cls(url, session)

    async def load(self, reports: Sequence[Report]) -> None:
        """Import, and wait until the last of it is found."""
        by_series: dict[tuple[int, int], list[Report]] = defaultdict(list)
        for report in reports:
            by_series[report.thing, report.uid].append(report)
        lines = [
            msgspec.json.encode(
                {
                    "metric": {"__name__": "events", "thing": str(thing), "uid": str(uid)},
                    "values": [report.value for report in series],
                    "timestamps": [report.ts2 * 1000 for report in series],
                }
            )
            for (thing, uid), series in by_series.items()
        ]
        for piece in _pieces(lines):
            await self._send("/api/v1/import", b"\n".join(piece))
        await self._send("/internal/force_flush")

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """One instant query."""
        selector = f'thing=~"{_any(things)}",uid=~"{_any(uids)}"'
        if len(things) == len(uids) == 1:
            selector = f'thing="{things[0]}",uid="{uids[0]}"'
        query = f"sum_over_time(events{{{selector}}}{_window(range_)})"
        found = {
            (int(row["metric"]["thing"]), int(row["metric"]["uid"])): _whole(row["value"][1])
            for row in await self._instant(query, range_)
        }
        return [[found.get((thing, uid), 0) for thing in things] for uid in uids]

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """One range query; points without samples are filled here."""
        query = f'sum_over_time(events{{thing="{thing}",uid="{uid}"}}[{step_s}s])'
        first, last = range_.start + step_s, range_.end
        span = {"start": _just_before(first), "end": _just_before(last), "step": f"{step_s}s"}
        rows = await self._rows("/api/v1/query_range", {"query": query, **span})
        found = {round(at + 0.001): _whole(value) for row in rows for at, value in row["values"]}
        return [found.get(at, 0) for at in range(first, last + 1, step_s)]

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """One instant query."""
        whole = cut(range_, as_of)
        sums = f'sum_over_time(events{{thing="{thing}"}}{_window(whole)})'
        rows = await self._instant(f"topk({PLACES}, {sums})", whole)
        return sorted(_board(rows), key=lambda pair: -pair[1])

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """Everybody's sum."""
        sums = f'sum_over_time(events{{thing="{thing}"}}{_window(range_)})'
        return around(_board(await self._instant(sums, range_)), uid)

    async def _instant(self, query: str, range_: Range) -> Rows:
        asked = {"query": query, "time": _just_before(range_.end), "step": "1s"}
        return await self._rows("/api/v1/query", asked)

    async def _rows(self, path: str, form: dict[str, str]) -> Rows:
        async with self._session.post(self._url + path, data={**form, "nocache": "1"}) as response:
            content = await response.read()
            response.raise_for_status()
        rows: Rows = msgspec.json.decode(content)["data"]["result"]
        return rows

    async def _send(self, path: str, body: bytes = b"") -> None:
        async with self._session.post(self._url + path, data=body) as response:
            response.raise_for_status()


INFLUX_CONFIGURATION = """
reporting-disabled = true
bind-address = "{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
max-series-per-database = 0
max-values-per-tag = 0
query-log-enabled = false
[http]
bind-address = "{http}"
log-enabled = false
[monitor]
store-enabled = false
[continuous_queries]
enabled = false
"""


class InfluxDB:
    """InfluxQL on one measurement with the tags thing and uid."""

    name = "InfluxDB 1.6"

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[InfluxDB]:
        """A private server; raises NotInstalledError."""
        with _influxdb(folder) as url:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                system = cls(url, session)
                await system.ask("CREATE DATABASE bench")
                yield system

    async def load(self, reports: Sequence[Report]) -> None:
        """Line protocol."""
        lines = [
            b"events,thing=%d,uid=%d value=%di %d" % (each.thing, each.uid, each.value, each.ts2)
            for each in reports
        ]
        for piece in _pieces(lines):
            url = f"{self._url}/write?db=bench&precision=s"
            async with self._session.post(url, data=b"\n".join(piece)) as response:
                response.raise_for_status()

    async def sums(
        self, things: Sequence[int], uids: Sequence[int], range_: Range
    ) -> list[list[int]]:
        """One statement."""
        if len(things) == len(uids) == 1:
            who = f"thing = '{things[0]}' AND uid = '{uids[0]}'"
            rows = await self.ask(f"SELECT sum(value) FROM events WHERE {who} AND {_time(range_)}")
            return [[rows[0]["values"][0][1] if rows else 0]]
        who = f"thing =~ /^({_any(things)})$/ AND uid =~ /^({_any(uids)})$/"
        rows = await self.ask(
            f"SELECT sum(value) FROM events WHERE {who} AND {_time(range_)} GROUP BY thing, uid"
        )
        found = {
            (int(row["tags"]["thing"]), int(row["tags"]["uid"])): row["values"][0][1]
            for row in rows
        }
        return [[found.get((thing, uid), 0) for thing in things] for uid in uids]

    async def series(self, thing: int, uid: int, range_: Range, step_s: int) -> list[int]:
        """One statement; only a range without a point is filled here."""
        who = f"thing = '{thing}' AND uid = '{uid}' AND {_time(range_)}"
        rows = await self.ask(
            f"SELECT sum(value) FROM events WHERE {who} GROUP BY time({step_s}s) fill(0)"
        )
        steps = (range_.end - range_.start) // step_s
        return [value for _, value in rows[0]["values"]] if rows else [0] * steps

    async def top(self, thing: int, users: int, range_: Range, as_of: int | None = None) -> Board:
        """One statement."""
        sums = self._sums_of_all(thing, cut(range_, as_of))
        rows = await self.ask(f"SELECT top(s, uid, {PLACES}) FROM ({sums})")
        pairs = [(int(uid), value) for row in rows for _, value, uid in row["values"]]
        return sorted(pairs, key=lambda pair: -pair[1])

    async def around(self, thing: int, users: int, range_: Range, uid: int) -> Around:
        """Everybody's sum."""
        rows = await self.ask(self._sums_of_all(thing, range_))
        return around([(int(row["tags"]["uid"]), row["values"][0][1]) for row in rows], uid)

    async def ask(self, statement: str) -> Rows:
        """The series of a statement's answer."""
        form = {"q": statement, "db": "bench", "epoch": "s"}
        async with self._session.post(f"{self._url}/query", data=form) as response:
            content = await response.read()
            response.raise_for_status()
        [result] = msgspec.json.decode(content)["results"]
        if "error" in result:
            raise RuntimeError(f"InfluxDB: {result['error']}: {statement}")
        rows: Rows = result.get("series", [])
        return rows

    @staticmethod
    def _sums_of_all(thing: int, range_: Range) -> str:
        where = f"thing = '{thing}' AND {_time(range_)}"
        return f"SELECT sum(value) AS s FROM events WHERE {where} GROUP BY uid"


@contextmanager
def _victoria_metrics(folder: Path) -> Iterator[str]:
    """Its URL, once it answers."""
    folder.mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    command = [program("victoria-metrics"), f"-httpListenAddr={address}"]
    command += [f"-storageDataPath={folder / 'data'}", "-retentionPeriod=100y"]
    command += ["-search.disableCache", "-search.maxUniqueTimeseries=1000000"]
    command += ["-loggerLevel=ERROR"]
    with running(command, folder / "log"):
        wait_for("VictoriaMetrics", lambda: http_ok(f"http://{address}/health"))
        yield f"http://{address}"


@contextmanager
def _influxdb(folder: Path) -> Iterator[str]:
    """Its URL, once it answers."""
    folder.mkdir(parents=True)
    http, rpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
    file = folder / "influxdb.conf"
    file.write_text(INFLUX_CONFIGURATION.format(folder=folder, http=http, rpc=rpc))
    with running([program("influxd"), "-config", str(file)], folder / "log"):
        wait_for("InfluxDB", lambda: http_ok(f"http://{http}/query?q=SHOW+DATABASES"))
        yield f"http://{http}"


def _board(rows: Rows) -> Board:
    return [(int(row["metric"]["uid"]), _whole(row["value"][1])) for row in rows]


def _window(range_: Range) -> str:
    """All of a range, looked back on from :func:`_just_before` its end."""
    return f"[{range_.end - range_.start}s]"


def _just_before(second: int) -> str:
    """A window holds its last millisecond and not its first, so it ends one before."""
    return f"{second - 1}.999"


def _time(range_: Range) -> str:
    return f"time >= {range_.start}s AND time < {range_.end}s"


def _any(ids: Sequence[int]) -> str:
    return "|".join(str(each) for each in ids)


def _whole(text: str) -> int:
    return int(float(text))


def _pieces(lines: Sequence[bytes]) -> list[Sequence[bytes]]:
    starts = range(0, len(lines), LINES_PER_WRITE)
    return [lines[start : start + LINES_PER_WRITE] for start in starts]
