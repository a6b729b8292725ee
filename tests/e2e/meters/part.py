"""What a running process has of meters: who keeps readings, and what answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from psd.domain import Asked, Core, Endpoint, Part
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, Outcome
from psd.errors import NotFoundError
from psd.failpoints import reach
from psd.meters.events import Reading
from psd.meters.keys import METERS_KEY
from psd.meters.settings import MetersSettings
from psd.store.kept import write_kept
from psd.store.redis import Store


class MeterQuery(msgspec.Struct):
    """In which unit."""

    per: Annotated[int, Meta(ge=1, le=1_000, description="Wh in a unit")] = 1


class MeterAnswer(msgspec.Struct):
    """A meter's newest reading."""

    meter: int
    shown: int


class MeterFollower:
    """Keeps readings."""

    things: frozenset[int] = frozenset()
    keeps: frozenset[type[Change]] = frozenset({Reading})

    def __init__(self, store: Store) -> None:
        self._store = store

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """Follows no thing."""

    async def keep(self, changes: Sequence[Reading]) -> list[Outcome]:
        """Keep the last of each meter."""
        await write_kept(
            self._store, [("HSET", METERS_KEY, each.meter, each.wh) for each in changes]
        )
        reach("meters_kept")
        return [BOOKED for _ in changes]

    def preview(self) -> MeterFollower:
        """Nothing asks for a preview here."""
        return self


class Meters(Part):
    """Meters over one store."""

    def __init__(self, core: Core, _settings: MetersSettings) -> None:
        self._store = core.store
        self.follower = MeterFollower(core.store)
        self.endpoints = (
            Endpoint(
                path="/v3/meters/{meter}",
                parts={"meter": Annotated[int, Meta(ge=0, le=99, examples=[7])]},
                query=MeterQuery,
                answer=MeterAnswer,
                ask=self.meter,
                summary="A meter's newest reading.",
                meaning="the reading",
                examples=(("/v3/meters/7", '{"meter":7,"shown":120}'),),
                refused=(404, 406),
                whole=True,
            ),
        )

    async def meter(self, asked: Asked) -> MeterAnswer:
        """The newest reading."""
        shown = await self.newest(asked.path["meter"])
        if shown is None:
            raise NotFoundError(f"meter: {asked.path['meter']} was never read")
        return MeterAnswer(asked.path["meter"], shown // asked.query.per)

    async def newest(self, meter: int) -> int | None:
        """In Wh, None of one that was never read."""
        found = await self._store.reads.call(("HGET", METERS_KEY, meter))
        return None if found is None else int(found)
