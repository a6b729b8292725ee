"""An admin looks after psd in a real browser: letters of a real nsqd, tokens, imports, audits."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from tests.support.clients.behind_proxy import behind
from tests.support.clients.chromium import IN_ONE_BROWSER, PATIENCE_MS, phone
from tests.support.clients.pages import Browser
from tests.support.operations.ops_site import LATER_S, OpsSite, ops_site
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = IN_ONE_BROWSER

TABLE = "user,at,steps\n7,2016-04-12T08:00:00Z,5\n7,2016-04-12T09:00:00Z,6\n"
PLACES = ("", "dead-letters/", "audits/", "imports/", "tokens/", "settings/", "slow-scripts/")


async def sign_in(page: Page, token: str) -> None:
    await page.goto("/auth/login?next=/ops/")
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign In").last.click()


async def is_admin(page: Page, site: OpsSite) -> None:
    await sign_in(page, site.admin.secret)
    await expect(page.get_by_role("heading", name="Operations")).to_be_visible()


async def test_a_letter_is_replayed_and_ends_booked_and_another_is_dropped_for_good(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    with Nsqd(tmp_path) as nsqd:
        async with (
            ops_site(redis_server.url, tmp_path, nsqd) as site,
            phone(site.main.url) as page,
        ):
            await site.bury(b"poison", site.too_early(400))
            # Two days later what was too early is not.
            site.clock.ahead_s += LATER_S + 60
            await is_admin(page, site)
            await page.goto("/ops/dead-letters/")
            rows = page.locator("tr[data-letter]")
            await expect(rows).to_have_count(2)
            await rows.filter(has_text="too_early").get_by_role("checkbox").check()
            async with site.working():
                await page.get_by_role("button", name="Replay").click()
                await expect(page.get_by_role("status")).to_contain_text("1 replayed")
                await wait_until("it is booked", lambda: site.has_steps(400))
            await expect(rows).to_have_count(1)
            await rows.get_by_role("link").click()
            await expect(page.locator("pre")).to_have_text("poison")
            await page.get_by_role("button", name="Drop").click()
            await expect(page.get_by_role("heading", name="Drop 1 dead letter for")).to_be_visible()
            await page.get_by_role("button", name="Drop for good").click()
            await expect(page.get_by_role("status")).to_contain_text("1 dropped")
            await expect(page.get_by_text("The dead letter is empty")).to_be_visible()
            await page.goto("/ops/")
            await expect(page.locator("tbody tr td:nth-child(3)")).to_have_text(
                ["drop dead letters", "replay dead letters"]
            )


async def test_a_token_is_made_signs_in_and_is_refused_once_it_is_revoked(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with (
        ops_site(redis_server.url, tmp_path) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        await is_admin(page, site)
        await page.goto("/ops/tokens/")
        await page.get_by_label("Name", exact=True).fill("phone")
        await page.get_by_label("read").check()
        await page.get_by_role("button", name="Make token").click()
        shown = page.locator("[data-token]")
        token = await shown.inner_text()
        await page.goto("/ops/tokens/")
        await expect(page.get_by_text(token)).to_have_count(0)
        browser = page.context.browser
        assert browser is not None
        others = await browser.new_context(base_url=site.main.url)
        other = await others.new_page()
        other.set_default_timeout(PATIENCE_MS)
        await other.goto("/auth/login?next=/boards/")
        await other.get_by_label("Token").fill(token)
        await other.get_by_role("button", name="Sign In").last.click()
        await expect(other.get_by_role("heading", name="Boards")).to_be_visible()
        await expect(other.get_by_role("link", name="Operations")).to_have_count(0)
        await page.get_by_role("link", name="Revoke the token of phone").click()
        await page.get_by_role("button", name="Revoke").click()
        await expect(page.get_by_role("status")).to_contain_text("The token of phone is revoked.")
        await other.goto("/boards/")
        await expect(other.get_by_label("Token")).to_be_visible()
        await page.get_by_role("link", name="Revoke the token of amp").click()
        await page.get_by_role("button", name="Revoke").click()
        await expect(page.get_by_role("alert")).to_contain_text("the one that you ask with")
        await others.close()


async def test_an_import_is_taken_back_and_an_audit_tells_what_it_found(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with (
        ops_site(redis_server.url, tmp_path) as site,
        phone(site.main.url, scripts=True) as page,
    ):
        import_id = await site.imported(TABLE)
        await is_admin(page, site)
        await page.goto("/ops/imports/")
        await page.get_by_role("link", name=import_id).click()
        await expect(page.get_by_text("2 taken back")).to_be_visible()
        assert await site.steps() == 11
        await page.get_by_role("button", name="Take it back").click()
        heading = page.get_by_role("heading", name=f"Import {import_id} is taken back")
        await expect(heading).to_be_visible()
        assert await site.steps() == 0
        await page.goto("/ops/audits/")
        await page.get_by_role("button", name="Audit").click()
        await expect(page.get_by_text("everything is as it should be")).to_be_visible()
        await page.goto("/ops/audits/")
        await page.get_by_role("button", name="Repair").click()
        await expect(page.get_by_role("heading", name="Write what should be")).to_be_visible()


async def test_a_form_of_another_session_or_of_none_does_nothing(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with ops_site(redis_server.url, tmp_path) as site:
        browser = site.browser
        assert (await browser.get("/ops/")).status == 302
        await browser.send("/auth/login", {"token": site.admin.secret})
        form = {"name": "phone", "scope-read": "on"}
        for csrf in ("", "0" * 64):
            page = await browser.post("/ops/tokens/", {"csrf_token": csrf, **form})
            assert page.status == 400, page.text
        assert len((await site.ask("GET", "/v3/ops/tokens")).json()["data"]) == 1
        await site.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        await browser.get("/auth/logout")
        await browser.sign_in("writer", "secret")
        for place in PLACES:
            assert (await browser.get(f"/ops/{place}")).status == 403, place


async def test_where_no_token_is_needed_a_form_is_bound_to_the_browser_that_it_was_shown_to(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with ops_site(redis_server.url, tmp_path, settings={"access.tokens_file": ""}) as site:
        first = await site.browser.get("/ops/audits/")
        assert (first.status, len(first.csrf_token) > 20) == (200, True)
        async with Browser(site.main.url) as other:
            sent = {"csrf_token": first.csrf_token, "do": "audit"}
            assert (await other.post("/ops/audits/", sent)).status == 400
        async with Browser(site.main.url, {"Origin": "http://evil.example"}) as foreign:
            assert (await foreign.post("/ops/audits/", sent)).status == 403
        begun = await site.browser.post("/ops/audits/", sent)
        assert (begun.status, begun.location.startswith("/ops/audits/2")) == (302, True)
        assert "access.tokens_file" in (await site.browser.get("/ops/tokens/")).text


async def test_every_page_works_below_a_path(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.flush()
    async with (
        ops_site(redis_server.url, tmp_path, settings={"access.tokens_file": ""}) as site,
        behind(site.main.url, "/psd") as url,
        Browser(f"{url}/psd") as browser,
    ):
        for place in PLACES:
            page = await browser.get(f"/ops/{place}")
            assert page.status == 200, place
            assert all(link.startswith(("/psd/", "?")) for link in page.links), page.links
            assert " style=" not in page.text
            assert "<style" not in page.text
        moved = await browser.send("/ops/audits/", {"do": "audit"})
        assert moved.location.startswith("/psd/ops/audits/2")
