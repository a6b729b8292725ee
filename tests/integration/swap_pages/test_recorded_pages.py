"""The original's pages, as they are recorded, but where psd answers otherwise on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.clients.pages import Browser, Page
from tests.support.servers.redis_server import RedisServer
from tests.support.swaps.swap_site import swap_site

GOLDEN = Path(__file__).parents[2] / "golden" / "ampersand.json"
PAGES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["pages"]

DECIDED = {"/driver/3/": {"status": 200}}
"""A driver without a vehicle is a page."""

SHOWN = {
    "title_h1": "headings",
    "list": "items",
    "rows": "rows",
    "inputs": "inputs",
    "options": "options",
    "selected": "selected",
    "values": "values",
    "errors": "errors",
}


async def asked(browser: Browser, page: dict[str, Any]) -> Page:
    if page["method"] == "GET":
        return await browser.get(page["path"])
    if page["form"]:
        return await browser.send(page["path"], page["form"])
    return await browser.post(page["path"], {})


def told(page: Page) -> dict[str, Any]:
    return {
        "status": page.status,
        "location": page.location,
        **{name: getattr(page, field) for name, field in SHOWN.items()},
    }


async def test_every_recorded_page_is_answered_as_it_was(redis_server: RedisServer) -> None:
    redis_server.flush()
    async with swap_site(redis_server.url) as site:
        for page in PAGES:
            expected = {name: page[name] for name in ("status", "location", *SHOWN) if name in page}
            expected |= DECIDED.get(page["path"], {})
            found = told(await asked(site.browser, page))
            assert {name: found[name] for name in expected} == expected, page
