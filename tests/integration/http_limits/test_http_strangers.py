"""Connections on which nobody was admitted: they end soon, and make room for others first."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support.clients.access import token_for
from tests.support.clients.limited_server import (
    HEAD_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    LATE_S,
    LIMITS,
    PATIENT,
    TICK_S,
    LimitedServer,
    limited_server,
)
from tests.support.clients.raw_http import RawConnection, request
from tests.support.waiting import wait_until

READER = token_for("reader", "read")
WRITER = token_for("writer", "write")
PLACES = LIMITS.connections_max
GET = request("GET /healthz")
SUM = "GET /v1/query/1/steps/all/0/9"
KNOWN = request(SUM, f"Authorization: Bearer {READER.secret}")
REFUSED = {
    "an open page without a token": (GET, 200),
    "a token that is not known": (request(SUM, f"Authorization: Bearer {WRITER.secret}x"), 401),
    "a token of another scope": (request(SUM, f"Authorization: Bearer {WRITER.secret}"), 403),
    "no token": (request(SUM), 401),
    "a path that is none": (request("GET /nothing", f"Authorization: Bearer {READER.secret}"), 404),
}


@pytest.fixture
async def checked(redis_url: str) -> AsyncIterator[LimitedServer]:
    """A server that asks for tokens, on which idle connections are not closed in these tests."""
    tokens = (READER.line, WRITER.line)
    async with limited_server(redis_url, PATIENT, idle_timeout_s=60.0, tokens=tokens) as server:
        yield server


async def ask(connection: RawConnection, sent: bytes, status: int) -> None:
    connection.send(sent)
    assert (await connection.answer()).status == status


async def test_a_connection_that_never_says_anything_ends_in_silence_before_an_idle_one(
    hasty_server: LimitedServer,
) -> None:
    opened_s = time.monotonic()
    async with hasty_server.raw() as silent, hasty_server.raw() as idle:
        asked_s = time.monotonic()
        await ask(idle, GET, 200)
        assert await silent.closed()
        assert HEAD_TIMEOUT_S - TICK_S <= time.monotonic() - opened_s < LATE_S
        assert await idle.closed()
        assert time.monotonic() - asked_s >= IDLE_TIMEOUT_S - TICK_S
    assert hasty_server.refused("head_timeout") == 0


async def test_empty_lines_are_no_word(hasty_connection: RawConnection) -> None:
    started_s = time.monotonic()
    hasty_connection.send(b"\r\n")
    assert await hasty_connection.closed()
    assert time.monotonic() - started_s < IDLE_TIMEOUT_S + LATE_S


@pytest.mark.parametrize("said", [b"", b"GET /v1/query", request("POST /v1/write")[:-2]])
async def test_connections_without_a_head_keep_nobody_out(
    checked: LimitedServer, said: bytes
) -> None:
    async with AsyncExitStack() as stack:
        held = []
        for _ in range(3 * PLACES):
            held.append(await stack.enter_async_context(checked.raw()))
            held[-1].send(said)
        async with checked.raw() as known:
            await ask(known, KNOWN, 200)
            for gone in held[: -PLACES + 1]:
                assert (await gone.answer()).status == 429
                assert await gone.closed()
            assert checked.connections() == PLACES
    await wait_until("all have left", lambda: checked.connections() == 0)
    assert checked.refused("room") == 2 * PLACES + 1
    assert checked.refused("connections") == 0


@pytest.mark.parametrize("kind", REFUSED)
async def test_who_was_let_in_nowhere_makes_room(checked: LimitedServer, kind: str) -> None:
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(checked.raw()) for _ in range(PLACES)]
        for connection in held:
            await ask(connection, *REFUSED[kind])
        async with checked.raw() as known:
            await ask(known, KNOWN, 200)
            assert (await held[0].answer()).status == 429
            assert await held[0].closed()
            await ask(held[1], *REFUSED[kind])


async def test_who_has_been_silent_the_longest_makes_room_first(checked: LimitedServer) -> None:
    async with checked.raw() as first, checked.raw() as second, AsyncExitStack() as stack:
        await ask(second, GET, 200)
        for _ in range(PLACES - 2):
            await ask(await stack.enter_async_context(checked.raw()), GET, 200)
        await ask(first, GET, 200)
        async with checked.raw() as another:
            await ask(another, GET, 200)
            assert (await second.answer()).headers["retry-after"] == "1"
            assert await second.closed()
            await ask(first, GET, 200)


async def test_a_flood_of_strangers_takes_no_place_of_one_who_was_admitted(
    checked: LimitedServer,
) -> None:
    async with AsyncExitStack() as stack:
        admitted = [await stack.enter_async_context(checked.raw()) for _ in range(PLACES - 1)]
        for connection in admitted:
            await ask(connection, KNOWN, 200)
            await ask(connection, *REFUSED["no token"])
        for number in range(10 * PLACES):
            stranger = await stack.enter_async_context(checked.raw())
            stranger.send(GET if number % 2 else b"")
        for connection in admitted:
            await ask(connection, KNOWN, 200)
        async with checked.raw() as last:
            await ask(last, KNOWN, 200)
            async with checked.raw() as too_many:
                await ask(too_many, KNOWN, 429)
    await wait_until("all have left", lambda: checked.connections() == 0)
