"""HEAD tells what GET would, packed answers are those that were not, and neither tells versions."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, Settings
from psd.runtime import open_runtime
from server.packing import BYTES_MIN
from tests.support.access.core_access import REPORT
from tests.support.access.matrix import MATRIX
from tests.support.clients.event_requests import metric
from tests.support.clients.http import FORM, HttpClient, serving
from tests.support.clients.raw_http import RawAnswer, raw, request

OWN = ("date", "traceparent", "x-request-id", "set-cookie")
"""Headers that each answer draws anew."""

READING = [case.path for name, case in MATRIX.items() if name.startswith("GET")]
USERS = 400
TABLE = f"/v3/leaderboard?thing=steps&start=1458000000&end=1458100000&limit={USERS}"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[HttpClient]:
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"), queue=QueueSettings(kind="stream")
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        yield client
    await runtime.close()


@pytest.fixture
async def table(client: HttpClient) -> HttpClient:
    """With a leaderboard that is worth packing."""
    rows = msgspec.json.encode([metric(uid=uid, value=uid) for uid in range(1, USERS + 1)])
    assert (await client.request("POST", "/v1/write_many", rows)).status == 200
    return client


async def ask(client: HttpClient, line: str, **headers: str) -> RawAnswer:
    """One request on its own connection; ``_`` stands for ``-`` in a header's name."""
    told = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    async with raw(client.url) as connection:
        connection.send(request(line, *told, "Connection: close"))
        if not line.startswith("HEAD"):
            return await connection.answer()
        answer = await connection.head()
        assert await connection.closed(), "a HEAD has no body"
        return answer


def told(answer: RawAnswer) -> Mapping[str, str]:
    return {name: text for name, text in answer.headers.items() if name not in OWN}


@pytest.mark.parametrize("path", READING)
async def test_head_tells_what_get_would(client: HttpClient, path: str) -> None:
    await client.request("POST", "/v1/write", REPORT)
    got, head = [await ask(client, f"{method} {path}") for method in ("GET", "HEAD")]
    assert head.status == got.status
    if path == "/metrics":
        # Its numbers have grown by the first of the two.
        assert set(told(head)) == set(told(got))
    else:
        assert told(head) == told(got)
    assert head.headers["server"] == "psd"
    packs = [
        await ask(client, f"{method} {path}", Accept_Encoding="gzip") for method in ("GET", "HEAD")
    ]
    assert packs[0].headers.get("content-encoding") == packs[1].headers.get("content-encoding")


async def test_head_of_an_empty_table_tells_its_length(client: HttpClient) -> None:
    path = "/v3/users/9/activities?start=1&end=9&format=csv"
    got, head = [await ask(client, f"{method} {path}") for method in ("GET", "HEAD")]
    assert told(got) == told(head)
    assert head.headers["content-length"] == "0"


async def test_where_get_is_not_head_is_not_either(client: HttpClient) -> None:
    assert (await ask(client, "HEAD /v1/write")).status == 404
    wrong = await ask(client, "HEAD /v3/events")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    both = await client.request("DELETE", "/v3/sum")
    assert (both.status, both.headers["Allow"]) == (405, "GET, HEAD, POST")
    moved = await ask(client, "HEAD /healthz/")
    assert (moved.status, moved.headers["location"]) == (301, "/healthz")


@pytest.mark.parametrize("format_", ["json", "csv", "msgpack"])
async def test_a_large_answer_is_packed_for_whoever_takes_it(
    table: HttpClient, format_: str
) -> None:
    path = f"{TABLE}&format={format_}"
    plain = await ask(table, f"GET {path}")
    packed = await ask(table, f"GET {path}", Accept_Encoding="zstd, gzip")
    assert len(plain.body) > max(BYTES_MIN, len(packed.body) * 2)
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == packed.headers["vary"]
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert plain.headers["etag"] == packed.headers["etag"], "a weak tag names both"
    refused = await ask(table, f"GET {path}", Accept_Encoding="gzip;q=0")
    assert refused.body == plain.body
    head = await ask(table, f"HEAD {path}", Accept_Encoding="gzip")
    assert head.headers["content-length"] == str(len(packed.body))
    have = {"Accept_Encoding": "gzip", "If_None_Match": packed.headers["etag"]}
    again = await ask(table, f"GET {path}", **have)
    assert (again.status, again.headers["vary"]) == (304, packed.headers["vary"])


async def test_a_small_answer_stays_as_it_is(client: HttpClient) -> None:
    answer = await ask(client, "GET /v1/query/1/steps/all/0/9", Accept_Encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert (answer.body, answer.headers.get("vary")) == (b"0", None)


async def test_the_original_s_answers_are_packed_alike(table: HttpClient) -> None:
    ids = ",".join(map(str, range(1, 2 * USERS)))
    path = "/v1/query_ids/steps/all/1458000000/1458100000"
    body = f"ids={ids}".encode()
    form = (f"Content-Type: {FORM}", f"Content-Length: {len(body)}")
    async with raw(table.url) as connection:
        connection.send(request(f"POST {path}", *form, body=body))
        plain = await connection.answer()
        connection.send(request(f"POST {path}", *form, "Accept-Encoding: gzip", body=body))
        packed = await connection.answer()
    assert zlib.decompress(packed.body, zlib.MAX_WBITS + 16) == plain.body


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_reference_has_a_tag_for_each_of_its_codings(
    client: HttpClient, path: str
) -> None:
    plain = await ask(client, f"GET {path}")
    packed = await ask(client, f"GET {path}", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    tags = plain.headers["etag"], packed.headers["etag"]
    assert tags[0] != tags[1], "a strong tag names the bytes that are sent"
    for tag, accepted, status in (
        (tags[0], "identity", 304),
        (tags[1], "gzip", 304),
        (tags[0], "gzip", 200),
        (tags[1], "identity", 200),
        (f'"x", W/{tags[1]}', "gzip", 304),
    ):
        headers = {"Accept_Encoding": accepted, "If_None_Match": tag}
        answer = await ask(client, f"GET {path}", **headers)
        assert answer.status == status
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_nothing_tells_versions_but_the_route_that_is_for_it(client: HttpClient) -> None:
    async with raw(client.url) as connection:
        for line in ("GET /healthz", "GET /nothing", "POST /v1/write", "GET /docs", "BREW /x"):
            connection.send(request(line))
            answer = await connection.answer()
            assert answer.headers["server"] == "psd", line
            if line == "BREW /x":
                assert answer.status == 400
            assert not re.search(r"aiohttp|Python/|3\.\d", str(answer.headers))
