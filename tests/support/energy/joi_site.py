"""The JOI face of a running server, and requests to it as its recording has them.

>>> async with joi_site(redis_server.url) as site:
...     assert (await site.face.get("/health")).text == "true"
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from psd.clock import Clock
from psd.runtime import Runtime
from tests.support.clients.http import Answer, HttpClient, client_of, serving
from tests.support.engine import engine_on
from tests.support.servers.ports import free_ports

GOLDEN = Path(__file__).parents[2] / "golden" / "joi.json"


class JoiSite(msgspec.Struct):
    """A running server: its face, and its main port."""

    runtime: Runtime
    face: HttpClient
    main: HttpClient

    async def store(self, meter: str, *readings: tuple[Any, Any]) -> Answer:
        """Post readings as the original's meters do."""
        listed = [{"time": time, "reading": reading} for time, reading in readings]
        body = msgspec.json.encode({"smartMeterId": meter, "electricityReadings": listed})
        return await self.send(body)

    async def send(self, body: bytes, content_type: str = "application/json") -> Answer:
        """Post any body."""
        return await self.face.request("POST", "/readings/store", body, content_type)


@asynccontextmanager
async def joi_site(
    url: str,
    settings: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    archive: Path | None = None,
) -> AsyncIterator[JoiSite]:
    """A server with the face, over a store that holds what it holds."""
    [port] = free_ports(1)
    flags = {"energy.joi_port": port, **(settings or {})}
    async with (
        engine_on(url, flags, clock=clock, archive=archive) as runtime,
        serving(runtime) as main,
        client_of(f"http://127.0.0.1:{port}") as face,
    ):
        yield JoiSite(runtime, face, main)
