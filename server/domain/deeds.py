"""A domain's deeds as routes: one body is read, archived, booked, and answered by itself.

A domain knows no HTTP (psd/domain). What it makes of a body is the command that the queue would
carry, so that a replay, the queue and a deed are one thing; it goes through the one door, in this
order::

    PUT /v3/meters/7/reading  {"wh": 120, "time": 1644210000}
    fields  -> ReadingFields(meter=7, wh=120, time=1644210000)   404, 409, 422: nothing was done
    preview -> would it be refused?                              404, 409, 422: nothing was done
    accept  -> archive {"command":"reading","reading":{...}}, then book
    told    -> 201 {"meter":7,"shown":120}

What is refused before it is archived is never asked again by a replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from psd.archive.entries import Entry
from psd.clock import Clock
from psd.domain.command import Command
from psd.domain.decree import Decree
from psd.domain.deed import Deed
from psd.domain.question import Asked
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import BadQueryError, WrongTypeError
from psd.intake import Intake
from psd.queries.parsing import from_json
from psd.runtime import Runtime
from psd.slices import give_way
from server import answers
from server.access import IDENTITY, seen_by
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.errors import Style
from server.openapi.about import JSON_TYPE, About, Example, json_answer
from server.parameters import PathReader
from server.routing import Route

CREATED, OK = 201, 200

_encode = msgspec.json.Encoder().encode


class Taker:
    """Takes what somebody says over HTTP and waits for; ``rules`` are those of such events."""

    def __init__(self, runtime: Runtime, rules: EventRules) -> None:
        self._runtime = runtime
        self._intake: Intake = runtime.intake
        self._clock: Clock = runtime.clock
        self._rules = rules

    async def take(self, command: Command, fields: msgspec.Struct) -> tuple[Accepted, Outcome]:
        """Have a command kept and booked; raises what it was refused for."""
        now_ms = self._clock.now_ms()
        accepted, _ = await self.rehearse(command, fields)
        body = _encode({"command": command.name, command.name: fields})
        [outcome] = await self._intake.accept([accepted], lambda: [Entry(now_ms, "", body)])
        if outcome.error is not None:
            raise outcome.error
        return accepted, outcome

    async def take_all(
        self, command: Command, listed: Sequence[msgspec.Struct]
    ) -> Sequence[Outcome]:
        """Have all that somebody says kept and booked; raises what the first fault of it is."""
        now_ms = self._clock.now_ms()
        accepted = []
        for each in listed:
            accepted.append(command.check(each, now_ms // 1000, self._rules))
            await give_way()

        def entries() -> Iterator[Entry]:
            for each in listed:
                yield Entry(now_ms, "", _encode({"command": command.name, command.name: each}))

        return await self._intake.accept(accepted, entries)

    async def rehearse(self, command: Command, fields: msgspec.Struct) -> tuple[Accepted, Outcome]:
        """What would become of it, and nothing is done; raises what it would be refused for."""
        accepted = command.check(fields, self._clock.now_ms() // 1000, self._rules)
        [outcome] = await self._runtime.preview().book([accepted])
        if outcome.error is not None:
            raise outcome.error
        return accepted, outcome


class DeedRoutes:
    """Makes routes of deeds; ``rules`` are those of what comes over HTTP."""

    def __init__(self, runtime: Runtime, rules: EventRules, bodies: BodyReader) -> None:
        self._taker = Taker(runtime, rules)
        self._rules = rules
        self._bodies = bodies

    def route(self, deed: Deed, commands: Mapping[str, Command], group: str) -> Route:
        """The route of one deed; ``commands`` are those of its domain, by their names."""
        command = commands[deed.command]
        parts = PathReader(deed.parts)

        async def handle(request: web.Request) -> web.Response:
            sent = await self._sent(request, deed)
            path = parts.read(request.match_info)
            asked = Asked(sent, path, request[IDENTITY], seen_by(request))
            async with StoreDeadline():
                taken = await self._taker.take(command, await deed.fields(asked))
                done = await deed.told(asked, *taken)
            if deed.dialect is not None:
                return answers.in_dialect(deed.dialect, done.answer)
            return answers.json(_encode(done.answer), CREATED if done.is_new else OK)

        about = about_done(deed, group, deed.parts)
        style: Style = deed.dialect or "fields"
        return Route(deed.method, deed.path, handle, style, "write", whole=deed.whole, about=about)

    async def _sent(self, request: web.Request, deed: Deed) -> msgspec.Struct:
        body = await self._bodies.read(request)
        if deed.read is not None:
            return deed.read(body, request.headers.get("Content-Type", ""))
        return body_as(deed.body, body, self._rules.depth_max)


def body_as(kind: type[msgspec.Struct], body: bytes, depth_max: int) -> msgspec.Struct:
    """A body as its struct; raises MalformedError, or WrongTypeError with the field."""
    try:
        return from_json(body, kind, depth_max)
    except BadQueryError as exc:
        raise WrongTypeError(str(exc)) from exc


def about_done(deed: Deed | Decree, group: str, parts: Mapping[str, Any]) -> About:
    """What a route by which something is done says of itself in the reference."""
    asked, answered = deed.example
    return About(
        group=group,
        summary=deed.summary,
        details=deed.details,
        path=parts,
        body={JSON_TYPE: deed.body},
        answers=(
            json_answer(deed.answer, f"{deed.meaning}, as it was before", OK),
            json_answer(deed.answer, deed.meaning, CREATED),
        ),
        refused=(*deed.refused, 422),
        examples=(Example(asked, answered, deed.sent),),
    )
