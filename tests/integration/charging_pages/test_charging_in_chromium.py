"""A person charges a car with a phone, with script and without, at simulated plugs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from server.simulation.car_loads import CarLoad
from tests.support.charging.charging_yard import FUSE, ChargingYard, charging_yard
from tests.support.clients.accessible import accessible
from tests.support.clients.chromium import CHEAP_PHONE, IN_ONE_BROWSER, phone
from tests.support.servers.redis_server import RedisServer

pytestmark = IN_ONE_BROWSER


async def sign_in(page: Page, path: str) -> None:
    await page.goto(f"/charging{path}")
    await page.get_by_label("Username").fill("u1")
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()


async def fits(page: Page) -> None:
    """Whether nothing has to be moved sideways to be read."""
    for each in [page.locator("main"), *await page.locator("main table, main svg").all()]:
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= CHEAP_PHONE["width"]


async def prepared(yard: ChargingYard) -> None:
    await yard.user("u1", "u1")
    await yard.paid("u1", 2000)
    await yard.set(f"fuse:{FUSE}", limit_ma=40_000, name="Left")
    yard.drive_in(0, CarLoad(40_000, 0, 32.0))


async def shown_anew(page: Page, *, scripts: bool) -> None:
    """A page moves by itself; one without script does each 15 s, and nobody waits for that."""
    if not scripts:
        await page.reload()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_car_is_plugged_in_started_watched_stopped_and_paid(
    redis_server: RedisServer, tmp_path: Path, *, scripts: bool
) -> None:
    redis_server.flush()
    async with (
        charging_yard(redis_server.url, tmp_path) as yard,
        phone(yard.main.url, scripts=scripts) as page,
    ):
        await prepared(yard)
        await sign_in(page, yard.page(0))
        badge = page.locator(".badge")
        await expect(badge).to_have_text("Free")
        await fits(page)
        if scripts:
            await expect(page.locator("[data-state]")).to_be_visible()
        await page.get_by_role("button", name="Enable Socket").click()
        await expect(badge).to_have_text("Taken")
        await yard.seconds(12)
        await shown_anew(page, scripts=scripts)
        await expect(badge).to_have_text("Charging")
        figures = page.locator(".figures dd:not(.hint)")
        # 32 A at 240 V are 7.68 kW: 0.128 kWh a minute.
        await yard.seconds(100)
        await shown_anew(page, scripts=scripts)
        await expect(figures).to_have_text(["0.230 kWh", "0.06 AUD", "32.0 A", "7.68 kW"])
        await fits(page)
        await page.get_by_role("button", name="Disable Socket").click()
        await expect(badge).to_have_text("Switching off")
        await yard.seconds(5)
        await shown_anew(page, scripts=scripts)
        await expect(badge).to_have_text("Free")
        await page.get_by_role("link", name="Account").click()
        await expect(page.locator("h1")).to_contain_text("u1")
        await expect(figures).to_have_text(["19.93 AUD", "0.00 AUD", "19.93 AUD"])
        receipt = page.locator("table").first.locator("tbody tr td")
        await expect(receipt.nth(3)).to_have_text("0.235 kWh")
        await expect(receipt.nth(4)).to_have_text("0.07 AUD")
        entries = page.locator("table").last.locator("tbody tr")
        await expect(entries.first).to_contain_text("-0.07 AUD")
        await expect(entries.last).to_contain_text("Top-up")
        await fits(page)
        if scripts:
            await accessible(page)


async def test_a_site_shows_fuses_and_queue_as_they_move(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with (
        charging_yard(redis_server.url, tmp_path) as yard,
        phone(yard.main.url, scripts=True) as page,
    ):
        await prepared(yard)
        await yard.set(f"fuse:{FUSE}", limit_ma=25_000)
        for number in range(3):
            await yard.paid(f"u{number + 1}", 2000)
            await yard.set(f"plug:{yard.plug(number)}", limit_ma=10_000, name=f"Bay {number + 1}")
            yard.drive_in(number, CarLoad(40_000, 0, 9.0))
            await yard.ask(number, f"u{number + 1}")
            await yard.seconds(1)
        await sign_in(page, "/")
        await expect(page.locator("h1")).to_contain_text("Sites")
        await expect(page.locator("[data-state]")).to_be_visible()
        bar = page.locator("svg.bar")
        await yard.seconds(66)
        told = "18.0 A of 25 A flow, 19.8 A are reserved"
        await expect(bar).to_have_attribute("aria-label", told)
        await expect(page.locator("main table").first.locator("td")).to_contain_text(
            ["1", "Bay 3", "Left", ":"]
        )
        costs = page.locator("main table").last.locator("tr td:nth-child(6)")
        await expect(costs).to_have_text(["0.01 AUD", "", ""])
        await fits(page)
        await accessible(page)
        await yard.ask(1, "u2", "disable")
        await yard.seconds(30)
        await expect(page.get_by_text("Queue")).to_have_count(0)
        badges = page.locator("main table .badge")
        await expect(badges).to_have_text(["Charging", "Free", "Charging"])
        await fits(page)
