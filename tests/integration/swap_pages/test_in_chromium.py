"""A person with a cheap phone: signs in, swaps, corrects, and sees the day change."""

from __future__ import annotations

from playwright.async_api import Page

from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import swap_site

pytestmark = IN_ONE_BROWSER


async def sign_in(page: Page) -> None:
    await page.goto("/")
    assert await page.locator("h1").inner_text() == "Sign In"
    await page.get_by_label("Username").fill("amp")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    assert await page.locator("h1").inner_text() == "Drivers"


async def swap(page: Page, battery: str, odometer: int, energies: tuple[int, int]) -> None:
    await page.get_by_role("link", name="Charging Stations").click()
    await page.get_by_role("link", name="S1").click()
    await page.get_by_role("link", name="New Transaction").click()
    await page.get_by_label("Select battery out").select_option(label=battery)
    await page.get_by_label("Select Driver").select_option(label="Ann K")
    await page.get_by_label("Enter odometer reading").fill(str(odometer))
    await page.get_by_label("Battery in energy").fill(str(energies[0]))
    await page.get_by_label("Battery out energy").fill(str(energies[1]))
    await page.get_by_role("button", name="Submit").click()
    assert await page.get_by_role("status").inner_text() == "Transaction added"


async def last_day(page: Page) -> list[str]:
    await page.get_by_role("link", name="Ann K").first.click()
    row = page.locator("table").last.locator("tbody tr").last
    return [await cell.inner_text() for cell in await row.locator("td").all()]


async def fits(page: Page) -> bool:
    """Whether nothing has to be moved sideways to be read; without script the browser tells."""
    box = await page.locator("main").bounding_box()
    tables = [await each.bounding_box() for each in await page.locator("table").all()]
    assert box is not None
    widths = [each["width"] for each in tables if each is not None]
    return box["width"] <= CHEAP_PHONE["width"] and all(w <= box["width"] for w in widths)


async def test_a_person_signs_in_swaps_corrects_and_sees_the_day_change(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with swap_site(redis_server.url) as site, phone(site.browser.url) as page:
        await sign_in(page)
        await swap(page, "B1", 1000, (0, 180))
        site.clock.advance(3600)
        await swap(page, "B2", 1040, (120, 190))
        assert (await last_day(page))[1:] == ["40", "60", "40", "60"]
        assert await fits(page)
        await page.get_by_role("link", name="Edit").last.click()
        assert await page.get_by_label("Enter odometer reading").input_value() == "1040"
        await page.get_by_label("Enter odometer reading").fill("1060")
        await page.get_by_role("button", name="Submit").click()
        assert (await last_day(page))[1:] == ["60", "60", "60", "60"]
        await page.get_by_role("link", name="With corrected ones").click()
        struck = page.locator("tr.rejected td").first
        assert "line-through" in await struck.evaluate("e => getComputedStyle(e).textDecoration")
        await page.get_by_role("link", name="Logout").click()
        assert await page.locator("h1").inner_text() == "Sign In"
