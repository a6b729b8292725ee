"""A person looks at a meter in a real browser, with script and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.energy.meter_site import NOON_S, PLAN, MeterSite, meter_site
from tests.support.servers.redis_server import RedisServer

pytestmark = IN_ONE_BROWSER

HOUR_S = 3_600
GREEN_BUTTON = Path(__file__).parents[2] / "golden" / "energy" / "greenbutton_hourly_9days.xml"


async def sign_in(page: Page) -> None:
    await page.goto("/energy/")
    await page.get_by_label("Username").fill("amp")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    await expect(page.locator("h1")).to_have_text("Meters")


async def filled(site: MeterSite) -> None:
    """A meter with a plan, and 2 kW from seven to noon."""
    await site.put("/plans/eco", PLAN)
    await site.put("/plans/dear", PLAN | {"rates": [{"name": "base", "rate": "9"}]})
    await site.put("/meters/m-1", {"plan": "eco", "tz": "Europe/London"})
    await site.power("m-1", [(NOON_S - 5 * HOUR_S + 900 * at, 2) for at in range(21)])


async def fits(page: Page) -> None:
    """Whether nothing has to be moved sideways to be read."""
    for each in [page.locator("main"), *await page.locator("main table, main svg").all()]:
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= CHEAP_PHONE["width"]


async def test_with_script_a_meter_moves_as_soon_as_it_sends(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with meter_site(redis_server.url) as site, phone(site.main.url, scripts=True) as page:
        await filled(site)
        await sign_in(page)
        await page.get_by_role("link", name="m-1").click()
        figures = page.locator(".figures dd:not(.hint)")
        await expect(figures).to_have_text(["2.000 kW", "10.000 kWh", "10.000 kWh", "2.60 GBP"])
        await expect(page.locator("[data-state]")).to_be_visible()
        await fits(page)
        site.clock.advance(HOUR_S)
        await site.power("m-1", [(NOON_S + HOUR_S, "3.5")])
        await expect(figures).to_have_text(["3.500 kW", "12.750 kWh", "12.750 kWh", "3.15 GBP"])
        assert await page.locator("svg.chart rect").count() == 48
        await expect(page.locator("svg.chart rect.now title")).to_have_text(
            "13:00 to 13:30: 0.000 kWh"
        )


async def test_without_script_the_same_is_there_and_the_page_refreshes_itself(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with meter_site(redis_server.url) as site, phone(site.main.url) as page:
        await filled(site)
        await sign_in(page)
        await fits(page)
        await page.get_by_role("link", name="m-1").click()
        figures = page.locator(".figures dd:not(.hint)")
        await expect(figures).to_have_text(["2.000 kW", "10.000 kWh", "10.000 kWh", "2.60 GBP"])
        refresh = page.locator('meta[http-equiv="refresh"]')
        assert await refresh.get_attribute("content") == "30"
        await fits(page)
        await page.get_by_role("link", name="Compare plans").click()
        rows = page.locator("tbody tr")
        await expect(rows.first.locator("td").first).to_have_text("eco (yours)")
        await fits(page)


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_file_is_uploaded(redis_server: RedisServer, *, scripts: bool) -> None:
    redis_server.flush()
    async with meter_site(redis_server.url) as site, phone(site.main.url, scripts=scripts) as page:
        await sign_in(page)
        await page.get_by_role("link", name="Upload", exact=True).click()
        await fits(page)
        await page.get_by_label("Meter").fill("m-9")
        await page.get_by_label("File").set_input_files(GREEN_BUTTON)
        await page.get_by_role("button", name="Upload").click()
        await expect(page.get_by_role("status")).to_have_text("216 intervals of m-9: 199.563 kWh")
        await expect(page.locator("h1")).to_contain_text("m-9")
