"""The pages of charging: what stands on them, whose it is to see, and what forms do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from psd.charging.accounts.customer_accounts import AutoTopup
from psd.charging.plugs.plug_answers import ShownFuse
from psd.charging.sites.fuse_tree import FuseBar, fuse_tree
from psd.clock import ManualClock
from server.simulation.car_loads import CarLoad
from server.simulation.fake_stripe import FakeStripe
from tests.support.charging.charging_yard import FUSE, NOON_S, ChargingYard, charging_yard
from tests.support.clients.behind_proxy import behind
from tests.support.clients.pages import Browser, Page
from tests.support.clients.qr_codes import text_of
from tests.support.servers.redis_server import RedisServer


@pytest.fixture
async def yard(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[ChargingYard]:
    redis_server.flush()
    async with charging_yard(redis_server.url, tmp_path, switches=2) as found:
        for name in ("u1", "u2"):
            await found.user(name, name)
            await found.paid(name, 2000)
        yield found


async def as_(yard: ChargingYard, name: str) -> Browser:
    """A browser in which somebody else is signed in than before."""
    await yard.browser.get("/auth/logout")
    await yard.browser.sign_in(name, "secret")
    return yard.browser


async def charging(yard: ChargingYard) -> None:
    """u1 charges at the first plug, with 32 A since 8 s."""
    yard.drive_in(0, CarLoad(40_000, 0, 32.0))
    await yard.ask(0, "u1")
    await yard.seconds(12)


async def press(yard: ChargingYard, number: int, **fields: str) -> Page:
    return await yard.browser.send(yard.page(number), fields)


async def test_a_session_is_its_owner_s_to_see_and_those_who_see_everybody(
    yard: ChargingYard,
) -> None:
    await charging(yard)
    for name, is_seen in (("u1", True), ("u2", False), ("amp", True)):
        browser = await as_(yard, name)
        page = await browser.get(yard.page(0))
        assert page.status == 200
        assert ("Charging" in page.text, "32.0 A" in page.text) == (True, True), name
        assert ("u1" in page.text, "kWh" in page.text) == (is_seen, is_seen), name
        assert ("Disable Socket" in page.text) is is_seen, name
        assert ("Somebody else is charging here." in page.text) is not is_seen, name
        row = (await browser.get("/")).rows[0]
        assert row[3] == "32.0 A"
        assert bool(row[4]) is is_seen, name
        assert (await browser.get("/accounts/u1/")).status == (200 if is_seen else 404), name
        assert (await browser.get("/accounts/u1/?csv=ledger")).status == (200 if is_seen else 404)
        assert (await browser.get("/accounts/u1/watch?wait=0")).status == (200 if is_seen else 404)
        shown = await yard.browser.get(f"{yard.page(0)[:-1]}/watch?wait=0")
        assert ('"u1"' in shown.text) is is_seen, name
        shown = await yard.browser.get("/sites/s1/watch?wait=0")
        assert ('"u1"' in shown.text) is is_seen, name


async def test_a_request_is_made_in_one_s_own_name_and_once(yard: ChargingYard) -> None:
    await as_(yard, "u1")
    page = await press(yard, 0, customer="u2", requested_state="8")
    assert (page.status, "u2 is not you" in page.text) == (403, True)
    page = await press(yard, 0, customer="", requested_state="8")
    assert page.status == 400
    page = await press(yard, 0, customer="u1", requested_state="eight")
    assert page.status == 400
    for _ in range(2):
        page = await press(yard, 0, customer="u1", requested_state="8", request_id="once")
        assert (page.status, page.location) == (302, f"/charging{yard.page(0)}")
    page = await press(yard, 0, customer="u1", requested_state="8", request_id="twice")
    assert page.status == 200
    assert page.alerts == [
        "State StateMachineState_ACCOUNT_ADDED not valid from StateMachineState_ACCOUNT_ADDED"
    ]
    page = await yard.browser.post(yard.page(0), {"customer": "u1", "requested_state": "17"})
    assert page.status == 400, "without the token of the form"


async def test_who_may_only_read_finds_no_button_and_changes_nothing(yard: ChargingYard) -> None:
    await yard.user("u3", "u1", writes=False)
    browser = await as_(yard, "u3")
    assert "Enable Socket" not in (await browser.get(yard.page(0))).text
    token = (await browser.get("/auth/login")).csrf_token
    page = await browser.post("/accounts/u1/", {"csrf_token": token, "threshold": "1"})
    assert page.status in (400, 403)
    assert (await yard.part.desk.account("u1")).auto_topup == AutoTopup()


async def test_who_sees_everybody_asks_for_a_customer(yard: ChargingYard) -> None:
    await as_(yard, "amp")
    page = await yard.browser.get(yard.page(1))
    assert "customer" in page.inputs
    await press(yard, 1, customer="u2", requested_state="8")
    page = await yard.browser.get(yard.page(1))
    assert ("for u2" in page.text, "customer" in page.inputs) == (True, False)
    page = await yard.browser.get("/account")
    assert page.inputs == ["customer"]
    page = await yard.browser.get("/account?customer=u%2F9")
    assert (page.status, page.location) == (302, "/charging/accounts/u%2F9/")
    assert (await yard.browser.get("/accounts/u%2F9/")).status == 404


async def test_an_account_says_how_it_is_topped_up(yard: ChargingYard) -> None:
    browser = await as_(yard, "u1")
    assert (await browser.get("/account")).location == "/charging/accounts/u1/"
    fields = {"enabled": "y", "threshold": "5", "value": "25,5"}
    page = await browser.send("/accounts/u1/", fields)
    assert page.status == 302
    page = await browser.get("/accounts/u1/")
    assert page.alerts == ["Automatic top-up is on"]
    account = await yard.part.desk.account("u1")
    assert account.auto_topup == AutoTopup(True, 500, 2550)
    for field, wrong in (("threshold", "-1"), ("value", "0"), ("value", "1e3"), ("value", "")):
        page = await browser.send("/accounts/u1/", fields | {field: wrong})
        assert (page.status, len(page.errors)) == (200, 1), wrong
    assert (await yard.part.desk.account("u1")) == account
    page = await browser.get("/accounts/u1/?csv=ledger")
    assert page.text.splitlines()[1] == "1,pi/u1,topup_manual,2000,2000,2024-08-18T00:00:04Z,,"


async def test_a_way_to_the_payments_site_is_one_s_own(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with FakeStripe(ManualClock(NOON_S)) as stripe:
        price = stripe.objects.create_price({"currency": "aud", "unit_amount": "100"})["id"]
        settings = {
            "charging.stripe_url": stripe.url,
            "charging.stripe_key": stripe.key,
            "charging.price_id": price,
            "charging.frontend_url": "http://127.0.0.1:1/back",
        }
        async with charging_yard(redis_server.url, tmp_path, settings, switches=1) as yard:
            await yard.user("u1", "u1")
            await yard.paid("u1", 0)
            await yard.paid("u2", 0)
            browser = await as_(yard, "u1")
            links = (await browser.get("/accounts/u1/")).links
            for way in ("topup", "manage"):
                assert f"/charging/accounts/u1/{way}" in links
                page = await browser.get(f"/accounts/u1/{way}")
                assert (page.status, page.location.startswith(stripe.url)) == (303, True), way
                assert (await browser.get(f"/accounts/u2/{way}")).status == 404
            stripe.faults += ["500"] * 10
            page = await browser.get("/accounts/u1/topup")
            assert (page.status, urlsplit(page.location).path) == (302, "/charging/accounts/u1/")
            [told] = (await browser.get("/accounts/u1/")).alerts
            assert told.startswith("The payments' site does not let you in")


async def test_strangers_are_led_to_the_form_and_what_is_not_there_is_404(
    yard: ChargingYard,
) -> None:
    paths = ("/", "/sites/s1/", yard.page(0), "/account", "/accounts/u1/", "/accounts/u1/topup")
    for path in paths:
        page = await yard.browser.get(path)
        assert (page.status, page.location.split("?")[0]) == (302, "/charging/auth/login"), path
        if path.endswith("/"):
            assert (await yard.browser.get(f"{path}watch")).status == 401, path
    await yard.browser.sign_in("amp", "secret")
    for path in ("/sites/s9/", "/plugs/p9/", "/accounts/u9/", "/sites/s9/watch", "/plugs/p9/watch"):
        assert (await yard.browser.get(path)).status == 404, path


async def test_every_page_works_below_a_path_and_has_nothing_inline(yard: ChargingYard) -> None:
    await charging(yard)
    async with behind(yard.main.url, "/psd") as url, Browser(f"{url}/psd/charging") as browser:
        await browser.sign_in("amp", "secret")
        for path in ("/", "/sites/s1/", yard.page(0), "/accounts/u1/"):
            page = await browser.get(path)
            assert page.status == 200, path
            assert all(link.startswith("/psd/") for link in page.links), page.links
            assert f'data-watch="/psd/charging{path}watch"' in page.text
            assert re.search(r'type="module" src="/psd/charging/static/live.js[^"]+">', page.text)
            inline = r" style=| on\w+=|<style|<script(?! type=\"module\" src=)"
            assert not re.findall(inline, page.text)


async def test_a_plug_has_a_code_of_its_page_s_address_for_whoever_sees_the_page(
    yard: ChargingYard,
) -> None:
    await charging(yard)
    for name in ("u1", "u2", "amp"):
        browser = await as_(yard, name)
        code = await browser.get(f"{yard.page(0)}qr.svg")
        assert (code.status, code.headers["Content-Type"]) == (200, "image/svg+xml"), name
        assert code.headers["Content-Disposition"].startswith("inline")
        assert text_of(code.text) == f"{yard.main.url}/charging{yard.page(0)}"
        assert not re.findall(r" style=| on\w+=|<style|<script", code.text)
        source = f'src="/charging{yard.page(0)}qr.svg"'
        assert source in (await browser.get(yard.page(0))).text
    assert (await browser.get("/plugs/p9/qr.svg")).status == 404
    await browser.get("/auth/logout")
    assert (await browser.get(f"{yard.page(0)}qr.svg")).status == 302


async def test_a_code_leads_where_its_viewer_came_by(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    any_name = {"server.host": "0.0.0.0", "access.insecure": True, "pages.secure": True}
    plug = "/plugs/north%20%C3%A9%2F%26-p1/"
    async with charging_yard(redis_server.url, tmp_path, any_name, switches=1) as yard:
        await yard.announce("north é/&")
        for host in ("yard.example:8443", "[2001:db8::1]"):
            async with (
                behind(yard.main.url, "/psd") as url,
                Browser(f"{url}/psd/charging", {"Host": host}) as browser,
            ):
                await browser.sign_in("amp", "secret")
                code = await browser.get(f"{plug}qr.svg")
                assert text_of(code.text) == f"https://{host}/psd/charging{plug}"
        async with Browser(yard.browser.url, {"Host": "yard.example/x"}) as browser:
            await browser.sign_in("amp", "secret")
            assert (await browser.get(plug)).status == 200
            assert (await browser.get(f"{plug}qr.svg")).status == 400


async def test_many_sites_are_on_several_pages(yard: ChargingYard) -> None:
    for at in range(11):
        await yard.announce(f"t{at:02}")
    await yard.browser.sign_in("amp", "secret")
    first = await yard.browser.get("/")
    assert first.headings[1:] == ["s1", *(f"t{at:02}" for at in range(9))]
    assert "/charging/?after=t08" in first.links
    assert (await yard.browser.get("/?after=t08")).headings[1:] == ["t09", "t10"]


async def test_a_name_is_shown_as_it_was_said_and_is_no_markup(yard: ChargingYard) -> None:
    await yard.set("site", name="<b>Nord & Süd</b>", limit_ma=63_000)
    await yard.set(f"fuse:{FUSE}", name="<script>")
    await yard.browser.sign_in("amp", "secret")
    page = await yard.browser.get("/")
    assert page.headings[1] == "<b>Nord & Süd</b>"
    assert "<script>" not in page.text
    assert "<script>" in unescape(page.text)


def fuse(id_: str, parent: str = "", limit: float = 32, current: float = 16) -> ShownFuse:
    return ShownFuse(id_, "", limit, parent, current, 20, 1, [])


def test_fuses_are_a_tree_whatever_their_parents_say() -> None:
    told = [
        fuse(""),
        fuse("a"),
        fuse("b", "a"),
        fuse("c", "nobody"),
        fuse("x", "y"),
        fuse("y", "x"),
        fuse("z", "x"),
    ]
    tree = fuse_tree(told)
    assert {each.id: [one.id for one in each.below] for each in tree.below} == {
        "a": ["b"],
        "c": [],
        "x": [],
        "y": [],
        "z": [],
    }


@pytest.mark.parametrize(
    ("limit", "current", "bar"),
    [
        (32, 16, FuseBar(50, 62, is_over=False)),
        (16, 17, FuseBar(100, 100, is_over=True)),
        (0, 17, None),
    ],
)
def test_a_bar_is_of_the_limit(limit: float, current: float, bar: FuseBar | None) -> None:
    assert fuse_tree([fuse("", limit=limit, current=current)]).bar == bar
