"""What a test says of one meter, and asks about it, over HTTP.

>>> await send(client, power((0, 1), (3_600, 1)))       kW at seconds behind T0
['booked']
>>> (await usage(client))["total"]["kwh"]
'1'
"""

from __future__ import annotations

from typing import Any

import msgspec

from tests.support.clients.http import HttpClient

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

HOUR_S = 3_600

EXCHANGE = {"time": T0 + 2 * HOUR_S, "final": "99870.2", "first": "0.0"}


def register(*shown: tuple[int, float | str], **others: Any) -> dict[str, Any]:
    points = [[T0 + second, kwh] for second, kwh in shown]
    return {"command": "register", "register": {"meter": "m-1", "points": points, **others}}


def power(*seen: tuple[int, float | str], **others: Any) -> dict[str, Any]:
    points = [[T0 + second, kw] for second, kw in seen]
    return {"command": "power", "power": {"meter": "m-1", "points": points, **others}}


def meter(**said: Any) -> dict[str, Any]:
    return {"command": "meter", "meter": {"meter": "m-1", "time": T0, **said}}


async def send(client: HttpClient, *documents: dict[str, Any]) -> list[str]:
    body = msgspec.json.encode(documents)
    answer = await client.request("POST", "/v3/energy/readings", body, "application/json")
    assert answer.status == 200, answer.text
    return [row.get("message", row["status"]) for row in answer.json()["data"]]


async def usage(client: HttpClient, meter: str = "m-1", **asked: Any) -> Any:
    more = "".join(f"&{key}={value}" for key, value in asked.items())
    path = f"/v3/energy/meters/{meter}/usage?start={T0}&end={T0 + 24 * HOUR_S}{more}"
    answer = await client.get(path)
    assert answer.status == 200, answer.text
    return answer.json()


async def put(client: HttpClient, name: str, **said: Any) -> Any:
    body = msgspec.json.encode(said)
    path = f"/v3/energy/meters/{name}"
    return await client.request("PUT", path, body, "application/json")


def of_meter(document: dict[str, Any], name: str) -> dict[str, Any]:
    command = document["command"]
    return {"command": command, command: document[command] | {"meter": name}}


def half_hours(name: str, *starts: int, **others: Any) -> dict[str, Any]:
    rows = [[T0 + start, T0 + start + 1_800, "0.5"] for start in starts]
    return {"command": "intervals", "intervals": {"meter": name, "rows": rows, **others}}
