"""A person goes through a board's time in a real browser, with script and without."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, expect

from psd.times import timestamp
from tests.support.boards.board_site import DAY_S, DAYS, START_S, STREAM, BoardSite, board_site
from tests.support.clients.accessible import accessible
from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.clients.http import serving
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer

pytestmark = IN_ONE_BROWSER

ROWS = 10


def shown(site: BoardSite, second: int) -> list[str]:
    """The users of the first page at a second, as plain Python ranks them."""
    return [uid for uid, _ in site.ranking(second)[:ROWS]]


def values(site: BoardSite, second: int) -> list[str]:
    return [f"{steps:,}" for _, steps in site.ranking(second)[:ROWS]]


async def instant(page: Page) -> int:
    """The second that the address says."""
    return timestamp(parse_qs(urlsplit(page.url).query)["as_of"][0])


async def stands(page: Page, site: BoardSite, second: int) -> None:
    await expect(page.locator("td.who")).to_have_text(shown(site, second))
    await expect(page.locator("td.who + td")).to_have_text(values(site, second))


@asynccontextmanager
async def looked_at(redis_server: RedisServer) -> AsyncIterator[tuple[BoardSite, Page]]:
    """A site of a week, and a browser with script at its door."""
    redis_server.flush()
    async with (
        board_site(redis_server.url, STREAM) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        yield site, page


async def fits(page: Page) -> None:
    """Whether nothing has to be moved sideways to be read."""
    for each in [page.locator("main"), *await page.locator("main table, main svg:visible").all()]:
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= CHEAP_PHONE["width"]


async def test_the_slider_shows_exactly_the_ranking_of_the_second_that_it_stands_at(
    redis_server: RedisServer,
) -> None:
    async with looked_at(redis_server) as (site, page):
        await page.goto(site.path)
        await stands(page, site, START_S + DAYS * DAY_S)
        await accessible(page)
        slider = page.get_by_label("As it stood at").first
        box = await slider.bounding_box()
        assert box is not None
        # By hand: from the end to about the middle.
        await page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        await page.mouse.up()
        await page.wait_for_url(re.compile("as_of="))
        dragged = int(await slider.input_value())
        assert START_S + 2 * DAY_S < dragged < START_S + 5 * DAY_S
        await stands(page, site, dragged)
        # By keyboard, to the hour; and to a day.
        await slider.press("ArrowLeft")
        await stands(page, site, dragged - 3_600)
        day = START_S + 3 * DAY_S
        await slider.fill(str(day))
        await stands(page, site, day)
        await expect(slider).to_have_attribute("aria-valuetext", "2016-04-14 00:00 UTC")
        assert await instant(page) == day
        told = [
            f"{winner} passed {loser}"
            for winner, loser, _ in site.overtakes({*shown(site, day)}, day)[:12]
        ]
        await expect(page.locator(".overtakes li")).to_contain_text(told)
        await page.reload()
        await stands(page, site, day)
        await fits(page)
        await accessible(page)


async def test_a_board_plays_to_its_end_and_stops_where_it_is_told_to(
    redis_server: RedisServer,
) -> None:
    async with looked_at(redis_server) as (site, page):
        end = START_S + DAYS * DAY_S
        await page.goto(f"{site.path}&as_of=2016-04-17T12:00:00Z")
        await page.get_by_role("button", name="Play").click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await page.wait_for_url(re.compile("as_of=2016-04-18T00%3A00%3A00Z"))
        await expect(page.get_by_role("button", name="Play")).to_be_visible()
        await stands(page, site, end)
        # From the end it begins anew.
        await page.get_by_role("button", name="Play").click()
        await page.wait_for_url(re.compile("as_of=2016-04-11"))
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Play")).to_be_visible()
        await expect(page.locator("[aria-busy]")).to_have_count(0)
        await stands(page, site, await instant(page))


async def test_without_script_a_form_has_the_instant(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as site, phone(site.main.url) as page:
        await page.goto("/")
        await fits(page)
        await page.get_by_role("link", name="Boards", exact=True).click()
        await page.get_by_label("From").fill("2016-04-11")
        await page.get_by_role("button", name="Show").click()
        await stands(page, site, START_S + DAYS * DAY_S)
        await expect(page.get_by_role("button", name="Play")).to_be_hidden()
        await page.get_by_text("Another instant").click()
        await page.get_by_label("As it stood at").last.fill("2016-04-14")
        await page.get_by_label("Compared with").fill("2016-04-13")
        await page.get_by_role("button", name="Show").click()
        await stands(page, site, START_S + 3 * DAY_S)
        before = [uid for uid, _ in site.ranking(START_S + 2 * DAY_S)]
        rows = page.locator("tbody tr")
        for rank, uid in enumerate(shown(site, START_S + 3 * DAY_S)):
            won = before.index(uid) - rank
            told = f"▲ {won}" if won > 0 else f"▼ {-won}" if won else "="
            await expect(rows.nth(rank).locator("td").nth(1)).to_have_text(told)
        await fits(page)


async def test_a_comparison_is_chosen_and_kept_as_the_board_plays(
    redis_server: RedisServer,
) -> None:
    async with looked_at(redis_server) as (site, page):
        await page.goto(site.path)
        await page.get_by_text("Another instant").click()
        await page.get_by_label("Compared with").fill("2016-04-13")
        await page.get_by_role("button", name="Show").click()
        told = page.locator("[data-board] > .hint time")
        await expect(told.last).to_have_attribute("datetime", "2016-04-13T00:00:00Z")
        await expect(page.locator("[data-board] > .hint")).to_contain_text("compared with")
        slider = page.get_by_label("As it stood at").first
        await slider.fill(str(START_S + 4 * DAY_S))
        await stands_compared(page, site, START_S + 4 * DAY_S)
        await page.get_by_role("button", name="Play").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile("as_of=2016-04-18"))
        await expect(page.get_by_role("button", name="Play")).to_be_visible()
        await stands_compared(page, site, START_S + DAYS * DAY_S)


async def stands_compared(page: Page, site: BoardSite, second: int) -> None:
    """Whom the page has in which place, and how many he has won since two days had passed."""
    before = [uid for uid, _ in site.ranking(START_S + 2 * DAY_S)]
    users = shown(site, second)
    await expect(page.locator("td.who")).to_have_text(users)
    won = [before.index(uid) - rank for rank, uid in enumerate(users)]
    told = [f"▲ {each}" if each > 0 else f"▼ {-each}" if each else "=" for each in won]
    await expect(page.locator("tbody tr td:nth-child(2)")).to_have_text(told)


async def test_each_command_that_fills_an_empty_store_is_copied_by_its_button(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with (
        engine_on(redis_server.url, STREAM) as psd,
        serving(psd) as main,
        phone(main.url, scripts=True) as page,
    ):
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto("/")
        commands = await page.locator("pre code").all_inner_texts()
        assert [each.split()[1] for each in commands] == ["up", "write", "import"]
        for at, command in enumerate(commands):
            button = page.locator("[data-copy]").nth(at)
            await button.click()
            await expect(button).to_have_text("Copied")
            assert await page.evaluate("navigator.clipboard.readText()") == command
        await fits(page)
        await accessible(page)


FOCUSED = """() => {
  const each = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(each);
  const name = each.getAttribute("aria-label") ?? each.labels?.[0]?.textContent ?? each.textContent;
  return [name.trim(), outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
}"""


async def test_the_keyboard_goes_through_a_board_in_the_order_in_which_it_is_read(
    redis_server: RedisServer,
) -> None:
    async with looked_at(redis_server) as (site, page):
        await page.goto(site.path)
        end = START_S + DAYS * DAY_S
        await stands(page, site, end)
        areas = await page.locator("nav.areas a").all_inner_texts()
        wanted = [*areas, "Play", "As it stood at", *shown(site, end), "More", "CSV", "JSON"]
        wanted.append("Another instant, comparison or range")
        for name in wanted:
            await page.keyboard.press("Tab")
            assert await page.evaluate(FOCUSED) == [name, True]
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate(FOCUSED) == ["Thing", True]
        # Each row has its bar, also where there is no room for a column of them.
        bars = [await each.bounding_box() for each in await page.locator("svg.bar").all()]
        assert [bar is not None and bar["width"] > 300 for bar in bars] == [True] * ROWS
