"""The example of docs/swaps.md over HTTP: three transactions, and a correction of the second.

>>> await register(client)      # events 1 to 8
>>> await swap(client)          # 9, 10, 11, and 12 in the place of 10
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.support.clients.http import Answer, HttpClient

ROOT = "/v3/swaps/main"
FIRST = {
    "id": "first",
    "driver": "D1",
    "station": "S1",
    "battery_out": "B1",
    "battery_in_energy": 0,
    "battery_out_energy": 180,
    "odometer": 1000,
    "date": "2020-09-01T09:00:00Z",
}
WRONG = {
    **FIRST,
    "id": "wrong",
    "battery_out": "B2",
    "battery_in_energy": 120,
    "battery_out_energy": 190,
    "odometer": 10040,
    "date": "2020-09-01T15:00:00Z",
}
THIRD = {
    **FIRST,
    "id": "third",
    "battery_out": "B3",
    "battery_in_energy": 100,
    "battery_out_energy": 170,
    "odometer": 1100,
    "date": "2020-09-02T10:00:00Z",
}
RIGHT = {
    **{name: value for name, value in WRONG.items() if name != "date"},
    "id": "right",
    "battery_in": "B1",
    "odometer": 1040,
    "reason": "a zero too many",
}
STARTED = "2020-09-01T08:00:00Z"


async def send(client: HttpClient, method: str, path: str, body: Any) -> Answer:
    """Send JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.request(method, ROOT + path, content, "application/json")


async def add(client: HttpClient, path: str, body: Mapping[str, Any]) -> Any:
    """Something new."""
    answer = await send(client, "POST", path, body)
    assert answer.status == 201, answer.text
    return answer.json()


async def register(client: HttpClient) -> None:
    """Two stations, three batteries, and two drivers of whom one has a vehicle."""
    await add(client, "/stations", {"name": "S1"})
    await add(client, "/stations", {"name": "S2"})
    for serial in ("B1", "B2", "B3"):
        said = {"serial": serial, "capacity": 200, "station": "S1", "date": "2020-08-31T00:00:00Z"}
        await add(client, "/batteries", said)
    await add(client, "/vehicles", {"vin": "V1"})
    driver = {"phone": "D1", "name1": "Ann", "started": STARTED, "vehicle": "V1"}
    assert (await add(client, "/drivers", driver))["id"] == 1
    await add(client, "/drivers", {"phone": "D2", "name1": "Bob", "started": STARTED})


async def swap(client: HttpClient) -> None:
    """What driver D1 does, and the correction."""
    for body in (FIRST, WRONG, THIRD):
        await add(client, "/transactions", body)
    assert (await add(client, "/transactions/10/corrections", RIGHT))["n"] == 12
