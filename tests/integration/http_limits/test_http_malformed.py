"""Bytes that are no request get 400 and end the connection; what is one is answered in order."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from tests.support.clients.limited_server import LATE_S, LimitedServer
from tests.support.clients.raw_http import RawConnection, request
from tests.support.waiting import wait_until

GET = request("GET /healthz")
QUERY = "/v1/query/1/steps/all"


async def test_requests_before_a_head_that_is_too_long_are_answered_first(
    connection: RawConnection,
) -> None:
    long = request("GET /healthz", *(f"X-{n}: {'y' * 200}" for n in range(6)))
    connection.send(GET + GET + long + GET)
    answers = [(await connection.answer()).status for _ in range(3)]
    assert answers == [200, 200, 431]
    assert await connection.closed()


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 3"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: 3", "Content-Length: 3"),
        ("Content-Length: 3, 3",),
        ("Content-Length: -1",),
        ("Content-Length: +3",),
        ("Content-Length: 0x3",),
        ("Content-Length: 3 3",),
        ("Content-Length: 99999999999999999999999",),
        ("Content-Length : 3",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding:\x0bchunked",),
        ("X: a\x00b",),
        ("Two words: 1",),
        (" folded: 1",),
        ("no colon",),
        ("Host: other",),
    ],
)
async def test_heads_that_two_parsers_could_read_differently_get_400(
    connection: RawConnection, server: LimitedServer, headers: tuple[str, ...]
) -> None:
    connection.send(request("POST /v1/write", *headers, body=b"3\r\n{ }\r\n0\r\n\r\n" + GET))
    answer = await connection.answer()
    assert (answer.status, answer.problem()["code"]) == (400, "malformed")
    assert answer.problem()["detail"].startswith("request: ")
    assert await connection.closed(), "what follows is not taken for a request"
    assert server.refused("malformed") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 40,
        bytes(range(128, 256)),
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/0.9\r\n\r\n",
        b"GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: psd\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_request_get_400(connection: RawConnection, sent: bytes) -> None:
    connection.send(sent)
    answer = await connection.answer()
    assert (answer.status, answer.problem()["code"]) == (400, "malformed")
    assert await connection.closed()


async def test_a_refusal_shows_no_secret_of_the_request_and_logs_nothing(
    connection: RawConnection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        connection.send(request("GET /healthz", "Authorization: Bearer s3cret\x00"))
        answer = await connection.answer()
        assert await connection.closed()
    assert answer.status == 400
    assert b"s3cret" not in answer.body
    assert caplog.text == ""


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n", b"2\r\n{}XX", b"fffffffffffffffffff\r\n"])
async def test_a_chunk_that_is_none_gets_400_at_once(
    server: LimitedServer, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    started_s = time.monotonic()
    async with server.raw() as connection:
        connection.send(request("POST /v1/write", "Transfer-Encoding: chunked"))
        connection.send(body + GET)
        assert (await connection.answer()).status == 400
        assert time.monotonic() - started_s < LATE_S, "a body is waited for twice as long"
        assert await connection.closed()
    assert caplog.text == ""


async def test_a_client_that_hangs_up_within_its_body_is_no_error_of_ours(
    server: LimitedServer, connection: RawConnection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.send(request("POST /v1/write", "Content-Length: 9", body=b"{"))
    await wait_until("it is connected", lambda: server.connections() == 1)
    connection.hang_up()

    def answered() -> float:
        return server.metric("psd_http_requests_total", route="/v1/write", status="400")

    await wait_until("the request has ended", answered)
    assert caplog.text == ""


ROW = b'{"thing":"steps","uid":1,"aid":3,"value":10,"ts1":50,"ts2":60}\n'


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (f"Content-Length: {len(ROW) * 9}", ROW * 6),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(ROW) * 6, ROW * 6)),
        ("Transfer-Encoding: chunked", b"%x\r\n%s" % (len(ROW) * 9, ROW * 6)),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n" % (len(ROW) * 6, ROW * 6)),
    ],
)
@pytest.mark.parametrize("path", ["/v1/write_many", "/v3/events"])
async def test_whole_lines_of_a_body_that_is_not_whole_are_not_booked(
    server: LimitedServer, connection: RawConnection, path: str, length: str, body: bytes
) -> None:
    connection.send(request(f"POST {path}", length, body=body))
    await wait_until("it is connected", lambda: server.connections() == 1)
    connection.hang_up()

    def answered() -> float:
        return server.metric("psd_http_requests_total", route=path, status="400")

    await wait_until("the request has ended", answered)
    assert (await server.client.get(f"{QUERY}/0/99")).text == "0"


BROKEN = ("Content-Encoding: gzip", "Content-Length: 10")


@pytest.mark.parametrize("together", [True, False])
async def test_a_body_that_cannot_be_unpacked_gets_400_and_the_next_request_its_answer(
    server: LimitedServer, together: bool, caplog: pytest.LogCaptureFixture
) -> None:
    started_s = time.monotonic()
    head = request("POST /v1/write", *BROKEN)
    async with server.raw() as connection:
        for data in [head + b"not gzip!!" + GET] if together else [head, b"not gzip!!" + GET]:
            connection.send(data)
            await asyncio.sleep(0)
        answer = await connection.answer()
        assert (answer.status, answer.body[:6]) == (400, b"body: ")
        assert time.monotonic() - started_s < LATE_S, "a body is waited for twice as long"
        assert (await connection.answer()).status == 200, "its length was right"
    assert caplog.text == ""


async def test_a_packed_body_that_no_route_reads_is_not_even_unpacked(
    server: LimitedServer, connection: RawConnection, caplog: pytest.LogCaptureFixture
) -> None:
    broken = request("POST /healthz", *BROKEN)
    connection.send(broken + b"not gzip!!" + GET + broken)
    answers = [(await connection.answer()).status for _ in range(3)]
    assert answers == [404, 200, 404]
    connection.send(b"not gzip!!" + GET)
    assert (await connection.answer()).status == 200
    assert server.refused("malformed") == 0
    assert caplog.text == ""


async def test_requests_in_one_segment_are_answered_in_order(connection: RawConnection) -> None:
    paths = ["/healthz", "/version", "/nothing", "/health/ping"]
    connection.send(b"".join(request(f"GET {path}") for path in paths))
    answers = [await connection.answer() for _ in paths]
    assert [answer.status for answer in answers] == [200, 200, 404, 200]
    assert answers[3].body == b'{"pong":"OK"}'


async def test_a_thousand_requests_in_one_segment_are_all_answered(
    connection: RawConnection,
) -> None:
    connection.send(GET * 1000)
    assert {(await connection.answer()).status for _ in range(1000)} == {200}


async def test_a_write_in_two_segments_behind_other_requests_is_booked(
    connection: RawConnection,
) -> None:
    body = b'{"thing":"steps","uid":1,"atid":2,"aid":3,"value":10,"ts1":50,"ts2":60}'
    write = request("POST /v1/write", f"Content-Length: {len(body)}", body=body)
    connection.send(GET + write[:-20])
    assert (await connection.answer()).status == 200
    connection.send(write[-20:] + request(f"GET {QUERY}/0/99"))
    assert (await connection.answer()).body == b"ok"
    assert (await connection.answer()).body == b"10"


async def test_http_1_0_is_answered_and_closed(connection: RawConnection) -> None:
    connection.send(b"GET /health/ping HTTP/1.0\r\n\r\n")
    answer = await connection.answer()
    assert (answer.status, answer.body) == (200, b'{"pong":"OK"}')
    assert await connection.closed()


async def test_http_1_0_is_kept_open_when_it_asks(connection: RawConnection) -> None:
    for _ in range(2):
        connection.send(b"GET /health/ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await connection.answer()).status == 200
