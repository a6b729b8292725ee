"""Computed weeks behind a server, for what owners see over HTTP and on the command line.

>>> async with weeks_served(url, now_week=3) as served:
...     await served.describe(7, owner="42", integrations=["Tesla"])
...     await served.drive_in(7, "Tesla", 0, 1, 2)
...     await served.fleet.calculate()
...     (await served.client.get("/v3/vehicles/7/statement")).json()["points"]
4000
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psd.clock import ManualClock
from psd.rewards.part import RewardsPart
from psd.rewards.shares import WEI
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import engine_on
from tests.support.rewards.reward_job import Fleet

HOUR_S = 3600
OWNER = "42"
ADDRESS = "0x" + "aB" * 20
POOL = 1_105_000 * WEI
"""The tokens of each of the first weeks, in 10^-18."""


class Served:
    """A fleet, the server that tells of it, and the clock of both."""

    def __init__(self, psd: Runtime, client: HttpClient, clock: ManualClock) -> None:
        self.psd = psd
        self.fleet = Fleet(psd)
        self.client = client
        self.clock = clock

    async def describe(self, vehicle: int, **said: Any) -> None:
        """Say something of a vehicle, before week 0."""
        await self.fleet.send("vehicle", vehicle=vehicle, time=bounds(0).start - HOUR_S, **said)

    async def drive_in(self, vehicle: int, integration: str, *weeks: int) -> None:
        """Activity an hour into each of these weeks."""
        for week in weeks:
            await self.fleet.drive(week, vehicle, integration)

    async def compute(self, last: int) -> None:
        """Compute the weeks up to this one, from 0 on if none is yet."""
        await self.fleet.calculate(
            last, None if await self.psd.part(RewardsPart).results.results() else 0
        )

    async def ok(self, path: str) -> Any:
        """The JSON of an answer that must be a 200."""
        answer = await self.client.get(path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.text}"
        return answer.json()


@asynccontextmanager
async def weeks_served(
    url: str, now_week: int, flags: Mapping[str, Any] | None = None
) -> AsyncIterator[Served]:
    """A server on an empty store, two hours into a week."""
    clock = ManualClock(bounds(now_week).start + 2 * HOUR_S)
    own = {"queue.kind": "stream", "server.port": 0}
    async with engine_on(url, {**own, **(flags or {})}, clock) as psd, serving(psd) as client:
        yield Served(psd, client, clock)


async def a_family(served: Served) -> None:
    """Vehicle 7 is on for weeks 0 to 4, vehicle 8 for 0 and 1, week 5 is not computed."""
    await served.describe(7, owner=OWNER, integrations=["Smartcar", "AutoPi"], vin="V" * 17)
    await served.describe(8, owner=ADDRESS, integrations=["Tesla"], minted=True)
    await served.drive_in(7, "Smartcar", 0, 1, 2, 3, 4)
    await served.drive_in(7, "AutoPi", 4)
    await served.drive_in(8, "Tesla", 0, 1)
    await served.compute(4)


async def statement(served: Served, vehicle: int, week: int) -> dict[str, Any]:
    """The statement of a vehicle's week."""
    found: dict[str, Any] = await served.ok(f"/v3/vehicles/{vehicle}/statement?week={week}")
    return found
