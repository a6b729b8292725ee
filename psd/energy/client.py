"""Energy of meters: ``energy`` of a client, for asyncio and without it.

::

    told = await psd.energy.import_file(body, format="csv", meter="house", every="30m")
    told.intervals, told.kwh
    usage = await psd.energy.usage("house", start="2012-11-01", end="2012-12-01", every="day")
    await psd.energy.describe("house", tz="Europe/London", max_kw="14")

What is sent may be sent again: what was booked stays as it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.client.synchronous import Waiting, waiting
from psd.client.transport import JSON, Request, Resource, parameters, path_of
from psd.energy.meter_answers import ImportAnswer, MeterAnswer, UsageAnswer

FILE_TYPE = "application/octet-stream"


class AsyncEnergy(Resource):
    """The part of a client that is about meters."""

    async def import_file(self, /, body: bytes, **asked: Any) -> ImportAnswer:
        """Have a file of a meter booked; ``asked`` are the parameters of the route."""
        path = f"/v3/energy/imports{parameters(asked)}"
        sent = Request("POST", path, body, {"Content-Type": FILE_TYPE}, is_repeatable=True)
        return (await self._transport.send(sent)).read(ImportAnswer)

    async def usage(
        self,
        meter: str,
        *,
        start: str,
        end: str | None = None,
        every: str | None = None,
        tz: str | None = None,
        flow: str = "import",
        register: int | None = None,
    ) -> UsageAnswer:
        """The energy of a meter, or of one register."""
        path = path_of("v3", "energy", "meters", meter, "usage")
        asked = {"start": start, "end": end, "every": every, "tz": tz, "flow": flow}
        return await self._get(UsageAnswer, path, **asked, register=register)

    async def meter(self, meter: str) -> MeterAnswer:
        """What is known of a meter."""
        return await self._get(MeterAnswer, path_of("v3", "energy", "meters", meter))

    async def describe(self, /, meter: str, **said: Any) -> MeterAnswer:
        """Say what a meter is; what is not said stays, None forgets."""
        path, body = path_of("v3", "energy", "meters", meter), msgspec.json.encode(said)
        sent = Request("PUT", path, body, {"Content-Type": JSON}, is_repeatable="time" in said)
        return (await self._transport.send(sent)).read(MeterAnswer)


class Energy(Waiting[AsyncEnergy]):
    """The same without asyncio."""

    import_file = waiting(AsyncEnergy.import_file)
    usage = waiting(AsyncEnergy.usage)
    meter = waiting(AsyncEnergy.meter)
    describe = waiting(AsyncEnergy.describe)
