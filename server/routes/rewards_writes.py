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
from psd.clock import Clock
from psd.engine.decoding import decode_fields
from psd.engine.events import Accepted, EventRules
from psd.errors import InputError
from psd.intake import Intake
from psd.rewards.vehicle_events import VehicleRules
from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from psd.slices import Stretch
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi import vehicles
from server.routing import Route
from server.writing import one_or_more_documents, refusal, summary

DOCUMENTS_AT_ONCE = 250
"""Documents that are read and checked together: 1 ms."""

Fields = TypeVar("Fields", bound=msgspec.Struct)


class Kind(Generic[Fields]):
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
        intake: Intake,
        vehicle_rules: VehicleRules,
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
        self._activity = Kind("activities", ActivityFields, vehicle_rules.activity)
        self._earnings = Kind("earnings", EarningsFields, vehicle_rules.earnings)
        self._vehicles = Kind("vehicles", VehicleFields, vehicle_rules.vehicle)

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

    async def _take(self, request: web.Request, kind: Kind[Fields]) -> web.Response:
        """Check each document, and have the good ones taken."""
        documents = one_or_more_documents(await self._bodies.read(request), self._documents_max)
        now_ms = self._clock.now_ms()
        events: dict[int, Accepted] = {}
        accepted: list[Fields] = []
        refused: list[dict[str, Any]] = []
        stretch = Stretch(DOCUMENTS_AT_ONCE)
        for index, document in enumerate(documents):
            await stretch.after(1)
            try:
                fields = decode_fields(document, kind.decode, self._rules.depth_max)
                events[index] = kind.check(fields, now_ms // 1000, self._rules)
            except InputError as error:
                refused.append(refusal(index, error))
            else:
                accepted.append(fields)
        async with StoreDeadline():
            outcomes = await self._intake.accept(
                list(events.values()), lambda: listed_entries(now_ms, kind.command, accepted)
            )
        return summary(dict(zip(events, outcomes, strict=True)), refused)
