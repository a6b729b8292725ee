"""A request that offers another protocol is answered in HTTP/1.1, and so is what follows it."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.support.clients.limited_server import LimitedServer
from tests.support.clients.raw_http import RawConnection, request

H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
)
WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
KINDS = {
    "h2c": H2C,
    "websocket": WEBSOCKET,
    "TLS": ("Connection: upgrade", "upgrade: TLS/1.0, HTTP/1.1"),
    "the word alone": ("Connection: upgrade",),
    "the header alone": ("Upgrade: h2c",),
}
VERSION = request("GET /version")
PING = b'{"pong":"OK"}'
SEED = 20161127
BODIES = (
    b'{"x":"\r\n\r\n"}',
    b"upgrade",
    b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"{}",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [0, 1, 31, 32, 40])
async def test_a_request_behind_an_offer_in_one_segment_is_answered(
    connection: RawConnection, kind: str, before: int
) -> None:
    offer = request("GET /health/ping", *KINDS[kind])
    connection.send(request("GET /healthz") * before + offer + offer + VERSION)
    answers = [await connection.answer() for _ in range(before + 3)]
    assert {answer.status for answer in answers} == {200}
    assert [answer.body for answer in answers[-3:-1]] == [PING, PING]
    assert answers[-1].body.startswith(b'{"psd":')
    assert "upgrade" not in {name.lower() for name in answers[-1].headers}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunked", [True, False])
async def test_an_offer_with_a_body_is_booked_and_the_next_one_answered(
    connection: RawConnection, kind: str, chunked: bool
) -> None:
    row = b'{"thing":"steps","uid":1,"aid":3,"value":10,"ts1":50,"ts2":60}\r\n\r\n'
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(row)}"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(row), row) if chunked else row
    connection.send(request("POST /v1/write", *KINDS[kind], length, body=body) + VERSION * 2)
    assert (await connection.answer()).body == b"ok"
    assert [(await connection.answer()).status for _ in range(2)] == [200, 200]


def some_request(rng: random.Random) -> tuple[bytes, bytes]:
    """One request, and how its answer begins."""
    headers = list(rng.choice([(), (), *KINDS.values()]))
    if rng.random() < 0.5:
        path, told = rng.choice([("/health/ping", PING), ("/version", b'{"psd":')])
        return request(f"GET {path}", *headers), told
    body = rng.choice(BODIES)
    if rng.random() < 0.5:
        headers.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        headers.append(f"Content-Length: {len(body)}")
    return request("POST /v1/write_many", *headers, body=body), b'{"booked":0,'


@pytest.mark.parametrize("case", range(12))
async def test_any_requests_in_any_segments_are_answered_one_by_one(
    server: LimitedServer, case: int
) -> None:
    rng = random.Random(SEED + case)
    requests = [some_request(rng) for _ in range(rng.choice([3, 10, 60]))]
    data = b"".join(sent for sent, _ in requests)
    async with server.raw() as connection:
        while data:
            end = rng.choice([1, 7, 100, 1000, len(data)])
            connection.send(data[:end])
            data = data[end:]
            await asyncio.sleep(0)
        for number, (sent, told) in enumerate(requests):
            answer = await connection.answer()
            assert answer.body.startswith(told), f"case {case}, {number}: {sent!r} {answer}"
