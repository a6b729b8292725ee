"""A person looks at a user's year in a real browser, with script and without."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.async_api import Page, expect

from psd.times import timestamp
from tests.support.boards.board_site import DAY_S, START_S, BoardSite, board_site
from tests.support.clients.accessible import accessible
from tests.support.clients.chromium import CHEAP_PHONE, phone
from tests.support.clients.http import HttpClient
from tests.support.servers.redis_server import RedisServer

SETTINGS = {"queue.kind": "stream"}
USER = 7
BOARD = {
    "thing": "steps",
    "title": "The week",
    "window": {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"},
    "members": [str(uid) for uid in range(1, 13)],
}


@asynccontextmanager
async def week_site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    """The week of a dozen users, a board of it, and somebody who may write."""
    redis_server.flush()
    async with board_site(redis_server.url, SETTINGS) as site:
        await site.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        await put(site.main, "/v3/boards/week", BOARD)
        yield site


async def put(client: HttpClient, path: str, body: object) -> None:
    sent = msgspec.json.encode(body)
    assert (await client.request("PUT", path, sent, "application/json")).status == 201


def own(site: BoardSite, start: int, end: int) -> list[int]:
    """Steps of the user in a range, in order of time."""
    return [steps for at, uid, steps in site.history if uid == USER and start <= at < end]


def best_rank(site: BoardSite) -> int:
    """The best that the user ever had, by plain Python after each booking of anybody."""
    seconds = {at + 1 for at, *_ in site.history}
    return min(
        1 + sum(total > totals[str(USER)] for total in totals.values())
        for totals in map(site.totals, sorted(seconds))
        if totals[str(USER)]
    )


async def fits(page: Page) -> None:
    """Whether nothing has to be moved sideways to be read."""
    for each in [page.locator("main"), *await page.locator("main table, main svg:visible").all()]:
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= CHEAP_PHONE["width"]


async def asked_range(page: Page) -> tuple[int, int]:
    """The range that the address says."""
    query = parse_qs(urlsplit(page.url).query)
    start, end = (
        each if each.isdecimal() else str(timestamp(each))
        for each in (query["start"][0], query["end"][0])
    )
    return int(start), int(end)


async def drag(page: Page, first: float, last: float) -> None:
    """From a share of the chart's width to another, by hand."""
    await page.locator(".u-over").scroll_into_view_if_needed()
    box = await page.locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + first * box["width"], y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + last * box["width"], y, steps=6)
    await page.mouse.up()


async def drawn(page: Page, every: str) -> None:
    await expect(page.locator("[data-chart]")).to_have_attribute("data-drawn", every)


async def test_a_range_is_dragged_over_from_the_year_down_to_minutes_and_back(
    redis_server: RedisServer,
) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=True) as page:
        await page.goto(f"/users/{USER}?tz=UTC")
        await drawn(page, "day")
        await expect(page.locator("rect[data-day]")).to_have_count(366)
        total = f"{sum(own(site, START_S, START_S + 7 * DAY_S)):,}"
        await expect(page.locator(".figures dd").first).to_have_text(total)
        await accessible(page)
        await fits(page)
        await page.goto(f"/users/{USER}?tz=UTC&start={START_S}&end={START_S + 7 * DAY_S}")
        await drawn(page, "hour")
        await drag(page, 0.25, 0.31)
        await drawn(page, "minute")
        start, end = await asked_range(page)
        assert START_S + DAY_S < start < end < START_S + 3 * DAY_S
        rows = page.locator("[data-activities] tbody td.n")
        await expect(rows).to_have_text([f"{steps:,}" for steps in own(site, start, end)])
        await page.go_back()
        await drawn(page, "hour")
        assert await asked_range(page) == (START_S, START_S + 7 * DAY_S)
        # A day of the calendar leads into that day.
        await page.locator('[data-day="2016-04-13"]').click()
        await expect(page).to_have_url(re.compile("start=2016-04-13"))
        await drawn(page, "hour")
        day = START_S + 2 * DAY_S
        told = [f"{steps:,}" for steps in own(site, day, day + DAY_S)]
        await expect(rows).to_have_text(told)


async def test_the_year_is_that_of_the_clocks_of_whoever_looks(redis_server: RedisServer) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=True) as page:
        await page.goto(f"/users/{USER}?tz=Pacific/Kiritimati")
        await drawn(page, "day")
        ahead_s = 14 * 3_600
        for number in range(7):
            first = START_S + number * DAY_S - ahead_s
            day = f"2016-04-{11 + number}"
            told = f"{day}: {sum(own(site, first, first + DAY_S)):,}"
            await expect(page.locator(f'[data-day="{day}"] title')).to_have_text(told)


@pytest.mark.parametrize("scripts", [True, False])
async def test_an_activity_is_taken_back_with_a_note_and_the_board_and_the_log_know(
    redis_server: RedisServer, scripts: bool
) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=scripts) as page:
        await page.goto("/auth/login")
        await page.get_by_label("Username").fill("writer")
        await page.get_by_label("Password").fill("secret")
        await page.get_by_role("button", name="Sign In").click()
        await page.goto(f"/users/{USER}?tz=UTC&start=2016-04-11&end=2016-04-18")
        board = page.locator('[data-board="week"]')
        ranks = [uid for uid, _ in site.ranking(START_S + 7 * DAY_S)]
        await expect(board.locator("td").nth(1)).to_have_text(f"{ranks.index(str(USER)) + 1} of 12")
        await expect(board.locator("td").nth(2)).to_have_text(str(best_rank(site)))
        await fits(page)
        taken = page.locator("[data-activities] tbody tr").first
        aid = await taken.locator("td").first.inner_text()
        await taken.get_by_role("link", name=f"Withdraw activity {aid}").click()
        await accessible(page) if scripts else None
        await page.get_by_label("Why").fill("counted twice")
        await page.get_by_role("button", name="Take it back").click()
        await expect(page.get_by_role("status")).to_have_text(f"Activity {aid} is taken back.")
        log = page.locator("table").last.locator("tbody td")
        await expect(log.nth(0)).to_have_text(aid)
        await expect(log.nth(2)).to_have_text("writer")
        await expect(log.nth(3)).to_have_text("counted twice")
        left = (
            sum(own(site, START_S, START_S + 7 * DAY_S))
            - own(site, START_S, START_S + 7 * DAY_S)[0]
        )
        await expect(board.locator("td").nth(4)).to_have_text(f"{left:,}")


async def test_without_script_a_form_and_links_lead_from_the_year_to_a_day(
    redis_server: RedisServer,
) -> None:
    async with week_site(redis_server) as site, phone(site.main.url) as page:
        await page.goto("/users/")
        await page.get_by_label("A user's number or name").fill(str(USER))
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("h1")).to_have_text(re.compile(rf"^{USER} "))
        await expect(page.locator("svg.chart path")).to_have_attribute("d", re.compile("^M"))
        await page.get_by_role("link", name="Apr", exact=True).click()
        await expect(page.locator("[data-range] h2").first).to_have_text("By day")
        await page.get_by_label("From").fill("2016-04-12")
        await page.get_by_label("To, not included").fill("2016-04-13")
        await page.get_by_role("button", name="Show").click()
        rows = page.locator("[data-activities] tbody td.n")
        told = [f"{steps:,}" for steps in own(site, START_S + DAY_S, START_S + 2 * DAY_S)]
        await expect(rows).to_have_text(told)
        await page.get_by_role("link", name="Zoom out").click()
        await expect(page.locator("[data-range] h2").first).to_have_text("By hour")
