"""Writing over HTTP: one report, many, and the way through the queue."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, ServerSettings, Settings
from psd.engine.events import TIME_END_S, VALUE_MAX
from psd.runtime import Runtime, open_runtime
from psd.store.keys import stream_key
from tests.support.clients.http import HttpClient, serving
from tests.support.servers.slow_nsqd import SlowNsqd

T = 1458061000


pytestmark = pytest.mark.psd({"server.body_bytes_max": 20_000, "booking.batch_reports_max": 10})


def metric(**changes: Any) -> dict[str, Any]:
    fields = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": T, "ts2": T}
    return {**fields, **changes}


async def total(client: HttpClient, uid: int = 1) -> int:
    return int((await client.get(f"/v1/query/{uid}/steps/all/0/{TIME_END_S}")).text)


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"uid": "1"}, 400, "uid: "),
        ({"value": 10.5}, 400, "value: "),
        ({"value": None}, 400, "value: "),
        ({"aid": 2**63}, 400, "aid: "),
        ({"thing": "floors"}, 406, "invalid arguments"),
        ({"ts2": 0}, 406, "timestamp was invalid"),
        ({"ts1": T + 1}, 406, "ts1: "),
        ({"value": VALUE_MAX + 1}, 406, "value: "),
        ({"ts2": TIME_END_S}, 406, "ts2: "),
        ({"ts2": TIME_END_S - 1}, 406, "ts2: "),
        ({"mode": "increment"}, 406, "id: "),
        ({"mode": "other"}, 400, "mode: "),
    ],
)
async def test_a_refused_write_says_why_and_leaves_no_trace(
    client: HttpClient, runtime: Runtime, changes: dict[str, Any], status: int, message: str
) -> None:
    answer = await client.write(metric(**changes))
    assert (answer.status, answer.content_type) == (status, "text/plain; charset=utf-8")
    assert answer.text.startswith(message)
    assert await runtime.store.client.keys("*{1}*") == []


async def test_a_sum_past_the_limit_is_refused_and_leaves_the_old_one(client: HttpClient) -> None:
    assert (await client.write(metric(value=VALUE_MAX))).status == 200
    answer = await client.write(metric(aid=4, value=1))
    assert answer.status == 406
    assert "2^53" in answer.text
    assert await total(client) == VALUE_MAX


async def test_an_increment_is_added_once_for_its_id(client: HttpClient) -> None:
    for event_id in ("a", "a", "b"):
        answer = await client.write(metric(mode="increment", id=event_id, value=5))
        assert answer.text == "ok"
    assert await total(client) == 10


async def test_many_reports_are_booked_and_counted_by_outcome(client: HttpClient) -> None:
    reports = [metric(uid=1), metric(uid=2), metric(uid=1), metric(mode="increment", id="a", aid=9)]
    body = msgspec.json.encode(reports)
    first = await client.request("POST", "/v1/write_many", body)
    assert first.status == 200
    assert first.json() == {"booked": 3, "unchanged": 1, "duplicate": 0, "refused": []}
    second = await client.request("POST", "/v1/write_many", body)
    assert second.json() == {"booked": 0, "unchanged": 3, "duplicate": 1, "refused": []}
    assert [await total(client, 1), await total(client, 2)] == [20, 10]


async def test_a_refused_report_does_not_hold_back_the_others(client: HttpClient) -> None:
    lines = [metric(uid="1"), metric(uid=1), metric(uid=1, thing="floors"), metric(uid=2)]
    body = b"\n".join([*(msgspec.json.encode(line) for line in lines), b"nonsense", b""])
    answer = await client.request("POST", "/v1/write_many", body)
    assert answer.status == 406
    found = answer.json()
    assert [found["booked"], found["unchanged"], found["duplicate"]] == [2, 0, 0]
    assert [(each["index"], each["code"]) for each in found["refused"]] == [
        (0, "wrong_type"),
        (2, "unknown_thing"),
        (4, "malformed"),
    ]
    assert [await total(client, 1), await total(client, 2)] == [10, 10]


async def test_a_report_that_the_store_refuses_is_told_by_its_place(client: HttpClient) -> None:
    lines = [metric(value=VALUE_MAX), metric(aid=4, value=1), metric(uid=2)]
    answer = await client.request("POST", "/v1/write_many", msgspec.json.encode(lines))
    assert answer.status == 406
    assert [(each["index"], each["code"]) for each in answer.json()["refused"]] == [
        (1, "out_of_bounds")
    ]
    assert await total(client, 2) == 10


async def test_more_reports_than_the_limit_are_refused_together(client: HttpClient) -> None:
    body = msgspec.json.encode([metric(aid=aid) for aid in range(11)])
    answer = await client.request("POST", "/v1/write_many", body)
    assert (answer.status, answer.json()["error"]) == (
        422,
        "body: 11 reports, at most 10 are allowed",
    )
    assert await total(client) == 0


async def test_an_empty_body_books_nothing(client: HttpClient) -> None:
    answer = await client.request("POST", "/v1/write_many", b"")
    assert answer.json() == {"booked": 0, "unchanged": 0, "duplicate": 0, "refused": []}


async def test_a_body_past_the_limit_is_refused(client: HttpClient) -> None:
    answer = await client.write(b" " * 20_001)
    assert answer.status == 413


async def queued(runtime: Runtime) -> list[bytes]:
    entries = await runtime.store.client.xrange(stream_key("psd"))
    return [fields[b"b"] for _, fields in entries]


async def test_one_message_goes_to_the_queue_as_it_came(
    client: HttpClient, runtime: Runtime
) -> None:
    body = msgspec.json.format(msgspec.json.encode({"command": "metric", "metric": metric()}))
    answer = await client.request("POST", "/v1/enqueue", body)
    assert (answer.status, answer.text) == (202, '{"enqueued":1}')
    assert await queued(runtime) == [body]


async def test_each_line_is_a_message(client: HttpClient, runtime: Runtime) -> None:
    count = {"command": "count", "count": {"thing": "signups", "value": 1, "ts": T}}
    lines = [msgspec.json.encode(count), msgspec.json.encode({**count, "extra": 1})]
    answer = await client.request("POST", "/v1/enqueue", b"\n".join(lines) + b"\n\n")
    assert (answer.status, answer.text) == (202, '{"enqueued":2}')
    assert await queued(runtime) == lines


async def test_a_message_that_workers_would_refuse_is_not_published(
    client: HttpClient, runtime: Runtime
) -> None:
    good = msgspec.json.encode({"command": "metric", "metric": metric()})
    bad = msgspec.json.encode({"command": "metric", "metric": metric(uid="01")})
    for body, status, message in [
        (b"", 400, "message: "),
        (b"nonsense", 400, "message: "),
        (b'{"command": "bogus"}', 406, "command: "),
        (bad, 400, "uid: '01'"),
        (good + b"\n" + bad, 400, "line 2: uid: "),
        (b"\n".join([good] * 11), 422, "body: 11 messages"),
    ]:
        answer = await client.request("POST", "/v1/enqueue", body)
        assert (answer.status, answer.content_type) == (status, "application/json; charset=utf-8")
        assert answer.json()["error"].startswith(message)
    assert await queued(runtime) == []


async def test_a_queue_that_is_away_is_told_at_once(redis_url: str) -> None:
    nowhere = QueueSettings(kind="nsq", nsqd_addresses=("127.0.0.1:1",))
    settings = Settings(
        redis=RedisSettings(url=redis_url), queue=nowhere, server=ServerSettings(port=0)
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        body = msgspec.json.encode({"command": "metric", "metric": metric()})
        answer = await client.request("POST", "/v1/enqueue", body)
    await runtime.close()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert "127.0.0.1:1" in answer.json()["error"]


def many(count: int) -> bytes:
    """Messages that a queue takes, one a line."""
    return b"\n".join(
        msgspec.json.encode({"command": "metric", "metric": metric(aid=n)}) for n in range(count)
    )


@contextlib.asynccontextmanager
async def enqueueing_at(nsqd: SlowNsqd, redis_url: str) -> AsyncIterator[HttpClient]:
    """A server that puts messages on that nsqd."""
    queue = QueueSettings(kind="nsq", nsqd_addresses=(nsqd.address,))
    server = ServerSettings(port=0)
    settings = Settings(redis=RedisSettings(url=redis_url), queue=queue, server=server)
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        yield client
    await runtime.close()


async def test_a_slow_queue_is_waited_for_as_long_as_it_answers(redis_url: str) -> None:
    """600 messages at 4 ms each: 2.4 s, more than a queue that is silent is given."""
    async with SlowNsqd(message_s=0.004) as nsqd, enqueueing_at(nsqd, redis_url) as client:
        answer = await client.request("POST", "/v1/enqueue", many(600))
        assert (answer.status, answer.text) == (202, '{"enqueued":600}')
        assert b"\n".join(nsqd.messages) == many(600)


async def test_a_queue_that_stops_amid_the_messages_has_some_and_the_answer_says_which(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow this machine is, what is with nsqd grows.
    monkeypatch.setattr("psd.queue.nsq_pace.TARGET_S", 60.0)
    nsqd = SlowNsqd(message_s=0.0, stall_after=100)
    async with nsqd, enqueueing_at(nsqd, redis_url) as client:
        answer = await client.request("POST", "/v1/enqueue", many(600))
        assert (answer.status, answer.headers["Retry-After"]) == (504, "1")
        told = answer.json()
        assert (told["enqueued"], told["unknown"]) == (80, 256)
        assert "of 600 messages 80 are queued, and perhaps the 256 behind them" in told["error"]
        assert "send message 81 and those behind it again" in told["error"]
        # What was given up is not sent after the answer.
        assert nsqd.portions == [16, 64, 256]
