"""Signing in to pages, and what keeps others out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from psd.store.keys import kind_of
from tests.support.clients.behind_proxy import behind
from tests.support.clients.pages import Browser
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import SwapSite, swap_site

SESSION_S = 43_200
WINDOW_S = 900


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[SwapSite]:
    redis_server.flush()
    async with swap_site(redis_server.url) as site:
        yield site


async def test_a_wrong_password_is_told_on_the_form_in_the_words_for_an_unknown_name(
    site: SwapSite,
) -> None:
    for name in ("amp", "nobody"):
        page = await site.browser.sign_in(name, "wrong!")
        assert (page.status, page.location) == (302, "/auth/login")
        page = await site.browser.get("/auth/login")
        assert page.alerts == ["Invalid username or password"]
    assert (await site.browser.get("/drivers/")).location == "/auth/login?next=%2Fdrivers%2F"


async def test_a_form_without_the_token_of_its_session_is_refused(site: SwapSite) -> None:
    right = {"username": "amp", "password": "secret"}
    assert (await site.browser.post("/auth/login", right)).status == 400
    before = await site.browser.get("/auth/login")
    async with Browser(site.browser.url) as other:
        stolen = {**right, "csrf_token": before.csrf_token}
        assert (await other.post("/auth/login", stolen)).status == 400
        await other.sign_in("amp", "secret")
        theirs = (await other.get("/transactions/new/1/")).csrf_token
    await site.browser.sign_in("amp", "secret")
    swap = {
        "battery_out_id": "1",
        "driver_id": "1",
        "odometer_reading": "1",
        "battery_in_energy": "1",
        "battery_out_energy": "1",
    }
    for token in ("", before.csrf_token, theirs, "é"):
        page = await site.browser.post("/transactions/new/1/", {**swap, "csrf_token": token})
        assert (page.status, page.headings) == (400, ["Bad Request"])
    assert await site.numbers() == []


async def test_a_session_ends_by_the_clock_by_the_password_and_with_its_user(
    site: SwapSite,
) -> None:
    deciding = site.runtime.page_deciding

    async def is_in() -> bool:
        return (await site.browser.get("/drivers/")).status == 200

    await site.browser.sign_in("amp", "secret")
    site.clock.advance(SESSION_S - 1)
    assert await is_in()
    site.clock.advance(1)
    assert not await is_in()
    await site.browser.sign_in("amp", "secret")
    assert await is_in()
    await deciding.change_password("amp", "another")
    assert not await is_in()
    await site.browser.sign_in("amp", "another")
    assert await is_in()
    await deciding.remove("amp")
    assert not await is_in()


async def test_who_signs_out_is_out_wherever_the_cookie_still_is(site: SwapSite) -> None:
    page = await site.browser.sign_in("amp", "secret")
    found = re.search(r"psd_session=([\w-]{43}); HttpOnly; Path=/; SameSite=Lax", str(page.headers))
    assert found is not None
    assert (await site.browser.get("/auth/logout")).location == "/index"
    async with Browser(site.browser.url, {"Cookie": f"psd_session={found[1]}"}) as kept:
        assert (await kept.get("/drivers/")).status == 302


async def test_whom_a_browser_is_to_remember_stays_for_thirty_days(site: SwapSite) -> None:
    form = {"username": "amp", "password": "secret", "remember_me": "y"}
    page = await site.browser.send("/auth/login", form)
    assert "Max-Age=2592000" in str(page.headers)
    site.clock.advance(2_592_000 - 1)
    assert (await site.browser.get("/drivers/")).status == 200


async def test_ten_failures_in_a_quarter_of_an_hour_and_the_next_is_not_looked_at(
    site: SwapSite,
) -> None:
    for _ in range(10):
        assert (await site.browser.sign_in("amp", "wrong!")).status == 302
    page = await site.browser.sign_in("amp", "secret")
    assert page.status == 429
    assert int(page.headers["Retry-After"]) == WINDOW_S
    # From this address under another name too, until the first of them is so old.
    assert (await site.browser.sign_in("other", "wrong!")).status == 429
    site.clock.advance(WINDOW_S)
    assert (await site.browser.sign_in("amp", "secret")).location == "/index"


async def test_a_name_is_guarded_from_every_address(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with swap_site(redis_server.url, {"pages.proxies": 1}) as site:
        for last in range(11):
            # What the sender himself writes stands before what our proxy has added.
            headers = {"X-Forwarded-For": f"198.51.100.7, 203.0.113.{last}"}
            async with Browser(site.browser.url, headers) as browser:
                page = await browser.sign_in("amp", "wrong!")
                assert page.status == (302 if last < 10 else 429)
                if last == 10:
                    assert (await browser.sign_in("other", "wrong!")).status == 302


async def test_pages_tell_browsers_what_they_may_do(site: SwapSite) -> None:
    await site.browser.sign_in("amp", "secret")
    for path in ("/auth/login", "/drivers/", "/nope"):
        headers = (await site.browser.get(path)).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    page = await site.browser.get("/drivers/")
    assert "<script" not in page.text
    assert " style=" not in page.text
    [link] = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
    style = await site.browser.get(link)
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["Cache-Control"]


@pytest.mark.parametrize(
    "wanted", ["http://evil.example/", "//evil.example", "/\\evil.example", "/%09/evil.example"]
)
async def test_nobody_is_led_to_another_site(site: SwapSite, wanted: str) -> None:
    page = await site.browser.sign_in("amp", "secret", f"/auth/login?next={wanted}")
    assert (page.status, page.location) == (302, "/index")


async def test_pages_work_below_a_path(site: SwapSite) -> None:
    async with behind(site.browser.url, "/psd") as url, Browser(f"{url}/psd") as browser:
        page = await browser.get("/driver/1/")
        assert page.location == "/psd/auth/login?next=%2Fpsd%2Fdriver%2F1%2F"
        page = await browser.sign_in("amp", "secret", page.location.removeprefix("/psd"))
        assert page.location == "/psd/driver/1/"
        page = await browser.get("/driver/1/")
        assert page.headings[0] == "Ann  K"
        assert all(link.startswith(("/psd/", "?")) for link in page.links)
        assert (await browser.get("/drivers")).location == "/psd/drivers/"


async def test_every_key_of_pages_is_known_and_tells_no_secret(
    site: SwapSite, redis_server: RedisServer
) -> None:
    page = await site.browser.sign_in("amp", "secret")
    await site.browser.get("/auth/logout")
    await site.browser.sign_in("amp", "wrong!")
    await site.browser.sign_in("amp", "secret")
    token = str(page.headers).partition("psd_session=")[2][:43]
    store = site.runtime.store.client
    keys = [key.decode() async for key in store.scan_iter("psd:pages:*")]
    kinds = {kind.name if (kind := kind_of(key)) else key for key in keys}
    assert kinds == {
        "page users",
        "page users' versions",
        "page secret",
        "failed sign-ins",
        "session",
    }
    assert token not in "".join(keys)
    assert "secret" not in str(await store.hgetall("psd:pages:{pages}:users"))
    ending = [key for key in keys if ":session:" in key or ":failed:" in key]
    assert len(ending) >= 2
    assert all([await store.ttl(key) > 0 for key in ending])
