"""A domain's resources as routes: put under a name, read with a tag, taken away.

::

    PUT    /v3/energy/plans/eco  {"rates": [...]}             201, ETag: "9f3a..-1"
    PUT    /v3/energy/plans/eco  If-Match: "9f3a..-1"         200, ETag: "9f3a..-2"
    GET    /v3/energy/plans/eco  If-None-Match: "9f3a..-2"    304
    DELETE /v3/energy/plans/eco  If-Match: "9f3a..-1"         412: it is another version by now

What is wrong with a field of a body is 422, by the field's name. Resources are nobody's own:
whoever is restricted to some owners gets none of them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from psd.domain.question import Asked, NoParameters
from psd.domain.resource import KeptResource, KeptVersion
from server import answers
from server.access import IDENTITY, seen_by
from server.bodies import BodyReader, object_in
from server.conditions import asked_versions, has_already
from server.deadline import StoreDeadline
from server.openapi.about import JSON_TYPE, About, Answer, Example, json_answer
from server.parameters import PathReader
from server.routing import Route

CREATED, OK, GONE, NOT_MODIFIED = 201, 200, 204, 304

MATCH = {"If-Match": "the ETag of the version to change, or *"}
NONE_MATCH = {"If-None-Match": "* makes it only where there is none"}

_encode = msgspec.json.Encoder().encode


def resource_routes(
    resource: KeptResource, group: str, bodies: BodyReader, depth_max: int
) -> list[Route]:
    """The routes of a resource."""
    serving = _Serving(resource, bodies, depth_max)
    path, get, put, drop = resource.path, *_about(resource, group)
    return [
        Route("GET", path, serving.get, scope="read", whole=True, about=get),
        Route("PUT", path, serving.put, "fields", "write", whole=True, about=put),
        Route("DELETE", path, serving.drop, scope="write", whole=True, about=drop),
    ]


class _Serving:
    """Serves one resource."""

    def __init__(self, resource: KeptResource, bodies: BodyReader, depth_max: int) -> None:
        self._resource = resource
        self._bodies = bodies
        self._depth_max = depth_max
        self._parts = PathReader(resource.parts)

    async def get(self, request: web.Request) -> web.Response:
        """What stands under the name, or 304 where the client has it already."""
        async with StoreDeadline():
            found = await self._resource.get(self._asked(request, NoParameters()))
        if has_already(request, found.tag):
            return web.Response(status=NOT_MODIFIED, headers={"ETag": f'"{found.tag}"'})
        return _shown(found, OK)

    async def put(self, request: web.Request) -> web.Response:
        """Put what is sent under the name."""
        versions = asked_versions(request)
        fields = object_in(await self._bodies.read(request), self._depth_max)
        path = self._parts.read(request.match_info)
        asked = self._asked(request, self._resource.read(path, fields))
        async with StoreDeadline():
            found = await self._resource.put(asked, versions)
        return _shown(found, CREATED if found.is_new else OK)

    async def drop(self, request: web.Request) -> web.Response:
        """Take away what stands there."""
        asked = self._asked(request, NoParameters())
        async with StoreDeadline():
            await self._resource.drop(asked, asked_versions(request))
        return web.Response(status=GONE)

    def _asked(self, request: web.Request, query: Any) -> Asked:
        path = self._parts.read(request.match_info)
        return Asked(query, path, request[IDENTITY], seen_by(request))


def _shown(found: KeptVersion, status: int) -> web.Response:
    response = answers.json(_encode(found.answer), status)
    response.headers["ETag"] = f'"{found.tag}"'
    return response


def _about(resource: KeptResource, group: str) -> tuple[About, About, About]:
    """What its routes say of themselves in the reference: of GET, PUT and DELETE."""
    asked, answered = resource.example
    what = resource.what
    shown = json_answer(resource.answer, f"{what} as it is now")
    get = About(
        group=group,
        summary=f"Read {what}.",
        path=resource.parts,
        headers={"If-None-Match": "the ETag of an earlier answer"},
        answers=(shown, Answer(NOT_MODIFIED, "you have this answer already")),
        refused=(404, 406, 422),
        examples=(Example(asked, answered),),
    )
    put = About(
        group=group,
        summary=f"Make {what}, or change it.",
        details=resource.details,
        path=resource.parts,
        headers={**MATCH, **NONE_MATCH},
        body={JSON_TYPE: resource.body},
        answers=(shown, json_answer(resource.answer, f"{what} is new", CREATED)),
        refused=(*resource.refused, 412, 422),
        examples=(Example(asked, answered, resource.sent),),
    )
    drop = About(
        group=group,
        summary=f"Take {what} away.",
        path=resource.parts,
        headers=MATCH,
        answers=(Answer(GONE, "it is gone"),),
        refused=(404, 406, 412, 422),
        examples=(Example(asked, ""),),
    )
    return get, put, drop
