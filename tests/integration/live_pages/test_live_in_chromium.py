"""Two windows of a real browser: what is done in one is seen in the other, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from playwright.async_api import Page, expect

from tests.support.boards.board_site import DAY_S, DAYS, START_S, BoardSite, board_site
from tests.support.clients.accessible import accessible
from tests.support.clients.chromium import IN_ONE_BROWSER, PATIENCE_MS, phone
from tests.support.servers.redis_server import RedisServer
from workers.crew import build_workers

pytestmark = IN_ONE_BROWSER

SETTINGS = {"queue.kind": "stream"}
USER = 7
ROWS = 10
END_S = START_S + DAYS * DAY_S
BOARD = {
    "thing": "steps",
    "title": "The week",
    "window": {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"},
    "members": [str(uid) for uid in range(1, 13)],
}

SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts.push(each.value);
  }).observe({ type: "layout-shift" });
}"""


@asynccontextmanager
async def two_windows(redis_server: RedisServer) -> AsyncIterator[tuple[BoardSite, Page, Page]]:
    """The week of a dozen users, a board of it, and two windows of one browser."""
    redis_server.flush()
    async with board_site(redis_server.url, SETTINGS) as site:
        await site.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        body = msgspec.json.encode(BOARD)
        await site.main.request("PUT", "/v3/boards/week", body, "application/json")
        async with phone(site.main.url, scripts=True) as page:
            other = await page.context.new_page()
            other.set_default_timeout(PATIENCE_MS)
            yield site, page, other


async def sign_in(page: Page) -> None:
    await page.goto("/auth/login")
    await page.get_by_label("Username").fill("writer")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    await expect(page.get_by_role("link", name="Logout")).to_be_visible()


async def is_live(page: Page) -> None:
    """The page is told of changes, and is marked, so that a page that was loaded again shows."""
    await expect(page.locator("[data-state]")).to_be_visible()
    await page.evaluate("window.isSame = true")
    await page.evaluate(SHIFTS)


async def is_same(page: Page) -> bool:
    return bool(await page.evaluate("window.isSame === true"))


async def stands(page: Page, site: BoardSite) -> None:
    """The page has exactly the ranking of plain Python."""
    ranked = site.ranking(END_S)[:ROWS]
    await expect(page.locator("td.who")).to_have_text([uid for uid, _ in ranked])
    await expect(page.locator("td.who + td")).to_have_text([f"{steps:,}" for _, steps in ranked])


def largest(site: BoardSite) -> int:
    """The activity of the user with the most steps: its number is its place in the history."""
    own = [at for at, (_, uid, _) in enumerate(site.history) if uid == USER]
    return max(own, key=lambda at: site.history[at][2])


async def test_an_activity_is_withdrawn_in_one_window_and_the_board_moves_in_the_other(
    redis_server: RedisServer,
) -> None:
    async with two_windows(redis_server) as (site, page, other):
        await other.goto(site.path)
        await stands(other, site)
        await is_live(other)
        aid = largest(site)
        await sign_in(page)
        await page.goto(f"/users/{USER}/activities/{aid}")
        await page.get_by_label("Why").fill("walked by the dog")
        await page.get_by_role("button", name="Take it back").click()
        await expect(page.get_by_text(f"Activity {aid} is taken back.")).to_be_visible()
        before = site.ranking(END_S)
        del site.history[aid]
        assert site.ranking(END_S) != before
        await stands(other, site)
        assert await is_same(other), "nobody has loaded it again"
        # Rows change places, and nothing else of the page does.
        assert sum(await other.evaluate("window.shifts")) < 0.1
        await accessible(other)


async def test_what_comes_by_the_queue_moves_a_board_a_user_and_the_state(
    redis_server: RedisServer,
) -> None:
    async with two_windows(redis_server) as (site, page, other):
        state = await page.context.new_page()
        await state.goto("/")
        await other.goto("/boards/week")
        await page.goto(f"/users/{USER}?tz=UTC&start=2016-04-17&end=2016-04-18")
        await expect(page.locator("[data-drawn]")).to_be_visible()
        for each in (page, other, state):
            await is_live(each)
        drawn = await page.locator(".uplot").element_handle()
        newest = END_S - 1
        async with working(site):
            await publish(site, newest, 50_000)
            site.history.append((newest, USER, 50_000))
            await stands(other, site)
            own = [steps for _, uid, steps in site.history if uid == USER]
            await expect(page.locator(".figures dd").first).to_have_text(f"{sum(own):,}")
            await expect(page.locator("[data-activities] td.n").last).to_have_text("50,000")
            await expect(state.locator('time[datetime="2016-04-17T23:59:59Z"]')).to_be_visible()
        assert drawn is not None
        assert await drawn.is_visible(), "the chart is the one that was there"
        assert all([await is_same(each) for each in (page, other, state)])


async def test_without_a_stream_the_page_is_asked_for_again_and_again(
    redis_server: RedisServer,
) -> None:
    async with two_windows(redis_server) as (site, page, _):
        # A browser does not come again to a stream of which it is told that there is none.
        await page.route("**/watch?*", lambda route: route.fulfill(status=204))
        await page.goto(site.path)
        await stands(page, site)
        await page.evaluate("window.isSame = true")
        async with working(site):
            await publish(site, END_S - 1, 50_000)
            site.history.append((END_S - 1, USER, 50_000))
            await stands(page, site)
        await expect(page.locator("[data-state]")).to_be_hidden()
        assert await is_same(page)


@asynccontextmanager
async def working(site: BoardSite) -> AsyncIterator[None]:
    """A worker takes what the queue has."""
    worker = build_workers(site.runtime)[0].worker
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def publish(site: BoardSite, second: int, steps: int) -> None:
    """Send a report as a producer does."""
    metric = {"thing": "steps", "uid": USER, "aid": 900, "value": steps, "ts2": second}
    queue = site.runtime.new_queue()
    try:
        body = msgspec.json.encode({"command": "metric", "metric": metric})
        await queue.publish(site.runtime.settings.queue.topic, [body])
    finally:
        await queue.close()


async def test_a_page_that_gets_no_answer_says_so_until_it_gets_one(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with (
        board_site(redis_server.url, SETTINGS) as site,
        phone(site.main.url, scripts=True, is_away=True) as page,
    ):
        await page.goto(site.path)
        state = page.locator("[data-state]")
        await expect(state).to_have_text("live")
        await page.route("**/board?*", lambda route: route.abort())
        slider = page.get_by_label("As it stood at").first
        await slider.fill(str(START_S + 2 * DAY_S))
        await expect(state).to_have_text("no answer, asking again")
        await expect(page.locator("[aria-busy]")).to_have_count(0)
        await stands(page, site)
        await page.unroute("**/board?*")
        await slider.fill(str(START_S + 3 * DAY_S))
        ranked = site.ranking(START_S + 3 * DAY_S)[:ROWS]
        await expect(page.locator("td.who")).to_have_text([uid for uid, _ in ranked])
        await page.evaluate("document.dispatchEvent(new Event('psd:stale'))")
        await expect(state).to_have_text("live")
