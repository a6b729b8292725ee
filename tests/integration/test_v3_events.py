"""Bodies of ``POST /v3/events``: each format, and what becomes of each document."""

from __future__ import annotations

from pathlib import Path

import msgpack
import msgspec
import pytest

from psd.archive.reader import read_entries
from psd.runtime import Runtime
from server.routes.v3_events import EVENTS_MAX
from tests.support.clients.event_requests import (
    BATCH,
    STRUCTURED,
    T,
    count,
    event,
    metric,
    send,
    statuses,
)
from tests.support.clients.http import HttpClient, total
from tests.support.stored.keyspace import keyspace

MESSAGES = [
    metric(),
    {"command": "metric", "metric": metric(aid=4)},
    {"command": "metrics", "metrics": [metric(aid=5), metric(aid=6)]},
    count(id="c"),
    {"command": "activity", "activity": {"vehicle": 7, "integration": "Tesla", "time": 1644210000}},
]


async def test_each_document_is_told_what_became_of_it_in_order(client: HttpClient) -> None:
    bumped = metric(aid=9, mode="increment", id="i")
    body = [
        metric(),
        metric(),
        metric(thing="floors"),
        bumped,
        bumped,
        metric(uid="01"),
        count(),
        5,
    ]
    answer = await send(client, body)
    assert answer.status == 200
    rows = answer.json()["data"]
    assert [(row["index"], row["status"]) for row in rows] == [
        *((0, "booked"), (1, "unchanged"), (2, "refused"), (3, "booked"), (4, "duplicate")),
        *((5, "refused"), (6, "refused"), (7, "refused")),
    ]
    refused = [row for row in rows if row["status"] == "refused"]
    assert [(row["code"], row["field"]) for row in refused] == [
        ("unknown_thing", "thing"),
        ("wrong_type", "uid"),
        ("missing_id", "id"),
        ("malformed", "message"),
    ]
    assert rows[0] == {"index": 0, "status": "booked"}
    assert refused[0]["message"].startswith("thing: 'floors' is unknown")
    assert answer.json()["summary"] == {
        "booked": 2,
        "unchanged": 1,
        "duplicate": 1,
        "withdrawn": 0,
        "refused": 4,
    }
    assert await total(client) == 20


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (msgspec.json.encode(MESSAGES), "application/json"),
        (msgspec.json.encode(MESSAGES), "text/plain"),
        (b"\n".join(msgspec.json.encode(each) for each in MESSAGES), "application/x-ndjson"),
        (msgpack.packb(MESSAGES), "application/msgpack"),
        (msgpack.packb(MESSAGES), ""),
    ],
    ids=["list", "list as text", "lines", "msgpack", "msgpack without a name"],
)
async def test_every_format_holds_whatever_the_queue_carries(
    client: HttpClient, runtime: Runtime, body: bytes, content_type: str
) -> None:
    assert await statuses(client, body, content_type) == ["booked"] * 5
    assert await statuses(client, body, content_type) == [
        *["unchanged"] * 3,
        "duplicate",
        "unchanged",
    ]
    assert (await total(client), await total(client, 7, "signals")) == (40, 1)
    assert (await client.get(f"/v1/readcount/hifive_1/{T}/{T}")).text == "1"


@pytest.mark.parametrize("body", [msgspec.json.encode(metric()), msgpack.packb(metric())])
async def test_one_object_is_one_document(client: HttpClient, body: bytes) -> None:
    assert await statuses(client, body) == ["booked"]


async def test_a_message_of_several_reports_is_booked_when_any_is(client: HttpClient) -> None:
    await statuses(client, [metric()])
    several = {"command": "metrics", "metrics": [metric(), metric(aid=5)]}
    assert await statuses(client, [several, several]) == ["booked", "unchanged"]


async def test_a_document_that_the_books_refuse_is_told_so(client: HttpClient) -> None:
    large = metric(value=2**53 - 1)
    answer = await send(client, [large, metric(aid=4), metric(uid=2)])
    assert [row["status"] for row in answer.json()["data"]] == ["booked", "refused", "booked"]
    assert answer.json()["data"][1]["code"] == "out_of_bounds"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"[{", "application/json", 400, "malformed"),
        (b"\x92\x80", "application/msgpack", 400, "malformed"),
        (b"{}", BATCH, 400, "malformed"),
        (b"[" + b"{}," * EVENTS_MAX + b"{}]", "application/json", 422, "too_large"),
        (b"\xdc\x13\x89" + b"\x80" * 5001, "application/msgpack", 422, "too_large"),
    ],
    ids=["half a list", "half of msgpack", "no batch", "too many", "too many maps"],
)
async def test_a_body_that_cannot_be_read_books_nothing(
    client: HttpClient, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = await send(client, body, content_type)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_too_many_events_in_few_messages_are_refused_together(client: HttpClient) -> None:
    message = {"command": "metrics", "metrics": [{"thing": "steps", "ts2": 9}] * 1000}
    answer = await send(client, [message] * 6)
    assert (answer.status, answer.json()["code"]) == (422, "too_large")
    assert await total(client, 0) == 0


async def test_5000_events_are_booked_in_one_request(client: HttpClient) -> None:
    reports = [metric(uid=n % 50, aid=n, value=1, ts2=T + n) for n in range(EVENTS_MAX)]
    assert await statuses(client, reports) == ["booked"] * EVENTS_MAX
    assert await total(client) == 100


async def test_what_is_accepted_is_archived_as_messages_before_it_is_booked(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    counted = event("psd.count", data={"thing": "hifive_1", "value": 1})
    await send(client, [metric(thing="floors"), metric(), count(id="c")])
    await send(client, counted, STRUCTURED)
    await send(client, msgpack.packb([{"command": "metric", "metric": metric(aid=9)}]))
    entries = list(read_entries(tmp_path / "archive", 0, 1 << 60))
    assert len(entries) == 4
    before = await keyspace(runtime.store.client)
    found = [
        outcome.status
        for entry in entries
        for outcome in await runtime.books.book(
            runtime.rules.events(entry.body, entry.accepted_ms // 1000, entry.id)
        )
    ]
    assert found == ["unchanged", "duplicate", "duplicate", "unchanged"]
    assert await keyspace(runtime.store.client) == before
