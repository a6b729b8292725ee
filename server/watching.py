"""Endpoints that are watched: server-sent events, or a question that waits for another answer.

What an endpoint answers is told again, as a whole, whenever it is of another version
(:class:`psd.domain.question.Watchable`)::

    GET /v3/meters/7/watch                      retry: 2000
                                                                            (blank)
                                                id: 17
                                                event: meter
                                                data: {"meter":7,"shown":120}
                                                                            (blank)
    Last-Event-ID: 17, or ?version=17           nothing, until it is another version than 17
    ?wait=30&version=17                         200 and Psd-Version: 18; or 304 after 30 s

A watcher is charged like the request that it repeats: each answer is asked for in the name of its
token, and those who ask the same with one token share it. Whether the token may still have it is
looked at before each answer, and each :data:`CHECK_S`. A stream ends when its reader is gone or may
not read on, when there is no such thing any more, and at once when the process drains: then it
comes again, to a process that has begun, with the version that it had.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from psd.access.identity import ANYBODY
from psd.domain.question import Asked, Watchable
from psd.errors import ForbiddenError, PsdError, UnavailableError
from psd.observe.logs import CURRENT_REQUEST
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY, Access, enter_as, require
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.domain.questions import EndpointAsking
from server.middleware import Gate
from server.openapi.about import JSON_TYPE, About, Answer, Example
from server.parameters import QueryReader
from server.routing import Route, Rule
from server.tracing import Trace, sign
from server.watch_hub import LOOK_S, Hub, WatchPlace

STREAM_TYPE = "text/event-stream"

RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser comes again: servers that restart are back by then."""

COMMENT = b":\n\n"

COMMENT_S = 15.0
"""Proxies cut connections on which nothing comes for 30 s or more."""

CHECK_S = 5.0
"""Who may no longer watch watches on for so long, if nothing happens meanwhile."""

WAIT_MAX_S = 60

HEADERS = {
    "Content-Type": f"{STREAM_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    # What nginx calls its buffer, in which events would wait for more of them.
    "X-Accel-Buffering": "no",
}


class WatchQuery(msgspec.Struct):
    """What the one who asks has, and whether it waits for one answer."""

    wait: (
        Annotated[
            int, Meta(ge=0, le=WAIT_MAX_S, description="seconds to wait for one answer, then 304")
        ]
        | None
    ) = None
    version: (
        Annotated[
            str, Meta(description="the version that is there already; also as `Last-Event-ID`")
        ]
        | None
    ) = None


_query_of = QueryReader(WatchQuery).read


class Watching:
    """Makes routes of what may be watched, over one hub."""

    def __init__(self, runtime: Runtime, gate: Gate, access: Access, bodies: BodyReader) -> None:
        self.hub = Hub(runtime.store, runtime.settings.server, runtime.metrics)
        self._gate = gate
        self._access = access
        self._bodies = bodies

    def route(
        self, watchable: Watchable, group: str, root: str = "", rule: Rule | None = None
    ) -> Route:
        """The route of one; of pages it is below a ``root``, and a ``rule`` says who asks."""
        endpoint = watchable.endpoint
        assert endpoint.dialect is None, "no other API watches"
        asking = EndpointAsking(endpoint, self._bodies)

        async def handle(request: web.Request) -> web.StreamResponse:
            if rule is not None:
                require(request[IDENTITY], route)
            query, question = _query_of(request.query.items()), await asking.asked(request)
            watcher = _Watcher(self, request, route, watchable, question)
            with self._gate.aside():
                async with StoreDeadline():
                    versioned = await watchable.versioned(question)
                with self.hub.place(versioned, watcher.is_gone, caller_of(request)) as place:
                    async with StoreDeadline():
                        place.version = await self.hub.version(versioned)
                    if query.wait is not None:
                        return await watcher.poll(place, query.version, query.wait)
                    told = request.headers.get("Last-Event-ID", query.version)
                    return await watcher.stream(place, told)

        route = Route(
            "GET",
            f"{root}{endpoint.path}/watch",
            handle,
            scope=endpoint.scope,
            whole=endpoint.whole,
            about=_about(watchable, group),
            rule=rule,
        )
        return route

    async def check(self, request: web.Request, route: Route) -> None:
        """Raises an AccessError once who asks may not what he might at first."""
        identity = await self._access.admit(request, route)
        if identity != request[IDENTITY]:
            raise ForbiddenError("the token is another one by now")


def caller_of(request: web.Request) -> str:
    """Whose watchers are counted together: a token's or a user's, or else those of an address."""
    identity = request[IDENTITY]
    return request.remote or "" if identity is ANYBODY else identity.keyed


class _Watcher:
    """One request that watches."""

    def __init__(
        self,
        watching: Watching,
        request: web.Request,
        route: Route,
        watchable: Watchable,
        question: Asked,
    ) -> None:
        self._watching = watching
        self._request = request
        self._route = route
        self._watchable = watchable
        self._question = question
        self._identity = request[IDENTITY]

    def is_gone(self) -> bool:
        """Whether nobody reads any more."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    async def poll(self, place: WatchPlace, told: str | None, wait_s: int) -> web.Response:
        """The answer once it is of another version, or 304 after so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while place.version == told and not self._is_over(place) and loop.time() < until:
            await place.news(until - loop.time())
        if place.version == told and not self._watching.hub.has_ended:
            # Perhaps nobody could look meanwhile.
            async with StoreDeadline():
                place.version = await self._watching.hub.version(place.versioned)
        headers = {"Psd-Version": place.version, "Cache-Control": "no-store"}
        if place.version == told:
            return web.Response(status=304, headers=headers)
        response = answers.json(await self._answer(place.version))
        response.headers.update(headers)
        return response

    async def stream(self, place: WatchPlace, told: str | None) -> web.StreamResponse:
        """Events, for as long as they are read."""
        first = b"" if place.version == told else await self._event(place.version)
        told = place.version
        if self._request.method == "HEAD":
            return web.Response(headers=HEADERS)
        response = web.StreamResponse(headers=HEADERS)
        named = CURRENT_REQUEST.get()
        assert isinstance(named, Trace), "the gate has named it"
        sign(response.headers, named)
        try:
            await response.prepare(self._request)
            await response.write(RETRY + first)
            await self._go_on(response, place, told)
        except ConnectionError:
            # The reader has left in the middle of something.
            response.force_close()
        return response

    async def _go_on(self, response: web.StreamResponse, place: WatchPlace, told: str) -> None:
        now = asyncio.get_running_loop().time
        comment_at, check_at = now() + COMMENT_S, now() + CHECK_S
        while not self._is_over(place):
            until = now() + LOOK_S if place.version != told else min(comment_at, check_at)
            await place.news(max(until - now(), 0))
            version = place.version
            try:
                if version != told:
                    await response.write(await self._event(version))
                    told = version
                elif now() >= check_at:
                    await self._watching.check(self._request, self._route)
                    check_at = now() + CHECK_S
            except UnavailableError:
                # It is asked again soon, and nothing is told meanwhile.
                check_at = now() + CHECK_S
            except PsdError:
                # Whoever comes again is told why.
                return
            if now() >= comment_at:
                await response.write(COMMENT)
                comment_at = now() + COMMENT_S

    def _is_over(self, place: WatchPlace) -> bool:
        return self._watching.hub.has_ended or place.is_gone()

    async def _event(self, version: str) -> bytes:
        answer = await self._answer(version)
        head = f"id: {version}\nevent: {self._watchable.event}\ndata: "
        return head.encode() + answer + b"\n\n"

    async def _answer(self, version: str) -> bytes:
        """The endpoint's answer as JSON; raises its errors, and an AccessError."""
        await self._watching.check(self._request, self._route)
        asked_as = self._request.rel_url.raw_path_qs
        return await self._watching.hub.shared((asked_as, self._identity, version), self._ask)

    async def _ask(self) -> bytes:
        enter_as(self._identity)
        async with StoreDeadline():
            answer = await self._watchable.endpoint.ask(self._question)
        return msgspec.json.encode(answer)


def _about(watchable: Watchable, group: str) -> About:
    endpoint = watchable.endpoint
    event = watchable.event
    whole = watchable.details or f"the whole answer of `GET {endpoint.path}`"
    asked_path, answered = endpoint.example
    path, mark, parameters = asked_path.partition("?")
    example = f"{path}/watch?{parameters}{'&' if mark else ''}wait=0"
    return About(
        group=group,
        summary=f"Watch {endpoint.meaning}.",
        details=f"Each event `{event}` has {whole} as its data, and the version as its id. With "
        "`wait` one answer is waited for.",
        path=endpoint.parts,
        query=(*((endpoint.query,) if endpoint.query.__struct_fields__ else ()), WatchQuery),
        headers={"Last-Event-ID": "the version that is there already"},
        answers=(
            Answer(
                200,
                f"{endpoint.meaning}, and again whenever it has changed",
                {STREAM_TYPE: str, JSON_TYPE: endpoint.answer},
            ),
            Answer(304, "it is of this version still"),
        ),
        refused=(*endpoint.refused, 406),
        examples=(Example(example, answered),),
    )
