"""The pages of meters: what stands on them, who may see it, and files that are uploaded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from tests.support.clients.behind_proxy import behind
from tests.support.clients.pages import Browser, Page
from tests.support.energy.meter_site import NOON_S, PLAN, MeterSite, meter_site
from tests.support.servers.redis_server import RedisServer

GOLDEN = Path(__file__).parents[2] / "golden" / "energy"
HOUR_S = 3_600


async def upload(site: MeterSite, content: bytes, **fields: str) -> Page:
    """Send a file by the form."""
    form = await site.browser.get("/upload")
    return await site.browser.upload(
        "/upload", {"csrf_token": form.csrf_token, **fields}, "file", content
    )


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[MeterSite]:
    redis_server.flush()
    async with meter_site(redis_server.url) as found:
        await found.browser.sign_in("amp", "secret")
        yield found


async def test_a_meter_shows_its_power_its_day_its_month_and_what_it_costs(site: MeterSite) -> None:
    await site.put("/plans/eco", PLAN)
    await site.put("/meters/m-1", {"plan": "eco", "tz": "Europe/London"})
    await site.power("m-1", [(NOON_S - 5 * HOUR_S + 900 * at, 2) for at in range(21)])
    page = await site.browser.get("/meters/m-1/")
    assert page.status == 200, page.text
    for shown in ("2.000 kW", "10.000 kWh", "by eco", "2.60 GBP", "since 2025-11-01"):
        assert shown in page.text, shown
    assert ["morning", "6", "1.80"] in page.rows
    assert ["base", "4", "0.80"] in page.rows
    assert page.text.count("<rect") == 48
    assert 'class="now"' in page.text
    assert "<title>07:00 to 07:30: 1.000 kWh</title>" in page.text


async def test_all_meters_are_listed_with_what_they_show(site: MeterSite) -> None:
    await site.power("a/b é", [(NOON_S - HOUR_S, 1), (NOON_S, "0.5")])
    await site.power("m-2", [(NOON_S - 86_400, 1)])
    page = await site.browser.get("/")
    assert [row[0] for row in page.rows] == ["a/b é", "m-2"]
    assert page.rows[0][2:4] == ["0.500 kW", "0.750 kWh"]
    assert "/energy/meters/a%2Fb%20%C3%A9/" in page.links
    assert (await site.browser.get("/meters/a%2Fb%20%C3%A9/")).headings[0].startswith("a/b é")


async def test_power_now_is_what_a_meter_takes_beside_what_it_delivers(site: MeterSite) -> None:
    seen = {"import": (0.4, 0), "export": (3, 3), "generation": (5, 5)}
    for flow, (before, now) in seen.items():
        points = [(NOON_S - 120, before), (NOON_S - 60 * (flow == "import"), now)]
        fields = {"meter": "m-1", "flow": flow, "points": points}
        assert await site.say({"command": "power", "power": fields}) == ["booked"]
    page = await site.browser.get("/meters/m-1/")
    assert "0.000 kW" in page.text
    assert "3.000 kW" not in page.text
    [row] = (await site.browser.get("/")).rows
    assert (row[2], row[4]) == ("0.000 kW", "2025-11-28 12:00")
    told = await site.main.get("/v3/energy/meters/m-1/watch?wait=0")
    assert told.json()["newest"] == {"time": "2025-11-28T11:59:00Z", "kw": "0"}


async def test_days_are_those_of_each_meters_zone(site: MeterSite) -> None:
    for name, tz in (("far", "Pacific/Auckland"), ("home", "Europe/London")):
        await site.put(f"/meters/{name}", {"tz": tz})
        await site.power(name, [(NOON_S - 2 * HOUR_S, 1), (NOON_S, 1)])
    await site.put("/plans/eco", PLAN)
    far, home = (await site.browser.get("/")).rows
    assert far[3:] == ["1.000 kWh", "2025-11-29 01:00"]
    assert home[3:] == ["2.000 kWh", "2025-11-28 12:00"]
    for name, used in (("far", "1 kWh"), ("home", "2 kWh")):
        page = await site.browser.get(f"/meters/{name}/plans?start=today&end=now")
        assert f"{used} from today" in page.text


async def test_many_meters_are_on_several_pages(site: MeterSite) -> None:
    for at in range(51):
        await site.power(f"m-{at:02}", [(NOON_S, 1)])
    first = await site.browser.get("/")
    assert len(first.rows) == 50
    assert "/energy/?after=m-49" in first.links
    second = await site.browser.get("/?after=m-49")
    assert [row[0] for row in second.rows] == ["m-50"]
    assert "/energy/" in second.links


async def test_plans_stand_beside_each_other_the_cheapest_first(site: MeterSite) -> None:
    await site.power("m-1", [(NOON_S - 2 * HOUR_S, 1), (NOON_S, 1)])
    page = await site.browser.get("/meters/m-1/plans")
    assert "There is no plan yet." in page.text
    await site.put("/plans/eco", PLAN)
    await site.put("/plans/dear", PLAN | {"rates": [{"name": "base", "rate": "9"}]})
    await site.put("/meters/m-1", {"plan": "dear"})
    page = await site.browser.get("/meters/m-1/plans?start=today&end=now")
    assert [row[0] for row in page.rows] == ["eco", "dear (yours)"]
    assert page.rows[0][5:7] == ["0.40 GBP", "17.60"]
    page = await site.browser.get("/meters/m-1/plans?start=yesterweek")
    assert "start: " in page.text
    assert page.rows == []


async def test_a_meter_without_a_plan_or_power_says_so(site: MeterSite) -> None:
    rows = [[NOON_S - HOUR_S, NOON_S - 1800, "0.5", "estimated"]]
    await site.say({"command": "intervals", "intervals": {"meter": "m-1", "rows": rows}})
    page = await site.browser.get("/meters/m-1/")
    for shown in (
        "the meter has no plan with prices",
        "mean of the half-hour from 11:00",
        "1.000 kW",
    ):
        assert shown in page.text, shown
    await site.put("/meters/m-0", {"tz": "Europe/London"})
    assert (await site.browser.get("/meters/m-0/")).status == 200
    page = await site.browser.get("/meters/m-0/plans")
    assert (page.status, page.alerts) == (200, ["meter: 'm-0' has never sent anything"])
    assert (await site.browser.get("/meters/nobody/")).status == 404
    assert (await site.browser.get("/meters/nobody/plans")).status == 404
    assert (await site.browser.get("/meters//")).status in (404, 406)


async def test_nothing_is_shown_to_strangers_and_to_people_the_meters_that_are_theirs(
    site: MeterSite,
) -> None:
    await site.power("m-1", [(NOON_S, 1)])
    await site.power("m-2", [(NOON_S, 1)])
    await site.browser.get("/auth/logout")
    for path in ("/", "/meters/m-1/", "/meters/m-1/plans", "/upload"):
        page = await site.browser.get(path)
        assert (page.status, page.location.split("?")[0]) == (302, "/energy/auth/login"), path
    assert (await site.browser.get("/meters/m-1/watch")).status == 401


async def test_every_page_works_below_a_path(site: MeterSite) -> None:
    await site.power("m-1", [(NOON_S, 1)])
    async with behind(site.main.url, "/psd") as url, Browser(f"{url}/psd/energy") as browser:
        await browser.sign_in("amp", "secret")
        for path in ("/", "/meters/m-1/", "/meters/m-1/plans", "/upload"):
            page = await browser.get(path)
            assert page.status == 200, path
            assert all(link.startswith("/psd/") for link in page.links), page.links
        page = await browser.get("/meters/m-1/")
        assert 'data-watch="/psd/energy/meters/m-1/watch"' in page.text
        assert re.search(r'<script type="module" src="/psd/energy/static/live.js[^"]+">', page.text)


async def test_nothing_on_a_page_is_inline(site: MeterSite) -> None:
    await site.power("m-1", [(NOON_S, 1)])
    for path in ("/", "/meters/m-1/", "/meters/m-1/plans", "/upload"):
        page = await site.browser.get(path)
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        scripts = re.findall(r'src="/energy(/static/[^"]+)"', page.text)
        assert len(scripts) == (path == "/meters/m-1/")
        for script in scripts:
            found = await site.browser.get(script)
            assert found.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert "immutable" in found.headers["Cache-Control"]
        assert not re.findall(r" style=| on\w+=|<style|<script(?! type=\"module\" src=)", page.text)


async def test_a_file_with_a_fault_is_told_on_the_form_and_nothing_is_booked(
    site: MeterSite,
) -> None:
    gas = (GOLDEN / "greenbutton_abridged_gas.xml").read_bytes()
    for content, told in (
        (gas, "uom: '169' is no unit of electric energy"),
        (b"<feed>", "line 1: no element found"),
        (b"", "file: choose one"),
    ):
        page = await upload(site, content, meter="m-1", format="greenbutton")
        assert told in unescape(page.text), page.text
    page = await upload(site, b"start,value\n2025-11-28 00:00:00,1\nx,2\n", meter="m", format="csv")
    assert "line 3: start: " in page.text
    page = await upload(site, b"start,value\n2025-11-28,1\n", meter="", format="csv")
    assert "meter: a name has at least one letter" in page.text
    page = await upload(site, b"x", meter="m", format="pdf")
    assert "format: one of greenbutton, csv" in page.text
    assert (await site.browser.get("/")).rows == []


async def test_a_csv_file_is_booked_once_however_often_it_and_its_rows_come(
    site: MeterSite,
) -> None:
    content = b"\xef\xbb\xbfstart,value\n2025-11-28 00:00:00,1\n"
    content += b"2025-11-28 00:30:00,0.7\n2025-11-28 00:30:00,0.5\n"
    for told in ("", ", all of them known already"):
        page = await upload(site, content, meter="m-1", format="csv", tz="Europe/London")
        assert (page.status, page.location) == (302, "/energy/meters/m-1/")
        page = await site.browser.get("/meters/m-1/")
        assert page.alerts == [f"2 intervals of m-1: 1.5 kWh{told}"]
        assert "1.500 kWh" in page.text


async def test_a_file_is_taken_of_its_own_form_and_up_to_its_size(site: MeterSite) -> None:
    page = await upload(site, b"start,value\n", meter="m-1", format="csv", csrf_token="no")
    assert page.status == 400
    page = await upload(site, b"x" * (9 << 20), meter="m-1", format="csv")
    assert page.status == 413
