"""The three ways of an import's reports into psd: the queue, the HTTP API, the engine.

Each takes batches of checked rows and adds to one tally. Sending a batch again changes
nothing, so an import that broke off is simply run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit

import click
import msgspec

from psd.archive.messages import metrics_entries
from psd.cli.import_rows import BookableRow, RefusedRow
from psd.config import Settings
from psd.engine.events import MetricFields, Report
from psd.errors import INPUT_ERRORS, InputError, PsdError, StoreUnavailableError
from psd.queue.base import Queue
from psd.runtime import Runtime, open_runtime

Via = Literal["queue", "http", "direct"]

HTTP_TIMEOUT_S = 30.0
TRY_LATER = 503


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


class HttpRefusal(msgspec.Struct):
    """Why the server booked nothing of one report of a batch."""

    index: int
    code: str
    message: str


class HttpAnswer(msgspec.Struct):
    """The body of ``POST /v1/write_many``."""

    booked: int
    unchanged: int
    duplicate: int
    refused: list[HttpRefusal]
    withdrawn: int = 0


class HttpRoute:
    """As ``POST /v1/write_many`` to a running server."""

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError(f"--url {url!r} is not an http:// or https:// address")
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._url = url
        self._headers = {"Content-Type": "application/x-ndjson"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._path = parts.path.rstrip("/") + "/v1/write_many"
        self._connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=HTTP_TIMEOUT_S)

    async def send(self, rows: Sequence[BookableRow], tally: Tally) -> None:
        """Post the batch."""
        lines, _ = lines_and_reports(rows)
        metrics = [wire_fields(fields) for row in rows for fields in row.fields]
        body = b"".join(msgspec.json.encode(each) + b"\n" for each in metrics)
        answer = await asyncio.to_thread(self._post, body)
        for outcome in ("booked", "unchanged", "duplicate", "withdrawn"):
            tally.add(outcome, getattr(answer, outcome))
        for refusal in answer.refused:
            error = INPUT_ERRORS.get(refusal.code, InputError)(refusal.message)
            tally.refuse(lines[refusal.index], error)

    def _post(self, body: bytes) -> HttpAnswer:
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            raise StoreUnavailableError(f"{self._url} does not answer: {exc}") from exc
        if response.status not in (200, 406):
            text = content.decode(errors="replace").strip()
            kind = StoreUnavailableError if response.status == TRY_LATER else PsdError
            raise kind(f"{self._url} answers {response.status}: {text}")
        try:
            return msgspec.json.decode(content, type=HttpAnswer)
        except msgspec.MsgspecError as exc:
            raise PsdError(f"{self._url} is not a psd server: {exc}") from exc

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextlib.asynccontextmanager
async def open_route(
    via: Via, settings: Settings, url: str, token: str = ""
) -> AsyncIterator[Route]:
    """Open one of the ways; ``token`` is what the server asks for, if it asks."""
    if via == "http":
        route = HttpRoute(url, token)
        with contextlib.closing(route):
            yield route
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


def wire_fields(fields: MetricFields) -> dict[str, int | str]:
    """The seven fields of a report, without those that have their default."""
    names = ("thing", "uid", "atid", "aid", "value", "ts1", "ts2")
    return {name: getattr(fields, name) for name in names}


def lines_and_reports(rows: Sequence[BookableRow]) -> tuple[list[int], list[Report]]:
    """The reports of some rows, and the line of each."""
    lines = [row.line for row in rows for _ in row.reports]
    return lines, [report for row in rows for report in row.reports]
