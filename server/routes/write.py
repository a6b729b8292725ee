"""Booking over HTTP: one report by ``/v1/write``, many by ``/v1/write_many``.

``/v1/write`` answers in the original's words; whatever it refuses, nothing is written::

    {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10,
     "ts1": 1496539746, "ts2": 1496539747}   -> 200 ok
    {"thing": "floors", ...}                 -> 406 invalid arguments
    {"thing": "steps", "uid": "1", ...}      -> 400 uid: expected `int`, got `str`
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from psd.archive.messages import metrics_entries
from psd.archive.writer import Appends
from psd.clock import Clock
from psd.engine.events import EventRules, MetricFields, Report, decode_metric
from psd.engine.nesting import too_deep
from psd.engine.store import Engine, Outcome
from psd.errors import (
    InputError,
    InvalidTimeError,
    MalformedError,
    TooLargeError,
    UnknownThingError,
)
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.routing import Route

INVALID_ARGUMENTS = "invalid arguments"
INVALID_TIMESTAMP = "timestamp was invalid"


class WriteRoutes:
    """The routes that book."""

    def __init__(
        self,
        engine: Engine,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        reports_max: int,
        archive: Appends,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._reports_max = reports_max
        self._archive = archive

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route("POST", "/v1/write", self.write, "text", "write"),
            Route("POST", "/v1/write_many", self.write_many, "json", "write"),
        ]

    async def write(self, request: web.Request) -> web.Response:
        """Book one report, or one increment."""
        try:
            fields = decode_metric(await self._bodies.read(request), self._rules.depth_max)
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
        request[IDENTITY].require_owner(report.uid)
        (outcome,) = await self._book([report], [fields], now_ms)
        if outcome.error is not None:
            raise outcome.error
        return answers.text(b"ok")

    async def write_many(self, request: web.Request) -> web.Response:
        """Book a JSON list of reports, or one a line; each stands or falls by itself.

        But one of an owner whom the sender may not write for refuses all: that is no mistake in
        a row, it is a wrong token or a hostile sender.
        """
        require_owner = request[IDENTITY].require_owner
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
                refused.append(_refusal(index, error))
            else:
                require_owner(reports[index].uid)
                accepted.append(fields)
        outcomes = await self._book(list(reports.values()), accepted, now_ms)
        return _summary(dict(zip(reports, outcomes, strict=True)), refused)

    async def _book(
        self, reports: list[Report], fields: list[MetricFields], now_ms: int
    ) -> list[Outcome]:
        """Keep in the archive, then book, as the worker does with what comes from the queue."""
        async with StoreDeadline():
            await self._archive.append(metrics_entries(now_ms, fields))
            return await self._engine.book(reports)


def split_documents(body: bytes, documents_max: int) -> list[bytes]:
    """The JSON texts in a body: the elements of a list, or the lines that are not blank.

    Raises :class:`MalformedError` for a list that is not JSON, :class:`TooLargeError` when
    there are more than ``documents_max``, or one is nested too deep to be cut out.
    """
    if body.lstrip()[:1] == b"[":
        try:
            documents = [bytes(raw) for raw in _DECODE_LIST(body)]
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise MalformedError(f"body: {exc}") from exc
        except RecursionError as exc:
            raise too_deep() from exc
    else:
        documents = [line for line in body.splitlines() if line.strip()]
    if len(documents) > documents_max:
        raise TooLargeError(f"body: {len(documents)} reports, at most {documents_max} are allowed")
    return documents


_DECODE_LIST = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _refusal(index: int, error: InputError) -> dict[str, Any]:
    return {"index": index, "code": error.code, "message": str(error)}


def _summary(outcomes: dict[int, Outcome], refused: list[dict[str, Any]]) -> web.Response:
    refused += [
        _refusal(index, outcome.error)
        for index, outcome in outcomes.items()
        if outcome.error is not None
    ]
    refused.sort(key=lambda refusal: int(refusal["index"]))
    counted = Counter(outcome.status for outcome in outcomes.values())
    body = {
        "booked": counted["booked"],
        "unchanged": counted["unchanged"],
        "duplicate": counted["duplicate"],
        "refused": refused,
    }
    return answers.json(msgspec.json.encode(body), 406 if refused else 200)
