"""A domain's commands as routes: a list is read, and each of its documents taken by itself.

::

    Command(path="/v3/activity", ...)      POST /v3/activity  [{"vehicle": 7, ...}, {...}]
    -> 406 {"booked":1,"unchanged":0,"duplicate":0,"refused":[{"index":1,
            "code":"out_of_bounds","message":"integration: 'Horse' is unknown; ..."}]}

What a command says is about whomever it names, so nobody who is restricted to some owners may
post it.
"""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec
from aiohttp import web

from psd.archive.messages import listed_entries
from psd.domain.command import Command
from psd.engine.decoding import decode_fields
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted
from psd.errors import InputError
from psd.runtime import Runtime
from psd.slices import Stretch
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi.about import JSON_TYPE, LINES_TYPE, About, Example, json_answer
from server.openapi.original import Summary
from server.routing import Route
from server.writing import one_or_more_documents, refusal, summary

DOCUMENTS_AT_ONCE = 250
"""Documents that are read and checked together: 1 ms."""

_BOOKED = '{"booked":1,"unchanged":0,"duplicate":0,"refused":[]}'


class CommandRoutes:
    """Makes routes of commands that have a path."""

    def __init__(self, runtime: Runtime, rules: EventRules, bodies: BodyReader) -> None:
        self._intake = runtime.intake
        self._rules = rules
        self._clock = runtime.clock
        self._bodies = bodies
        self._documents_max = runtime.settings.booking.batch_reports_max

    def route(self, command: Command, group: str) -> Route:
        """The route of a command that has a path."""
        decoder = msgspec.json.Decoder(command.fields)

        async def handle(request: web.Request) -> web.Response:
            return await self._take(request, command, decoder)

        about = _about_command(command, group)
        return Route("POST", command.path, handle, scope="write", whole=True, about=about)

    async def _take(
        self, request: web.Request, command: Command, decoder: msgspec.json.Decoder[Any]
    ) -> web.Response:
        """Check each document, and have the good ones taken."""
        documents = one_or_more_documents(await self._bodies.read(request), self._documents_max)
        now_ms = self._clock.now_ms()
        events: dict[int, Accepted] = {}
        accepted: list[msgspec.Struct] = []
        refused: list[dict[str, Any]] = []
        stretch = Stretch(DOCUMENTS_AT_ONCE)
        for index, document in enumerate(documents):
            await stretch.after(1)
            try:
                fields = decode_fields(document, decoder.decode, self._rules.depth_max)
                events[index] = command.check(fields, now_ms // 1000, self._rules)
            except InputError as error:
                refused.append(refusal(index, error))
            else:
                accepted.append(fields)
        async with StoreDeadline():
            outcomes = await self._intake.accept(
                list(events.values()), lambda: listed_entries(now_ms, command.many, accepted)
            )
        return summary(dict(zip(events, outcomes, strict=True)), refused)


def _about_command(command: Command, group: str) -> About:
    fields = command.fields
    return About(
        group=group,
        summary=command.summary,
        details="A JSON list, one object, or one object a line; each stands or falls by itself.",
        body={JSON_TYPE: GenericAlias(list, (fields,)), LINES_TYPE: fields},
        body_needed=False,
        answers=(
            json_answer(Summary, "what became of them"),
            json_answer(Summary, "some were refused; the others are booked", 406),
        ),
        refused=(422,),
        examples=(Example(command.path, _BOOKED, command.example),),
    )
