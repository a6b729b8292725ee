"""The pages of rewards: what stands on them, that it is what /v3 answers, and who may see it."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import msgspec
import pytest

from psd.rewards.reward_words import left, level_bar
from psd.rewards.vehicle_pages import bars
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.behind_proxy import behind
from tests.support.clients.pages import Browser, Page
from tests.support.rewards.reward_weeks import OWNER, Served, a_family, weeks_served
from tests.support.servers.redis_server import RedisServer

TOKEN = token_for("reader", "read")
OF_ONE = token_for("phone", "read", frozenset({int(OWNER)}))
EVERYBODYS = ("/streaks", "/what-if")
WHAT_IF = "/what-if?" + urlencode({"tables1": "weeks_off_to_drop = 1", "tables3": "pairs = []"})
PATHS = ("/", "/streaks", "/at-risk", "/vehicles/7/", "/owners/42/", WHAT_IF)


class Site(msgspec.Struct):
    """A family's weeks, and a browser at their pages."""

    served: Served
    browser: Browser

    async def page(self, path: str) -> Page:
        page = await self.browser.get(f"/rewards{path}")
        assert page.status == 200, (path, page.text)
        return page


@pytest.fixture
async def site(redis_url: str) -> AsyncIterator[Site]:
    async with (
        weeks_served(redis_url, now_week=5) as served,
        Browser(served.client.url) as browser,
    ):
        await a_family(served)
        yield Site(served, browser)


def lines(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(text.splitlines())]


async def test_weeks_are_shown_with_their_states_and_as_files(site: Site) -> None:
    page = await site.page("/")
    told = (await site.served.ok("/v3/rewards/weeks?limit=26"))["data"]
    assert [(row[0], row[3], row[5]) for row in page.rows] == [
        (str(each["week"]), str(each["vehicles"]), f"{each['points']:,}") for each in told
    ]
    assert {row[2] for row in page.rows} == {"Finished"}
    assert page.rows[0][6] == "1,105,000"
    assert (await site.page("/?json=1")).text == (
        await site.served.client.get("/v3/rewards/weeks?limit=26")
    ).text
    assert [each["week"] for each in lines((await site.page("/?csv=1")).text)] == list("43210")
    await site.served.drive_in(8, "Tesla", 2)
    page = await site.page("/")
    assert page.rows[2][2] == "Finished 1 came later"
    assert "psd rewards calculate" in page.text


async def test_a_spreadsheet_computes_nothing_of_a_file(site: Site) -> None:
    owner = "=cmd|'/c calc'!A1"
    await site.served.describe(9, owner=owner, integrations=["Tesla"])
    await site.served.drive_in(9, "Tesla", 4)
    await site.served.compute(4)
    text = (await site.page("/at-risk?csv=1")).text
    assert [each["owner"] for each in lines(text) if each["vehicle"] == "9"] == [f"'{owner}"]


async def test_a_statement_has_each_number_with_its_rule(site: Site) -> None:
    for week in range(5):
        page = await site.page(f"/vehicles/7/?week={week}")
        told = await site.served.ok(f"/v3/vehicles/7/statement?week={week}")
        shown = {row[0]: row[2] for row in page.rows if len(row) == 3}
        wanted = {
            each["number"].replace("_", " ").capitalize(): each["rule"]
            for each in told["explanation"]
        }
        assert shown == wanted
    page = await site.page("/vehicles/7/")
    assert page.headings[0] == "Vehicle 7 week 4"
    assert page.rows[3][:2] == ["Integration points", "7,000"]
    assert "/rewards/vehicles/7/?week=3" in page.links
    file = lines((await site.page("/vehicles/7/?csv=1")).text)
    assert [each["number"] for each in file][:2] == ["connection_streak", "disconnection_streak"]
    never = await site.page("/vehicles/8/?week=9")
    assert "9 was never computed" in never.alerts[0]
    assert "/rewards/vehicles/8/?week=1" in never.links
    for path, status in (("99/", 404), ("x/", 400), ("07/", 400), ("7/?week=x", 400)):
        assert (await site.browser.get(f"/rewards/vehicles/{path}")).status == status, path


async def test_an_owner_has_vehicles_and_weeks(site: Site) -> None:
    await site.served.drive_in(7, "AutoPi", 5)
    page = await site.page(f"/owners/{OWNER}/")
    assert page.rows[0][:7] == ["7", "on", "Smartcar, AutoPi", "5", "0", "2", "13,000"]
    history = (await site.served.ok(f"/v3/rewards/history?owner={OWNER}"))["data"]
    assert [(row[0], row[2]) for row in page.rows[1:]] == [
        (str(each["week"]), f"{each['points']:,}") for each in history
    ]
    told = lines((await site.page(f"/owners/{OWNER}/?csv=history")).text)
    assert [{**each, "week": int(each["week"])} for each in told] == [
        {name: str(value) if name == "points" else value for name, value in each.items()}
        for each in history
    ]
    vehicles = (await site.page(f"/owners/{OWNER}/?json=vehicles")).text
    assert msgspec.json.decode(vehicles) == await site.served.ok(
        f"/v3/rewards/vehicles?owner={OWNER}"
    )
    assert "No vehicle is registered" in (await site.page("/owners/nobody%2Fat%20all/")).text


async def test_those_at_risk_are_told_until_when(site: Site) -> None:
    page = await site.page("/at-risk")
    told = await site.served.ok("/v3/streaks/at-risk")
    assert [row[0] for row in page.rows] == [each["vehicle"] for each in told["data"]] == ["7"]
    # Two hours into the week, which begins and ends on Monday at 05:00 UTC.
    assert '<time datetime="2022-03-14T05:00:00Z">' in page.text
    assert "6 d 22 h" in page.text
    assert msgspec.json.decode((await site.page("/at-risk?json=1")).text) == {**told}
    assert "No vehicle is at risk." in (await site.page("/at-risk?owner=nobody")).text
    await site.served.drive_in(7, "AutoPi", 5)
    assert (await site.page("/at-risk")).rows == []


async def test_tables_stand_side_by_side_and_what_is_wrong_beside_them(site: Site) -> None:
    page = await site.page(WHAT_IF)
    tables = urlencode([("tables", "weeks_off_to_drop = 1"), ("tables", "pairs = []")])
    told = await site.served.ok(f"/v3/rewards/what-if?{tables}")
    by_table = {(each["week"], each["number"]): each for each in told["data"]}
    rows = [row for row in page.rows if len(row) == 8]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        one, other = (by_table[int(row[0]), number] for number in (1, 2))
        assert row[1] == f"{one['points_before']:,}"
        assert row[2].split()[0] == f"{one['points']:,}"
        assert row[5].split()[0] == f"{other['points']:,}"
        assert (row[3], row[6]) == (str(one["rows_changed"]), str(other["rows_changed"]))
    assert rows[3][5] == "7,000 -1,000"
    assert ("A is 2022-seed" in page.text, "C is 2022-seed" in page.text) == (True, True)
    assert msgspec.json.decode((await site.page(f"{WHAT_IF}&json=1")).text) == told
    assert len(lines((await site.page(f"{WHAT_IF}&csv=1")).text)) == 8
    page = await site.page("/what-if?" + urlencode({"tables2": "<b>\nx = ["}))
    assert page.alerts[0].startswith("tables: ")
    assert "&lt;b&gt;" in page.text
    assert "weeks_min = 20, points = 2000" in page.text


async def test_a_search_leads_to_a_vehicle_and_to_an_owner(site: Site) -> None:
    first = await site.browser.get("/")
    assert first.text.count('action="/rewards/find"') == 2
    for query, path in (
        ("vehicle=7", "/rewards/vehicles/7/"),
        ("owner=a%2Fb", "/rewards/owners/a%2Fb/"),
        ("", "/rewards/"),
    ):
        moved = await site.browser.get(f"/rewards/find?{query}")
        assert (moved.status, moved.location) == (302, path)


async def test_streaks_and_weeks_that_are_not_there_say_what_to_do(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with (
        weeks_served(redis_server.url, now_week=5) as served,
        Browser(served.client.url) as browser,
    ):
        site = Site(served, browser)
        assert "<code>psd rewards calculate</code>" in (await site.page("/")).text
        assert (await site.page("/streaks")).alerts == ["week: none was computed yet"]
        assert (await site.page(WHAT_IF)).alerts == ["week: none was computed yet"]
        await a_family(served)
        page = await site.page("/streaks?week=1")
        told = (await served.ok("/v3/streaks?week=1"))["data"]
        assert [row[:2] for row in page.rows] == [
            [str(each["rank"]), each["vehicle"]] for each in told
        ]
        assert (await browser.get("/rewards/streaks?week=x")).status == 400


async def test_a_token_of_one_owner_sees_what_the_api_shows_it(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with (
        weeks_served(redis_server.url, 5, asked_of(TOKEN, OF_ONE)) as served,
        Browser(served.client.url) as browser,
    ):
        await a_family(served)
        for path in PATHS:
            page = await browser.get(f"/rewards{path}")
            assert page.location.startswith("/rewards/auth/login?next="), path
        page = await browser.send("/auth/login?next=/rewards/", {"token": OF_ONE.secret})
        assert page.location == "/rewards/"
        assert (await browser.get("/rewards/")).location == f"/rewards/owners/{OWNER}/"
        for path in EVERYBODYS:
            assert (await browser.get(f"/rewards{path}")).status == 403, path
        site = Site(served, browser)
        assert [row[0] for row in (await site.page("/at-risk")).rows] == ["7"]
        assert (await site.page("/vehicles/7/")).status == 200
        assert (await browser.get("/rewards/vehicles/8/")).status == 404
        assert "No vehicle" in (await site.page("/owners/0x" + "ab" * 20 + "/")).text
        await browser.get("/auth/logout")
        await browser.send("/auth/login", {"token": TOKEN.secret})
        for path in PATHS:
            await site.page(path)


async def test_a_page_of_another_site_gets_none_of_it(site: Site) -> None:
    foreign: list[dict[str, str]] = [
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    for headers in foreign:
        async with Browser(site.served.client.url, headers) as browser:
            for path in PATHS:
                assert (await browser.get(f"/rewards{path}")).status == 403, (headers, path)


async def test_every_page_works_below_a_path_is_small_and_has_nothing_inline(site: Site) -> None:
    async with behind(site.served.client.url, "/psd") as url, Browser(f"{url}/psd") as browser:
        for path in PATHS:
            page = await browser.get(f"/rewards{path}")
            assert page.status == 200, path
            assert all(link.startswith("/psd/") for link in page.links), page.links
            inline = r" style=| on\w+=|<style|<script(?! type=\"module\" src=\"/psd/rewards/)"
            assert not re.findall(inline, page.text), path
            files = {*re.findall(r'(?:src|href)="(/psd/rewards/static/[^"]+)"', page.text)}
            sizes = [len((await browser.get(each.removeprefix("/psd"))).text) for each in files]
            assert len(page.text) + sum(sizes) < 100_000, path


def test_what_is_left_is_told_in_two_units_and_levels_fill_a_bar() -> None:
    assert [left(each) for each in (97_200, 3_900, 59, -5)] == [
        "1 d 3 h",
        "1 h 5 min",
        "0 min",
        "0 min",
    ]
    assert level_bar([]) == []
    assert level_bar([0, 0]) == [(1, 0.0, 0.0, 0), (2, 0.0, 0.0, 0)]
    assert sum(width for _, _, width, _ in level_bar([1, 2, 3, 4])) == 100.0
    assert bars([]) == []
