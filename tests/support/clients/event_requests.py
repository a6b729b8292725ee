"""Documents for ``POST /v3/events``, and the request that carries them.

>>> answer = await send(client, [metric(), metric(thing="floors"), count(id="c")])
>>> [row["status"] for row in answer.json()["data"]]
['booked', 'refused', 'booked']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.support.clients.http import Answer, HttpClient

T = 1458061000
TIME = "2016-03-15T16:56:40Z"
"""The second when all of it happens."""

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def metric(**changes: Any) -> dict[str, Any]:
    """The fields of a report: 10 steps of user 1."""
    fields = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": T, "ts2": T}
    return {**fields, **changes}


def count(**changes: Any) -> dict[str, Any]:
    """A message that counts one; it needs an id to be booked."""
    return {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": T, **changes}}


def event(kind: str = "psd.metric", **changes: Any) -> dict[str, Any]:
    """A structured CloudEvent, of a metric unless told otherwise."""
    named = {"specversion": "1.0", "id": "e1", "source": "/app", "type": kind, "time": TIME}
    return {**named, "data": metric(), **changes}


async def send(
    client: HttpClient,
    body: Any,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """POST a body; what is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.request("POST", "/v3/events", content, content_type, headers)


async def statuses(
    client: HttpClient, body: Any, content_type: str = "application/json"
) -> list[str]:
    """What became of each document of a body that must be a 200."""
    answer = await send(client, body, content_type)
    assert answer.status == 200, answer.text
    return [row["status"] for row in answer.json()["data"]]
