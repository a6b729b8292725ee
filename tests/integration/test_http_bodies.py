"""A packed body is booked whole, or not at all and with a reason, by every route that reads one."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from psd.config import AccessSettings, QueueSettings, RedisSettings, ServerSettings, Settings
from psd.runtime import open_runtime
from tests.support.clients.access import bearer, token_for
from tests.support.clients.event_requests import STRUCTURED, T, event, metric, send
from tests.support.clients.http import FORM, Answer, HttpClient, serving, total
from tests.support.clients.raw_http import raw, request

LINES = b"".join(msgspec.json.encode(metric(aid=aid)) + b"\n" for aid in range(10))
IDS = b"ids=5,6,7,8"
RANGE = f"{T}/{T}"
BODY_BYTES_MAX = 100_000


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[HttpClient]:
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(body_bytes_max=BODY_BYTES_MAX),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        yield client
    await runtime.close()


def coded(coding: str) -> dict[str, str]:
    return {"Content-Encoding": coding}


def cut_behind(text: bytes, kept: bytes) -> bytes:
    """A gzip whose flushed part ends with ``kept``, as a stream has it that breaks off."""
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)
    sent = packing.compress(kept) + packing.flush(zlib.Z_SYNC_FLUSH)
    assert text.startswith(kept)
    return sent


@pytest.mark.parametrize("path", ["/v3/events", "/v1/write_many", "/v1/enqueue"])
async def test_lines_that_break_off_book_nothing(client: HttpClient, path: str) -> None:
    six = b"".join(LINES.splitlines(keepends=True)[:6])
    cut = cut_behind(LINES, six)
    answer = await client.request("POST", path, cut, headers=coded("gzip"))
    assert answer.status == 400
    assert "cut off" in answer.text
    assert await total(client) == 0


@pytest.mark.parametrize(
    "path", [f"/v1/query_ids/steps/all/{RANGE}", f"/v1/readcount_with_ids/hifive/{RANGE}"]
)
async def test_a_form_that_breaks_off_has_no_answer(client: HttpClient, path: str) -> None:
    cut = cut_behind(IDS, b"ids=5")
    answer = await client.request("POST", path, cut, FORM, coded("gzip"))
    assert answer.status == 400
    assert "5" not in answer.json()


async def test_a_form_of_prometheus_that_breaks_off_is_bad_data(client: HttpClient) -> None:
    cut = cut_behind(b"query=steps&time=1", b"query=steps")
    answer = await client.request("POST", "/api/v1/query", cut, FORM, coded("gzip"))
    assert (answer.status, answer.json()["errorType"]) == (400, "bad_data")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "gzip, identity", "deflate"])
async def test_a_coding_that_is_known_is_unpacked(client: HttpClient, coding: str) -> None:
    packing = zlib.compress if coding == "deflate" else gzip.compress
    assert (await send(client, packing(LINES), headers=coded(coding))).json()["summary"][
        "booked"
    ] == 10
    path = f"/v1/query_ids/steps/all/{RANGE}"
    answer = await client.request("POST", path, packing(b"ids=1,5"), FORM, coded(coding))
    assert answer.text == '{"1":100,"5":0}'


@pytest.mark.parametrize("coding", ["snappy", "br", "zstd", "gzip, gzip", "deflate, gzip"])
async def test_another_coding_is_415_and_the_known_ones_are_told(
    client: HttpClient, coding: str
) -> None:
    for path, body, kind in (
        ("/v3/events", LINES, ""),
        ("/v1/write", LINES[:70], ""),
        (f"/v1/query_ids/steps/all/{RANGE}", IDS, FORM),
        ("/v3/boards/cup/members", b"{}", ""),
        ("/api/v1/query", b"query=steps", FORM),
    ):
        answer: Answer = await client.request("POST", path, body, kind, coded(coding))
        assert answer.status == 415, path
        assert answer.headers["Accept-Encoding"] == "gzip, deflate"
    assert await total(client) == 0


async def test_a_binary_cloud_event_may_be_packed(client: HttpClient) -> None:
    answer = await send(client, gzip.compress(msgspec.json.encode(event())), STRUCTURED)
    assert answer.json()["summary"]["refused"] == 1, "without a word it is no JSON"
    packed = gzip.compress(msgspec.json.encode(event()))
    answer = await send(client, packed, STRUCTURED, coded("gzip"))
    assert answer.json()["summary"]["booked"] == 1


async def test_unpacking_ends_at_the_limit(client: HttpClient) -> None:
    fits = LINES + b" " * (BODY_BYTES_MAX - len(LINES))
    assert (await send(client, gzip.compress(fits), headers=coded("gzip"))).status == 200
    answer = await send(client, gzip.compress(fits + b" "), headers=coded("gzip"))
    assert answer.status == 413
    assert str(BODY_BYTES_MAX) in answer.text


async def test_text_that_is_not_utf_8_is_415(client: HttpClient) -> None:
    sent = "application/json; charset=utf-16"
    answer = await send(client, '{"thing":"steps"}'.encode("utf-16"), sent)
    assert answer.status == 415
    assert (await send(client, LINES, "text/plain; charset=ISO-8859-1")).status == 200


async def test_what_a_stranger_packed_is_not_unpacked(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpackings: list[int] = []

    def count(*_: object) -> object:
        unpackings.append(1)
        raise AssertionError("nobody was admitted")

    known = token_for("known", "write")
    settings = Settings(
        redis=RedisSettings(url=redis_url),
        queue=QueueSettings(kind="stream"),
        access=AccessSettings(tokens=(known.line,)),
    )
    runtime = await open_runtime(settings)
    bomb = gzip.compress(bytes(10_000_000))
    async with serving(runtime) as client:
        monkeypatch.setattr(zlib, "decompressobj", count)
        for path, status in (("/healthz", 404), ("/v3/events", 401), ("/nothing", 404)):
            answer = await client.request("POST", path, bomb, headers=coded("gzip"))
            assert answer.status == status
        wrong = {**coded("gzip"), **bearer("psd_wrong")}
        assert (await client.request("POST", "/v1/write", bomb, headers=wrong)).status == 401
        async with raw(client.url) as connection:
            connection.send(request("POST /v1/write", "Expect: 100-continue", "Content-Length: 9"))
            assert (await connection.answer()).status == 401, "nobody is asked for a body either"
    monkeypatch.undo()
    await runtime.close()
    assert unpackings == []


async def test_whoever_waits_for_the_word_is_asked_once_he_is_admitted(client: HttpClient) -> None:
    body = msgspec.json.encode(metric())
    waits = ("Expect: 100-continue", f"Content-Length: {len(body)}")
    async with raw(client.url) as connection:
        connection.send(request("POST /v1/write", *waits))
        await connection.told(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(body)
        assert (await connection.answer()).body == b"ok"
        connection.send(request("POST /v1/write", *waits, body=body))
        assert (await connection.answer()).body == b"ok", "who did not wait needs no word"
    async with raw(client.url) as connection:
        connection.send(request("GET /healthz", *waits))
        assert (await connection.answer()).status == 200, "a route that reads no body asks for none"
    async with raw(client.url) as connection:
        connection.send(request("POST /v1/write", "Expect: gold", "Content-Length: 9"))
        assert (await connection.answer()).status == 417
