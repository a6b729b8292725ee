"""The pages of the swaps with what their recording had: three drivers, two stations, B1 to B3.

>>> async with swap_site(redis_server.url) as site:
...     await site.browser.sign_in("amp", "secret")
...     assert (await site.browser.get("/drivers/")).headings == ["Drivers"]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.clock import ManualClock
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.pages import Browser, Page
from tests.support.engine import engine_on
from tests.support.servers.ports import free_ports

NOON_S = 1_599_393_600
"""2020-09-06 12:00:00 UTC, as in the recording."""

STARTED = "2020-09-01T00:00:00Z"

FIXTURE = [
    *({"command": "station", "station": {"name": name}} for name in ("S1", "S2")),
    *(
        {
            "command": "battery",
            "battery": {"serial": serial, "capacity": 200, "voltage": 60, "station": "S1"},
        }
        for serial in ("B1", "B2", "B3")
    ),
    *({"command": "vehicle", "vehicle": {"vin": vin}} for vin in ("V0", "V1")),
    {"command": "driver", "driver": {"phone": "1", "name1": "Ann", "name3": "K", "vehicle": "V0"}},
    {"command": "driver", "driver": {"phone": "2", "name1": "Bob", "name3": "K", "vehicle": "V1"}},
    {"command": "driver", "driver": {"phone": "3", "name1": "Nocar", "name3": "Z"}},
]


class SwapSite(msgspec.Struct):
    """A running server with the face of the swaps, and a browser there."""

    runtime: Runtime
    clock: ManualClock
    main: HttpClient
    browser: Browser

    async def swap(self, form: Mapping[str, str], station: int = 1, query: str = "") -> Page:
        """Send the form of a new transaction, filled in but for what is told."""
        filled = {
            "battery_out_id": "1",
            "driver_id": "1",
            "odometer_reading": "1000",
            "battery_in_energy": "0",
            "battery_out_energy": "180",
        }
        return await self.browser.send(f"/transactions/new/{station}/{query}", {**filled, **form})

    async def numbers(self, driver: int = 1) -> list[int]:
        """The transactions of a driver, the oldest first."""
        page = await self.browser.get(f"/driver/{driver}/")
        return [int(row[0]) for row in page.rows if is_tx(row)]


def is_tx(row: list[str]) -> bool:
    """Whether a row is of a transaction."""
    return len(row) >= 14


@asynccontextmanager
async def swap_site(url: str, settings: Mapping[str, Any] | None = None) -> AsyncIterator[SwapSite]:
    """A site over an empty store, with a user ``amp`` whose password is ``secret``."""
    clock = ManualClock(NOON_S)
    [port] = free_ports(1)
    async with engine_on(url, {"swaps.port": port, **(settings or {})}, clock=clock) as runtime:
        await runtime.page_deciding.add("amp", "secret", ["read", "write"])
        async with serving(runtime) as main, Browser(f"http://127.0.0.1:{port}") as browser:
            for document in FIXTURE:
                [fields] = [each for each in document.values() if isinstance(each, dict)]
                fields.setdefault("date", STARTED)
                body = msgspec.json.encode(document)
                answer = await main.request("POST", "/v3/events", body, "application/json")
                assert answer.json()["summary"]["booked"] == 1, answer.text
            yield SwapSite(runtime, clock, main, browser)
