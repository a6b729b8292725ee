"""What is sent about vehicles over HTTP: activity, earnings, and what is known of them.

Each route takes a JSON list, one object, or one object a line, of the fields that the messages
of the queue carry (psd/rewards/vehicle_messages.py); each stands or falls by itself::

    POST /v3/activity  [{"vehicle": 7, "integration": "Smartcar", "time": "2022-02-07T05:00:00Z"},
                        {"vehicle": 7, "integration": "Horse", "time": 1644210000}]
    -> 406 {"booked":1,"unchanged":0,"duplicate":0,"refused":[{"index":1,
            "code":"out_of_bounds","message":"integration: 'Horse' is unknown; ..."}]}

Nobody who is restricted to some owners may send them: they are about vehicles of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

from psd.archive.messages import listed_entries
from psd.archive.writer import Appends
from psd.clock import Clock
from psd.engine.books import Books
from psd.engine.decoding import decode_fields
from psd.engine.events import Accepted, EventRules
from psd.errors import InputError
from psd.rewards.vehicle_events import VehicleRules
from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi import vehicles
from server.routing import Route
from server.writing import one_or_more_documents, refusal, summary

Fields = TypeVar("Fields", bound=msgspec.Struct)


class Intake(Generic[Fields]):
    """How one kind of document is read and checked; ``command`` is that of a list of them."""

    def __init__(
        self,
        command: str,
        kind: type[Fields],
        check: Callable[[Fields, int, EventRules], Accepted],
    ) -> None:
        self.command = command
        self.decode = msgspec.json.Decoder(kind).decode
        self.check = check


class RewardsWriteRoutes:
    """The routes that book for vehicles, and keep what is known of them."""

    def __init__(
        self,
        books: Books,
        vehicle_rules: VehicleRules,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        documents_max: int,
        archive: Appends,
    ) -> None:
        self._books = books
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._documents_max = documents_max
        self._archive = archive
        self._activity = Intake("activities", ActivityFields, vehicle_rules.activity)
        self._earnings = Intake("earnings", EarningsFields, vehicle_rules.earnings)
        self._vehicles = Intake("vehicles", VehicleFields, vehicle_rules.vehicle)

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route(
                "POST",
                "/v3/activity",
                self.activity,
                scope="write",
                whole=True,
                about=vehicles.ACTIVITY,
            ),
            Route(
                "POST",
                "/v3/earnings",
                self.earnings,
                scope="write",
                whole=True,
                about=vehicles.EARNINGS,
            ),
            Route(
                "POST",
                "/v3/vehicles",
                self.vehicles,
                scope="write",
                whole=True,
                about=vehicles.VEHICLES,
            ),
        ]

    async def activity(self, request: web.Request) -> web.Response:
        """Book that vehicles were active."""
        return await self._take(request, self._activity)

    async def earnings(self, request: web.Request) -> web.Response:
        """Book points earned for something else."""
        return await self._take(request, self._earnings)

    async def vehicles(self, request: web.Request) -> web.Response:
        """Keep what is said of vehicles."""
        return await self._take(request, self._vehicles)

    async def _take(self, request: web.Request, intake: Intake[Fields]) -> web.Response:
        """Check each document, keep the good ones in the archive, then book them."""
        documents = one_or_more_documents(await self._bodies.read(request), self._documents_max)
        now_ms = self._clock.now_ms()
        events: dict[int, Accepted] = {}
        accepted: list[Fields] = []
        refused: list[dict[str, Any]] = []
        for index, document in enumerate(documents):
            try:
                fields = decode_fields(document, intake.decode, self._rules.depth_max)
                events[index] = intake.check(fields, now_ms // 1000, self._rules)
            except InputError as error:
                refused.append(refusal(index, error))
            else:
                accepted.append(fields)
        async with StoreDeadline():
            with self._books.room_for(len(events)):
                await self._archive.append(listed_entries(now_ms, intake.command, accepted))
                outcomes = await self._books.book(list(events.values()))
        return summary(dict(zip(events, outcomes, strict=True)), refused)
