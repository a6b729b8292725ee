"""A source of activity over an Elasticsearch, and what tests put there for it to read.

>>> async with FakeElastic() as server:
...     await masks_of(server, [document("7"), document("7", SMARTCAR), document("8")])
{7: AUTOPI_BIT | SMARTCAR_BIT, 8: AUTOPI_BIT}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psd.rewards.sources.elastic import ElasticSource, Subjects
from psd.rewards.sources.elastic_search import ElasticSettings
from psd.rewards.tables import load_tables
from psd.rewards.weeks import bounds
from tests.support.servers.elastic_server import (
    AUTOPI,
    Document,
    FakeElastic,
    LiveElastic,
    fresh_index,
    status_document,
)

TABLES = load_tables()
SMARTCAR_BIT, AUTOPI_BIT = TABLES.mask(["Smartcar"]), TABLES.mask(["AutoPi"])
WEEK = 5
INSIDE = "2022-03-09T12:00:00Z"
"""A Wednesday of that week."""

Server = FakeElastic | LiveElastic


class Waits:
    """Sleeps in no time, and remembers how long it would have been."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)


class Asked:
    """A source over one server and index, and what became of its waits."""

    def __init__(self, url: str, index: str = "status", **settings: Any) -> None:
        subjects: Subjects | None = settings.pop("subjects", None)
        self.sleep = Waits()
        self.source = ElasticSource(
            ElasticSettings(url, index, **settings), TABLES, subjects, self.sleep
        )

    async def __aenter__(self) -> Asked:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.source.close()

    async def masks(self, week: int = WEEK) -> dict[int, int]:
        """Everybody who was active, over all shards."""
        await self.source.begin(bounds(week))
        found: dict[int, int] = {}
        for shard in range(4096):
            found |= await self.source.active(shard, [])
        return found


def document(subject: str, source: str = AUTOPI, time: str = INSIDE, **data: Any) -> Document:
    """What a vehicle reported within the week."""
    return status_document(subject, source, time, data or None)


async def masks_of(
    server: Server, documents: Iterable[Document], week: int = WEEK
) -> dict[int, int]:
    """Who was active by these documents, and on what."""
    index = fresh_index()
    await server.load(index, documents)
    async with Asked(server.url, index) as asked:
        return await asked.masks(week)
