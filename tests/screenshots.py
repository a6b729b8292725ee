"""Pictures of the pages for docs/images: each in light, in dark, and on a phone (make screenshots).

Everything on them is made up and the same each time: the week of tests/support/boards, and the
simulated plugs of tests/support/charging.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from playwright.async_api import Browser, Page, async_playwright

from server.simulation.car_loads import CarLoad
from tests.support.boards.board_site import board_site
from tests.support.charging.charging_yard import FUSE, ChargingYard, charging_yard
from tests.support.clients.chromium import ARGUMENTS, CHEAP_PHONE, chromium
from tests.support.servers.redis_server import RedisServer

IMAGES = Path(__file__).parents[1] / "docs" / "images"
STREAM = {"queue.kind": "stream"}
SETTLED_MS = 500


class View(msgspec.Struct, frozen=True):
    """How somebody looks: the end of the picture's name, width and height, light or dark."""

    name: str
    width: int
    height: int
    scheme: str


VIEWS = (
    View("light", 1100, 760, "light"),
    View("dark", 1100, 760, "dark"),
    View("phone", CHEAP_PHONE["width"], CHEAP_PHONE["height"], "light"),
)


async def main() -> None:
    """All pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            await boards(browser, redis.url)
            redis.flush()
            await charging(browser, redis.url, Path(folder) / "spool")
            await browser.close()


async def boards(browser: Browser, url: str) -> None:
    """What runs, and a week of steps as it stood on Thursday at noon."""
    async with board_site(url, STREAM) as site:
        then = f"{site.path}&as_of=2016-04-14T12:00:00Z&compare_to=2016-04-13"
        await taken(browser, site.main.url, [("state", "/"), ("board", then)])


async def charging(browser: Browser, url: str, folder: Path) -> None:
    """A site with a queue, a plug that charges, and the account that pays for it."""
    async with charging_yard(url, folder, switches=4) as yard:
        await four_cars(yard)
        pages = [("charging", "/"), ("plug", yard.page(0)), ("account", "/accounts/u1/")]
        named = [(name, f"/charging{path}") for name, path in pages]
        await taken(browser, yard.main.url, named, sign_in="u1")


async def four_cars(yard: ChargingYard) -> None:
    """Three charge, and the fourth waits for room at its fuse."""
    await yard.user("u1", "u1")
    await yard.set("site", limit_ma=63_000, name="North yard", description="Behind the depot")
    await yard.set("fuse:main", limit_ma=50_000, name="Main")
    await yard.set("fuse:right", limit_ma=32_000, name="Right", parent="main")
    await yard.set(f"fuse:{FUSE}", limit_ma=48_000, name="Left", parent="main")
    for number in range(4):
        await yard.paid(f"u{number + 1}", 2_000)
        await yard.set(f"plug:{yard.plug(number)}", limit_ma=16_000, name=f"Bay {number + 1}")
        yard.drive_in(number, CarLoad(40_000, 0, 15.0 - number))
        await yard.ask(number, f"u{number + 1}")
        await yard.seconds(1)
    await yard.seconds(90)


async def taken(
    browser: Browser, url: str, pages: Sequence[tuple[str, str]], sign_in: str = ""
) -> None:
    """Pictures of pages, by name and path, in every view."""
    for view in VIEWS:
        context = await browser.new_context(
            base_url=url,
            viewport={"width": view.width, "height": view.height},
            color_scheme=view.scheme,  # type: ignore[arg-type]  (one of the two)
            timezone_id="UTC",
        )
        page = await context.new_page()
        if sign_in:
            await signed_in(page, sign_in)
        for name, path in pages:
            await page.goto(path)
            await page.wait_for_timeout(SETTLED_MS)
            image = IMAGES / f"{name}-{view.name}.png"
            await page.screenshot(path=image, full_page=True)
        await context.close()


async def signed_in(page: Page, name: str) -> None:
    """Somebody signs in at charging."""
    await page.goto("/charging/auth/login")
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    await page.wait_for_url("**/charging/")


if __name__ == "__main__":
    asyncio.run(main())
