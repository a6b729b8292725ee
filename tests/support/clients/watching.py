"""One who watches, for tests: server-sent events as they come.

>>> async with Watcher.of(client, "/v3/swaps/main/watch") as watcher:
...     event = await watcher.event()
...     assert (event.id, event.name, event.data["n"]) == ("8", "network", 8)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import msgspec

from tests.support.clients.http import HttpClient

TIMEOUT_S = 120


class Event(msgspec.Struct, frozen=True):
    """One event; ``retry`` is what stands before the first."""

    id: str
    name: str
    data: Any


class Watcher:
    """An open stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0
        self.retry = ""

    @classmethod
    @asynccontextmanager
    async def of(
        cls, client: HttpClient, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Self]:
        """A stream, for as long as it is watched."""
        never = aiohttp.ClientTimeout(total=None)
        async with client.session.get(client.url + path, headers=headers, timeout=never) as answer:
            assert answer.status == 200, await answer.text()
            yield cls(answer)

    async def event(self) -> Event | None:
        """The next event; None when the stream ends."""
        fields: dict[str, str] = {}
        while True:
            line = await self._line()
            if line is None:
                return None
            name, _, value = line.partition(":")
            if line and not name:
                self.comments += 1
            elif line == "" and "data" in fields:
                data = msgspec.json.decode(fields["data"])
                return Event(fields.get("id", ""), fields.get("event", ""), data)
            elif name == "retry":
                self.retry = value.strip()
            elif line:
                fields[name] = value.removeprefix(" ")

    async def comment(self) -> None:
        """Return with the next comment."""
        before = self.comments
        while self.comments == before:
            line = await self._line()
            assert line is not None, "it ended"
            self.comments += line.startswith(":")

    async def _line(self) -> str | None:
        async with asyncio.timeout(TIMEOUT_S):
            line = await self.response.content.readline()
        return line.decode().rstrip("\n") if line else None
