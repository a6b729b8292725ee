"""A domain's decrees as routes: one body is read, what it decides is done, and it is answered.

An act is no message (psd/domain.py): nothing but a request can bring it about, and the domain
archives itself what is to be decided again by a replay::

    PUT /v3/meters/7/owner  {"owner": "u1"}
    -> 422 where a field is wrong, 404 where there is no such meter: nothing was done
    -> 200 {"meter":7,"owner":"u1"}, 201 where something is there that was not
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from psd.domain.decree import Decree
from psd.domain.question import Asked
from server import answers
from server.access import IDENTITY, seen_by
from server.bodies import BodyReader
from server.deadline import deadline_unless
from server.domain.deeds import CREATED, OK, about_done, body_as
from server.routing import Route


def decree_route(decree: Decree, group: str, bodies: BodyReader, depth_max: int) -> Route:
    """The route of one act; a body is nested to ``depth_max`` at most."""

    async def handle(request: web.Request) -> web.Response:
        sent = body_as(decree.body, await bodies.read(request), depth_max)
        asked = Asked(sent, dict(request.match_info), request[IDENTITY], seen_by(request))
        async with deadline_unless(decree.is_patient):
            done = await decree.decide(asked)
        return answers.json(msgspec.json.encode(done.answer), CREATED if done.is_new else OK)

    about = about_done(decree, group, {})
    return Route(
        decree.method, decree.path, handle, "fields", decree.scope, whole=decree.whole, about=about
    )
