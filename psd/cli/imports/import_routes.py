"""The three ways of an import's reports into psd: the queue, the HTTP API, the engine.

Each is asked what stands in the windows of a batch, takes the batch, and says what became of each
report. Sending a batch again changes nothing, so an import that broke off is simply run again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import click
import msgspec

from psd.client import AsyncClient
from psd.config import Settings
from psd.engine.event_fields import MetricFields
from psd.engine.events import Report
from psd.engine.windows import ABSENT, StandingReport
from psd.errors import INPUT_ERRORS, BadQueryError, ForbiddenError, InputError
from psd.operations.ways_in import DirectRoute, ReportOutcome, StoreRoute, WayIn
from psd.queries.reported import standing_of
from psd.queue.interface import Queue
from psd.runtime import Runtime, open_runtime
from psd.secrets import masked

Via = Literal["queue", "http", "direct"]


QUEUED = ReportOutcome("queued")


class Rehearsal:
    """No way at all: every report is only checked."""

    async def standing(self, fields: Sequence[MetricFields]) -> list[StandingReport]:
        """Nobody is asked."""
        return [ABSENT] * len(fields)

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Nothing is sent."""
        del fields
        return [ReportOutcome("checked")] * len(reports)


class QueueRoute(StoreRoute):
    """As one ``metrics`` message a batch; a worker books it later."""

    def __init__(self, runtime: Runtime, queue: Queue) -> None:
        super().__init__(runtime)
        self._queue = queue

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Publish the batch."""
        metrics = [wire_fields(each) for each in fields]
        body = msgspec.json.encode({"command": "metrics", "metrics": metrics})
        await self._queue.publish(self._runtime.settings.queue.topic, [body])
        return [QUEUED] * len(reports)


class HttpRoute:
    """As ``POST /v3/events`` to a running server.

    A batch whose answer was lost is sent again, and counts as what it was the first time.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def standing(self, fields: Sequence[MetricFields]) -> list[StandingReport]:
        """Ask the server, which wants scope read for it."""
        try:
            rows = await self._client.reported(wire_fields(each) for each in fields)
        except ForbiddenError as error:
            raise ForbiddenError(
                f"{error}; an import asks what it replaces: give it a token that may read too, "
                "or --no-undo"
            ) from error
        return [standing_of(row) for row in rows]

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Post the batch."""
        answer = await self._client.events(wire_fields(each) for each in fields)
        assert len(answer.data) == len(reports), "the server tells of each"
        return [
            ReportOutcome("refused", INPUT_ERRORS.get(each.code, InputError)(each.message))
            if each.status == "refused"
            else ReportOutcome(each.status)
            for each in answer.data
        ]


@contextlib.asynccontextmanager
async def open_route(
    via: Via, settings: Settings, url: str, token: str = ""
) -> AsyncIterator[WayIn]:
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
                yield QueueRoute(runtime, queue)
            finally:
                await queue.close()
    finally:
        await runtime.close()


def target_of(via: Via, settings: Settings, url: str) -> str:
    """Where a way ends: the server, or the store without the secrets in its address."""
    if via == "http":
        return url.rstrip("/")
    return masked(settings.redis.url)


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
