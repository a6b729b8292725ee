"""The three ways of an import's reports into psd: the queue, the HTTP API, the engine.

Each takes batches of checked rows and adds to one tally. Sending a batch again changes
nothing, so an import that broke off is simply run again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import click
import msgspec

from psd.archive.messages import metrics_entries
from psd.cli.import_rows import BookableRow, RefusedRow
from psd.client import AsyncClient
from psd.config import Settings
from psd.engine.events import MetricFields, Report
from psd.errors import INPUT_ERRORS, BadQueryError, InputError
from psd.queue.base import Queue
from psd.runtime import Runtime, open_runtime

Via = Literal["queue", "http", "direct"]


class Tally(msgspec.Struct):
    """What became of the rows: ``reports`` counts reports by outcome, a row has one a thing."""

    rows: int = 0
    reports: dict[str, int] = msgspec.field(default_factory=dict)
    refused: list[RefusedRow] = msgspec.field(default_factory=list)

    def add(self, outcome: str, count: int = 1) -> None:
        """Count reports."""
        self.reports[outcome] = self.reports.get(outcome, 0) + count

    def refuse(self, line: int, error: InputError) -> None:
        """Keep the first refusal of a line."""
        if not self.refused or self.refused[-1].line != line:
            self.refused.append(RefusedRow(line, error))


class Route(Protocol):
    """A way in."""

    async def send(self, rows: Sequence[BookableRow], tally: Tally) -> None:
        """Book or publish the rows and count what happened."""
        ...


class QueueRoute:
    """As one ``metrics`` message a batch; a worker books it later."""

    def __init__(self, queue: Queue, topic: str) -> None:
        self._queue = queue
        self._topic = topic

    async def send(self, rows: Sequence[BookableRow], tally: Tally) -> None:
        """Publish the batch."""
        metrics = [wire_fields(fields) for row in rows for fields in row.fields]
        body = msgspec.json.encode({"command": "metrics", "metrics": metrics})
        await self._queue.publish(self._topic, [body])
        tally.add("queued", len(metrics))


class DirectRoute:
    """Through the books and the archive of this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def send(self, rows: Sequence[BookableRow], tally: Tally) -> None:
        """Book the batch."""
        lines, reports = lines_and_reports(rows)
        fields = [each for row in rows for each in row.fields]
        now_ms = self._runtime.clock.now_ms()
        await self._runtime.archive.append(metrics_entries(now_ms, fields))
        outcomes = await self._runtime.books.book(reports)
        for line, outcome in zip(lines, outcomes, strict=True):
            if outcome.error is None:
                tally.add(outcome.status)
            else:
                tally.refuse(line, outcome.error)


class HttpRoute:
    """As ``POST /v3/events`` to a running server.

    A batch whose answer was lost is sent again, and counts as what it was the first time.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def send(self, rows: Sequence[BookableRow], tally: Tally) -> None:
        """Post the batch."""
        lines, _ = lines_and_reports(rows)
        answer = await self._client.events(wire_fields(each) for row in rows for each in row.fields)
        for status, count in answer.summary.items():
            if status != "refused":
                tally.add(status, count)
        for result in answer.refused:
            error = INPUT_ERRORS.get(result.code, InputError)(result.message)
            tally.refuse(lines[result.index], error)


@contextlib.asynccontextmanager
async def open_route(
    via: Via, settings: Settings, url: str, token: str = ""
) -> AsyncIterator[Route]:
    """Open one of the ways; ``token`` is what the server asks for, if it asks."""
    if via == "http":
        async with client_of(url, token) as client:
            yield HttpRoute(client)
        return
    runtime = await open_runtime(settings, archiving=via == "direct")
    try:
        if via == "direct":
            yield DirectRoute(runtime)
        else:
            queue = runtime.new_queue()
            try:
                yield QueueRoute(queue, settings.queue.topic)
            finally:
                await queue.close()
    finally:
        await runtime.close()


def client_of(url: str, token: str) -> AsyncClient:
    """A client of the server; raises click.UsageError for what is no address."""
    try:
        return AsyncClient(url, token=token)
    except BadQueryError as error:
        raise click.UsageError(str(error)) from error


def wire_fields(fields: MetricFields) -> dict[str, int | str]:
    """The seven fields of a report, without those that have their default."""
    names = ("thing", "uid", "atid", "aid", "value", "ts1", "ts2")
    return {name: getattr(fields, name) for name in names}


def lines_and_reports(rows: Sequence[BookableRow]) -> tuple[list[int], list[Report]]:
    """The reports of some rows, and the line of each."""
    lines = [row.line for row in rows for _ in row.reports]
    return lines, [report for row in rows for report in row.reports]
