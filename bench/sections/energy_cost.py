"""(u) What energy costs: the bill of a month, and 20 plans over a year, from the request.

Meters of half-hours of one year in London, plans of four rates (a peak in winter, a shoulder, a
night, a base). psd answers over HTTP, readings went in over HTTP; PostgreSQL has a row an interval
and an index that covers it, and bills by one statement, over its own connection. Each energy by
rate has to be the same. What one client waits is told as the median of all questions.
"""

from __future__ import annotations

import datetime as dt
import http.client
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from bench.figures import Figure, Row, Target
from bench.model import check
from bench.peers.postgres import Postgres
from bench.processes import redis_server
from bench.sections.http import psd_server
from bench.workbench import Workbench

TZ = "Europe/London"
YEAR = 2025
HALF_HOUR_S = 1_800
METERS = 10
PLANS = 20
ROWS_A_MESSAGE = 5_000

MONTH, COMPARED = Target("<=", 25.0, 10.0, of="psd"), Target("<=", 150.0, 75.0, of="psd")

CREATE = (
    "DROP TABLE IF EXISTS intervals",
    "CREATE TABLE intervals (meter int, start timestamptz, mwh bigint)",
)
INDEX = "CREATE INDEX intervals_by_meter ON intervals (meter, start) INCLUDE (mwh)"

BILL = """
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


def plan_of(place: int) -> dict[str, Any]:
    """A plan of four rates; each has other prices."""
    peak = {"days": [1, 2, 3, 4, 5], "months": [11, 12, 1, 2], "from": "16:00", "to": "19:00"}
    return {
        "currency": "GBP",
        "tz": TZ,
        "standing": {"per": "day", "amount": "0.4512"},
        "vat_percent": "5",
        "rates": [
            {"name": "peak", "rate": f"0.{3412 + place}", **peak},
            {"name": "shoulder", "rate": f"0.{2810 + place}", "from": "16:00", "to": "20:00"},
            {"name": "night", "rate": f"0.0{750 + place}", "from": "23:30", "to": "05:30"},
            {"name": "base", "rate": f"0.{2410 + place}"},
        ],
    }


def midnight(month: int) -> int:
    """The second at which a month of the year begins; the 13th is the next January."""
    year, month = divmod(month - 1, 12)
    return int(dt.datetime(YEAR + year, month + 1, 1, tzinfo=ZoneInfo(TZ)).timestamp())


def half_hours(meter: int) -> list[tuple[int, int]]:
    """Start and mWh of a meter's year."""
    draw = random.Random(f"energy {meter}")
    seconds = range(midnight(1), midnight(13), HALF_HOUR_S)
    return [(second, draw.randint(20_000, 900_000)) for second in seconds]


class Site:
    """One kept connection to a server."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that is answered."""
        sent = None if body is None else msgspec.json.encode(body)
        headers = {} if sent is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, sent, headers)
        response = self._connection.getresponse()
        text = response.read()
        check("psd", f"{method} {path}", response.status in (200, 201), True)
        return msgspec.json.decode(text)

    def bill(self, meter: int, start: int, end: int) -> dict[str, int]:
        """Energy by rate."""
        query = urlencode({"plan": "p00", "start": start, "end": end})
        told = self.ask("GET", f"/v3/energy/meters/m-{meter}/cost?{query}")
        return {row["name"]: row["mwh"] for row in told["data"] if row["mwh"]}

    def compare(self, meter: int, start: int, end: int) -> int:
        """How many plans were compared."""
        query = urlencode({"start": start, "end": end})
        return len(self.ask("GET", f"/v3/energy/meters/m-{meter}/compare?{query}")["data"])


async def run(bench: Workbench) -> None:
    """Load both, ask both, and leave the rows."""
    asked = max(bench.sizes.slow_queries, 10)
    async with AsyncExitStack() as stack:
        socket = stack.enter_context(redis_server(bench.folder("energy")))
        url = stack.enter_context(psd_server(socket, bench.folder("energy-log")))
        site = Site(url)
        load(site)
        peer = await bench.postgres()
        if peer is not None:
            await load_peer(peer)
        months = list(questions(asked))
        bills, psd_ms = timed(months, site.bill)
        year = (midnight(1), midnight(13))
        counts, year_ms = timed([(at % METERS, *year) for at in range(asked)], site.compare)
        check("psd", "plans compared", set(counts), {PLANS})
        figure, note = None, "" if peer is not None else "not installed"
        if peer is not None:
            figure = await peer_bills(peer, months, bills)
        bench.add(
            Row(
                "u",
                "bill of a month by 4 rates",
                "ms",
                psd_ms,
                peer_name(peer),
                figure,
                MONTH,
                note,
            ),
            Row("u", "20 plans over a year", "ms", year_ms, target=COMPARED),
        )


def load(site: Site) -> None:
    """Readings and plans, over HTTP."""
    for meter in range(METERS):
        rows = [
            [start, start + HALF_HOUR_S, f"{mwh / 10**6:.6f}"] for start, mwh in half_hours(meter)
        ]
        for at in range(0, len(rows), ROWS_A_MESSAGE):
            said = {"meter": f"m-{meter}", "rows": rows[at : at + ROWS_A_MESSAGE]}
            sent = [{"command": "intervals", "intervals": said}]
            told = site.ask("POST", "/v3/energy/readings", sent)
            check("psd", "messages booked", told["summary"]["booked"], 1)
    for place in range(PLANS):
        site.ask("PUT", f"/v3/energy/plans/p{place:02}", plan_of(place))


def questions(number: int) -> Iterator[tuple[int, int, int]]:
    """Meters and months."""
    draw = random.Random("energy months")
    for _ in range(number):
        month = draw.randint(1, 12)
        yield draw.randrange(METERS), midnight(month), midnight(month + 1)


def timed(
    asked: Sequence[tuple[int, int, int]], ask: Callable[[int, int, int], Any]
) -> tuple[list[Any], Figure]:
    """Answers, and milliseconds of each question but the first."""
    answers, taken = [], []
    for question in asked:
        started = time.perf_counter()
        answers.append(ask(*question))
        taken.append((time.perf_counter() - started) * 1e3)
    return answers, Figure(tuple(taken[1:]))


async def load_peer(peer: Postgres) -> None:
    """A row an interval, indexed."""
    for statement in CREATE:
        await peer.run(statement)
    rows = [
        (meter, dt.datetime.fromtimestamp(start, dt.UTC), mwh)
        for meter in range(METERS)
        for start, mwh in half_hours(meter)
    ]
    await peer.copy("COPY intervals (meter, start, mwh) FROM STDIN", rows)
    await peer.run(INDEX)
    await peer.run("VACUUM (ANALYZE, FREEZE) intervals")


async def peer_bills(
    peer: Postgres, asked: Sequence[tuple[int, int, int]], bills: Sequence[dict[str, int]]
) -> Figure:
    """Milliseconds of the same bills, each of which has to be psd's."""
    taken = []
    for question, bill in zip(asked, bills, strict=True):
        started = time.perf_counter()
        found = await peer.rows(BILL, question)
        taken.append((time.perf_counter() - started) * 1e3)
        check(peer.name, "energy by rate", {name: int(mwh) for name, mwh in found}, bill)
    return Figure(tuple(taken[1:]))


def peer_name(peer: Postgres | None) -> str:
    """As the table has it."""
    return "PostgreSQL 15" if peer is None else f"{peer.name}, one statement"
