"""The weekly job on a real server, and the words in which a test speaks of it.

>>> async with fleet_on(server.url) as fleet:
...     await fleet.drive(week=0, vehicle=7, integration="Tesla")
...     await fleet.calculate(0)
...     (await fleet.row(0, 7)).points
4000
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.rewards.job import RunSummary
from psd.rewards.part import RewardsPart
from psd.rewards.participants import RunSources
from psd.rewards.rows import Row
from psd.rewards.settings import RewardsSettings
from psd.rewards.sources.choice import open_sources
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.engine import engine_on


class Fleet:
    """Sends what vehicles do, computes weeks, reads rows."""

    def __init__(self, psd: Runtime) -> None:
        self.psd = psd
        self.sources: RunSources = open_sources(
            (),
            psd.settings.of(RewardsSettings),
            psd.engine,
            psd.settings.things["signals"].id,
            psd.part(RewardsPart).tables,
        )

    async def send(self, command: str, **fields: Any) -> str:
        """Book one message as a worker would; what became of it."""
        body = msgspec.json.encode({"command": command, command: fields})
        now_s = self.psd.clock.now_s()
        [outcome] = await self.psd.books.book(self.psd.rules.events(body, now_s, "m"))
        if outcome.error is not None:
            raise outcome.error
        return outcome.status

    async def send_all(self, command: str, fields: Sequence[Mapping[str, Any]]) -> None:
        """Book one message that carries a list; none of it may be refused."""
        body = msgspec.json.encode({"command": command, command: fields})
        events = self.psd.rules.events(body, self.psd.clock.now_s(), "m")
        refused = [each.error for each in await self.psd.books.book(events) if each.error]
        assert not refused, refused[0]

    async def drive(self, week: int, vehicle: int, integration: str, offset_s: int = 3600) -> None:
        """One activity, by default an hour into the week."""
        time = bounds(week).start + offset_s
        await self.send("activity", vehicle=vehicle, integration=integration, time=time)

    async def earn(self, week: int, vehicle: int, points: int, thing: str = "promotions") -> None:
        """Points for something else."""
        time = bounds(week).start + 60
        await self.send(
            "earnings",
            vehicle=vehicle,
            thing=thing,
            points=points,
            time=time,
            id=f"{week}-{vehicle}-{points}-{thing}",
        )

    async def calculate(self, week: int | None = None, start: int | None = None) -> RunSummary:
        """Compute and publish by the configured tables."""
        return await self.psd.part(RewardsPart).job.calculate(
            self.psd.part(RewardsPart).tables, self.sources, week, start
        )

    async def row(self, week: int, vehicle: int) -> Row:
        """The visible row of a vehicle; it must have one."""
        return (await self.rows(week))[vehicle]

    async def rows(self, week: int) -> dict[int, Row]:
        """All visible rows of a week, by vehicle."""
        result = await self.psd.part(RewardsPart).results.result(week)
        if result is None:
            return {}
        shards = await self.psd.part(RewardsPart).registry.shards()
        pages = [rows async for rows in self.psd.part(RewardsPart).results.rows(result, shards)]
        return {row.vehicle: row for rows in pages for row in rows}

    async def tokens(self, week: int) -> dict[int, int]:
        """The visible shares of a week in wei."""
        result = await self.psd.part(RewardsPart).results.result(week)
        assert result is not None
        return {vehicle: result.tokens(row) for vehicle, row in (await self.rows(week)).items()}


@asynccontextmanager
async def fleet_on(url: str, flags: Mapping[str, Any] | None = None) -> AsyncIterator[Fleet]:
    """A fleet on the server at ``url``."""
    async with engine_on(url, flags) as psd:
        yield Fleet(psd)


async def three_weeks(fleet: Fleet) -> None:
    """Vehicle 1 on Smartcar in weeks 0 to 2, vehicle 2 on Tesla in weeks 0 and 2; computed."""
    for week in range(3):
        await fleet.drive(week, 1, "Smartcar")
    await fleet.drive(0, 2, "Tesla")
    await fleet.drive(2, 2, "Tesla")
    for week in range(3):
        await fleet.calculate(week)
