"""The application: every route, behind one middleware.

``build_app(runtime)`` is all that a server needs; it opens nothing until it is asked, and
closes only what it opened itself (the queue that ``/v1/enqueue`` publishes to). The runtime
belongs to the caller.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import web

from psd import arrays
from psd.engine.event_rules import EventRules
from psd.observe.draining import Draining
from psd.runtime import Runtime
from psd.vitals.vitals import Vitals
from server.access import Access
from server.bodies import BodyReader
from server.cors import Cors
from server.domain.routes import domain_routes
from server.faces import face_apps, site_routes
from server.middleware import Gate
from server.operating import Operating
from server.pages.booked_minutes import BookedMinutes
from server.pages.desk import Desk
from server.request_spans import RequestSpans
from server.routes.counts import CountRoutes
from server.routes.enqueue import EnqueueRoutes
from server.routes.operations import OperationRoutes
from server.routes.original_sums import QueryRoutes
from server.routes.queries import QueryResourceRoutes
from server.routes.reference import ReferenceRoutes
from server.routes.v3_activities import activity_routes
from server.routes.v3_boards import BoardRoutes
from server.routes.v3_events import event_routes
from server.routes.v3_ops import ops_routes
from server.routes.v3_reports import report_routes
from server.routes.v3_standings import StandingRoutes
from server.routes.v3_users import UserRoutes
from server.routes.v3_watching import WatchedRoutes
from server.routes.write import WriteRoutes
from server.routing import Route, Routes, new_application, register
from server.watch_hub import Hub
from server.watching import Watching

GATE = web.AppKey("gate", Gate)
"""Where whoever stops the application finds how many requests are in hand."""

HUB = web.AppKey("hub", Hub)
"""Where whoever stops it has those leave who watch."""

FACES = web.AppKey("faces", dict[str, web.Application])
"""The applications of the faces that are on, by name."""


def build_app(runtime: Runtime, draining: Draining | None = None) -> web.Application:
    """The application over a runtime; ``draining`` is shared with whoever stops the process."""
    arrays.load()
    settings = runtime.settings
    draining = draining or Draining(runtime.metrics)
    bodies, rules = BodyReader(settings.server.body_timeout_s), _rules(runtime)
    access = Access(settings, runtime.clock)
    gate = _gate(runtime, draining, access)
    watching = Watching(runtime, gate, access, bodies)
    operating = Operating(runtime, access.look_again)
    enqueue = _enqueue(runtime, rules, bodies)
    routes: list[Route] = [
        *_writes(runtime, rules, bodies),
        *_reads(runtime, bodies, rules.depth_max),
        *WatchedRoutes(runtime, watching).routes(),
        *ops_routes(operating, bodies, rules.depth_max),
        *domain_routes(runtime, rules, bodies, watching),
        *enqueue.routes(),
        *OperationRoutes(runtime, runtime.metrics, draining).routes(),
    ]
    routes += ReferenceRoutes(routes).routes()
    gate.know(routes)
    # Pages stand in no reference: people read them, and programs what they are made of.
    desk = Desk(runtime, rules, bodies, watching, access)
    minutes = BookedMinutes(runtime.metrics)
    pages, roots = site_routes(runtime, desk, minutes, operating)
    gate.know(pages, roots)
    app = new_application(gate.middleware, settings.server, Routes())
    if gate.cors.is_on:
        app.on_response_prepare.append(gate.cors.sign)
    app[GATE], app[HUB] = gate, watching.hub
    for route in (*routes, *pages):
        register(app, route)
    app[FACES] = face_apps(runtime, gate, desk, rules, bodies)
    app.cleanup_ctx.extend([minutes.running, _following(runtime.vitals), operating.running])
    app.on_cleanup.extend([enqueue.close, access.close])
    return app


def _rules(runtime: Runtime) -> EventRules:
    """What a worker would refuse is not put on its queue, so the setting can only be narrower."""
    depth_max = min(runtime.settings.server.json_depth_max, runtime.rules.depth_max)
    return msgspec.structs.replace(runtime.rules, depth_max=depth_max)


def _gate(runtime: Runtime, draining: Draining, access: Access) -> Gate:
    settings, tracer = runtime.settings, runtime.tracer
    spans = None if tracer is None else RequestSpans(tracer, settings.tracing)
    return Gate(runtime.metrics, draining, access, Cors(settings.server), spans)


def _enqueue(runtime: Runtime, rules: EventRules, bodies: BodyReader) -> EnqueueRoutes:
    return EnqueueRoutes(
        new_queue=runtime.new_queue,
        topic=runtime.settings.queue.topic,
        rules=rules,
        clock=runtime.clock,
        bodies=bodies,
        messages_max=runtime.settings.booking.batch_reports_max,
        domain_things=runtime.books.things,
        commands=runtime.commands,
    )


def _following(vitals: Vitals) -> Callable[[web.Application], AsyncIterator[None]]:
    """For as long as an application runs, its queue is followed."""

    async def following(_app: web.Application) -> AsyncIterator[None]:
        async with vitals.followed():
            yield

    return following


def _writes(runtime: Runtime, rules: EventRules, bodies: BodyReader) -> list[Route]:
    """The routes that book."""
    intake, clock = runtime.intake, runtime.clock
    batch_max = runtime.settings.booking.batch_reports_max
    return [
        *WriteRoutes(intake, rules, clock, bodies, batch_max).routes(),
        *event_routes(runtime, rules, bodies),
        *activity_routes(runtime, bodies),
        *UserRoutes(runtime).routes(),
    ]


def _reads(runtime: Runtime, bodies: BodyReader, depth_max: int) -> list[Route]:
    """The routes that answer questions, and those of boards, which are named questions."""
    settings, engine, queries = runtime.settings, runtime.engine, runtime.queries
    things = settings.numbers
    standings = StandingRoutes(queries, runtime.challenges, runtime.finals, bodies, depth_max)
    return [
        *QueryRoutes(engine, things, bodies, settings.server).routes(),
        *CountRoutes(engine, bodies, settings.server).routes(),
        *QueryResourceRoutes(queries, bodies, depth_max).routes(),
        *BoardRoutes(runtime.boards, bodies, depth_max).routes(),
        *standings.routes(),
        *report_routes(runtime, bodies),
    ]
