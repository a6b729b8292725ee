"""Faces: the sites of originals, each on a port of its own and at its own root.

A domain that stands for a whole site says so by a :class:`psd.domain.face.Face`. It is served
where the setting ``port`` of its domain is not 0, by an application of its own that shares the gate
(limits, metrics, drain) and who may ask with the main one; its paths and the words of its errors
are those of the original::

    [meters] port = 8020      GET http://127.0.0.1:8020/readings/7     the face
                              GET http://127.0.0.1:1155/v3/meters/7    the main port

Which faces there are, the list of domains tells; nothing here knows one by its name.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from psd.access.exposure import is_checked
from psd.config import Settings
from psd.domain.definition import Domain
from psd.domain.dialect import Dialect
from psd.domain.face import Face
from psd.domain.part import Part
from psd.domains import domains
from psd.engine.event_rules import EventRules
from psd.errors import ConfigError
from psd.runtime import Runtime
from server.bodies import BodyReader
from server.domain.deeds import DeedRoutes
from server.domain.hooks import hook_route, lead_route
from server.domain.questions import endpoint_routes
from server.errors import Style
from server.middleware import ELSEWHERE, ROOTS, Gate
from server.openapi.about import group_of
from server.operating import Operating
from server.pages.booked_minutes import BookedMinutes
from server.pages.desk import OPERATIONS, Desk
from server.pages.own_part import OwnPart
from server.pages.rendering import CORE
from server.pages.site import Site
from server.routes.reference import ReferenceRoutes
from server.routing import Route, Routes, new_application, register, register_alone
from server.starlette_paths import DecodedRoutes


class FaceRoutes(msgspec.Struct, frozen=True):
    """What a face serves, and how it tells errors."""

    routes: Sequence[Route]
    style: Style


def faces() -> dict[str, Domain]:
    """The domains that have a face, by the face's name."""
    return {domain.face.name: domain for domain in domains() if domain.face is not None}


def port_setting(domain: Domain) -> str:
    """The setting that says where the face of a domain is served."""
    assert domain.face is not None, "it has one"
    return f"{domain.name}.{domain.face.setting}"


def ports_of(settings: Settings) -> dict[str, int]:
    """Where each face is to be served, by its name; what is off is left out.

    Raises ConfigError for two that are to be served on one port.
    """
    ports = {
        name: getattr(settings.section(domain.name), port_setting(domain).rpartition(".")[2])
        for name, domain in faces().items()
    }
    found = {name: port for name, port in ports.items() if port}
    taken: dict[int, str] = {settings.server.port: "server.port"} if settings.server.port else {}
    for name, port in found.items():
        setting = port_setting(faces()[name])
        if port in taken:
            raise ConfigError(f"{setting} = {port}: that is {taken[port]} too")
        taken[port] = setting
    return found


def site_routes(
    runtime: Runtime, desk: Desk, minutes: BookedMinutes, operating: Operating
) -> tuple[list[Route], dict[str, Style]]:
    """The pages on the main port, psd's own and domains', and how errors are told below them."""
    parts = {name: part for name, part in runtime.parts.items() if part.pages}
    areas = [("psd", "/"), ("Boards", "/boards/"), ("Users", "/users/")]
    areas += [(name.title(), f"/{name}/") for name in sorted(parts)]
    areas.append(("Operations", OPERATIONS))
    is_open = not is_checked(runtime.settings.access)
    own = Site(desk, CORE, "", OwnPart(runtime, minutes, operating), is_open=is_open, areas=areas)
    routes = own.routes()
    roots = dict.fromkeys(("/boards/", "/users/", OPERATIONS, ELSEWHERE), own.style)
    for name, part in parts.items():
        site = Site(
            desk,
            name,
            f"/{name}",
            part,
            is_open=is_open and part.pages_are_open,
            areas=areas,
        )
        routes += site.routes()
        roots[f"/{name}/"] = site.style
    return routes, {**roots}


def face_apps(
    runtime: Runtime, gate: Gate, desk: Desk, rules: EventRules, bodies: BodyReader
) -> dict[str, web.Application]:
    """An application for each face that there is to serve, by its name."""
    apps = {}
    for name in ports_of(runtime.settings):
        domain = faces()[name]
        assert domain.face is not None, "it has one"
        served = _served(
            runtime, domain, domain.face, runtime.parts[domain.name], desk, rules, bodies
        )
        gate.know(served.routes, face=name)
        is_decoded = isinstance(served.style, Dialect) and served.style.as_starlette
        router = DecodedRoutes() if is_decoded else Routes()
        app = new_application(gate.middleware, runtime.settings.server, router)
        app[ROOTS] = {"/": served.style}
        for route in served.routes:
            add = register_alone if is_decoded and route.style is served.style else register
            add(app, route)
        apps[name] = app
    return apps


def _served(
    runtime: Runtime,
    domain: Domain,
    face: Face,
    part: Part,
    desk: Desk,
    rules: EventRules,
    bodies: BodyReader,
) -> FaceRoutes:
    """The domain's pages at the root, and what else its face has."""
    group = group_of(domain.name)
    routes: list[Route] = []
    for each in part.face_endpoints:
        routes += endpoint_routes(each, group, bodies)
    commands = {each.name: each for each in runtime.messages[domain.name].commands}
    deeds = DeedRoutes(runtime, rules, bodies)
    routes += [deeds.route(each, commands, group) for each in part.face_deeds]
    routes += [hook_route(each, bodies) for each in part.face_hooks]
    routes += [lead_route(each) for each in part.face_leads]
    site = Site(desk, domain.name, "", part)
    if part.pages and face.has_pages:
        routes += site.routes()
    if face.dialect is not None and face.dialect.as_starlette:
        address = f"localhost:{face.port}"
        routes += ReferenceRoutes(routes, address, pages=("/docs", "/redoc")).routes()
    return FaceRoutes(routes, face.dialect or site.style)
