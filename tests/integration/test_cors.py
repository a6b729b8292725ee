"""Which pages of other sites may read an answer, and what a stranger learns of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec
import pytest

from psd.config import AccessSettings, Settings
from psd.config_checks import check_consistent
from psd.errors import ConfigError
from psd.runtime import Runtime, open_runtime
from tests.support.clients.http import HttpClient, serving

APP = "https://app.example"
EVIL = "https://evil.example"
ASKS = {"Access-Control-Request-Method": "POST"}
ALLOWED = "Access-Control-Allow-Origin"
SUM = "/v3/sum?uid=7&thing=steps&start=2016-01-01&end=2017-01-01"

pytestmark = pytest.mark.one_server("heads of answers, whatever they tell")


@pytest.fixture
async def client(runtime: Runtime, request: pytest.FixtureRequest) -> AsyncIterator[HttpClient]:
    changed = msgspec.structs.replace(runtime.settings.server, **request.param)
    settings = msgspec.structs.replace(runtime.settings, server=changed, access=AccessSettings())
    other = await open_runtime(settings)
    async with serving(other) as client:
        yield client
    await other.close()


def settings(**server: object) -> Settings:
    changed = msgspec.structs.replace(Settings().server, **server)
    return msgspec.structs.replace(Settings(), server=changed)


for_app = pytest.mark.parametrize("client", [{"cors_origins": (APP,)}], indirect=True)


@for_app
async def test_a_page_of_a_named_origin_reads_answers_and_errors(client: HttpClient) -> None:
    for path, status in ((SUM, 200), ("/v3/nothing", 404), ("/v3/sum", 400)):
        answer = await client.request(
            "GET", path, headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"}
        )
        assert answer.status in (status, 422)
        assert answer.headers[ALLOWED] == APP
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@for_app
async def test_other_origins_are_refused_as_before_and_may_read_nothing(
    client: HttpClient,
) -> None:
    for origin in (EVIL, "https://app.example.evil", "null", "https://APP.example"):
        answer = await client.request("GET", SUM, headers={"Origin": origin})
        assert (answer.status, ALLOWED in answer.headers) == (403, False)
    own = await client.get(SUM)
    assert (own.status, ALLOWED in own.headers) == (200, False)
    assert "Origin" in own.headers["Vary"]


@for_app
async def test_a_preflight_is_answered_for_named_origins_alone(client: HttpClient) -> None:
    asked = await client.request("OPTIONS", "/v3/events", headers={"Origin": APP, **ASKS})
    assert (asked.status, asked.text, asked.headers[ALLOWED]) == (204, "", APP)
    assert {"POST", "DELETE"} <= set(asked.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert asked.headers["Access-Control-Max-Age"] == "600"
    other = await client.request("OPTIONS", "/v3/events", headers={"Origin": EVIL, **ASKS})
    assert (other.status, ALLOWED in other.headers) == (403, False)
    plain = await client.request("OPTIONS", "/v3/events", headers={"Origin": APP})
    assert plain.status == 405


@pytest.mark.parametrize(
    "client", [{"cors_origins": (APP,), "cors_credentials": True}], indirect=True
)
async def test_credentials_are_allowed_to_named_origins_when_that_is_set(
    client: HttpClient,
) -> None:
    answer = await client.request("GET", SUM, headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers[ALLOWED] == APP


@for_app
async def test_pages_for_people_are_told_to_no_other_site(client: HttpClient) -> None:
    page = await client.request("GET", "/docs", headers={"Origin": APP, "Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert ALLOWED not in page.headers


@pytest.mark.parametrize("client", [{"cors_origins": ("*",)}], indirect=True)
async def test_a_star_names_nobody_where_nobody_is_checked(client: HttpClient) -> None:
    answer = await client.request("GET", SUM, headers={"Origin": EVIL})
    assert (answer.status, answer.headers[ALLOWED]) == (403, "*")
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize("client", [{}], indirect=True)
async def test_without_the_setting_no_answer_says_anything_of_it(client: HttpClient) -> None:
    for headers in ({}, {"Origin": APP}):
        answer = await client.request("GET", SUM, headers=headers)
        assert [name for name in answer.headers if name.startswith("Access-Control")] == []
        assert "Origin" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"cors_origins": ("*",), "cors_credentials": True}, "stands alone"),
        ({"cors_origins": ("*", APP)}, "stands alone"),
        ({"cors_origins": ("https://app.example/",)}, "without a path"),
        ({"cors_origins": ("app.example",)}, "expected an origin"),
        ({"cors_origins": ("null",)}, "expected an origin"),
        ({"cors_origins": ("https://App.example",)}, "small letters"),
    ],
)
def test_what_is_no_origin_is_refused_at_start(server: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_consistent(settings(**server))
    check_consistent(settings(cors_origins=("http://localhost:3000", "https://[::1]:8443")))


@pytest.mark.parametrize("client", [{"header": False}], indirect=True)
async def test_without_its_header_no_answer_says_who_gives_it(client: HttpClient) -> None:
    for path in ("/healthz", SUM, "/v3/nothing", "/nothing", "/docs"):
        assert "Server" not in (await client.get(path)).headers
    where = urlsplit(client.url)
    for asked in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 9000):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(asked)
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        assert answer.startswith(b"HTTP/1.")
        assert b"\r\nserver:" not in answer.lower()


@pytest.mark.parametrize("client", [{}], indirect=True)
async def test_a_large_answer_is_packed_by_what_the_client_likes_best(client: HttpClient) -> None:
    for liked, coding in (
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip, br;q=0.5", "gzip"),
        ("br;q=0, *", "gzip"),
        ("identity", None),
        ("zstd", None),
    ):
        metrics = await client.request("GET", "/metrics", headers={"Accept-Encoding": liked})
        assert metrics.headers.get("Content-Encoding") == coding, liked
        assert metrics.headers["Vary"] == "Accept-Encoding"
        assert "psd_build_info" in metrics.text
