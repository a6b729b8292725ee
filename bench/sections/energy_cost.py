"""(u) What is asked of meters: usage by hour, bills, 20 plans over a year, and a file.

Meters of half-hours of one year in London. psd answers over HTTP, and readings went in over HTTP.
PostgreSQL has a row an interval and an index that covers it, and is asked by one statement over its
own connection; VictoriaMetrics has a sample an interval and is asked over HTTP. Every answer has to
be the same. What one client waits is told as the median of all questions.

Plans are cut into cells that are remembered from bill to bill; ``cold`` is a server that was
started anew, or plans whose timetables nobody has asked about.
"""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench import energy_load
from bench.energy_load import HALF_HOUR_S, PLANS, half_hours, midnight
from bench.figures import Figure, Row, Target
from bench.model import check
from bench.peers.energy_rows import IntervalRows
from bench.peers.time_series import VictoriaMetrics
from bench.processes import NotInstalledError, redis_server
from bench.sections.http import psd_server
from bench.workbench import Workbench
from psd.engine.events import Report
from psd.engine.plan import Range

METERS = 10
ROWS_A_MESSAGE = 5_000
HOUR_S = 3_600
IMPORT = "/v3/energy/imports?format=greenbutton&meter=file-"

MONTH, COMPARED = Target("<=", 25.0, 10.0, of="psd"), Target("<=", 150.0, 75.0, of="psd")
FILE = Target("<=", 2_000.0, 1_000.0, of="psd")

Question = tuple[int, int, int]
"""Meter, first second, the second behind the last."""


class Site:
    """One kept connection to a server."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The JSON that is answered; a body that is no bytes is sent as JSON."""
        sent = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {} if sent is None else {"Content-Type": kind}
        self._connection.request(method, path, sent, headers)
        response = self._connection.getresponse()
        text = response.read()
        check("psd", f"{method} {path}", response.status in (200, 201), True)
        return msgspec.json.decode(text)

    async def bill(self, meter: int, start: int, end: int) -> dict[str, int]:
        """Energy by rate."""
        query = urlencode({"plan": "p00", "start": start, "end": end})
        told = self.ask("GET", f"/v3/energy/meters/m-{meter}/cost?{query}")
        return {row["name"]: row["mwh"] for row in told["data"] if row["mwh"]}

    async def by_hour(self, meter: int, start: int, end: int) -> list[int]:
        """Energy of each hour."""
        query = urlencode({"start": start, "end": end, "every": "hour"})
        told = self.ask("GET", f"/v3/energy/meters/m-{meter}/usage?{query}")
        return [row["mwh"] for row in told["data"]]

    async def compare(self, meter: int, start: int, end: int) -> int:
        """How many plans were compared."""
        query = urlencode({"start": start, "end": end})
        return len(self.ask("GET", f"/v3/energy/meters/m-{meter}/compare?{query}")["data"])

    def put_plans(self, plan_of: Callable[[int], dict[str, Any]]) -> None:
        """Plans p00 to p19."""
        for place in range(PLANS):
            self.ask("PUT", f"/v3/energy/plans/p{place:02}", plan_of(place))


Asks = Callable[[int, int, int], Awaitable[Any]]


async def run(bench: Workbench) -> None:
    """Load psd and its peers, ask all of them, and leave the rows."""
    asked = max(bench.sizes.slow_queries, 10)
    months = list(questions(asked))
    async with AsyncExitStack() as stack:
        socket = stack.enter_context(redis_server(bench.folder("energy")))
        with psd_server(socket, bench.folder("energy-log")) as url:
            site = Site(url)
            load(site)
            await _bills_and_hours(bench, stack, site, months)
            _file(bench, site)
            site.put_plans(energy_load.timetable_of)
        await _compared(bench, socket, asked)


async def _bills_and_hours(
    bench: Workbench, stack: AsyncExitStack, site: Site, months: Sequence[Question]
) -> None:
    rows = await _rows(bench)
    bills, bill = await timed(months, site.bill)
    figure = await _same(rows, "energy by rate", months, None if rows is None else rows.bill, bills)
    name = f"{IntervalRows.name}, one statement"
    note = "" if rows is not None else "not installed"
    bench.add(Row("u", "bill of a month by 4 rates", "ms", bill, name, figure, MONTH, note))
    hours, by_hour = await timed(months, site.by_hour)
    figure = await _same(
        rows, "usage by hour", months, None if rows is None else rows.by_hour, hours
    )
    bench.add(Row("u", "usage of a month by hour", "ms", by_hour, name, figure, None, note))
    samples = await _samples(bench, stack)
    figure = await _same(
        samples, "usage by hour", months, None if samples is None else samples.by_hour, hours
    )
    note = "" if samples is not None else "not installed"
    name = VictoriaMetrics.name
    bench.add(Row("u", "usage of a month by hour", "ms", by_hour, name, figure, None, note))


async def _compared(bench: Workbench, socket: Path, asked: int) -> None:
    """20 timetables over a year: the first question of servers, and those that follow."""
    year = (midnight(1), midnight(13))
    first, warm = [], Figure(())
    for _ in range(max(bench.sizes.repetitions, 3)):
        with psd_server(socket, bench.folder("compared-log")) as url:
            site = Site(url)
            # The first request of a process also makes its connections and loads its scripts.
            await site.by_hour(0, midnight(1), midnight(2))
            asks = [(at % METERS, *year) for at in range(asked)]
            counts, taken = await timed(asks, site.compare, keep_first=True)
        check("psd", "plans compared", set(counts), {PLANS})
        first.append(taken.values[0])
        warm = Figure((*warm.values, *taken.values[1:]))
    bench.add(
        Row("u", "20 timetables over a year, cold", "ms", Figure(tuple(first)), target=COMPARED),
        Row("u", "20 timetables over a year, again", "ms", warm, target=COMPARED),
    )


def _file(bench: Workbench, site: Site) -> None:
    """A Green Button file, each time of another meter."""
    body, taken = energy_load.green_button(), []
    for turn in range(max(bench.sizes.repetitions, 3)):
        started = time.perf_counter()
        told = site.ask("POST", f"{IMPORT}{turn}", body, "application/xml")
        taken.append((time.perf_counter() - started) * 1e3)
        check("psd", "rows of the file", told["rows"], told["intervals"])
    measure = f"Green Button file of {len(body) / 1e6:.1f} MB, {told['intervals']:,} intervals"
    bench.add(Row("u", measure, "ms", Figure(tuple(taken)), target=FILE))


def load(site: Site) -> None:
    """Readings and plans, over HTTP."""
    for meter in range(METERS):
        rows = half_hours(meter)
        for at in range(0, len(rows), ROWS_A_MESSAGE):
            said = energy_load.fields(meter, rows[at : at + ROWS_A_MESSAGE])
            sent = [{"command": "intervals", "intervals": said}]
            told = site.ask("POST", "/v3/energy/readings", sent)
            check("psd", "messages booked", told["summary"]["booked"], 1)
    site.put_plans(energy_load.plan_of)


def questions(number: int) -> Iterator[Question]:
    """Meters and months."""
    draw = random.Random("energy months")
    for _ in range(number):
        month = draw.randint(1, 12)
        yield draw.randrange(METERS), midnight(month), midnight(month + 1)


async def timed(
    asked: Sequence[Question], ask: Asks, *, keep_first: bool = False
) -> tuple[list[Any], Figure]:
    """Answers, and milliseconds of each question but the first."""
    answers, taken = [], []
    for question in asked:
        started = time.perf_counter()
        answers.append(await ask(*question))
        taken.append((time.perf_counter() - started) * 1e3)
    return answers, Figure(tuple(taken if keep_first else taken[1:]))


async def _same(
    peer: IntervalRows | IntervalSamples | None,
    what: str,
    asked: Sequence[Question],
    ask: Asks | None,
    answers: Sequence[Any],
) -> Figure | None:
    """Milliseconds of a peer, each of whose answers has to be psd's."""
    if peer is None or ask is None:
        return None
    found, taken = await timed(asked, ask)
    for question, told, ours in zip(asked, found, answers, strict=True):
        check(peer.name, f"{what} of {question}", told, ours)
    return taken


async def _rows(bench: Workbench) -> IntervalRows | None:
    """PostgreSQL with all meters, where it is installed."""
    peer = await bench.postgres()
    if peer is None:
        return None
    rows = IntervalRows(peer)
    await rows.load(
        (meter, start, mwh) for meter in range(METERS) for start, mwh in half_hours(meter)
    )
    return rows


class IntervalSamples:
    """VictoriaMetrics with a sample an interval, at its last second."""

    name = VictoriaMetrics.name

    def __init__(self, system: VictoriaMetrics) -> None:
        self._system = system

    async def load(self) -> None:
        """Import all meters."""
        for meter in range(METERS):
            await self._system.load(
                [
                    Report(0, meter, 0, 0, mwh, start, start + HALF_HOUR_S - 1)
                    for start, mwh in half_hours(meter)
                ]
            )

    async def by_hour(self, meter: int, start: int, end: int) -> list[int]:
        """Energy of each hour."""
        return await self._system.series(0, meter, Range(start, end), HOUR_S)


async def _samples(bench: Workbench, stack: AsyncExitStack) -> IntervalSamples | None:
    """VictoriaMetrics, where it is installed."""
    try:
        opened = VictoriaMetrics.open(bench.folder("victoria"))
        samples = IntervalSamples(await stack.enter_async_context(opened))
    except NotInstalledError:
        return None
    await samples.load()
    return samples
