"""CloudEvents over HTTP: the messages that they name, once for each source and id."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import msgspec
import pytest

from tests.support.clients.event_requests import (
    BATCH,
    STRUCTURED,
    TIME,
    T,
    event,
    metric,
    send,
    statuses,
)
from tests.support.clients.http import HttpClient, total
from tests.support.clients.raw_http import raw, request

COUNT = {"thing": "hifive_1", "value": 1}


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
    del other["data"]
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
        ({"id": None}, "malformed", "id"),
        ({"id": "9\n1"}, "malformed", "id"),
        ({"id": 91}, "wrong_type", "id"),
        ({"source": "/a b"}, "malformed", "source"),
        ({"source": "/a\u00a0b"}, "malformed", "source"),
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
        ({"data_base64": "e30="}, "malformed", "data_base64"),
        ({"data": None, "data_base64": "e30="}, "malformed", "data_base64"),
        ({"data": None}, "malformed", "data"),
        ({"datacontenttype": "application/msgpack"}, "malformed", "data"),
    ],
)
async def test_an_event_with_a_bad_attribute_is_refused_and_the_others_are_booked(
    client: HttpClient, changes: dict[str, Any], code: str, field: str
) -> None:
    answer = await send(client, [event(**changes), event(data=metric(uid=2))], BATCH)
    bad, good = answer.json()["data"]
    assert (bad["status"], bad["code"], bad["field"]) == ("refused", code, field)
    assert good["status"] == "booked"


def binary(**changes: str) -> dict[str, str]:
    """The headers of a count in binary mode."""
    named = {"specversion": "1.0", "id": "91", "source": "/app", "type": "psd.count", "time": TIME}
    return {f"ce-{name}": value for name, value in {**named, **changes}.items() if value}


async def test_an_id_is_the_same_however_its_header_is_written(client: HttpClient) -> None:
    outcomes = []
    for id_ in ("91", '"91"', "%39%31", '"%39"1', "9"):
        answer = await send(client, COUNT, headers=binary(id=id_))
        outcomes.append(answer.json()["data"][0]["status"])
    assert outcomes == ["booked", "duplicate", "duplicate", "duplicate", "booked"]
    assert await statuses(client, event("psd.count", data=COUNT, id="91"), STRUCTURED) == [
        "duplicate"
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "%FF"}, "id"),
        ({"id": "%FE"}, "id"),
        ({"id": '"91'}, "id"),
        ({"id": "%00"}, "id"),
        ({"id": ""}, "id"),
        ({"specversion": ""}, "specversion"),
        ({"source": "/a%20b"}, "source"),
        ({"type": "%FF"}, "type"),
        ({"datacontenttype": "application/json"}, "datacontenttype"),
    ],
)
async def test_a_header_that_is_no_attribute_is_refused_and_nothing_is_lost(
    client: HttpClient, changes: dict[str, str], field: str
) -> None:
    [row] = (await send(client, COUNT, headers=binary(**changes))).json()["data"]
    assert (row["status"], row["code"], row["field"]) == ("refused", "malformed", field)
    assert (await client.get(f"/v1/readcount/hifive_1/{T}/{T}")).text == "0"


async def test_an_attribute_that_is_there_twice_is_refused(client: HttpClient) -> None:
    body = msgspec.json.encode(COUNT)
    headers = [f"{name}: {value}" for name, value in {**binary(), "CE-ID": "92"}.items()]
    async with raw(client.url) as connection:
        length = f"Content-Length: {len(body)}"
        connection.send(request("POST /v3/events", *headers, length, body=body))
        answer = await connection.answer()
    [row] = msgspec.json.decode(answer.body)["data"]
    assert (row["status"], row["field"]) == ("refused", "id")


async def test_the_elements_of_a_list_meet_no_other_event(client: HttpClient) -> None:
    """Their ids are made of the event's, so that no event can have one of them."""
    bump = metric(mode="increment", aid=9)
    batch = [
        event("psd.metrics", data=[bump, bump, bump], id="5"),
        event(data=bump, id="5"),
        event(data=bump, id="5 0"),
        event(data=bump, id="5 1"),
        event("psd.metrics", data=[bump], id="5 0"),
        event("psd.metrics", data=[bump], id="5", source="0"),
        event(data=bump, id="0 /app 5", source="1"),
        event(data=bump, id="0 5"),
    ]
    assert await statuses(client, batch, BATCH) == ["booked"] * 8
    assert await statuses(client, batch, BATCH) == ["duplicate"] * 8
    assert await total(client) == 100


async def test_what_the_data_leaves_empty_comes_from_the_event(client: HttpClient) -> None:
    data = {"thing": "hifive_1", "value": 1, "id": None, "ts": None}
    assert await statuses(client, event("psd.count", data=data), STRUCTURED) == ["booked"]
    assert await statuses(client, event("psd.count", data=data), STRUCTURED) == ["duplicate"]


async def test_the_content_type_goes_before_the_headers(client: HttpClient) -> None:
    """A structured event may have its attributes in headers too: its body is what counts."""
    headers = binary(type="psd.metric")
    answer = await send(client, event(), STRUCTURED, headers)
    assert answer.json()["summary"]["booked"] == 1
    answer = await send(client, [event(data=metric(aid=4))], BATCH, headers)
    assert answer.json()["summary"]["booked"] == 1
    assert await total(client) == 20


@pytest.mark.parametrize(
    "kind", ["application/cloudevents", "application/cloudevents+avro", "application/cloudevents-x"]
)
async def test_another_event_format_is_refused(client: HttpClient, kind: str) -> None:
    answer = await send(client, event(), kind, binary())
    assert (answer.status, answer.json()["code"]) == (400, "malformed")


async def test_extensions_and_unset_attributes_are_passed_over(client: HttpClient) -> None:
    told = event(subject=None, datacontenttype=None, data_base64=None, traceparent="x", n=5)
    assert await statuses(client, told, STRUCTURED) == ["booked"]
    headers = {**binary(), "ce-subject": "%FF", "ce-myextension": '"'}
    assert (await send(client, COUNT, headers=headers)).json()["summary"]["booked"] == 1
