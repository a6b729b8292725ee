"""Events that come again with their ``Idempotency-Key`` get the answer that they got."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from tests.support.clients.event_requests import BATCH, metric, send
from tests.support.clients.http import HttpClient, total
from tests.support.stored.keyspace import keyspace


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
