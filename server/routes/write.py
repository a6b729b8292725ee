"""Booking over HTTP: one report by ``/v1/write``, many by ``/v1/write_many``.

``/v1/write`` answers in the original's words; whatever it refuses, nothing is written::

    {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10,
     "ts1": 1496539746, "ts2": 1496539747}   -> 200 ok
    {"thing": "floors", ...}                 -> 406 invalid arguments
    {"thing": "steps", "uid": "1", ...}      -> 400 uid: expected `int`, got `str`
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from psd.archive.messages import metrics_entries
from psd.clock import Clock
from psd.engine.event_fields import MetricFields, decode_metric
from psd.engine.event_rules import EventRules
from psd.engine.events import Report
from psd.engine.outcomes import Outcome
from psd.errors import InputError, InvalidTimeError, MalformedError, UnknownThingError
from psd.intake import Intake
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi.original import WRITE, WRITE_MANY
from server.routing import Route
from server.writing import refusal, require_writable, split_documents, summary

INVALID_ARGUMENTS = "invalid arguments"
INVALID_TIMESTAMP = "timestamp was invalid"


class WriteRoutes:
    """The routes that book."""

    def __init__(
        self,
        intake: Intake,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        reports_max: int,
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._reports_max = reports_max

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route("POST", "/v1/write", self.write, "text", "write", about=WRITE),
            Route("POST", "/v1/write_many", self.write_many, "json", "write", about=WRITE_MANY),
        ]

    async def write(self, request: web.Request) -> web.Response:
        """Book one report, or one increment."""
        body = await self._bodies.read(request)
        try:
            fields = decode_metric(body, self._rules.depth_max)
        except MalformedError:
            return answers.text(INVALID_ARGUMENTS, 400)
        now_ms = self._clock.now_ms()
        try:
            report = self._rules.report(fields, now_ms // 1000)
        except UnknownThingError:
            return answers.text(INVALID_ARGUMENTS, 406)
        except InvalidTimeError:
            if fields.ts2 <= 0:
                return answers.text(INVALID_TIMESTAMP, 406)
            raise
        require_writable(request[IDENTITY], [report], self._intake.things)
        (outcome,) = await self._book([report], [fields], now_ms)
        if outcome.error is not None:
            raise outcome.error
        return answers.text(b"ok")

    async def write_many(self, request: web.Request) -> web.Response:
        """Book a JSON list of reports, or one a line; each stands or falls by itself.

        But one of an owner whom the sender may not write for refuses all: that is no mistake in
        a row, it is a wrong token or a hostile sender.
        """
        identity = request[IDENTITY]
        documents = split_documents(await self._bodies.read(request), self._reports_max)
        now_ms = self._clock.now_ms()
        reports: dict[int, Report] = {}
        accepted: list[MetricFields] = []
        refused: list[dict[str, Any]] = []
        for index, document in enumerate(documents):
            try:
                fields = decode_metric(document, self._rules.depth_max)
                reports[index] = self._rules.report(fields, now_ms // 1000)
            except InputError as error:
                refused.append(refusal(index, error))
            else:
                require_writable(identity, [reports[index]], self._intake.things)
                accepted.append(fields)
        outcomes = await self._book(list(reports.values()), accepted, now_ms)
        return summary(dict(zip(reports, outcomes, strict=True)), refused)

    async def _book(
        self, reports: list[Report], fields: list[MetricFields], now_ms: int
    ) -> list[Outcome]:
        """Have them taken within the time of a request."""
        async with StoreDeadline():
            return await self._intake.accept(reports, lambda: metrics_entries(now_ms, fields))
