"""What is watched is told again with each version; who watches is charged, checked and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from psd.store.callers import current_caller
from psd.swaps.store import SwapsStore
from server.serving import HttpServer
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import HttpClient, client_of
from tests.support.clients.watching import Watcher
from tests.support.engine import second
from tests.support.swaps.one_correction import add
from tests.support.waiting import wait_until

WATCH = "/v3/swaps/main/watch"

pytestmark = pytest.mark.psd(now_s=second("2020-09-06 12:00:00"), archives=False)

READER = token_for("reader", "read write")
OTHER = token_for("other", "read write")
OF_ONE = token_for("of-one", "read", frozenset({1}))
TOKENS = pytest.mark.psd(asked_of(READER, OTHER, OF_ONE), archives=False)


async def station(client: HttpClient, name: str) -> None:
    await add(client, "/stations", {"name": name})


async def watchers(client: HttpClient) -> int:
    """How many there are, as the server itself counts them."""
    lines = (await client.get("/metrics")).text.splitlines()
    [line] = [line for line in lines if line.startswith("psd_http_watchers ")]
    return int(float(line.split()[1]))


async def test_what_is_watched_is_told_at_first_and_with_each_change(client: HttpClient) -> None:
    await station(client, "S1")
    async with Watcher.of(client, f"{WATCH}?limit=1") as watcher:
        first = await watcher.event()
        assert first is not None
        assert (first.id, first.name) == ("1", "network")
        assert first.data == (await client.get("/v3/swaps/main?limit=1")).json()
        assert watcher.retry == "2000"
        await station(client, "S2")
        changed = await watcher.event()
        assert changed is not None
        assert (changed.id, changed.data["stations"]) == ("2", 2)
        assert [each["n"] for each in changed.data["newest"]] == [2]
    headers = watcher.response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Server"] == "psd"
    assert headers["Cache-Control"] == "no-store"
    assert "traceparent" in headers


@pytest.mark.parametrize("as_header", [True, False])
async def test_who_comes_again_is_told_what_is_new(client: HttpClient, as_header: bool) -> None:
    await station(client, "S1")
    path, headers = (WATCH, {"Last-Event-ID": "1"}) if as_header else (f"{WATCH}?version=1", {})
    async with Watcher.of(client, path, headers) as watcher:
        await station(client, "S2")
        event = await watcher.event()
        assert event is not None
        assert event.id == "2"
    async with Watcher.of(client, path, headers) as watcher:
        missed = await watcher.event()
        assert missed is not None
        assert missed.id == "2"


async def test_a_long_poll_answers_at_once_what_is_another_version(client: HttpClient) -> None:
    await station(client, "S1")
    answer = await client.get(f"{WATCH}?wait=60&version=0")
    assert (answer.status, answer.headers["Psd-Version"], answer.json()["n"]) == (200, "1", 1)
    assert (await client.get(f"{WATCH}?wait=60")).json() == answer.json()
    same = await client.get(f"{WATCH}?wait=0&version=1")
    assert (same.status, same.text, same.headers["Psd-Version"]) == (304, "", "1")


async def test_a_long_poll_waits_for_a_change(client: HttpClient) -> None:
    waiting = asyncio.create_task(client.get(f"{WATCH}?wait=60&version=0"))
    await wait_until("it watches", lambda: is_watched(client))
    await station(client, "S1")
    answer = await waiting
    assert (answer.status, answer.headers["Psd-Version"], answer.json()["n"]) == (200, "1", 1)


async def is_watched(client: HttpClient) -> bool:
    return await watchers(client) == 1


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("wait=61", 406, "wait: 61 must lie between 0 and 60"),
        ("wait=x", 400, "wait: 'x' is no whole number"),
        ("limit=0", 406, "limit: 0 must lie between 1 and 1000"),
        ("limits=1", 400, "limits: unknown"),
    ],
)
async def test_a_question_that_is_none_is_refused(
    client: HttpClient, query: str, status: int, told: str
) -> None:
    answer = await client.get(f"{WATCH}?{query}")
    assert answer.status == status
    assert answer.json()["detail"].startswith(told)
    assert await watchers(client) == 0


async def test_a_head_tells_what_a_stream_is(client: HttpClient) -> None:
    answer = await client.request("HEAD", WATCH)
    assert (answer.status, answer.text) == (200, "")
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert await watchers(client) == 0


@pytest.mark.psd({"server.watchers_max": 1}, archives=False)
async def test_one_too_many_is_answered_503(client: HttpClient) -> None:
    async with Watcher.of(client, WATCH) as watcher:
        await watcher.event()
        for path in (WATCH, f"{WATCH}?wait=0"):
            refused = await client.get(path)
            assert (refused.status, refused.json()["code"]) == (503, "too_many_watchers")
            assert refused.headers["Retry-After"] == "1"
    await wait_until("the place is free", lambda: is_free(client))
    assert (await client.get(f"{WATCH}?wait=0")).status == 200


async def is_free(client: HttpClient) -> bool:
    return await watchers(client) == 0


async def test_a_drain_ends_streams_and_long_polls_at_once(runtime: Runtime) -> None:
    server = HttpServer(runtime)
    await server.start()
    async with client_of(server.url) as client, Watcher.of(client, WATCH) as watcher:
        await watcher.event()
        poll = asyncio.create_task(client.get(f"{WATCH}?wait=60&version=0"))
        await wait_until("both watch", lambda: are_two(client))
        started = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - started < 5
        assert await watcher.event() is None
        assert (await poll).status == 304


async def are_two(client: HttpClient) -> bool:
    return await watchers(client) == 2


async def test_a_stream_has_comments_for_proxies(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.watching.COMMENT_S", 0.02)
    async with Watcher.of(client, WATCH) as watcher:
        await watcher.comment()
        await watcher.comment()


class Answers:
    """What the store is asked for answers, in whose name; it is away for the first ``fails``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups: list[object] = []
        self.fails = 0
        newest = SwapsStore.newest

        async def noted(store: SwapsStore, network: str, limit: int) -> Any:
            caller = current_caller()
            self.groups.append(None if caller is None else caller.group)
            if self.fails:
                self.fails -= 1
                raise StoreUnavailableError("redis: away")
            return await newest(store, network, limit)

        monkeypatch.setattr(SwapsStore, "newest", noted)


async def test_an_answer_that_fails_for_now_is_told_later(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Answers(monkeypatch)
    async with Watcher.of(client, WATCH) as watcher:
        await watcher.event()
        asked.fails = 2
        await station(client, "S1")
        event = await watcher.event()
        assert event is not None
        assert (event.id, asked.fails) == ("1", 0)


async def test_the_first_answer_fails_as_that_of_the_endpoint(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Answers(monkeypatch).fails = 1
    assert (await client.get(WATCH)).status == 503
    assert (await client.get("/v3/swaps/No/watch")).status == 404
    assert await watchers(client) == 0


@TOKENS
async def test_those_of_one_token_share_an_answer_that_it_is_charged(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        watching = [
            await stack.enter_async_context(Watcher.of(client, WATCH, bearer(secret)))
            for secret in (READER.secret, READER.secret, READER.secret, OTHER.secret)
        ]
        for watcher in watching:
            await watcher.event()
        asked = Answers(monkeypatch)
        await add_as(client, "S1")
        events = [await watcher.event() for watcher in watching]
        assert [each and each.id for each in events] == ["1"] * 4
    assert sorted(str(group).split()[0] for group in asked.groups) == ["other", "reader"]


async def add_as(client: HttpClient, name: str) -> None:
    body = b'{"name":"%s"}' % name.encode()
    path = "/v3/swaps/main/stations"
    answer = await client.request("POST", path, body, headers=bearer(READER.secret))
    assert answer.status == 201, answer.text


@TOKENS
async def test_who_may_not_ask_may_not_watch(client: HttpClient) -> None:
    assert (await client.get(WATCH)).status == 401
    answer = await client.request("GET", WATCH, headers=bearer(OF_ONE.secret))
    assert answer.status == 403


@pytest.fixture
def more_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Tokens in a file, where a test says so."""
    if "revoked" not in request.node.name:
        return {}
    path = tmp_path / "tokens"
    path.write_text(READER.line + "\n" + OTHER.line + "\n")
    return {"access.tokens_file": str(path)}


async def test_a_stream_ends_when_its_token_is_revoked(
    client: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.watching.CHECK_S", 0.05)
    monkeypatch.setattr("psd.access.known_tokens.LOOK_EVERY_S", 0.01)
    async with (
        Watcher.of(client, WATCH, bearer(OTHER.secret)) as revoked,
        Watcher.of(client, WATCH, bearer(READER.secret)) as kept,
    ):
        assert await revoked.event() is not None
        assert await kept.event() is not None
        (tmp_path / "tokens").write_text(READER.line + "\n")
        assert await revoked.event() is None
        await add_as(client, "S1")
        event = await kept.event()
        assert event is not None
        assert event.id == "1"
    again = await client.request("GET", WATCH, headers=bearer(OTHER.secret))
    assert again.status == 401


async def test_the_versions_of_all_are_read_in_one_trip(
    runtime: Runtime, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Sequence[Any]] = []
    reads = type(runtime.store.reads)
    call_each = reads.call_each

    async def noted(lane: Any, commands: Sequence[Any]) -> list[Any]:
        if all(command[0] == "XREVRANGE" for command in commands):
            looks.append(commands)
        return await call_each(lane, commands)

    other = WATCH.replace("main", "other")
    async with Watcher.of(client, WATCH), Watcher.of(client, WATCH), Watcher.of(client, other):
        await wait_until("all watch", lambda: are_three(client))
        monkeypatch.setattr(reads, "call_each", noted)
        await wait_until("somebody has looked", lambda: looks)
    assert [command[1] for command in looks[0]] == [
        "psd:swaps:{main}:events",
        "psd:swaps:{other}:events",
    ]


async def are_three(client: HttpClient) -> bool:
    return await watchers(client) == 3
