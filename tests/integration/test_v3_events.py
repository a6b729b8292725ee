"""Every kind of event over HTTP: each body, each outcome, and requests that come again."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from psd.archive.reader import read_entries
from psd.config import (
    AccessSettings,
    ArchiveSettings,
    QueueSettings,
    RedisSettings,
    ServerSettings,
    Settings,
)
from psd.engine.events import TIME_END_S
from psd.errors import StoreUnavailableError
from psd.runtime import Runtime, open_runtime
from server.routes.v3_events import EVENTS_MAX
from tests.support.access import bearer, token_for
from tests.support.http import Answer, HttpClient, serving
from tests.support.keyspace import keyspace

T = 1458061000
TIME = "2016-03-15T16:56:40Z"
TOKENS = {
    "writer": token_for("writer", "write read"),
    "other": token_for("other", "write"),
    "owner-1": token_for("owner-1", "write", frozenset({1})),
}
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"


def settings_of(redis_url: str, folder: Path, **others: Any) -> Settings:
    return Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
        archive=ArchiveSettings(folder=str(folder)),
        **others,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = await open_runtime(settings, archiving=True)
    try:
        yield runtime
    finally:
        await runtime.close()


@pytest.fixture
async def runtime(redis_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    async with running(settings_of(redis_url, tmp_path / "archive")) as runtime:
        yield runtime


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(runtime) as client:
        yield client


def metric(**changes: Any) -> dict[str, Any]:
    fields = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": T, "ts2": T}
    return {**fields, **changes}


def count(**changes: Any) -> dict[str, Any]:
    return {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": T, **changes}}


def event(kind: str = "psd.metric", **changes: Any) -> dict[str, Any]:
    named = {"specversion": "1.0", "id": "e1", "source": "/app", "type": kind, "time": TIME}
    return {**named, "data": metric(), **changes}


async def send(
    client: HttpClient,
    body: Any,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.request("POST", "/v3/events", content, content_type, headers)


async def statuses(client: HttpClient, body: Any, content_type: str = "application/json") -> Any:
    answer = await send(client, body, content_type)
    assert answer.status == 200, answer.text
    return [row["status"] for row in answer.json()["data"]]


async def total(client: HttpClient, uid: int = 1, thing: str = "steps") -> int:
    return int((await client.get(f"/v1/query/{uid}/{thing}/all/0/{TIME_END_S}")).text)


async def test_each_document_is_told_what_became_of_it_in_order(client: HttpClient) -> None:
    bumped = metric(aid=9, mode="increment", id="i")
    body = [metric(), metric(), metric(thing="floors"), bumped, bumped, metric(uid="1"), count(), 5]
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


MESSAGES = [
    metric(),
    {"command": "metric", "metric": metric(aid=4)},
    {"command": "metrics", "metrics": [metric(aid=5), metric(aid=6)]},
    count(id="c"),
    {"command": "activity", "activity": {"vehicle": 7, "integration": "Tesla", "time": 1644210000}},
]


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


async def test_a_key_that_comes_again_gets_the_answer_it_got(client: HttpClient) -> None:
    headers = {"Idempotency-Key": "k" * 255}
    first = await send(client, [metric(), 5], headers=headers)
    again = await send(client, [metric(), 5], headers=headers)
    assert first.json()["summary"]["booked"] == 1
    assert again.text == first.text
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await send(client, [metric(value=11)], headers=headers)
    assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")
    other = await send(client, [metric(), 5], BATCH, headers)
    assert other.status == 422
    assert await total(client) == 10


@pytest.mark.parametrize("key", ["", "k" * 256, "ü", "a\tb"])
async def test_a_key_that_is_none_is_refused(client: HttpClient, key: str) -> None:
    answer = await send(client, [metric()], headers={"Idempotency-Key": key})
    assert (answer.status, answer.json()["code"]) == (400, "malformed")
    assert await total(client) == 0


async def test_a_request_whose_like_is_in_hand_is_told_to_come_back(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_book, book = asyncio.Event(), runtime.books.book
    reached = asyncio.Event()

    async def slow(events: Any) -> Any:
        reached.set()
        await may_book.wait()
        return await book(events)

    monkeypatch.setattr(runtime.books, "book", slow)
    headers = {"Idempotency-Key": "k"}
    first = asyncio.create_task(send(client, [metric()], headers=headers))
    await reached.wait()
    second = await send(client, [metric()], headers=headers)
    assert (second.status, second.json()["code"]) == (409, "request_in_hand")
    assert second.headers["Retry-After"] == "1"
    assert (await send(client, [metric(uid=2)], headers=headers)).status == 422
    may_book.set()
    assert (await first).status == 200
    again = await send(client, [metric()], headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_request_that_failed_leaves_its_key_free(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_events: Any) -> Any:
        raise StoreUnavailableError("redis: away")

    headers = {"Idempotency-Key": "k"}
    with monkeypatch.context() as patched:
        patched.setattr(runtime.books, "book", fails)
        assert (await send(client, [metric()], headers=headers)).status == 503
    answer = await send(client, [metric()], headers=headers)
    assert (answer.status, answer.json()["summary"]["booked"]) == (200, 1)


async def test_a_kept_answer_lives_a_day(client: HttpClient, runtime: Runtime) -> None:
    await send(client, [metric()], headers={"Idempotency-Key": "k"})
    [key] = [key for key in await keyspace(runtime.store.client) if "idempotency" in key]
    assert 86_000 < await runtime.store.client.ttl(key) <= 86_400


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


@pytest.fixture
async def guarded(redis_url: str, tmp_path: Path) -> AsyncIterator[HttpClient]:
    """A server that asks for tokens."""
    access = AccessSettings(tokens=tuple(token.line for token in TOKENS.values()))
    settings = settings_of(redis_url, tmp_path / "archive", access=access)
    async with running(settings) as runtime, serving(runtime) as client:
        yield client


async def test_a_foreign_document_keeps_all_of_a_body_from_being_booked(
    guarded: HttpClient,
) -> None:
    headers = bearer(TOKENS["owner-1"].secret)
    for body in (
        [metric(), metric(uid=2)],
        [metric(), count(id="c")],
        [metric(), metric(thing="signals")],
        [metric(), {"command": "withdraw", "withdraw": {"uid": 2, "aid": 3}}],
    ):
        assert (await send(guarded, body, headers=headers)).status == 403
    reader = bearer(TOKENS["writer"].secret)
    sums = await guarded.request(
        "POST",
        f"/v1/query_ids/steps/all/0/{T}",
        b"ids=1,2",
        headers=reader,
        content_type="application/x-www-form-urlencoded",
    )
    assert sums.json() == {"1": 0, "2": 0}
    assert (await send(guarded, [metric()], headers=headers)).status == 200


async def test_keys_of_two_tokens_never_meet(guarded: HttpClient) -> None:
    key = {"Idempotency-Key": "k"}
    for name, status in (("writer", "booked"), ("other", "unchanged"), ("writer", "booked")):
        answer = await send(guarded, [metric()], headers=bearer(TOKENS[name].secret) | key)
        assert [row["status"] for row in answer.json()["data"]] == [status]


async def test_a_withdrawal_is_written_down_in_the_name_of_the_token(guarded: HttpClient) -> None:
    headers = bearer(TOKENS["writer"].secret)
    withdraw = {"command": "withdraw", "withdraw": {"uid": 1, "aid": 3, "by": "somebody else"}}
    answer = await send(guarded, [metric(), withdraw, metric()], headers=headers)
    found = [row["status"] for row in answer.json()["data"]]
    assert found == ["booked", "booked", "withdrawn"]
    audit = await guarded.request("GET", "/v3/users/1/audit", headers=headers)
    assert [row["by"] for row in audit.json()["data"]] == ["writer"]
    for by, status in (("somebody else", 403), ("", 403), ("writer", 202)):
        body = msgspec.json.encode(
            {"command": "withdraw", "withdraw": {"uid": 1, "aid": 3, "by": by}}
        )
        answer = await guarded.request("POST", "/v1/enqueue", body, headers=headers)
        assert answer.status == status, answer.text
