"""Somebody who may see one meter: what its pages tell him, and what they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from psd.energy.channels import meter_uid
from tests.support.clients.pages import Browser
from tests.support.energy.meter_site import NOON_S, PLAN, MeterSite, meter_site

CSV = b"start,value\n2025-11-28 08:00:00,0.25\n"


@pytest.fixture
async def site(redis_url: str) -> AsyncIterator[MeterSite]:
    """Two meters, and ``eva`` whose one is m-1."""
    async with meter_site(redis_url) as site:
        for name in ("m-1", "m-2"):
            await site.power(name, [(NOON_S - 3_600, 1), (NOON_S - 1_800, 1)])
            await site.put(f"/meters/{name}", {"plan": "eco"})
        await site.put("/plans/eco", PLAN)
        own = [meter_uid("m-1")]
        await site.runtime.page_deciding.add("eva", "secret", ["read", "write"], own)
        yield site


@pytest.fixture
async def eva(site: MeterSite) -> AsyncIterator[Browser]:
    async with Browser(f"{site.main.url}/energy") as browser:
        await browser.sign_in("eva", "secret")
        yield browser


async def test_the_list_has_her_meter_alone(eva: Browser) -> None:
    page = await eva.get("/")
    assert page.status == 200
    assert "m-1" in page.text
    assert "m-2" not in page.text


async def test_her_meter_has_all_of_its_pages(eva: Browser) -> None:
    page = await eva.get("/meters/m-1/")
    assert page.status == 200
    for told in ("1.000 kW", "eco", "morning"):
        assert told in page.text
    assert (await eva.get("/meters/m-1/plans")).status == 200
    watched = await eva.get("/meters/m-1/watch?wait=0")
    assert watched.status == 200
    assert '"meter":"m-1"' in watched.text


@pytest.mark.parametrize("path", ["/", "/plans", "/watch?wait=0"])
async def test_another_meter_is_as_one_that_never_was(eva: Browser, path: str) -> None:
    other, nobody = [await eva.get(f"/meters/{name}{path}") for name in ("m-2", "nobody")]
    assert other.status == nobody.status == 404
    assert other.text.replace("m-2", "nobody") == nobody.text


async def test_a_file_is_taken_of_her_meter_alone(site: MeterSite, eva: Browser) -> None:
    token = (await eva.get("/upload")).csrf_token
    form = {"meter": "m-2", "format": "csv", "every": "30m", "csrf_token": token}
    refused = await eva.upload("/upload", form, "file", CSV)
    assert "m-2 is not yours" in refused.text
    known = await site.main.get("/v3/energy/meters/m-2")
    assert [each["kind"] for each in known.json()["channels"]] == ["power"]
    form["meter"] = "m-1"
    told = await eva.upload("/upload", form, "file", CSV)
    assert "use another register" in told.text, told.errors


async def test_who_may_only_read_has_no_form(site: MeterSite) -> None:
    own = [meter_uid("m-1")]
    await site.runtime.page_deciding.add("bob", "secret", ["read"], own)
    async with Browser(f"{site.main.url}/energy") as browser:
        await browser.sign_in("bob", "secret")
        assert (await browser.get("/meters/m-1/")).status == 200
        assert (await browser.get("/upload")).status == 403
