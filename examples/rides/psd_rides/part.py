"""What a running process has of rides: one question."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.domain.core import Core
from psd.domain.part import Part
from psd.domain.question import Asked, Endpoint
from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.queries.moments import moment

from .settings import RidesSettings

Bike = Annotated[int, Meta(ge=0, lt=1 << 62, examples=[7])]


class RangeQuery(msgspec.Struct):
    """From when to when."""

    start: Annotated[str, Meta(description="inclusive")]
    end: Annotated[str, Meta(description="exclusive")] = "now"


class Ridden(msgspec.Struct):
    """What a bike was ridden."""

    bike: int
    metres: int


class RidesPart(Part):
    """Rides over what psd lends."""

    def __init__(self, core: Core, _settings: RidesSettings) -> None:
        self._engine = core.engine
        self._clock = core.clock
        self._thing = core.things["ride_m"]
        self.endpoints = (
            Endpoint(
                path="/v3/rides/{bike}",
                parts={"bike": Bike},
                query=RangeQuery,
                answer=Ridden,
                ask=self.ridden,
                meaning="the metres",
                example=("/v3/rides/7?start=2022-02-07", '{"bike":7,"metres":1200}'),
                refused=(422,),
                whole=True,
            ),
        )

    async def ridden(self, asked: Asked) -> Ridden:
        """How far a bike was ridden.

        One call of the store. A bike without a ride has 0, as any user has without a booking.
        """
        bike, query, now_s = asked.path["bike"], asked.query, self._clock.now_s()
        start, end = (moment(getattr(query, name), name, now_s=now_s) for name in ("start", "end"))
        if start >= end:
            raise BadQueryError(f"end: {query.end!r} must be after start, {query.start!r}")
        [found] = await self._engine.sums([bike], [self._thing], [Range(start, end)])
        return Ridden(bike, found.sums[self._thing])
