"""The real browser: Debian's Chromium, driven by Playwright, with script switched off unless told.

>>> async with phone(url) as page:
...     await page.goto("/auth/login")
...     await page.get_by_label("Username").fill("amp")

A page fails the test that breaks its own Content-Security-Policy or loads from another host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 30_000
CHEAP_PHONE = {"width": 360, "height": 720}

# In a container without user namespaces Chromium has no sandbox of its own; pages are ours.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


def chromium() -> str:
    """Where it is; where it is not the test is skipped, on CI it fails."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        reason = "chromium is missing: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def phone(url: str, *, scripts: bool = False) -> AsyncIterator[Page]:
    """A page on a cheap phone, below ``url``."""
    program = chromium()
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    def see(request: Request) -> None:
        if not request.url.startswith(url):
            wrong.append(f"loads {request.url}")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        context = await browser.new_context(
            base_url=url,
            java_script_enabled=scripts,
            viewport={"width": CHEAP_PHONE["width"], "height": CHEAP_PHONE["height"]},
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        # Of every window that somebody opens.
        context.on("console", hear)
        context.on("request", see)
        try:
            yield page
        finally:
            await browser.close()
    assert not wrong, wrong
