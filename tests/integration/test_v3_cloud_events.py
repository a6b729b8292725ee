"""CloudEvents over HTTP: the messages that they name, once for each source and id."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import pytest

from tests.support.event_requests import BATCH, STRUCTURED, TIME, T, event, metric, send, statuses
from tests.support.http import HttpClient, total


async def test_a_cloud_event_in_each_mode_is_the_message_it_names(client: HttpClient) -> None:
    assert await statuses(client, event(), STRUCTURED) == ["booked"]
    assert await statuses(client, [event(), event(data=metric(aid=4))], BATCH) == [
        "unchanged",
        "booked",
    ]
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "e3",
        "ce-source": "/app",
        "ce-type": "psd.metric",
        "ce-time": TIME,
    }
    body = metric(aid=5)
    del body["ts2"]
    assert (await send(client, body, headers=headers)).json()["summary"]["booked"] == 1
    packed = msgpack.packb(metric(aid=6))
    answer = await send(client, packed, "application/msgpack", headers)
    assert answer.json()["summary"]["booked"] == 1
    encoded = base64.b64encode(msgpack.packb(metric(aid=7))).decode()
    other = event(data_base64=encoded, datacontenttype="application/msgpack")
    assert await statuses(client, other, STRUCTURED) == ["booked"]
    assert await total(client) == 50
    assert (await client.get(f"/v1/query/1/steps/all/{T}/{T}")).text == "50"


async def test_source_and_id_of_a_cloud_event_name_what_is_applied_once(
    client: HttpClient,
) -> None:
    data = {"thing": "hifive_1", "value": 1}
    bump = {**metric(mode="increment", aid=9), "ts2": None}
    del bump["ts2"]
    batch = [
        event("psd.count", data=data),
        event("psd.count", data=data),
        event("psd.count", data=data, source="/other"),
        event("psd.count", data={**data, "id": "own"}),
        event("psd.count", data={**data, "id": "own"}, id="e2"),
        event(data=bump),
        event(data=bump),
        event("psd.metrics", data=[bump, bump], id="e4"),
        event("psd.metrics", data=[bump, bump], id="e4"),
    ]
    assert await statuses(client, batch, BATCH) == [
        *("booked", "duplicate", "booked", "booked", "duplicate"),
        *("booked", "duplicate", "booked", "duplicate"),
    ]
    assert (await client.get(f"/v1/readcount/hifive_1/{T}/{T}")).text == "3"
    assert (await client.get(f"/v1/query/1/steps/all/{T}/{T}")).text == "30"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"specversion": "0.3"}, "malformed", "specversion"),
        ({"specversion": 1}, "wrong_type", "specversion"),
        ({"id": ""}, "malformed", "id"),
        ({"source": ""}, "malformed", "source"),
        ({"type": ""}, "malformed", "type"),
        ({"type": "com.example.metric"}, "unknown_command", "type"),
        ({"type": "psd.floors"}, "unknown_command", "command"),
        ({"time": "yesterday", "data": {"thing": "steps"}}, "invalid_time", "time"),
        ({"time": 5}, "wrong_type", "time"),
        ({"data": 5}, "malformed", "data"),
        ({"data": [5]}, "malformed", "data"),
        ({"data": metric(value=[])}, "wrong_type", "metric.value"),
        ({"datacontenttype": "text/xml"}, "malformed", "datacontenttype"),
        ({"data_base64": "?"}, "malformed", "data_base64"),
    ],
)
async def test_an_event_with_a_bad_attribute_is_refused_and_the_others_are_booked(
    client: HttpClient, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = await send(client, [event(**changes), event(data=metric(uid=2))], BATCH)
    bad, good = answer.json()["data"]
    assert (bad["status"], bad["code"], bad["field"]) == ("refused", code, field)
    assert good["status"] == "booked"
