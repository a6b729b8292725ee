"""What may be done for a stranger, on every route: little, and the same whatever he sends.

No body is unpacked, none is asked for but the short form to sign in, the store hears nothing, and
neither logs nor metrics grow with his words. A stranger is whoever shows no token, or one that
proves nothing; the routes are those of the application, and paths that are none.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import resource
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from psd.runtime import Runtime
from server import access, bodies
from tests.support.access.identities import ISSUED_BY, SECRETS, TOKENS
from tests.support.access.matrix import MATRIX
from tests.support.clients.access import AUDIENCE, ISSUER, asked_of, bearer
from tests.support.clients.http import HttpClient
from tests.support.clients.raw_http import RawAnswer, raw, request
from tests.support.swaps.page_routes import PAGE_ROUTES

STRANGERS = ("none", "wrong", "expired", "jwt_expired", "jwt_forged")
UNPACKED_BYTES = 50_000_000
BOMB = gzip.compress(bytes(UNPACKED_BYTES), 9)
GROWTH_KB_MAX = 25_000
OF_TESTS = frozenset({"info", "ping", "hello", "client|setinfo", "client|setname"})
SIGNING_IN = ("GET /auth/login", "GET /swaps/auth/login", "GET /energy/auth/login")
"""The form is shown to everybody; one that is packed, long or not proved is refused."""
NOWHERE = {"GET /nothing": "/nothing", "POST /v3/nothing": "/v3/nothing", "PUT /docs": "/docs"}
ROUTES = {**{name: case.path for name, case in MATRIX.items()}, **NOWHERE}


pytestmark = pytest.mark.psd(archives=False)


@pytest.fixture
def more_settings(tmp_path: Path) -> dict[str, Any]:
    """Every token, and the keys of who signs JWTs."""
    keys = tmp_path / "jwks.json"
    keys.write_bytes(ISSUED_BY.jwks())
    return {
        **asked_of(*TOKENS.values()),
        "access.jwks": str(keys),
        "access.jwt_issuer": ISSUER,
        "access.jwt_audience": AUDIENCE,
    }


def packages(stranger: str) -> dict[str, tuple[tuple[str, ...], bytes]]:
    """Headers and body of what a stranger may send, but for the request line."""
    shown = (
        ()
        if stranger == "none"
        else (f"Authorization: {bearer(SECRETS[stranger])['Authorization']}",)
    )
    length = f"Content-Length: {len(BOMB)}"
    chunks = f"{len(BOMB):x}\r\n".encode() + BOMB + b"\r\n0\r\n\r\n"
    return {
        "a bomb": ((*shown, "Content-Encoding: gzip", length), BOMB),
        "a bomb in chunks": (
            (*shown, "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
            chunks,
        ),
        "a body that waits to be asked for": ((*shown, length, "Expect: 100-continue"), b""),
        "an idempotency key": ((*shown, "Idempotency-Key: k", "Content-Length: 2"), b"{}"),
    }


async def heard(runtime: Runtime) -> dict[str, int]:
    """How often the store was told each command."""
    stats = await runtime.store.client.info("commandstats")
    names = {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}
    return {name: calls for name, calls in names.items() if name not in OF_TESTS}


async def told(client: HttpClient, name: str, headers: tuple[str, ...], body: bytes) -> RawAnswer:
    """The first answer to a request."""
    async with raw(client.url) as connection:
        line = f"{name.partition(' ')[0]} {ROUTES[name]}"
        connection.send(request(line, *headers, body=body))
        return await connection.answer()


def refusals(name: str) -> tuple[int, ...]:
    """What a stranger may be answered: open routes do, pages lead to where one signs in."""
    if name.startswith("POST") and name.endswith("/auth/login"):
        return (400, 413, 415)
    # A page is led to where one signs in; its stream of events cannot be.
    is_page = name in PAGE_ROUTES and not name.endswith("/watch")
    return (200, 302, 404) if is_page else (200, 401, 404, 405)


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_no_route_does_any_work_for_a_stranger(
    client: HttpClient,
    runtime: Runtime,
    stranger: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read: list[object] = []
    monkeypatch.setattr(bodies, "unpacked", lambda *packed: read.append(packed) or iter(()))
    monkeypatch.setattr(bodies.BodyReader, "read", lambda *asked: read.append(asked))
    for name in ("GET /readyz", *SIGNING_IN):
        await told(client, name, (), b"")
    caplog.clear()
    before = await heard(runtime)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ROUTES:
        if name == "GET /readyz":
            continue
        expected = 401 if name in MATRIX and MATRIX[name].nobody == 401 else None
        for kind, (headers, body) in packages(stranger).items():
            answer = await told(client, name, headers, body)
            assert answer.status == (expected or answer.status), f"{name}: {kind}"
            assert answer.status in refusals(name), f"{name}: {kind}"
    assert await heard(runtime) == before
    assert read == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < GROWTH_KB_MAX
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_readiness_is_looked_for_once_a_second_for_all_strangers_together(
    client: HttpClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = type(runtime).readiness

    async def counted(self: Runtime) -> dict[str, str]:
        nonlocal looks
        looks += 1
        return await look(self)

    monkeypatch.setattr(type(runtime), "readiness", counted)
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(200)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, '{"ready":true}')}
    assert 1 <= looks <= 3
    before = looks
    for _ in range(3):
        answer = await client.request("GET", "/readyz", headers=bearer(SECRETS["reader"]))
        assert "checks" in answer.json()
    assert looks == before + 3, "who may read the checks is told what is found now"


async def test_metrics_have_no_names_that_strangers_made_up(
    client: HttpClient, runtime: Runtime
) -> None:
    async def series() -> int:
        metrics = runtime.metrics.registry.collect()
        return sum(len(metric.samples) for metric in metrics)

    async def round_of_words(number: int) -> None:
        for line in (
            f"GET /made/up/{number}",
            f"MADE{chr(65 + number)} /healthz",
            f"GET /v1/query/{number}/made/all/0/9",
            f"GET /v3/boards/made-{number}",
            f"GET /healthz?made={number}",
            "GET " + "/x" * 3000,
        ):
            async with raw(client.url) as connection:
                connection.send(request(line, f"X-Request-Id: made-{number}", f"Made-{number}: x"))
                assert (await connection.answer()).status in (200, 400, 401, 404, 405)

    await round_of_words(0)
    before = await series()
    for number in range(1, 20):
        await round_of_words(number)
    assert await series() == before


async def test_no_route_is_looked_for_on_a_path_of_thousands_of_parts(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = web.UrlDispatcher.resolve

    async def counted(self: web.UrlDispatcher, request: web.Request) -> object:
        looked.append(request.path)
        return await look(self, request)

    monkeypatch.setattr(web.UrlDispatcher, "resolve", counted)
    for path in ("/a" * 33, "/" * 8000, "/v1/" + "a/" * 4000, "/a" * 31 + "/", "/a" * 32):
        answer = await client.request("GET", path)
        assert answer.status == 404
    assert max(path.count("/") for path in looked) == 32
    assert (await client.get("/healthz?" + "/" * 8000)).status == 200


async def test_signatures_that_prove_nothing_are_checked_one_in_each_turn_of_the_loop(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    turn = 0

    def next_turn() -> None:
        nonlocal turn
        turn += 1
        if not done.is_set():
            asyncio.get_running_loop().call_soon(next_turn)

    check = access.verified

    def counted(*asked: object) -> object:
        turns.append(turn)
        return check(*asked)  # type: ignore[arg-type]  (passed on as it came)

    monkeypatch.setattr(access, "verified", counted)
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(next_turn)
    path = MATRIX["GET /metrics"].path
    forged = SECRETS["jwt_forged"]
    asked = [client.request("GET", path, headers=bearer(forged)) for _ in range(40)]
    answers = await asyncio.gather(*asked)
    done.set()
    assert {answer.status for answer in answers} == {401}
    assert len(turns) == 40
    assert len(set(turns)) == 40, "no two in one turn"
