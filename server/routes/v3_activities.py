"""The activities of one user: those in a range, the withdrawal of one, and who withdrew which.

::

    GET    /v3/users/7/activities?start=2016-04-12T00:00:00Z&thing=steps
    DELETE /v3/users/7/activities/41?note=counted+twice
    -> 200 {"uid":"7","aid":"41","status":"withdrawn","taken":[{"thing":"steps","sum":90,...}]}
    GET    /v3/users/7/audit

Whoever may not see a user gets what a user without activities has, and may withdraw nothing (403).
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from psd.archive.entries import Entry
from psd.clock import Clock, utc_text
from psd.engine.engine import Engine
from psd.engine.withdrawal import (
    WithdrawFields,
    Withdrawn,
    message_of,
    things_of_owners,
    withdrawal_of,
)
from psd.errors import BadQueryError
from psd.intake import Intake
from psd.queries.activities import ActivityQueries, nothing_known
from psd.queries.activity_answers import (
    ActivitiesAnswer,
    ActivitiesQuery,
    AuditQuery,
    WithdrawnAnswer,
    WithdrawQuery,
)
from psd.queries.depth import depth_of
from psd.queries.ids import asked_id, asked_user
from psd.queries.parsing import from_json
from psd.queries.shown import asked_names, named
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY
from server.asking import asked
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.formats import (
    NOT_MODIFIED,
    asked_format,
    csv_rows,
    encoded,
    entity_tag,
    heading,
)
from server.openapi.activities import ACTIVITIES, AUDIT, WITHDRAW
from server.routing import Route

_encode = msgspec.json.Encoder().encode


class ActivityRoutes:
    """The routes about single activities."""

    def __init__(
        self,
        engine: Engine,
        queries: ActivityQueries,
        things: tuple[int, ...],
        clock: Clock,
        bodies: BodyReader,
        intake: Intake,
    ) -> None:
        self._engine = engine
        self._queries = queries
        self._things = things
        self._clock = clock
        self._bodies = bodies
        self._intake = intake

    def routes(self) -> list[Route]:
        """What this module serves."""
        one = "/v3/users/{uid}/activities/{aid}"
        return [
            Route(
                "GET", "/v3/users/{uid}/activities", self.activities, scope="read", about=ACTIVITIES
            ),
            Route("DELETE", one, self.withdraw, scope="write", about=WITHDRAW),
            Route("GET", "/v3/users/{uid}/audit", self.audit, scope="read", about=AUDIT),
        ]

    async def activities(self, request: web.Request) -> web.Response:
        """A page of the activities in a range."""
        uid = asked_user(request.match_info["uid"], "uid")
        asked_format(request)
        query = asked(request, ActivitiesQuery)
        sees, now_s = request[IDENTITY].sees(uid), self._clock.now_s()
        async with StoreDeadline():
            answer = await self._queries.activities(uid, query, now_s, sees=sees)
        return _page(request, answer, is_closed=answer.range.end < utc_text(now_s))

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take an activity back; the note comes in the URL, or in a JSON object."""
        identity = request[IDENTITY]
        uid = asked_user(request.match_info["uid"], "uid")
        aid = asked_id(request.match_info["aid"], "aid")
        identity.require_owner(uid, request.match_info["uid"])
        note = await self._note(request)
        now_ms = self._clock.now_ms()
        fields = WithdrawFields(request.match_info["uid"], aid, note, identity.who)
        withdrawal = withdrawal_of(fields, self._things, now_ms // 1000)
        async with StoreDeadline():
            if not await self._engine.knows_activity(uid, aid, self._things):
                raise nothing_known(withdrawal.name or uid, aid)
            [done] = await self._intake.accept(
                [withdrawal], lambda: [Entry(now_ms, "", message_of(withdrawal))]
            )
        if done.error is not None:
            raise done.error
        assert isinstance(done, Withdrawn), "a withdrawal has an outcome of its own"
        taken = self._queries.taken(done.taken)
        answer = WithdrawnAnswer(str(uid), str(aid), _status(done), taken)
        asked = asked_names(request.match_info["uid"])
        return answers.json(_encode(await named(answer, self._engine.names, asked)))

    async def audit(self, request: web.Request) -> web.Response:
        """A page of the withdrawals, the newest first."""
        uid = asked_user(request.match_info["uid"], "uid")
        query = asked(request, AuditQuery)
        async with StoreDeadline():
            answer = await self._queries.audit(uid, query, sees=request[IDENTITY].sees(uid))
        return answers.json(_encode(answer))

    async def _note(self, request: web.Request) -> str:
        query = asked(request, WithdrawQuery)
        body = await self._bodies.read(request)
        if not body.strip():
            return query.note
        if query.note:
            raise BadQueryError("note: expected in the URL or in the body, not in both")
        return from_json(body, WithdrawQuery).note


def activity_routes(runtime: Runtime, bodies: BodyReader) -> list[Route]:
    """The routes over a runtime; things of domains have no activities of users."""
    known = runtime.settings.numbers
    numbers = things_of_owners(known, runtime.books.things)
    limits = runtime.settings.server
    queries = ActivityQueries(
        runtime.engine,
        {name: number for name, number in known.items() if number in numbers},
        span_max_s=limits.range_span_max_s,
        ids_max=limits.ids_max,
        depth=depth_of(runtime.settings.queue, runtime.store),
    )
    routes = ActivityRoutes(runtime.engine, queries, numbers, runtime.clock, bodies, runtime.intake)
    return routes.routes()


def _page(request: web.Request, answer: ActivitiesAnswer, *, is_closed: bool) -> web.Response:
    """A page in the format that is asked for, or 304 where the client has its rows already."""
    format_ = asked_format(request)
    told = _encode([answer.data, answer.next, answer.range])
    response = heading(request, format_, entity_tag(told, format_) if is_closed else None)
    if response.status == NOT_MODIFIED:
        return response
    if format_ == "csv":
        response.headers["Psd-Range"] = f"{answer.range.start}/{answer.range.end}"
        if answer.next is not None:
            response.headers["Psd-Next"] = answer.next
        response.body = csv_rows(answer.flat())
    else:
        response.body = encoded(answer, format_)
    return response


def _status(done: Withdrawn) -> str:
    return "withdrawn" if done.status == "booked" else "unchanged"
