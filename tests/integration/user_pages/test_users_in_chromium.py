"""A person looks at a user's year in a real browser, with script and without."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.async_api import Page, expect

from psd.times import read
from psd.zones import UTC
from tests.support.boards.board_site import DAY_S, START_S, BoardSite, board_site
from tests.support.clients.accessible import accessible
from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.clients.http import HttpClient
from tests.support.servers.redis_server import RedisServer

pytestmark = IN_ONE_BROWSER

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
    start, end = (read(each, UTC, None) for each in (query["start"][0], query["end"][0]))
    return start, end


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


async def chosen(page: Page, start: int, end: int) -> tuple[float, float]:
    """Where seconds stand in the width of the chart."""
    first, last = await asked_range(page)
    return (start - first) / (last - first), (end - first) / (last - first)


async def test_nothing_but_dragging_leads_from_years_to_an_hour_of_minutes(
    redis_server: RedisServer,
) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=True) as page:
        await page.goto(f"/users/{USER}?tz=UTC&start=2004-01-01&end=2024-01-01")
        await drawn(page, "month")
        noon = START_S + 2 * DAY_S + DAY_S // 2
        for half_s, every in (
            (500 * DAY_S, "week"),
            (100 * DAY_S, "day"),
            (5 * DAY_S, "hour"),
            (DAY_S // 4, "minute"),
        ):
            await drag(page, *await chosen(page, noon - half_s, noon + half_s))
            await drawn(page, every)
            start, end = await asked_range(page)
            assert start < noon < end
            assert end - start < 2.4 * half_s
        rows = page.locator("[data-activities] tbody td.n")
        await expect(rows).to_have_text([f"{steps:,}" for steps in own(site, start, end)])
        # And out again, to all time.
        for _ in range(9):
            await page.get_by_role("link", name="Zoom out").click()
        await drawn(page, "year")
        assert await asked_range(page) == (0, 7_258_118_400)


async def by_finger(page: Page, first: float, last: float) -> None:
    """A finger moves over the chart, which no mouse event tells of."""
    over = page.locator(".u-over")
    await over.scroll_into_view_if_needed()
    box = await over.bounding_box()
    assert box is not None
    touch = await page.context.new_cdp_session(page)
    y = box["y"] + box["height"] / 2
    places = [box["x"] + (first + (last - first) * at / 8) * box["width"] for at in range(9)]
    for kind, points in (
        ("touchStart", [{"x": places[0], "y": y}]),
        *(("touchMove", [{"x": each, "y": y}]) for each in places[1:]),
        ("touchEnd", []),
    ):
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


async def test_a_finger_chooses_a_range_as_a_mouse_does(redis_server: RedisServer) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=True) as page:
        await page.goto(f"/users/{USER}?tz=UTC&start={START_S}&end={START_S + 7 * DAY_S}")
        await drawn(page, "hour")
        await by_finger(page, 0.25, 0.31)
        await drawn(page, "minute")
        start, end = await asked_range(page)
        assert START_S + DAY_S < start < end < START_S + 3 * DAY_S


async def test_days_of_the_calendar_are_dragged_over_and_large_enough_for_a_thumb(
    redis_server: RedisServer,
) -> None:
    async with week_site(redis_server) as site, phone(site.main.url, scripts=True) as page:
        await page.goto(f"/users/{USER}?tz=UTC&year=2016")
        await drawn(page, "day")
        boxes = [
            await page.locator(f'[data-day="2016-04-{day}"]').bounding_box() for day in (12, 14)
        ]
        places = []
        for box in boxes:
            assert box is not None
            assert box["width"] >= 10
            places.append((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        # The end of the year stands below its beginning, and not beside it.
        last = await page.locator('[data-day="2016-12-30"]').bounding_box()
        assert last is not None
        assert last["x"] + last["width"] <= CHEAP_PHONE["width"]
        # From the later to the earlier one is the same.
        await page.mouse.move(*places[1])
        await page.mouse.down()
        await page.mouse.move(*places[0], steps=4)
        await expect(page.locator(".chosen")).to_have_count(3)
        await page.mouse.up()
        await drawn(page, "hour")
        assert await asked_range(page) == (START_S + DAY_S, START_S + 4 * DAY_S)
        await expect(page.locator(".chosen")).to_have_count(0)


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
        await page.get_by_label("To (not included)").fill("2016-04-13")
        await page.get_by_role("button", name="Show").click()
        rows = page.locator("[data-activities] tbody td.n")
        told = [f"{steps:,}" for steps in own(site, START_S + DAY_S, START_S + 2 * DAY_S)]
        await expect(rows).to_have_text(told)
        await page.get_by_role("link", name="Zoom out").click()
        await expect(page.locator("[data-range] h2").first).to_have_text("By hour")
