"""``meters`` of a client."""

from __future__ import annotations

from psd.client.synchronous import Waiting, waiting
from psd.client.transport import Resource, path_of
from psd.meters.part import MeterAnswer


class AsyncMeters(Resource):
    """The part of a client that is about meters."""

    async def meter(self, number: int) -> MeterAnswer:
        """A meter's newest reading."""
        return await self._get(MeterAnswer, path_of("v3", "meters", number))


class Meters(Waiting[AsyncMeters]):
    """The same, waiting."""

    meter = waiting(AsyncMeters.meter)
