"""A person finds a vehicle in a real browser, reads why, and compares tables."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.rewards.reward_weeks import OWNER, a_family, weeks_served

pytestmark = IN_ONE_BROWSER

STATEMENT = "table.explained tbody tr"


async def fits(page: Page) -> None:
    """Whether nothing has to be moved sideways to be read."""
    for each in [page.locator("main"), *await page.locator("main table, main svg:visible").all()]:
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= CHEAP_PHONE["width"]


async def test_a_vehicle_is_found_explained_and_compared_by_other_tables(redis_url: str) -> None:
    async with (
        weeks_served(redis_url, now_week=5) as served,
        phone(served.client.url, scripts=True) as page,
    ):
        await a_family(served)
        await page.goto("/")
        await page.get_by_label("Vehicle", exact=True).fill("7")
        await page.get_by_role("button", name="Find vehicle").click()
        await expect(page.locator("h1")).to_have_text("Vehicle 7 week 4")
        await expect(page.locator(STATEMENT).nth(0)).to_contain_text(
            "Connected: one more than the 4 weeks before."
        )
        await fits(page)
        await page.get_by_role("link", name="Earlier").click()
        await expect(page).to_have_url(re.compile(r"week=3$"))
        await page.get_by_role("link", name=re.compile("^Week 0,")).click()
        await expect(page.locator(STATEMENT).nth(0)).to_contain_text("the first week of a streak")
        await page.get_by_role("link", name="Weeks", exact=True).click()
        await expect(page.locator("tr[data-week]")).to_have_count(5)
        began = page.locator("tr[data-week='4'] time").first
        await expect(began).to_have_attribute("title", "2022-02-28 05:00:00 UTC")
        await fits(page)
        await page.get_by_label("Owner", exact=True).fill(OWNER)
        await page.get_by_role("button", name="Find owner").click()
        await expect(page.locator("h1")).to_contain_text(OWNER)
        await fits(page)
        await page.get_by_role("link", name="At risk").last.click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await fits(page)
        await page.get_by_role("link", name="Streaks").click()
        await fits(page)
        await page.get_by_role("link", name="What if").click()
        await page.get_by_label("Tables A").fill("weeks_off_to_drop = 1")
        await page.get_by_label("Tables B").fill("pairs = []")
        await page.get_by_role("button", name="Compare").click()
        week = page.locator("tr[data-week='4'] td")
        await expect(week.nth(5)).to_have_text("7,000 -1,000")
        await fits(page)
        # What was asked is an address, and can be sent.
        await page.goto(page.url)
        await expect(page.get_by_label("Tables B")).to_have_value("pairs = []")
        await expect(week.nth(5)).to_have_text("7,000 -1,000")


async def test_without_script_all_of_it_is_there(redis_url: str) -> None:
    async with weeks_served(redis_url, now_week=5) as served, phone(served.client.url) as page:
        await a_family(served)
        await page.goto("/rewards/")
        await expect(page.locator("tr[data-week]")).to_have_count(5)
        await page.get_by_label("Vehicle", exact=True).fill("8")
        await page.get_by_role("button", name="Find vehicle").click()
        await expect(page.locator(STATEMENT).nth(0)).to_contain_text("The streak drops")
        await page.get_by_role("link", name="What if").click()
        await page.get_by_label("Tables A").fill("weeks = 1")
        await page.get_by_role("button", name="Compare").click()
        await expect(page.get_by_role("alert")).to_contain_text("unknown field `weeks`")
        await expect(page.get_by_label("Tables A")).to_have_value("weeks = 1")
        await fits(page)
