"""Activity, earnings and descriptions of vehicles as they are sent, good ones and bad ones."""

from __future__ import annotations

from typing import Any

import msgspec

from psd.engine.plan import Range
from psd.rewards.vehicles import Vehicle
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.clients.http import Answer, HttpClient
from tests.support.stored.keyspace import keyspace

SIGNALS, PROMOTIONS = 6, 7
WEEK = bounds(5)
T = WEEK.start
ACTIVITY = {"vehicle": 7, "integration": "Smartcar", "time": "2022-03-07T05:00:00Z"}
EARNINGS = {"vehicle": 7, "thing": "promotions", "points": 500, "time": T, "id": "p-1"}
VEHICLE = {"vehicle": 7, "owner": 42, "integrations": ["Smartcar", "AutoPi"], "time": T}
KNOWN = Vehicle(7, "42", frozenset({1, 3}))


def message(command: str, part: Any) -> bytes:
    """A message of the queue."""
    return msgspec.json.encode({"command": command, command: part})


MESSAGES = [
    message("activity", ACTIVITY),
    msgspec.msgpack.encode(
        {"command": "activities", "activities": [{**ACTIVITY, "vehicle": n} for n in range(20, 30)]}
    ),
    message("activity", {**ACTIVITY, "id": "a", "signals": ["odometer", "soc", "vin"]}),
    message("activity", {**ACTIVITY, "vehicle": 9, "signals": ["vin"]}),
    message("earnings", EARNINGS),
    message("earnings", [{**EARNINGS, "id": "p-2", "points": -20}]),
    message("vehicle", VEHICLE),
    message("vehicles", [{"vehicle": 7, "owner": 1, "time": T - 1}, {"vehicle": 8, "vin": "A"}]),
]

POISON = {
    message("activity", {**ACTIVITY, "integration": "Horse"}): "out_of_bounds",
    message("activity", {**ACTIVITY, "time": T - 5 * 604_800 - 1}): "invalid_time",
    message("activities", [ACTIVITY, {**ACTIVITY, "vehicle": -1}]): "out_of_bounds",
    message("earnings", {**EARNINGS, "id": None}): "missing_id",
    message("earnings", {**EARNINGS, "thing": "steps"}): "unknown_thing",
    message("vehicle", {"vehicle": "7"}): "wrong_type",
    b'{"command":"vehicle"}': "malformed",
}


async def sums(runtime: Runtime, vehicle: int = 7, week: Range = WEEK) -> tuple[int, int]:
    """Signals and promotions of a vehicle in a week."""
    [owner] = await runtime.engine.sums([vehicle], [SIGNALS, PROMOTIONS], [week])
    return owner.sums[SIGNALS], owner.sums[PROMOTIONS]


async def contents(runtime: Runtime) -> dict[str, Any]:
    """Every bucket and record; not the queue, nor marks for the weekly job."""
    client = runtime.store.client
    await client.delete("psd:stream:psd", "psd:stream:psd.dlq", "psd:probe")
    return await keyspace(client)


async def post(client: HttpClient, kind: str, body: Any) -> Answer:
    """Send documents, or a body as it is, to ``POST /v3/{kind}``."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.request("POST", f"/v3/{kind}", content)
