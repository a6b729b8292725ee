"""Pictures of the pages for docs/images: each in light, in dark, and on a phone (make screenshots).

Everything on them is made up and the same each time: the week of tests/support/boards, a meter, a
driver who has swapped, and the simulated plugs of tests/support/charging.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from playwright.async_api import Browser, Page, async_playwright

from server.simulation.car_loads import CarLoad
from tests.support.boards.board_site import USERS, board_site
from tests.support.charging.charging_yard import FUSE, ChargingYard, charging_yard
from tests.support.clients.chromium import ARGUMENTS, CHEAP_PHONE, chromium
from tests.support.clients.http import HttpClient, serving
from tests.support.energy.meter_site import NOON_S, PLAN, meter_site
from tests.support.engine import engine_on
from tests.support.operations.ops_site import ops_site
from tests.support.rewards.reward_weeks import weeks_served
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import swap_site

IMAGES = Path(__file__).parents[1] / "docs" / "images"
STREAM = {"queue.kind": "stream"}
SETTLED_MS = 500
LOADS = ("0.4", "0.6", "2.1", "1.4", "0.8", "0.3", "3.2")
"""kW, one quarter of an hour after the other."""


WEEK = {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"}
ROUNDS = [
    {"start": f"2016-04-{day}T00:00:00Z", "end": f"2016-04-{day + 2}T00:00:00Z"}
    for day in (12, 14, 16)
]
SEEDS = [str(uid) for uid in (8, 9, 3, 10, 7, 2, 11, 12)]
BOARDS: dict[str, dict[str, object]] = {
    "week": {
        "thing": "steps",
        "title": "Steps of the week",
        "window": WEEK,
        "members": [str(uid) for uid in range(1, USERS + 1)],
    },
    "cup": {
        "thing": "steps",
        "title": "The cup",
        "window": WEEK,
        "members": SEEDS,
        "rounds": {"windows": ROUNDS, "order": SEEDS},
    },
}


class View(msgspec.Struct, frozen=True):
    """How somebody looks: the end of the picture's name, width and height, light or dark."""

    name: str
    width: int
    height: int
    scheme: str


class Person(msgspec.Struct, frozen=True):
    """Who looks, and where he signs in; the password is ``secret``."""

    name: str
    site: str


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
            for pictures in (
                boards,
                empty,
                rewards,
                energy,
                swaps,
                partial(charging, folder=Path(folder) / "spool"),
                partial(operations, folder=Path(folder)),
            ):
                redis.flush()
                await pictures(browser, redis.url)
            await browser.close()


async def boards(browser: Browser, url: str) -> None:
    """What runs, a week of steps as it stood on Thursday at noon, a cup, and one of the users."""
    async with board_site(url, STREAM) as site:
        for name, board in BOARDS.items():
            await put(site.main, f"/v3/boards/{name}", board)
        then = f"{site.path}&as_of=2016-04-14T12:00:00Z&compare_to=2016-04-13"
        user = "/users/7?thing=steps&tz=UTC&year=2016&start=2016-04-11&end=2016-04-18"
        await site.main.request("DELETE", "/v3/users/7/activities/45?note=counted%20twice")
        pages = [
            *(("state", "/"), ("boards", "/boards/"), ("board", then), ("cup", "/boards/cup")),
            *(("users", "/users/"), ("user", user), ("withdraw", "/users/7/activities/12")),
            ("sign-in", "/auth/login"),
        ]
        await taken(browser, site.main.url, pages)


async def empty(browser: Browser, url: str) -> None:
    """A store in which nothing is yet."""
    async with engine_on(url, STREAM) as runtime, serving(runtime) as main:
        await taken(browser, main.url, [("empty", "/")])


async def put(client: HttpClient, path: str, body: object) -> None:
    """PUT something that is new."""
    sent = msgspec.json.encode(body)
    answer = await client.request("PUT", path, sent, "application/json")
    assert answer.status == HTTPStatus.CREATED, answer.text


async def rewards(browser: Browser, url: str) -> None:
    """Seven weeks of three vehicles, one of which sleeps, and what two other tables would do."""
    tables = urlencode(
        {"tables1": "weeks_off_to_drop = 1", "tables2": 'tokens.split = "floor"\npairs = []'}
    )
    async with weeks_served(url, now_week=7) as served:
        await served.describe(7, owner="42", integrations=["Smartcar", "AutoPi"])
        await served.describe(8, owner="42", integrations=["Tesla"])
        await served.describe(9, owner="43", integrations=["Tesla"])
        await served.drive_in(7, "Smartcar", 0, 1, 2, 3, 5, 6)
        await served.drive_in(7, "AutoPi", 3, 4, 5)
        await served.drive_in(8, "Tesla", 0, 1)
        await served.drive_in(9, "Tesla", *range(7))
        await served.compute(6)
        pages = [
            ("rewards", "/"),
            ("streaks", "/streaks"),
            ("vehicle", "/vehicles/7/?week=5"),
            ("owner", "/owners/42/"),
            ("at-risk", "/at-risk"),
            ("what-if", f"/what-if?{tables}"),
        ]
        named = [(name, f"/rewards{path}") for name, path in pages]
        await taken(browser, served.client.url, named)


async def energy(browser: Browser, url: str) -> None:
    """A meter that has sent since the morning, and what it would cost by two plans."""
    async with meter_site(url, STREAM) as site:
        for name, rate in (("eco", "0.2"), ("dear", "0.31")):
            rates = [*PLAN["rates"][:1], {"name": "base", "rate": rate}]
            await site.put(f"/plans/{name}", PLAN | {"rates": rates})
        await site.put("/meters/m-1", {"plan": "eco", "tz": "Europe/London"})
        quarters = range(NOON_S - 10 * 3_600, NOON_S + 1, 900)
        await site.power("m-1", [(at, LOADS[at // 900 % len(LOADS)]) for at in quarters])
        pages = [("meters", "/"), ("meter", "/meters/m-1/"), ("plans", "/meters/m-1/plans")]
        pages += [("upload", "/upload")]
        named = [(name, f"/energy{path}") for name, path in pages]
        await taken(browser, site.main.url, named, Person("amp", "/energy"))


async def swaps(browser: Browser, url: str) -> None:
    """A driver after two swaps, and the station where they were."""
    async with swap_site(url, STREAM) as site:
        await site.browser.sign_in("amp", "secret")
        for battery, odometer, back in (("1", "1000", "0"), ("2", "1040", "120")):
            sent = {"battery_out_id": battery, "odometer_reading": odometer}
            await site.swap({**sent, "battery_in_energy": back})
            site.clock.advance(3_600)
        pages = [("driver", "/driver/1/"), ("station", "/charging_station/1/")]
        pages += [("drivers", "/drivers/"), ("stations", "/charging_stations/")]
        pages += [("battery", "/battery/1/"), ("transaction", "/transactions/new/1/")]
        named = [(name, f"/swaps{path}") for name, path in pages]
        await taken(browser, site.main.url, named, Person("amp", "/swaps"))


async def charging(browser: Browser, url: str, folder: Path) -> None:
    """A site with a queue, a plug that charges, and the account that pays for it."""
    async with charging_yard(url, folder, switches=4) as yard:
        await four_cars(yard)
        pages = [("charging", "/"), ("plug", yard.page(0)), ("account", "/accounts/u1/")]
        pages += [("site", "/sites/s1/")]
        named = [(name, f"/charging{path}") for name, path in pages]
        await taken(browser, yard.main.url, named, Person("u1", "/charging"))


async def operations(browser: Browser, url: str, folder: Path) -> None:
    """Two letters, tokens, an import that may be taken back, and what differs from the defaults."""
    folder = folder / "operations"
    folder.mkdir()
    async with ops_site(url, folder) as site:
        await site.runtime.page_deciding.add("amp", "secret", ["admin"])
        [letter, *_] = await site.bury(b"poison", site.too_early())
        undone = await site.imported("user,at,steps\n7,2016-04-12T08:00:00Z,5\n")
        await site.ask("POST", "/v3/ops/tokens", {"name": "phone", "scopes": ["read"]})
        audit = (await site.ask("POST", "/v3/ops/audits", {})).json()["audit"]["id"]
        pages = [("dead-letters", "dead-letters/"), ("tokens", "tokens/"), ("imports", "imports/")]
        pages += [("settings", "settings/?changed=1"), ("operations", ""), ("audits", "audits/")]
        pages += [("letter", f"dead-letters/{letter}"), ("import", f"imports/{undone}")]
        pages += [("audit", f"audits/{audit}"), ("slow-scripts", "slow-scripts/")]
        named = [(name, f"/ops/{path}") for name, path in pages]
        await taken(browser, site.main.url, named, Person("amp", ""))


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
    browser: Browser, url: str, pages: Sequence[tuple[str, str]], person: Person | None = None
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
        if person is not None:
            await signed_in(page, person)
        for name, path in pages:
            await page.goto(path)
            await page.wait_for_timeout(SETTLED_MS)
            image = IMAGES / f"{name}-{view.name}.png"
            await page.screenshot(path=image, full_page=True)
        await context.close()


async def signed_in(page: Page, person: Person) -> None:
    """Somebody signs in at a domain."""
    await page.goto(f"{person.site}/auth/login")
    await page.get_by_label("Username").fill(person.name)
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    await page.wait_for_url(lambda at: "/auth/" not in at)


if __name__ == "__main__":
    asyncio.run(main())
