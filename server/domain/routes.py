"""Every route of domains, which know no HTTP themselves (psd/domain).

Each module of this folder makes routes of what the module of psd/domain that is named alike
declares; everything is asked within the deadline of the store::

    Command(path="/v3/activity", ...)               POST /v3/activity               commands.py
    Deed(path="/v3/energy/meters/{meter}", ...)     PUT /v3/energy/meters/m-1       deeds.py
    Endpoint(path="/v3/streaks", ...)               GET /v3/streaks                 questions.py
"""

from __future__ import annotations

from psd.domains import domains
from psd.engine.event_rules import EventRules
from psd.runtime import Runtime
from server.bodies import BodyReader
from server.domain.commands import CommandRoutes
from server.domain.decrees import decree_route
from server.domain.deeds import DeedRoutes
from server.domain.file_imports import FileImportRoutes
from server.domain.questions import endpoint_routes
from server.domain.resources import resource_routes
from server.openapi.about import group_of
from server.routing import Route
from server.watching import Watching


def domain_routes(
    runtime: Runtime, rules: EventRules, bodies: BodyReader, watching: Watching
) -> list[Route]:
    """Every route of every domain; ``rules`` are those of what comes over HTTP."""
    routes: list[Route] = []
    taking = CommandRoutes(runtime, rules, bodies)
    deeds = DeedRoutes(runtime, rules, bodies)
    files = FileImportRoutes(runtime, rules, bodies)
    for domain in domains():
        group = group_of(domain.name)
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
