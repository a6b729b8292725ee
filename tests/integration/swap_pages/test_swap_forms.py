"""Swaps that are entered and corrected on pages, and what the pages show of them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import pytest

from psd.swaps import page_views
from tests.support.clients.pages import Browser, Page
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import SwapSite, is_tx, swap_site

REQUIRED = "This field is required."


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[SwapSite]:
    redis_server.flush()
    async with swap_site(redis_server.url) as site:
        await site.browser.sign_in("amp", "secret")
        yield site


async def two_swaps(site: SwapSite) -> list[int]:
    """Out with B1 at 1000, and at noon an hour later in with 120 at 1040, out with B2."""
    assert (await site.swap({})).location == "/index"
    site.clock.advance(3600)
    second = {
        "battery_out_id": "2",
        "odometer_reading": "1040",
        "battery_in_energy": "120",
        "battery_out_energy": "190",
    }
    assert (await site.swap(second)).location == "/index"
    return await site.numbers()


async def test_a_swap_stands_on_every_page_that_it_is_about(site: SwapSite) -> None:
    first, second = await two_swaps(site)
    page = await site.browser.get("/driver/1/")
    assert page.headings == ["Ann  K", "Transactions", "Driver Summaries"]
    assert page.items == ["Vehicle: V0", "Battery: B2"]
    one, two = (row for row in page.rows if is_tx(row))
    assert one == [
        *(str(first), "2020-09-06 12:00:00", "Ann K", "S1", "", "B1"),
        *("0", "180", "1000", "0", "0", "0", "", "Edit"),
    ]
    assert two == [
        *(str(second), "2020-09-06 13:00:00", "Ann K", "S1", "B1", "B2"),
        *("120", "190", "1040", "40", "60", "0.67", "", "Edit"),
    ]
    days = [row for row in page.rows if len(row) == 5]
    assert days[0] == ["2020-09-01 00:00:00", "0", "0", "0", "0"]
    assert days[-1] == ["2020-09-06 00:00:00", "40", "60", "40", "60"]
    page = await site.browser.get("/charging_station/1/")
    assert page.rows[:2] == [["1", "B1", "60", "200"], ["3", "B3", "60", "200"]]
    page = await site.browser.get("/battery/1/")
    assert page.items == ["Current Energy: 120"]
    assert page.rows == [
        ["2020-09-06 13:00:00", "S1", "120", "40", "0.67", ""],
        ["2020-09-06 12:00:00", "Ann K", "180", "", "", ""],
    ]


async def test_a_correction_stands_for_the_wrong_one_and_sums_change_at_once(
    site: SwapSite,
) -> None:
    first, second = await two_swaps(site)
    page = await site.browser.get(f"/transactions/edit/{second}/")
    assert page.inputs == [
        *("battery_out_id", "battery_in_id", "driver_id"),
        *("odometer_reading", "battery_in_energy", "battery_out_energy", "submit"),
    ]
    assert page.options == ["1", "2", "3"] * 3
    assert (page.selected, page.values) == (["2", "1", "1"], ["1040", "120", "190"])
    right = {
        "battery_out_id": "2",
        "battery_in_id": "1",
        "driver_id": "1",
        "odometer_reading": "1050",
        "battery_in_energy": "100",
        "battery_out_energy": "190",
        "reason": "misread",
    }
    path = f"/transactions/edit/{second}/"
    assert (await site.browser.send(f"{path}?more=1", right)).location == "/index"
    page = await site.browser.get("/driver/1/")
    assert page.rows[-1] == ["2020-09-06 00:00:00", "50", "80", "50", "80"]
    _, corrected = await site.numbers()
    assert corrected > second
    page = await site.browser.get("/driver/1/?all=1")
    [struck] = page.struck
    assert struck[0] == str(second)
    assert struck[-3:] == [str(corrected), "misread", "amp"]
    page = await site.browser.get("/battery/1/")
    assert (page.struck, [row[1] for row in page.rows]) == ([], ["S1", "Ann K"])
    page = await site.browser.get("/battery/1/?all=1")
    assert [row[1] for row in page.rows] == ["S1", "Ann K"]
    assert page.struck == [
        ["2020-09-06 13:00:00", "S1", "120", "", "", "", str(corrected), "misread", "amp"]
    ]
    file = await site.browser.get("/battery/1/?all=1&csv=history")
    assert f"2020-09-06 13:00:00,S1,120,,,,{corrected},misread,amp" in file.text.splitlines()
    page = await site.browser.get(path)
    assert (page.status, page.location) == (302, f"/transactions/edit/{corrected}/")
    unchanged = await site.browser.send(f"/transactions/edit/{corrected}/", right)
    assert unchanged.status == 200
    assert unchanged.errors == [f"{corrected} says the same already; nothing would change"]
    assert (await site.numbers()) == [first, corrected]


async def test_a_swap_is_told_on_the_next_page_and_on_no_other(site: SwapSite) -> None:
    assert (await site.swap({})).location == "/index"
    assert (await site.browser.get("/drivers/")).alerts == ["Transaction added"]
    assert (await site.browser.get("/drivers/")).alerts == []


async def test_a_form_is_taken_once_however_often_it_is_sent(site: SwapSite) -> None:
    assert (await site.swap({}, query="?id=abc")).location == "/index"
    assert (await site.swap({}, query="?id=abc")).location == "/index"
    assert len(await site.numbers()) == 1
    again = await site.swap({"odometer_reading": "7", "battery_out_id": "2"}, query="?id=abc")
    assert again.status == 200
    assert again.errors


async def test_what_is_wrong_is_told_at_its_field_and_nothing_is_written(site: SwapSite) -> None:
    for form, errors in (
        ({"odometer_reading": ""}, [REQUIRED]),
        ({"odometer_reading": "1.5", "battery_in_energy": "many"}, [REQUIRED, REQUIRED]),
        ({"driver_id": "77"}, ["Not a valid choice"]),
        ({"battery_out_id": ""}, [REQUIRED]),
        ({"battery_out_id": "x"}, ["Not a valid choice"]),
        ({"driver_id": "3"}, ["'Nocar Z' has no vehicle"]),
        ({"battery_out_energy": "-1"}, ["-1 must be 0 or more"]),
        ({"battery_out_energy": "201"}, ["201 is more than the 200 that B1 can hold"]),
    ):
        page = await site.swap(form)
        assert (page.status, page.errors) == (200, errors), form
        assert {**dict.fromkeys(form)}.keys() <= {*page.inputs}
    assert await site.numbers() == []


async def test_an_odometer_that_goes_back_is_asked_for_once_more(site: SwapSite) -> None:
    await two_swaps(site)
    back = {"battery_out_id": "3", "odometer_reading": "900", "battery_in_energy": "150"}
    page = await site.swap(back)
    assert (page.status, page.errors) == (200, ["The odometer goes back: 900 after 1040."])
    assert "confirm" in page.inputs
    assert len(await site.numbers()) == 2
    assert (await site.swap({**back, "confirm": "y"})).status == 302
    assert len(await site.numbers()) == 3


async def test_the_past_is_shown_as_it_was(site: SwapSite) -> None:
    first, _ = await two_swaps(site)
    page = await site.browser.get("/driver/1/?at=2020-09-06+12:30")
    assert page.items == ["Vehicle: V0", "Battery: B1"]
    assert [row[0] for row in page.rows if is_tx(row)] == [str(first)]
    # What was driven later on that day is nothing of then.
    assert page.rows[-1] == ["2020-09-06 00:00:00", "0", "0", "0", "0"]
    assert (await site.browser.get("/battery/1/?at=2020-09-06T12:30")).items == [
        "Current Energy: 180"
    ]
    refused = await site.browser.get("/driver/1/?at=yesterday-ish")
    assert refused.status == 400
    assert "yesterday-ish" in refused.text


async def test_older_and_newest_transactions_are_those_of_the_same_past(
    site: SwapSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two_swaps(site)
    monkeypatch.setattr(page_views, "LINES_MAX", 1)
    for asked in ("?at=2020-09-06+13:30", "?all=1&at=2020-09-06+13:30"):
        newest = await site.browser.get(f"/driver/1/{asked}")
        older = await site.browser.get(f"/driver/1/{link(newest, 'Older')}")
        again = await site.browser.get(f"/driver/1/{link(older, 'Newest')}")
        assert [row[0] for row in older.rows if is_tx(row)] == [str(first)]
        assert [row[0] for row in again.rows if is_tx(row)] == [str(second)]
        assert link(again, "Older") == link(newest, "Older")


def link(page: Page, name: str) -> str:
    """Where the link to these transactions leads."""
    (found,) = re.findall(rf'<a href="([^"]*)">{name} transactions</a>', page.text)
    return html.unescape(found)


async def test_tables_come_as_files(site: SwapSite) -> None:
    first, _ = await two_swaps(site)
    file = await site.browser.get("/driver/1/?csv=transactions")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, one, *_ = file.text.splitlines()
    assert head.startswith("ID,Date,Driver,Charging Station,Battery In,Battery Out,")
    assert one.startswith(f"{first},2020-09-06 12:00:00,Ann  K,S1,,B1,0,180,1000,0,0,0,,")
    days = (await site.browser.get("/driver/1/?csv=days")).text.splitlines()
    assert days[-1] == "2020-09-06 00:00:00,40,60,40,60"
    history = (await site.browser.get("/battery/1/?csv=history")).text.splitlines()
    assert history[1] == "2020-09-06 13:00:00,S1,120,40,0.67,"


async def test_one_is_led_back_to_where_one_wanted_to_be_and_nowhere_else(site: SwapSite) -> None:
    moved = await site.swap({}, query="?next=/charging_station/1/")
    assert moved.location == "/charging_station/1/"
    second = {"battery_out_id": "2", "odometer_reading": "1001"}
    moved = await site.swap(second, query="?next=//evil.example")
    assert moved.location == "/index"


async def test_the_same_pages_are_on_the_main_port(site: SwapSite) -> None:
    async with Browser(f"{site.main.url}/swaps") as browser:
        page = await browser.get("/driver/1/")
        assert page.location == "/swaps/auth/login?next=%2Fswaps%2Fdriver%2F1%2F"
        assert (await browser.sign_in("amp", "secret")).location == "/swaps/index"
        assert (await browser.get("/index")).location == "/swaps/drivers/"
        page = await browser.get("/drivers/")
        assert page.items == ["1 Ann K", "2 Bob K", "3 Nocar Z"]
        assert "/swaps/driver/1/" in page.links
        assert (await browser.get("/drivers")).location == "/swaps/drivers/"
        assert (await browser.get("/nope/")).headings == ["File Not Found"]


async def test_who_may_only_look_is_refused_the_forms(site: SwapSite) -> None:
    await site.runtime.page_deciding.add("eve", "secret", ["read"])
    async with Browser(site.browser.url) as browser:
        await browser.sign_in("eve", "secret")
        assert (await browser.get("/drivers/")).status == 200
        assert (await browser.get("/transactions/new/1/")).status == 403
