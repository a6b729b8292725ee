"""What domains serve over HTTP: their commands as POSTs of lists, deeds, and endpoints as GETs.

A domain knows no HTTP (psd/domain). Here, in server/deeds.py and in server/endpoints.py its
structs become a route's parameters, answer and part of the reference, and everything is asked
within the deadline of the store::

    Command(path="/v3/activity", ...)      POST /v3/activity  [{"vehicle": 7, ...}, {...}]
    -> 406 {"booked":1,"unchanged":0,"duplicate":0,"refused":[{"index":1,
            "code":"out_of_bounds","message":"integration: 'Horse' is unknown; ..."}]}

    Endpoint(path="/v3/streaks", query=StreaksQuery, ...)      GET /v3/streaks?limit=2
    -> 200 {"week":9,"data":[...],"next":"OS4y"}

What a command says is about whomever it names, so nobody who is restricted to some owners may
post it.
"""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec
from aiohttp import web

from psd.archive.messages import listed_entries
from psd.clock import Clock
from psd.domain.command import Command
from psd.domains import domains
from psd.engine.decoding import decode_fields
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted
from psd.errors import InputError
from psd.intake import Intake
from psd.runtime import Runtime
from psd.slices import Stretch
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.decrees import decree_route
from server.deeds import DeedRoutes
from server.endpoints import endpoint_routes
from server.file_imports import FileImportRoutes
from server.openapi.about import JSON_TYPE, LINES_TYPE, About, Example, group_of, json_answer
from server.openapi.original import Summary
from server.resources import resource_routes
from server.routing import Route
from server.watching import Watching
from server.writing import one_or_more_documents, refusal, summary

DOCUMENTS_AT_ONCE = 250
"""Documents that are read and checked together: 1 ms."""

_BOOKED = '{"booked":1,"unchanged":0,"duplicate":0,"refused":[]}'


def domain_routes(
    runtime: Runtime, rules: EventRules, bodies: BodyReader, watching: Watching
) -> list[Route]:
    """Every route of every domain; ``rules`` are those of what comes over HTTP."""
    routes: list[Route] = []
    deeds = DeedRoutes(runtime, rules, bodies)
    files = FileImportRoutes(runtime, rules, bodies)
    for domain in domains():
        group = group_of(domain.name)
        taking = Taking(
            runtime.intake,
            rules,
            runtime.clock,
            bodies,
            runtime.settings.booking.batch_reports_max,
        )
        commands = runtime.messages[domain.name].commands
        routes += [taking.route(each, group) for each in commands if each.path]
        part = runtime.parts.get(domain.name)
        if part is not None:
            for each in part.endpoints:
                routes += endpoint_routes(each, group, bodies)
            routes += [watching.route(each, group) for each in part.watchables]
            by_name = {each.name: each for each in commands}
            routes += [files.route(each, by_name, group) for each in part.file_imports]
            routes += [deeds.route(each, by_name, group) for each in part.deeds]
            routes += [decree_route(each, group, bodies, rules.depth_max) for each in part.decrees]
            for resource in part.resources:
                routes += resource_routes(resource, group, bodies, rules.depth_max)
    return routes


class Taking:
    """Takes lists of what one command says, each of them by itself."""

    def __init__(
        self,
        intake: Intake,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        documents_max: int,
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._documents_max = documents_max

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
