"""The limits of a connection: each one's status and body, and that it ends in time."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
from contextlib import AsyncExitStack

import msgspec
import pytest

from psd.descriptors import BACKLOG_MAX, OTHERS, ConnectionRoom, allowed_room
from server.connections import refusals
from tests.support.clients.limited_server import (
    BODY_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    LATE_S,
    LIMITS,
    PATIENT,
    TICK_S,
    LimitedServer,
    limited_server,
)
from tests.support.clients.raw_http import RawConnection, request
from tests.support.waiting import wait_until

GET = request("GET /healthz")
QUERY = "/v1/query/1/steps/all"


async def test_a_head_a_byte_at_a_time_gets_408_in_time(hasty_server: LimitedServer) -> None:
    # The first head is awaited from the moment on when the server has the connection.
    started_s = time.monotonic()
    async with hasty_server.raw() as connection, asyncio.TaskGroup() as group:
        dripping = group.create_task(connection.drip(GET * 100, 0.05))
        answer = await connection.answer()
        elapsed_s = time.monotonic() - started_s
        dripping.cancel()
        assert await connection.closed()
    assert answer.problem()["code"] == "timeout"
    assert (answer.status, answer.problem()["detail"]) == (408, "head: not complete after 0.4 s")
    assert answer.headers["connection"] == "close"
    assert HEAD_TIMEOUT_S - TICK_S <= elapsed_s < LATE_S
    assert hasty_server.refused("head_timeout") == 1


async def test_a_head_that_stops_after_its_first_byte_gets_408(
    hasty_connection: RawConnection,
) -> None:
    hasty_connection.send(b"G")
    assert (await hasty_connection.answer()).status == 408
    assert await hasty_connection.closed()


async def test_the_head_of_a_later_request_has_the_same_deadline(
    hasty_connection: RawConnection,
) -> None:
    hasty_connection.send(GET)
    assert (await hasty_connection.answer()).status == 200
    started_s = time.monotonic()
    hasty_connection.send(b"GET /hea")
    assert (await hasty_connection.answer()).status == 408
    assert HEAD_TIMEOUT_S - TICK_S <= time.monotonic() - started_s < LATE_S


async def test_a_head_that_begins_late_in_an_idle_connection_has_its_whole_time(
    redis_url: str,
) -> None:
    limits = msgspec.structs.replace(LIMITS, head_timeout_s=1.0)
    async with (
        limited_server(redis_url, limits, idle_timeout_s=60.0) as server,
        server.raw() as connection,
    ):
        connection.send(GET)
        assert (await connection.answer()).status == 200
        asked_s = time.monotonic()
        await wait_until("some of the idle time is over", lambda: time.monotonic() > asked_s + 0.1)
        begun_s = time.monotonic()
        connection.send(b"GET /hea")
        assert (await connection.answer()).status == 408
        assert time.monotonic() - begun_s >= 1.0 - TICK_S


async def test_a_head_in_two_parts_is_answered_and_the_connection_goes_on(
    connection: RawConnection,
) -> None:
    for _ in range(3):
        connection.send(GET[:9])
        connection.send(GET[9:])
        assert (await connection.answer()).status == 200


async def test_empty_lines_between_requests_begin_no_head(hasty_connection: RawConnection) -> None:
    hasty_connection.send(GET)
    assert (await hasty_connection.answer()).status == 200
    hasty_connection.send(b"\r\n")
    assert await hasty_connection.closed(), "idle, so nothing is said"


async def test_a_body_that_stops_gets_408_and_the_connection_ends(
    hasty_connection: RawConnection,
) -> None:
    started_s = time.monotonic()
    hasty_connection.send(request("POST /v1/write", "Content-Length: 9", body=b"{"))
    answer = await hasty_connection.answer()
    assert (answer.status, answer.body) == (408, b"body: not complete after 0.3 s")
    assert await hasty_connection.closed()
    assert BODY_TIMEOUT_S - TICK_S <= time.monotonic() - started_s < LATE_S


async def test_a_body_a_byte_at_a_time_gets_408(hasty_connection: RawConnection) -> None:
    hasty_connection.send(request("POST /v1/query_ids/steps/all/0/9", "Content-Length: 900"))
    async with asyncio.TaskGroup() as group:
        dripping = group.create_task(hasty_connection.drip(b"x" * 900, 0.05))
        answer = await hasty_connection.answer()
        assert (answer.status, answer.body) == (408, b'{"error":"body: not complete after 0.3 s"}')
        assert await hasty_connection.closed()
        dripping.cancel()


async def test_a_chunked_body_that_stops_gets_408(hasty_connection: RawConnection) -> None:
    hasty_connection.send(
        request("POST /v1/write", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n")
    )
    assert (await hasty_connection.answer()).status == 408
    assert await hasty_connection.closed()


async def test_a_route_that_reads_no_body_answers_and_closes_without_it(
    connection: RawConnection,
) -> None:
    started_s = time.monotonic()
    connection.send(request("GET /healthz", "Content-Length: 9", body=b"x"))
    assert (await connection.answer()).status == 200
    assert await connection.closed()
    assert time.monotonic() - started_s < LATE_S


async def test_one_connection_too_many_gets_429_and_room_is_made_again(
    server: LimitedServer,
) -> None:
    async with server.raw() as first, server.raw() as second, server.raw() as third:
        for held in (first, second, third):
            held.send(GET)
            assert (await held.answer()).status == 200
        async with server.raw() as fourth, AsyncExitStack() as stack:
            fourth.send(GET)
            assert (await fourth.answer()).status == 200
            fifth = await stack.enter_async_context(server.raw())
            fifth.send(GET)
            answer = await fifth.answer()
            assert (answer.status, answer.headers["retry-after"]) == (429, "1")
            assert answer.problem()["detail"] == "more than 4 connections are open"
            assert answer.problem()["code"] == "too_many_connections"
            assert await fifth.closed()
            assert server.connections() == 4
            first.send(GET)
            assert (await first.answer()).status == 200, "who is in is served"
        await wait_until("one has left", lambda: server.connections() == 3)
        async with server.raw() as again:
            again.send(GET)
            assert (await again.answer()).status == 200
    await wait_until("all have left", lambda: server.connections() == 0)
    assert server.refused("connections") == 1


async def test_a_connection_too_many_that_says_nothing_is_told_and_closed(
    server: LimitedServer,
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(4):
            held = await stack.enter_async_context(server.raw())
            held.send(GET)
            assert (await held.answer()).status == 200
        fifth = await stack.enter_async_context(server.raw())
        assert (await fifth.answer()).status == 429
        assert await fifth.closed()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_past_the_limit_gets_413(connection: RawConnection, announced: bool) -> None:
    if announced:
        connection.send(request("POST /v1/write", "Content-Length: 2001"))
    else:
        head = request("POST /v1/write", "Transfer-Encoding: chunked")
        connection.send(head + (b"400\r\n" + b" " * 1024 + b"\r\n") * 4)
    answer = await connection.answer()
    assert answer.status == 413
    assert b"2000" in answer.body
    assert await connection.closed()


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_request_line_past_the_limit_gets_414(
    connection: RawConnection, server: LimitedServer, parts: int
) -> None:
    data = request(f"GET /healthz?{'x' * 300}")
    for start in range(0, len(data), len(data) // parts):
        connection.send(data[start : start + len(data) // parts])
    answer = await connection.answer()
    assert answer.status == 414
    assert answer.problem()["detail"] == "request line: its target has more than 286 bytes"
    assert await connection.closed()
    assert server.refused("line") == 1


async def test_the_longest_line_and_header_are_served(connection: RawConnection) -> None:
    target = f"GET /healthz?{'x' * (286 - 9)}"
    connection.send(request(target, f"X-Long: {'y' * (300 - 8)}"))
    assert (await connection.answer()).status == 200


async def test_a_header_past_the_limit_gets_431(
    connection: RawConnection, server: LimitedServer
) -> None:
    connection.send(request("GET /healthz", f"X-Long: {'y' * 300}"))
    answer = await connection.answer()
    assert (answer.status, answer.problem()["code"]) == (431, "too_large")
    assert answer.problem()["detail"] == "header: one has more than 298 bytes"
    assert await connection.closed()
    assert server.refused("head") == 1


@pytest.mark.parametrize("complete", [True, False])
async def test_a_head_past_the_limit_gets_431(
    connection: RawConnection, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LINGERING_TIME_S", 2 * LATE_S)
    data = request("GET /healthz", *(f"X-{n}: {'y' * 200}" for n in range(6)))
    connection.send(data if complete else data[:-2])
    started_s = time.monotonic()
    answer = await connection.answer()
    assert (answer.status, answer.problem()["detail"]) == (431, "head: more than 1000 bytes")
    assert await connection.closed()
    assert time.monotonic() - started_s < LATE_S, "the end is told with the answer"


async def test_more_headers_than_are_read_get_431(connection: RawConnection) -> None:
    connection.send(request("GET /healthz", *(f"{n:x}:" for n in range(140))))
    answer = await connection.answer()
    assert (answer.status, answer.problem()["detail"]) == (431, "head: too many headers")


async def test_a_server_stops_while_connections_are_turned_away(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LINGERING_TIME_S", 2 * LATE_S)
    async with AsyncExitStack() as stack:
        async with limited_server(redis_url, PATIENT, idle_timeout_s=60.0) as server:
            held = [await stack.enter_async_context(server.raw()) for _ in range(4)]
            for connection in held:
                connection.send(GET)
                assert (await connection.answer()).status == 200
            held += [await stack.enter_async_context(server.raw()) for _ in range(4)]
            await wait_until("four are too many", lambda: server.refused("connections") == 4)
        for connection in held:
            assert await connection.closed()


async def test_a_body_that_unpacks_past_the_limit_gets_413(
    server: LimitedServer, connection: RawConnection
) -> None:
    """What is unpacked is counted before it is kept: 100 MB here."""
    bomb = gzip.compress(bytes(100_000_000), 1)
    headers = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection.send(request("POST /v1/write", *headers, body=f"{len(bomb):x}\r\n".encode() + bomb))
    assert (await connection.answer()).status == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


async def test_a_client_that_never_reads_its_answers_is_cut_off(
    hasty_server: LimitedServer, hasty_connection: RawConnection
) -> None:
    # Their answers have to fill the buffers of both sides.
    hasty_connection.stop_reading()
    hasty_connection.send(request("GET /metrics") * 4000)
    await wait_until("it was cut off", lambda: hasty_server.refused("unread") == 1)
    await wait_until("it has left", lambda: hasty_server.connections() == 0)


async def test_slow_clients_end_in_408_while_others_are_served(redis_url: str) -> None:
    limits = msgspec.structs.replace(LIMITS, connections_max=300)
    slow_head = request("GET /healthz", f"X: {'y' * 200}")
    slow_body = request("POST /v1/write", "Content-Length: 900", body=b" " * 900)

    async def slow(server: LimitedServer, data: bytes, at_once: int) -> int:
        async with server.raw() as connection, asyncio.TaskGroup() as group:
            connection.send(data[:at_once])
            dripping = group.create_task(connection.drip(data[at_once:], 0.1))
            status = (await connection.answer()).status
            assert await connection.closed()
            dripping.cancel()
        return status

    async with limited_server(redis_url, limits) as server, asyncio.TaskGroup() as group:
        kinds = [(slow_head, 1), (slow_body, len(slow_body) - 900)] * 100
        slows = [group.create_task(slow(server, *kind)) for kind in kinds]
        served = 0
        while not all(task.done() for task in slows):
            assert (await server.client.get(f"{QUERY}/0/9")).text == "0"
            served += 1
    assert [task.result() for task in slows] == [408] * 200
    assert served > 0


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "backlog", "raised"),
    [
        (1024, 4096, 1000, BACKLOG_MAX, 1000 + BACKLOG_MAX + OTHERS),
        (1024, 2000, 1000, 2000 - OTHERS - 1000, 2000),
        (1024, 1024, 1024 - 128 - OTHERS, 128, None),
        (512, 1024, 1024 - 128 - OTHERS, 128, 1024),
        (50, 50, 1, 64, None),
        (1024, resource.RLIM_INFINITY, 1000, BACKLOG_MAX, 1000 + BACKLOG_MAX + OTHERS),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 1000, BACKLOG_MAX, None),
        (9999, 9999, 1000, BACKLOG_MAX, None),
    ],
)
def test_connections_and_a_burst_of_them_stay_below_the_limit_of_descriptors(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    allowed: int,
    backlog: int,
    raised: int | None,
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, both: limits.append(both))
    assert allowed_room(1000) == ConnectionRoom(allowed, backlog)
    assert limits[1:] == ([] if raised is None else [(raised, hard)])
