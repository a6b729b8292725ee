"""A first view of any page: how much it loads, how much it asks of the store, and who gets none."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from psd.engine.events import Report
from tests.support.boards.board_site import DAYS, START_S, STEPS, BoardSite, board_site
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.pages import Browser
from tests.support.servers.redis_server import RedisServer

STREAM = {"queue.kind": "stream"}
BYTES_MAX = 150_000
MEMBERS = [str(uid) for uid in range(1, 101)]
WEEK = {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"}
OWN = (
    *("/", "/auth/login", "/boards/", "/boards/week?limit=100&compare_to=2016-04-13"),
    *("/board?thing=steps&limit=100", "/users/", "/users/7?tz=UTC", "/users/7/activities/12"),
)
REWARDS = ("/", "/streaks", "/at-risk", "/owners/7/", "/what-if?tables1=weeks_off_to_drop%3D5")
PATHS = (*OWN, *(f"/rewards{path}" for path in REWARDS))


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as found:
        board = {"thing": "steps", "window": WEEK, "members": MEMBERS}
        sent = msgspec.json.encode(board)
        await found.main.request("PUT", "/v3/boards/week", sent, "application/json")
        await found.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        yield found


async def crowd(site: BoardSite, first: int, last: int) -> None:
    """As many more users, each with a booking a day."""
    reports = [
        Report(STEPS, uid, 0, at, 100 * uid + at, START_S + at * 86_400, START_S + at * 86_400)
        for uid in range(first, last)
        for at in range(DAYS)
    ]
    await site.runtime.engine.book(reports)


async def calls(site: BoardSite, path: str) -> int:
    """Commands that the store works on for a page, those within scripts too."""
    told = []
    for _ in range(2):
        stats = await site.runtime.store.client.info("commandstats")
        told.append(sum(each["calls"] for each in stats.values()))
        if len(told) == 1:
            assert (await site.browser.get(path)).status == 200
    return int(told[1] - told[0])


async def test_all_that_any_first_view_loads_is_less_than_150_kb(site: BoardSite) -> None:
    await crowd(site, 100, 250)
    signed_out = await site.browser.get("/auth/login")
    sizes = {"/auth/login": await loaded(site, signed_out.text)}
    await site.browser.sign_in("writer", "secret")
    for path in {*OWN} - {*sizes}:
        page = await site.browser.get(path)
        assert page.status == 200, (path, page.text)
        sizes[path] = await loaded(site, page.text)
    assert {path: size for path, size in sizes.items() if size >= BYTES_MAX} == {}


async def loaded(site: BoardSite, text: str) -> int:
    """The bytes of a page and of all that it names, before they are packed."""
    files = {*re.findall(r'(?:src|href)="(/[^"]*static/[^"]+)"', text)}
    assert len(files) >= len(("style", "icon"))
    assert "http://" not in re.sub(r'"http://www\.w3\.org/[^"]*"', "", text)
    return len(text.encode()) + sum([await size(site, each) for each in files])


async def size(site: BoardSite, path: str) -> int:
    return len((await site.main.get(path)).text.encode())


async def test_a_first_view_asks_the_store_no_more_of_many_users_than_of_a_few(
    site: BoardSite,
) -> None:
    paths = ("/", "/boards/", "/board?thing=steps&start=2016-04-11", "/users/7?tz=UTC")
    await crowd(site, 100, 140)
    for path in paths:
        await site.browser.get(path)
    few = {}
    for path in paths:
        site.runtime.clock.advance(2)  # type: ignore[attr-defined]  (it is a manual one)
        few[path] = await calls(site, path)
    await crowd(site, 140, 1_000)
    for path in paths:
        await calls(site, path)
    for path in paths:
        assert await calls(site, path) <= few[path] + 10, path


async def test_those_who_share_a_value_are_shown_as_tied(site: BoardSite) -> None:
    same = [Report(STEPS, uid, 0, 1, 7_777_777, START_S, START_S) for uid in (301, 302)]
    await site.runtime.engine.book(same)
    page = await site.browser.get("/board?thing=steps&ties=competition&limit=3")
    assert [row[0] for row in page.rows] == ["= 1", "= 1", "3"]
    page = await site.browser.get("/board?thing=steps&ties=ordinal&limit=3")
    assert [row[0] for row in page.rows] == ["= 1", "= 2", "3"]


async def test_a_foreign_session_origin_or_host_gets_no_page(redis_server: RedisServer) -> None:
    redis_server.flush()
    foreign: list[dict[str, str]] = [
        {"Cookie": "psd_session=" + "x" * 43},
        {"Cookie": "psd_token=psd_" + "x" * 43},
        {"Cookie": "psd_session=" + "x" * 43 + "; psd_session=" + "y" * 43},
    ]
    async with board_site(redis_server.url, {**STREAM, **asked_of(token_for("a", "read"))}) as site:
        for headers in foreign:
            async with Browser(site.main.url, headers) as browser:
                for path in PATHS:
                    page = await browser.get(path)
                    if path == "/auth/login":
                        continue
                    assert page.status == 302, (headers, path)
                    assert "/auth/login?next=" in page.location
    redis_server.flush()
    others: list[dict[str, str]] = [
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    async with board_site(redis_server.url, STREAM) as site:
        for headers in others:
            async with Browser(site.main.url, headers) as browser:
                for path in PATHS:
                    page = await browser.get(path)
                    assert page.status == 403, (headers, path)
                    assert "steps" not in page.text
