"""Booking whatever the queue would carry: ``POST /v3/events``.

A body holds up to 5,000 documents (server/event_bodies.py), each a message of the queue or the
fields of one metric. Each stands or falls by itself, and the answer says in order what became of
it::

    [{"thing": "steps", "uid": 7, "aid": 1, "value": 90, "ts1": 1460419200, "ts2": 1460419260},
     {"command": "count", "count": {"thing": "signups", "value": 1, "ts": 1460419200}}]
    -> 200 {"data": [{"index": 0, "status": "booked"},
                     {"index": 1, "status": "refused", "code": "missing_id", "field": "id",
                      "message": "id: a count needs an id, so that it is applied once"}],
            "summary": {"booked": 1, "unchanged": 0, "duplicate": 0, "withdrawn": 0, "refused": 1}}

The status is 200 also when documents were refused; 4xx says that none was even looked at.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from psd.access.identity import ANYBODY, Identity
from psd.archive.entries import Entry
from psd.clock import Clock
from psd.domain.command import Command
from psd.domain.rules import names_of
from psd.domains import domains
from psd.engine.decoding import Decoders, decode_message, is_json
from psd.engine.event_fields import MetricFields
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted, Count, Withdrawal
from psd.engine.nesting import JSON, MSGPACK, check_nesting
from psd.engine.outcomes import Outcome, Status
from psd.engine.withdrawal import message_of
from psd.errors import (
    InputError,
    MalformedError,
    MissingIdError,
    TooLargeError,
    UnknownCommandError,
)
from psd.intake import Intake
from psd.runtime import Runtime
from psd.slices import Stretch
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.ce_headers import Headers
from server.cloudevents import carried
from server.deadline import StoreDeadline
from server.event_bodies import Document, documents_of
from server.idempotency import HEADER, REPLAYED, Replays, checked_key
from server.openapi.about import group_of
from server.openapi.events import events as about_events
from server.openapi.events import own_events as about_own_events
from server.routing import Route
from server.writing import require_writable

EVENTS_MAX = 5000
"""Documents of a request, and events in all of them: they are booked in some 100 ms."""

DOCUMENTS_AT_ONCE = 100
"""The loop turns after so many, which take 1 ms."""

BYTES_OF_A_ROW = 100
"""A long document counts as so many short ones."""

LONG_BYTES = 32_768
"""Of a document whose check takes some 3 ms: 1,000 intervals of a meter."""

RESULTS_AT_ONCE = 500
"""What became of so many events is told in 0.5 ms."""

_FIELD = re.compile(r"([A-Za-z_][\w.\[\]-]*): ", re.ASCII)
_STATUSES: tuple[Status, ...] = get_args(Status)
_RANK: tuple[Status, ...] = ("refused", "booked", "unchanged", "withdrawn", "duplicate")
"""A message of several reports is called by the first of these that any of them is."""


class _Peek(msgspec.Struct, gc=False):
    command: str | UnsetType = UNSET


_PEEK = Decoders(_Peek)
_METRIC = Decoders(MetricFields)


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one document; the last three only of one that was refused."""

    index: int
    status: Status
    code: str = ""
    field: str = ""
    message: str = ""


class EventOutcomes(msgspec.Struct):
    """Everything that is said of a body."""

    data: list[Result]
    summary: dict[str, int]


class AcceptedDocument(msgspec.Struct):
    """A document that may be booked: its events, and the entry that keeps it in the archive."""

    events: list[Accepted]
    entry: Entry


class Checked(msgspec.Struct):
    """A whole body by place: what may be booked, and what is refused before that."""

    taken: dict[int, AcceptedDocument]
    refused: dict[int, Result]


class EventRoutes:
    """The route that takes every kind of event."""

    def __init__(
        self,
        intake: Intake,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        replays: Replays,
        commands: Sequence[Command],
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._replays = replays
        self._commands = commands
        self._carried = carried(commands)

    def routes(self) -> list[Route]:
        """What this module serves."""
        about = about_events(EventOutcomes, self._commands)
        return [Route("POST", "/v3/events", self.events, scope="write", about=about)]

    def route_of(self, path: str, group: str, commands: Sequence[Command]) -> Route:
        """The same for a domain's own messages, and for no others."""
        only = frozenset(names_of(commands))

        async def handle(request: web.Request) -> web.Response:
            return await self.events(request, only)

        about = about_own_events(EventOutcomes, commands, path, group)
        return Route("POST", path, handle, scope="write", about=about)

    async def events(
        self, request: web.Request, only: frozenset[str] = frozenset()
    ) -> web.Response:
        """Book what the body holds, once for a key if one is given."""
        keys = request.headers.getall(HEADER, ())
        if len(keys) > 1:
            raise MalformedError(f"{HEADER}: expected once")
        key = checked_key(keys[0]) if keys else None
        body = await self._bodies.read(request)
        headers, identity = request.headers, request[IDENTITY]
        # Also of a request that was answered before: its owners may be another's by now.
        checked = await self._check_all(headers, body, identity, only)

        async def work() -> bytes:
            return await self._book(checked)

        async with StoreDeadline():
            if key is None:
                return answers.json(await work())
            told, is_earlier = await self._replays.answer(
                identity.keyed, key, _fingerprint(headers, body), work
            )
        response = answers.json(told)
        if is_earlier:
            response.headers[REPLAYED] = "true"
        return response

    async def _check_all(
        self, headers: Headers, body: bytes, identity: Identity, only: frozenset[str]
    ) -> Checked:
        """What may be booked and what is refused; raises ForbiddenError for all of it."""
        now_ms = self._clock.now_ms()
        checked, stretch = Checked({}, {}), Stretch(DOCUMENTS_AT_ONCE)
        for index, document in enumerate(documents_of(headers, body, EVENTS_MAX, self._carried)):
            try:
                found = await self._checked_aside(document, now_ms, identity, only)
            except InputError as error:
                checked.refused[index] = _refused(index, error)
            else:
                require_writable(identity, found.events, self._intake.things)
                checked.taken[index] = found
            await stretch.after(1 + _size(document) // BYTES_OF_A_ROW)
        return checked

    async def _book(self, checked: Checked) -> bytes:
        """Have the good documents taken, and say what became of all."""
        taken, results = checked.taken, dict(checked.refused)
        events = [event for found in taken.values() for event in found.events]
        if len(events) > EVENTS_MAX:
            raise TooLargeError(f"body: {len(events)} events, at most {EVENTS_MAX} are allowed")
        kept = [found.entry for found in taken.values()]
        outcomes = iter(await self._intake.accept(events, lambda: kept))
        stretch = Stretch(RESULTS_AT_ONCE)
        for index, found in taken.items():
            await stretch.after(len(found.events))
            results[index] = _result(index, [next(outcomes) for _ in found.events])
        return _encode([results[index] for index in sorted(results)])

    async def _checked_aside(
        self, document: Document, now_ms: int, identity: Identity, only: frozenset[str]
    ) -> AcceptedDocument:
        """The same of a long one in a thread, which lets the loop in every 5 ms."""
        if _size(document) < LONG_BYTES:
            return self._checked(document, now_ms, identity, only)
        return await asyncio.to_thread(self._checked, document, now_ms, identity, only)

    def _checked(
        self, document: Document, now_ms: int, identity: Identity, only: frozenset[str]
    ) -> AcceptedDocument:
        """What a document stands for; raises an InputError."""
        if isinstance(document, InputError):
            raise document
        rules, now_s = self._rules, now_ms // 1000
        command = decode_message(document, _PEEK, rules.depth_max).command
        if only and command not in only:
            raise UnknownCommandError(f"command: here one of {', '.join(sorted(only))} is taken")
        if command is UNSET:
            fields = decode_message(document, _METRIC, rules.depth_max)
            form = JSON if is_json(document) else MSGPACK
            check_nesting(document, form, depth_max=rules.depth_max)
            report = rules.report(fields, now_s)
            message = msgspec.json.encode({"command": "metric", "metric": fields})
            return AcceptedDocument([report], Entry(now_ms, "", message))
        events = rules.events(document, now_s, "")
        for at, event in enumerate(events):
            if isinstance(event, Count) and not event.event_id:
                raise MissingIdError("id: a count needs an id, so that it is applied once")
            if isinstance(event, Withdrawal):
                events[at] = named = _by(event, identity)
                document = message_of(named)
        return AcceptedDocument(events, Entry(now_ms, "", document))


def event_routes(runtime: Runtime, rules: EventRules, bodies: BodyReader) -> list[Route]:
    """The route over a runtime; ``rules`` are those of what comes over HTTP."""
    replays = Replays(runtime.store)
    routes = EventRoutes(runtime.intake, rules, runtime.clock, bodies, replays, runtime.commands)
    return [
        *routes.routes(),
        *(
            routes.route_of(
                domain.posts, group_of(domain.name), runtime.messages[domain.name].commands
            )
            for domain in domains()
            if domain.posts
        ),
    ]


def _by(withdrawal: Withdrawal, identity: Identity) -> Withdrawal:
    """The withdrawal in the name of whoever asks, if that is known."""
    if identity is ANYBODY:
        return withdrawal
    return msgspec.structs.replace(withdrawal, by=identity.who)


def _size(document: Document) -> int:
    return len(document) if isinstance(document, bytes) else 0


def _fingerprint(headers: Mapping[str, str], body: bytes) -> bytes:
    """All that decides what a request means."""
    names = sorted(name.lower() for name in headers if name.lower().startswith("ce-"))
    told = [f"{name}: {headers[name]}" for name in ("content-type", *names) if name in headers]
    return "\n".join(told).encode("utf-8", "surrogateescape") + b"\n\n" + body


def _refused(index: int, error: InputError) -> Result:
    message = str(error)
    field = _FIELD.match(message)
    return Result(index, "refused", error.code, field[1] if field else "", message)


def _result(index: int, outcomes: Sequence[Outcome]) -> Result:
    for outcome in outcomes:
        if outcome.error is not None:
            return _refused(index, outcome.error)
    statuses = {outcome.status for outcome in outcomes}
    return Result(index, next((each for each in _RANK if each in statuses), "unchanged"))


def _encode(results: list[Result]) -> bytes:
    counted = Counter(result.status for result in results)
    return msgspec.json.encode(EventOutcomes(results, {each: counted[each] for each in _STATUSES}))
