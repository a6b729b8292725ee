"""Every page of psd and its domains on a phone: nothing keeps anybody from it, and it stands still.

What people do on pages is done in the folders beside this one; here each is only looked at, also
those that say that there is nothing, or that something is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from playwright.async_api import Page, expect

from server.simulation.car_loads import CarLoad
from tests.support.boards.board_site import board_site
from tests.support.charging.charging_yard import FUSE, charging_yard
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.accessible import AXE, VERSION, is_for_everybody, stands_still
from tests.support.clients.chromium import IN_ONE_BROWSER, phone
from tests.support.clients.http import HttpClient
from tests.support.energy.meter_site import NOON_S, PLAN, meter_site
from tests.support.operations.ops_site import ops_site
from tests.support.rewards.reward_weeks import OWNER, a_family, weeks_served
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import swap_site

pytestmark = IN_ONE_BROWSER

STREAM = {"queue.kind": "stream"}
MEMBERS = [str(uid) for uid in range(1, 9)]
WINDOW = {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"}
CUP: dict[str, object] = {
    "thing": "steps",
    "title": "The cup",
    "note": "Four of the week before",
    "window": WINDOW,
    "rounds": {
        "order": MEMBERS,
        "windows": [
            {"start": f"2016-04-{day}T00:00:00Z", "end": f"2016-04-{day + 2}T00:00:00Z"}
            for day in (12, 14, 16)
        ],
    },
    "members": MEMBERS,
}
WEEK = {"thing": "steps", "window": WINDOW, "members": MEMBERS}


async def sign_in(page: Page, name: str, root: str = "") -> None:
    await page.goto(f"{root}/auth/login")
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill("secret")
    await page.get_by_role("button", name="Sign In").click()
    await page.wait_for_url(lambda at: "/auth/" not in at)


async def look_at(page: Page, paths: Sequence[str], root: str = "") -> None:
    """Each of them."""
    for path in paths:
        answer = await page.goto(f"{root}{path}")
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        if root == "/ops/":
            here = page.locator("nav.below [aria-current]")
            is_below = "/" in path.partition("?")[0].rstrip("/")
            await expect(here).to_have_count(0 if is_below else 1)
        if await page.locator("[data-chart]").count():
            await expect(page.locator("[data-drawn]")).to_be_visible()
        await is_for_everybody(page)
        await stands_still(page)


async def put(client: HttpClient, path: str, body: object) -> None:
    sent = msgspec.json.encode(body)
    answer = await client.request("PUT", path, sent, "application/json")
    assert answer.status == 201, answer.text


async def test_pages_of_boards_and_users(redis_server: RedisServer) -> None:
    assert AXE.read_text().startswith(f"/*! axe v{VERSION}\n")
    redis_server.flush()
    async with (
        board_site(redis_server.url, STREAM) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        await site.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        for name, board in (("week", WEEK), ("cup", CUP)):
            await put(site.main, f"/v3/boards/{name}", board)
        await page.goto("/auth/login")
        await is_for_everybody(page)
        await sign_in(page, "writer")
        await look_at(
            page,
            [
                *("/", "/boards/", "/boards/week", "/boards/cup", "/users/", "/users/?uid=007"),
                "/boards/week?compare_to=2016-04-13&around=7&span=2&ties=dense",
                f"{site.path}&compare_to=2016-04-13T12:00:00Z",
                *("/board?start=x", "/board?thing=steps&start=2015-01-01&end=2015-02-01"),
                "/users/7?tz=UTC&year=2016",
                "/users/7?tz=Europe/Berlin&start=2016-04-11&end=2016-04-18&yaer=2016",
                "/users/nobody%40example.com?tz=UTC",
                "/users/7/activities/12",
            ],
        )


async def test_pages_of_an_empty_store(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        weeks_served(redis_server.url, 5) as served,
        phone(served.client.url, scripts=True) as page,
    ):
        paths = ["/", "/boards/", "/board", "/users/7?tz=UTC"]
        rewards = ["/rewards/", "/rewards/streaks", "/rewards/at-risk", "/rewards/what-if"]
        await look_at(page, [*paths, *rewards])


async def test_pages_of_rewards(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        weeks_served(redis_server.url, 5) as served,
        phone(served.client.url, scripts=True) as page,
    ):
        await a_family(served)
        paths = ["/", "/streaks", "/at-risk", "/vehicles/7/", "/vehicles/8/?week=9"]
        tried = "/what-if?tables1=weeks_off_to_drop%3D1&tables3=pairs%3D%5B%5D"
        await look_at(page, [*paths, f"/owners/{OWNER}/", "/owners/nobody/", tried], "/rewards")


async def test_pages_of_energy(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        meter_site(redis_server.url, STREAM) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        await sign_in(page, "amp", "/energy")
        await look_at(page, ["/", "/upload"], "/energy")
        await site.put("/plans/eco", PLAN)
        await site.put("/meters/m-1", {"plan": "eco", "tz": "Europe/London"})
        await site.power("m-1", [(NOON_S - 18_000 + 900 * at, 2) for at in range(21)])
        paths = ["/", "/meters/m-1/", "/meters/m-1/plans", "/meters/m-1/plans?start=soon"]
        await look_at(page, paths, "/energy")


async def test_pages_of_swaps(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        swap_site(redis_server.url, STREAM) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        await site.browser.sign_in("amp", "secret")
        for battery, odometer, back in (("1", "1000", "0"), ("2", "1040", "120")):
            sent = {"battery_out_id": battery, "odometer_reading": odometer}
            await site.swap({**sent, "battery_in_energy": back})
            site.clock.advance(3_600)
        await sign_in(page, "amp", "/swaps")
        [_, last] = await site.numbers()
        paths = ["/drivers/", "/driver/1/", "/driver/1/?at=now", "/driver/3/", "/driver/1/?all=1"]
        paths += ["/charging_stations/", "/charging_station/1/", "/battery/1/"]
        paths += ["/transactions/new/1/", "/transactions/new/1/?more=1"]
        await look_at(page, [*paths, f"/transactions/edit/{last}/"], "/swaps")


async def test_pages_of_charging(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.flush()
    async with (
        charging_yard(redis_server.url, tmp_path, switches=2) as yard,
        phone(yard.main.url, scripts=True) as page,
    ):
        await yard.user("u1", "u1")
        await yard.user("both", "u1", "u2")
        await yard.paid("u1", 2_000)
        await yard.set(f"fuse:{FUSE}", limit_ma=10_000, name="Left")
        for number in range(2):
            await yard.paid(f"u{number + 1}", 2_000)
            yard.drive_in(number, CarLoad(40_000, 0, 9.0))
            await yard.ask(number, f"u{number + 1}")
            await yard.seconds(1)
        await yard.seconds(60)
        await sign_in(page, "u1", "/charging")
        paths = ["/", "/sites/s1/", yard.page(0), yard.page(1), "/accounts/u1/"]
        await look_at(page, paths, "/charging")
        await page.goto("/charging/auth/logout")
        await sign_in(page, "both", "/charging")
        await look_at(page, ["/account"], "/charging")


async def test_pages_of_operations(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.flush()
    async with (
        ops_site(redis_server.url, tmp_path) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        await site.runtime.page_deciding.add("amp", "secret", ["admin"])
        [letter, *_] = await site.bury(b"poison", site.too_early())
        import_id = await site.imported("user,at,steps\n7,2016-04-12T08:00:00Z,5\n")
        token = {"name": "phone", "scopes": ["read"], "owners": ["7", "alice@example.com"]}
        made = (await site.ask("POST", "/v3/ops/tokens", token)).json()
        audit = (await site.ask("POST", "/v3/ops/audits", {})).json()["audit"]
        await sign_in(page, "amp")
        paths = ["", "dead-letters/", f"dead-letters/{letter}", "audits/", f"audits/{audit['id']}"]
        paths += ["imports/", f"imports/{import_id}", "tokens/", f"tokens/{made['mark']}"]
        paths += ["settings/", "settings/?changed=1", "slow-scripts/"]
        await look_at(page, paths, "/ops/")
        for place, button in (
            ("dead-letters/", "Replay"),
            (f"dead-letters/{letter}", "Drop"),
            ("audits/", "Repair"),
            ("tokens/", "Make token"),
        ):
            await page.goto(f"/ops/{place}")
            if button == "Make token":
                await page.get_by_label("Name", exact=True).fill("a name that is no token's")
            await page.get_by_role("button", name=button).click()
            await is_for_everybody(page)


async def test_pages_that_say_what_is_wrong(redis_server: RedisServer) -> None:
    redis_server.flush()
    token = token_for("reader", "read")
    async with (
        board_site(redis_server.url, {**STREAM, **asked_of(token)}) as site,
        phone(site.main.url, scripts=True, is_refused=True) as page,
    ):
        await page.goto("/boards/")
        await page.get_by_label("Username").fill("amp")
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Sign In").click()
        await expect(page.get_by_role("status")).to_have_text("Invalid username or password")
        await is_for_everybody(page)
        await sign_in(page, "amp")
        for path, status, told in (
            ("/users/007", 400, "uid: '007'"),
            ("/users/7?year=1066", 400, "year: '1066' is none from 1970 to 2199"),
            ("/users/7/activities/12", 403, "it needs scope write"),
            ("/ops/", 403, "it needs scope admin"),
            ("/boards/nobody", 404, "board: 'nobody' is not known"),
            ("/bords", 404, "path: nothing is served at /bords"),
        ):
            answer = await page.goto(path)
            assert answer is not None
            assert answer.status == status, path
            await expect(page.locator("main")).to_contain_text(told)
            await expect(page.get_by_role("link", name="Boards")).to_be_visible()
            await is_for_everybody(page)
            await stands_still(page)
