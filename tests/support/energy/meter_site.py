"""The pages of meters over an empty store, with somebody who may sign in and a meter that sends.

>>> async with meter_site(redis_server.url) as site:
...     await site.browser.sign_in("amp", "secret")
...     assert (await site.browser.get("/")).headings == ["Meters"]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.clock import ManualClock
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.pages import Browser
from tests.support.engine import engine_on

NOON_S = 1_764_331_200
"""2025-11-28 12:00:00 UTC, a Friday."""

PLAN = {
    "supplier": "The Green Eco",
    "currency": "GBP",
    "tz": "Europe/London",
    "rates": [
        {"name": "morning", "rate": "0.3", "from": "06:00", "to": "10:00"},
        {"name": "base", "rate": "0.2"},
    ],
}


class MeterSite(msgspec.Struct):
    """A running server with the pages of meters, and a browser there."""

    runtime: Runtime
    clock: ManualClock
    main: HttpClient
    browser: Browser

    async def say(self, *documents: Mapping[str, Any]) -> list[str]:
        """Send messages of meters; what became of each."""
        body = msgspec.json.encode(documents)
        answer = await self.main.request("POST", "/v3/energy/readings", body, "application/json")
        assert answer.status == 200, answer.text
        return [row["status"] for row in answer.json()["data"]]

    async def power(self, meter: str, points: Sequence[tuple[int, float | str]]) -> None:
        """Send power in kW."""
        fields = {"meter": meter, "points": points}
        assert await self.say({"command": "power", "power": fields}) == ["booked"]

    async def put(self, path: str, body: Mapping[str, Any]) -> None:
        """PUT a resource of /v3/energy."""
        sent = msgspec.json.encode(body)
        answer = await self.main.request("PUT", f"/v3/energy{path}", sent, "application/json")
        assert answer.status in (200, 201), answer.text


@asynccontextmanager
async def meter_site(
    url: str, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[MeterSite]:
    """A site over an empty store, with a user ``amp`` whose password is ``secret``."""
    clock = ManualClock(NOON_S)
    async with engine_on(url, settings, clock=clock) as runtime:
        await runtime.page_deciding.add("amp", "secret", ["read", "write"])
        async with serving(runtime) as main, Browser(f"{main.url}/energy") as browser:
            yield MeterSite(runtime, clock, main, browser)
