"""Every link leads to a page that knows its parameters; of those it does not a page says so."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.boards.board_site import board_site
from tests.support.clients.pages import Browser, Page
from tests.support.energy.meter_site import NOON_S, PLAN, meter_site
from tests.support.rewards.reward_weeks import a_family, weeks_served
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import swap_site

STREAM = {"queue.kind": "stream"}
NOTHING_CHANGES = "It changes nothing here."
PAGES_MAX = 150
WEEK = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"},
    "members": ["1", "2", "7"],
}


async def followed(browser: Browser, root: str | tuple[str, ...], *paths: str) -> dict[str, Page]:
    """Every page below a root, or several, to which links lead from these, up to PAGES_MAX."""
    wanted, found = [*paths], dict[str, Page]()
    while wanted and len(found) < PAGES_MAX:
        path = wanted.pop(0)
        if path in found or "/auth/" in path or not path.startswith(root):
            continue
        page = found[path] = await browser.get(path)
        here = path.partition("?")[0]
        links = [f"{here}{link}" if link.startswith("?") else link for link in page.links]
        wanted += [page.location, *links] if page.location else links
    return found


def say(found: dict[str, Page]) -> None:
    """No page is refused, and none was asked for what it does not know."""
    assert len(found) > 4
    statuses = {path: page.status for path, page in found.items()}
    assert {path: each for path, each in statuses.items() if each not in (200, 302)} == {}
    assert [path for path, page in found.items() if NOTHING_CHANGES in page.text] == []


async def test_links_of_boards_and_users_are_known_where_they_lead(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        await site.runtime.page_deciding.add("all", "secret", ["read", "write", "admin"])
        sent = msgspec.json.encode(WEEK)
        await site.main.request("PUT", "/v3/boards/week", sent, "application/json")
        await site.browser.sign_in("all", "secret")
        asked = "?compare_to=2016-04-13&limit=2"
        roots = ("/board", "/users", "/ops/")
        paths = (f"/boards/week{asked}", "/users/7?year=2016", "/ops/")
        say(await followed(site.browser, roots, *paths))


async def test_links_of_rewards_are_known_where_they_lead(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        weeks_served(redis_server.url, now_week=5) as served,
        Browser(served.client.url) as browser,
    ):
        await a_family(served)
        page = await browser.get("/rewards/at-risk?ownr=7")
        assert "did you mean owner?" in page.alerts[0]
        tried = "/rewards/what-if?tables1=weeks_off_to_drop%3D1"
        say(await followed(browser, "/", "/rewards/", "/rewards/at-risk", tried))


async def test_links_of_meters_are_known_where_they_lead(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with meter_site(redis_server.url, STREAM) as site, Browser(site.main.url) as browser:
        await site.put("/plans/eco", PLAN)
        await site.put("/meters/m-1", {"plan": "eco", "tz": "Europe/London"})
        await site.power("m-1", [(NOON_S - 900, 2), (NOON_S, 2)])
        await browser.sign_in("amp", "secret", "/energy/auth/login")
        say(await followed(browser, "/energy/", "/energy/"))


async def test_links_of_swaps_are_known_where_they_lead(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with swap_site(redis_server.url, STREAM) as site, Browser(site.main.url) as browser:
        await site.browser.sign_in("amp", "secret")
        await site.swap({})
        await browser.sign_in("amp", "secret", "/swaps/auth/login")
        say(
            await followed(browser, "/swaps/", "/swaps/driver/1/?all=1&at=now", "/swaps/battery/1/")
        )


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/?colour=red", "colour: unknown; known are json"),
        ("/boards/?aftr=x", "aftr: unknown; known are after, csv, json; did you mean after?"),
        ("/board?thing=steps&as_off=2016-04-12", "did you mean as_of?"),
        ("/users/?uidd=7", "did you mean uid?"),
        ("/users/7?yaer=2015", "did you mean year?"),
        ("/rewards/streaks?fbclid=x", "fbclid: unknown; known are week, cursor, csv, json"),
    ],
)
async def test_a_parameter_that_a_page_does_not_know_is_told_beside_what_it_shows(
    redis_server: RedisServer, path: str, told: str
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        page = await site.browser.get(path)
        assert page.status == 200
        assert told in page.alerts[0]
        assert page.alerts[0].endswith(NOTHING_CHANGES)
        known = await site.browser.get(path.rpartition("&" if "&" in path else "?")[0])
        assert (page.headings, page.rows) == (known.headings, known.rows)


@pytest.mark.parametrize(
    "path",
    ["/?json=1", "/board?thing=steps&csv=1", "/users/7?json=1", "/users/7/chart?start=2016-04-11"],
)
async def test_a_file_that_cannot_say_so_is_refused(redis_server: RedisServer, path: str) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        assert (await site.browser.get(path)).status == 200
        page = await site.browser.get(f"{path}&colour=red")
        assert (page.status, "colour: unknown; known are " in page.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/board?thing=steps&start=soon&csv=1", 400, "start: &#39;soon&#39; is neither"),
        ("/board?thing=hats&json=1", 400, "thing: &#39;hats&#39; is unknown"),
        ("/rewards/streaks?week=3&json=1", 404, "week: none was computed yet"),
        ("/rewards/what-if?tables1=x%3D1&csv=1", 400, "tables: "),
        ("/users/%FF", 400, "path: &#39;/users/%FF&#39; is no UTF-8 behind its %"),
        ("/boards/?after=%C3", 400, "after: &#39;%C3&#39; is no UTF-8 behind its %"),
        ("/rewards/owners/a%ED%A0%80/", 400, "is no UTF-8 behind its %"),
    ],
)
async def test_what_is_no_question_is_refused_where_there_is_no_form_to_say_so(
    redis_server: RedisServer, path: str, status: int, told: str
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        page = await site.browser.get(path)
        assert (page.status, told in page.text) == (status, True), page.text


async def test_a_board_with_a_name_goes_through_the_range_that_is_asked_for(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        sent = msgspec.json.encode(WEEK)
        await site.main.request("PUT", "/v3/boards/week", sent, "application/json")
        page = await site.browser.get("/boards/week?start=2016-04-12&end=2016-04-13")
        assert 'min="1460419200" max="1460505600"' in page.text
        asked = "/v3/leaderboard?board=week&start=2016-04-12&end=2016-04-13"
        answer = (await site.main.get(asked)).json()
        assert [row[1] for row in page.rows] == [each["uid"] for each in answer["data"]]


async def test_every_page_of_psd_and_its_domains_says_what_it_is_asked_with(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site:
        pages = [page for part in site.runtime.parts.values() for page in part.pages]
        assert len(pages) >= 20
        assert [page.path for page in pages if page.parameters is None] == []
        for path in ("/users/7/activities/12", "/ops/", "/ops/audits/"):
            page = await site.browser.get(f"{path}?colour=red")
            assert "colour: unknown; nothing is asked here" in page.alerts[0], path
