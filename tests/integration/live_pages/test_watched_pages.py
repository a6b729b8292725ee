"""What pages and programs are told when something is booked, and who is told nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from psd.engine.events import Report
from server.booked_versions import HASHES_MAX, BookedVersions
from server.pages.shared_views import VIEWS_MAX, SharedViews
from tests.support.boards.board_site import DAY_S, START_S, STEPS, BoardSite, board_site
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import HttpClient
from tests.support.clients.watching import Watcher
from tests.support.servers.redis_server import RedisServer

STREAM = {"queue.kind": "stream"}
READER = token_for("reader", "read")
OF_TWO = token_for("phone", "read", frozenset({2}))
WINDOW = {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"}
BOARD = {"thing": "steps", "window": WINDOW, "members": ["1", "2"]}
WEEK = "start=2016-04-11&end=2016-04-18"


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as found:
        yield found


async def walk(site: BoardSite, uid: int, steps: int, aid: int = 900) -> None:
    """Somebody walks, at the end of the week."""
    at_s = START_S + 7 * DAY_S - 1
    [done] = await site.runtime.engine.book([Report(STEPS, uid, 0, aid, steps, at_s, at_s)])
    assert done.status == "booked"


async def put_board(client: HttpClient, board: object) -> None:
    body = msgspec.json.encode(board)
    answer = await client.request("PUT", "/v3/boards/two", body, "application/json")
    assert answer.status in (200, 201), answer.text


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        (f"/v3/leaderboard?thing=steps&all=true&{WEEK}", "leaderboard"),
        (f"/v3/leaderboard?thing=steps&uid=1&uid=2&{WEEK}", "leaderboard"),
        (f"/v3/leaderboard?thing=steps&uid={','.join(map(str, range(1, 30)))}", "leaderboard"),
        (f"/v3/sum?thing=steps&uid=1,2&{WEEK}", "sum"),
        ("/v3/boards/two/standing?limit=1", "standing"),
        ("/v3/leaderboard?board=two", "leaderboard"),
    ],
    ids=["everybody", "two", "many", "sums", "a name", "of a name"],
)
async def test_what_is_booked_is_told_as_the_answer_that_it_makes(
    site: BoardSite, asked: str, event: str
) -> None:
    await put_board(site.main, BOARD)
    path, _, parameters = asked.partition("?")
    async with Watcher.of(site.main, f"{path}/watch?{parameters}") as watcher:
        first = await watcher.event()
        assert first is not None
        assert (first.name, first.data) == (event, (await site.main.get(asked)).json())
        await walk(site, 1, 70_000)
        changed = await watcher.event()
        assert changed is not None
        assert changed.data == (await site.main.get(asked)).json() != first.data
    again = await site.main.get(f"{path}/watch?{parameters}&wait=0&version={changed.id}")
    assert again.status == 304


async def test_a_board_is_told_again_with_its_definition_and_its_members(site: BoardSite) -> None:
    await put_board(site.main, BOARD)
    async with Watcher.of(site.main, "/v3/boards/two/standing/watch") as watcher:
        await watcher.event()
        for board in (BOARD | {"ties": "dense", "members": ["1", "2"]}, BOARD | {"members": []}):
            await put_board(site.main, board)
            assert await watcher.event() is not None


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("/v3/leaderboard/watch?all=true", 400, "thing: missing"),
        ("/v3/leaderboard/watch?thing=hats&all=true", 400, "thing: 'hats' is unknown"),
        ("/v3/leaderboard/watch?board=nobody", 404, "board: 'nobody' is not known"),
        ("/v3/boards/nobody/standing/watch", 404, "board: 'nobody' is not known"),
        ("/v3/sum/watch?thing=steps&uid=07", 400, "uid: '07'"),
        ("/v3/sum/watch?thing=steps&uid=1&colour=red", 400, "colour: unknown"),
    ],
)
async def test_what_cannot_be_watched_is_refused(
    site: BoardSite, asked: str, status: int, told: str
) -> None:
    answer = await site.main.get(f"{asked}{'&' if '?' in asked else '?'}wait=0")
    assert answer.status == status, answer.text
    assert answer.json()["detail"].startswith(told)


async def test_a_token_of_some_users_watches_these_alone(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, {**STREAM, **asked_of(READER, OF_TWO)}) as site:
        headers = bearer(OF_TWO.secret)
        every = "/v3/leaderboard/watch?thing=steps&all=true&wait=0"
        assert (await site.main.request("GET", every, headers=headers)).status == 403
        own = f"/v3/sum/watch?thing=steps&uid=1,2&{WEEK}&wait=0"
        answer = await site.main.request("GET", own, headers=headers)
        assert [row["sum"] > 0 for row in answer.json()["data"]] == [False, True]


async def test_whoever_signs_out_is_told_nothing_more(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.watching.CHECK_S", 0.05)
    redis_server.flush()
    async with board_site(redis_server.url, {**STREAM, **asked_of(READER)}) as site:
        signed_in = await site.browser.sign_in("amp", "secret")
        cookie = next(
            each.split(";")[0]
            for each in signed_in.headers.getall("Set-Cookie")
            if each.startswith("psd_session=")
        )
        for path in ("/users/7/watch", "/board/watch?thing=steps", "/watch"):
            async with Watcher.of(site.main, path, {"Cookie": cookie}) as watcher:
                assert await watcher.event() is not None
        async with Watcher.of(site.main, "/users/7/watch", {"Cookie": cookie}) as watcher:
            first = await watcher.event()
            assert first is not None
            assert first.data == {"page": "user"}
            await site.browser.get("/auth/logout")
            assert await watcher.event() is None
        assert (await site.browser.get("/users/7/watch?wait=0")).status == 401


async def test_one_caller_has_so_many_places_and_others_have_theirs(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    other = token_for("other", "read")
    settings = {**STREAM, **asked_of(READER, other), "server.watchers_caller_max": 2}
    async with board_site(redis_server.url, settings) as site:
        path, headers = "/v3/sum/watch?thing=steps&uid=1", bearer(READER.secret)
        async with (
            Watcher.of(site.main, path, headers) as one,
            Watcher.of(site.main, path, headers) as two,
        ):
            await one.event()
            await two.event()
            refused = await site.main.request("GET", f"{path}&wait=0", headers=headers)
            assert (refused.status, refused.json()["code"]) == (429, "busy")
            assert "Retry-After" in refused.headers
            answer = await site.main.request("GET", f"{path}&wait=0", headers=bearer(other.secret))
            assert answer.status == 200


async def test_many_users_are_watched_as_everybody_is_by_one_number_a_partition(
    site: BoardSite,
) -> None:
    runtime = site.runtime
    versions = BookedVersions(runtime.store, runtime.boards, runtime.clock)
    few = await versions.of_users([STEPS], range(1, 1 + HASHES_MAX))
    assert {command[0] for command in few.commands} == {"HGETALL"}
    many = await versions.of_users([STEPS], range(1, 2 + HASHES_MAX))
    assert many == await versions.of_things([STEPS])
    count = (await runtime.store.placed()).partitions.count
    assert [command[0] for command in many.commands] == ["GET"] * count


async def test_a_page_says_where_it_watches_and_from_which_version_on(site: BoardSite) -> None:
    await put_board(site.main, BOARD)
    for path in ("/boards/two", "/board?thing=steps&uid=1", "/users/7"):
        page = await site.browser.get(path)
        at = page.text.partition('data-watch="')[2].partition('"')[0].replace("&amp;", "&")
        assert (await site.browser.get(f"{at}&wait=0")).status == 304, at
        await walk(site, 7 if "users" in path else 1, 10, len(path))
        assert (await site.browser.get(f"{at}&wait=0")).status == 200, at
    for path in ("/board?thing=steps", "/boards/two"):
        before = (await site.browser.get(path)).rows
        await walk(site, 1, 1_000, 99 + len(path))
        assert (await site.browser.get(path)).rows != before, path


async def test_who_asks_for_one_view_at_once_gets_one_and_errors_are_not_kept() -> None:
    views, made = SharedViews(), []

    async def make() -> int:
        made.append(1)
        await asyncio.sleep(0)
        return len(made)

    assert await asyncio.gather(*(views.of("key", make) for _ in range(5))) == [1] * 5
    assert await views.of("other", make) == 2

    async def fail() -> int:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await views.of("wrong", fail)
    assert await views.of("wrong", make) == 3
    for at in range(VIEWS_MAX):
        await views.of(at, make)
    assert await views.of("key", make) == 4 + VIEWS_MAX, "the oldest has gone"
