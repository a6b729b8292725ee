"""JWKS over HTTP and from a file: rotation, outages, and how often psd looks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from psd.access import known_tokens
from psd.config import AccessSettings, RedisSettings, ServerSettings, Settings
from psd.errors import ConfigError
from psd.runtime import Runtime, open_runtime
from server import jwks
from server.app import build_app
from tests.support.clients.access import AUDIENCE, ISSUER, Issuer, bearer, jwks_of, token_for
from tests.support.clients.http import HttpClient, serving
from tests.support.waiting import wait_until

PATH = "/v1/query/1/steps/all/0/9"


class KeyService:
    """Serves a document that the test changes; counts how often it is asked."""

    def __init__(self, document: bytes = b"") -> None:
        self.document = document
        self.elsewhere = b""
        self.status = 200
        self.asked = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if request.path == "/elsewhere":
            return web.Response(body=self.elsewhere)
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        return web.Response(body=self.document, status=self.status, headers=headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[KeyService]:
        app = web.Application()
        app.router.add_get("/{any:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/keys"
        try:
            yield self
        finally:
            await runner.cleanup()


def settings_with(redis_url: str, jwks: str, cache_s: int = 300) -> Settings:
    return Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        server=ServerSettings(port=0),
        access=AccessSettings(
            jwks=jwks, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwks_cache_s=cache_s
        ),
    )


@asynccontextmanager
async def server_with(redis_url: str, jwks: str, cache_s: int = 300) -> AsyncIterator[HttpClient]:
    runtime = await open_runtime(settings_with(redis_url, jwks, cache_s))
    try:
        async with serving(runtime) as client:
            yield client
    finally:
        await runtime.close()


@pytest.fixture
async def service() -> AsyncIterator[KeyService]:
    async with KeyService().running() as service:
        yield service


@pytest.fixture
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "LOOK_AGAIN_S", 0.0)


async def status_of(client: HttpClient, token: str) -> int:
    return (await client.request("GET", PATH, headers=bearer(token))).status


async def test_keys_are_fetched_once_and_kept(redis_url: str, service: KeyService) -> None:
    issuer = Issuer()
    service.document = issuer.jwks()
    async with server_with(redis_url, service.url) as client:
        for _ in range(20):
            assert await status_of(client, issuer.jwt(sub="1")) == 200
    assert service.asked == 1


async def test_a_key_id_that_nobody_knows_makes_psd_look_at_most_every_few_seconds(
    redis_url: str, service: KeyService
) -> None:
    issuer = Issuer()
    service.document = issuer.jwks()
    async with server_with(redis_url, service.url) as client:
        assert await status_of(client, issuer.jwt()) == 200
        for number in range(30):
            assert await status_of(client, Issuer(f"unknown-{number}").jwt()) == 401
    assert service.asked == 1


@pytest.mark.usefixtures("looking_always")
async def test_a_new_key_is_used_without_a_restart(redis_url: str, service: KeyService) -> None:
    old, new = Issuer("old"), Issuer("new")
    service.document = old.jwks()
    async with server_with(redis_url, service.url) as client:
        assert await status_of(client, old.jwt()) == 200
        assert await status_of(client, new.jwt()) == 401
        service.document = jwks_of(old.jwk(), new.jwk())
        assert await status_of(client, new.jwt()) == 200
        assert await status_of(client, old.jwt()) == 200


@pytest.mark.usefixtures("looking_always")
async def test_a_key_that_is_withdrawn_ends_also_for_jwts_that_were_verified_before(
    redis_url: str, service: KeyService
) -> None:
    old, new = Issuer("old"), Issuer("new")
    service.document = jwks_of(old.jwk(), new.jwk())
    token = old.jwt()
    async with server_with(redis_url, service.url, cache_s=0) as client:
        assert await status_of(client, token) == 200
        service.document = new.jwks()

        async def is_refused() -> bool:
            return await status_of(client, token) == 401

        await wait_until("the old key is forgotten", is_refused)


@pytest.mark.usefixtures("looking_always")
@pytest.mark.parametrize("status", [500, 302, 200])
async def test_while_the_service_is_ill_the_keys_of_before_go_on(
    redis_url: str, service: KeyService, status: int
) -> None:
    issuer = Issuer()
    service.document = issuer.jwks()
    async with server_with(redis_url, service.url, cache_s=0) as client:
        assert await status_of(client, issuer.jwt()) == 200
        service.status, service.document = status, b"<html>"
        before = service.asked
        for number in range(5):
            assert await status_of(client, issuer.jwt(sub=str(number))) == 200
        assert await status_of(client, Issuer("unknown").jwt()) == 401
        assert service.asked > before


@pytest.mark.usefixtures("looking_always")
async def test_without_any_key_it_is_503_in_time_and_tokens_still_work(redis_url: str) -> None:
    token = token_for("reader", "read")
    settings = settings_with(redis_url, "http://127.0.0.1:9/keys")
    access = msgspec.structs.replace(settings.access, tokens=(token.line,))
    runtime = await open_runtime(msgspec.structs.replace(settings, access=access))
    async with serving(runtime) as client:
        started = time.perf_counter()
        answer = await client.request("GET", PATH, headers=bearer(Issuer().jwt()))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert time.perf_counter() - started < 30
        assert await status_of(client, token.secret) == 200
        assert (await client.get("/readyz")).status == 200
    await runtime.close()


@pytest.mark.usefixtures("looking_always")
async def test_a_redirect_to_other_keys_is_not_followed(
    redis_url: str, service: KeyService
) -> None:
    stranger = Issuer("stranger")
    service.status, service.elsewhere = 302, stranger.jwks()
    async with server_with(redis_url, service.url) as client:
        assert await status_of(client, stranger.jwt()) == 503


@pytest.mark.usefixtures("looking_always")
async def test_a_document_that_never_ends_is_not_read_to_its_end(
    redis_url: str, service: KeyService
) -> None:
    service.document = b" " * (jwks.DOCUMENT_BYTES_MAX + 1)
    async with server_with(redis_url, service.url) as client:
        assert await status_of(client, Issuer().jwt()) == 503


@pytest.mark.usefixtures("looking_always")
async def test_a_file_of_keys_is_read_again(redis_url: str, tmp_path: Path) -> None:
    old, new = Issuer("old"), Issuer("new")
    path = tmp_path / "jwks.json"
    path.write_bytes(old.jwks())
    async with server_with(redis_url, str(path)) as client:
        assert await status_of(client, old.jwt()) == 200
        path.write_bytes(new.jwks())
        assert await status_of(client, new.jwt()) == 200
        assert await status_of(client, old.jwt()) == 401


async def test_tokens_in_a_file_come_and_go_without_a_restart(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tokens, "LOOK_EVERY_S", 0.0)
    first, second = token_for("first", "read"), token_for("second", "read")
    path = tmp_path / "tokens"
    path.write_text(first.line)
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        server=ServerSettings(port=0),
        access=AccessSettings(tokens_file=str(path)),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        assert [await status_of(client, t.secret) for t in (first, second)] == [200, 401]
        path.write_text(f"{first.line}\n{second.line}\n")
        assert [await status_of(client, t.secret) for t in (first, second)] == [200, 200]
        path.write_text(f"{second.line}\nname=half scopes=re")
        assert [await status_of(client, t.secret) for t in (first, second)] == [200, 200]
        path.write_text(second.line)
        assert [await status_of(client, t.secret) for t in (first, second)] == [401, 200]
        path.unlink()
        assert await status_of(client, second.secret) == 200
        path.write_text("# nobody\n")
        assert await status_of(client, second.secret) == 401
    await runtime.close()


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (AccessSettings(tokens=("nonsense",)), "access.tokens, line 1"),
        (AccessSettings(tokens_file="/nowhere/tokens"), "access.tokens_file"),
        (AccessSettings(jwks="/nowhere/jwks"), "access.jwt_issuer"),
        (
            AccessSettings(jwks="http://192.0.2.1/k", jwt_issuer="i", jwt_audience="a"),
            "http:// is for loopback alone",
        ),
        (AccessSettings(jwks="/nowhere/jwks", jwt_issuer="i", jwt_audience="a"), "access.jwks"),
        (AccessSettings(insecure=True, tokens_file="/nowhere"), "access.insecure"),
    ],
)
async def test_access_settings_that_cannot_work_stop_the_server_at_its_start(
    redis_url: str, access: AccessSettings, told: str
) -> None:
    settings = Settings(redis=RedisSettings(url=redis_url), access=access)
    runtime: Runtime = await open_runtime(settings)
    with pytest.raises(ConfigError, match=told):
        build_app(runtime)
    await runtime.close()
