"""The real browser: Debian's Chromium, driven by Playwright, with script switched off unless told.

>>> pytestmark = IN_ONE_BROWSER
>>> async with phone(url) as page:
...     await page.goto("/auth/login")
...     await page.get_by_label("Username").fill("amp")

A page fails the test that breaks its own Content-Security-Policy or loads from another host. To
start Chromium takes longer than most of what is done in it, so the tests of a process share one:
each has a context of its own, with its own cookies, cache and windows. A browser stays with its
event loop, which those tests share too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    async_playwright,
    expect,
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 30_000
CHEAP_PHONE = {"width": 360, "height": 720}

# In a container without user namespaces Chromium has no sandbox of its own; pages are ours.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]

REFUSED = "Failed to load resource: the server responded with a status of 4"

AWAY = "Failed to load resource: net::ERR_FAILED"

IN_ONE_BROWSER = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("chromium_of_the_process"),
]
"""The marks of a file whose tests call :func:`phone`."""


def chromium() -> str:
    """Where it is; where it is not the test is skipped, on CI it fails."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        reason = "chromium is missing: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class SharedChromium:
    """The browser of a process, started when it is first needed, and again where it has ended."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None

    async def running(self) -> Browser:
        """The browser."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = await self._playwright.chromium.launch(
                executable_path=chromium(), args=ARGUMENTS
            )
        return self._browser

    async def close(self) -> None:
        """End it."""
        if self._browser is not None:
            await self._browser.close()


_shared: list[SharedChromium] = []


@asynccontextmanager
async def shared_chromium() -> AsyncIterator[None]:
    """What :func:`phone` has its windows in: a fixture of the session (tests/integration)."""
    async with async_playwright() as playwright:
        _shared.append(SharedChromium(playwright))
        yield
        await _shared.pop().close()


@asynccontextmanager
async def phone(
    url: str, *, scripts: bool = False, is_refused: bool = False, is_away: bool = False
) -> AsyncIterator[Page]:
    """A page on a cheap phone with a touch screen, below ``url``.

    Where one ``is_refused`` on purpose, or the server ``is_away``, what the browser itself writes
    of it is no fault.
    """
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        expected = [REFUSED] * is_refused + [AWAY] * is_away
        if message.type in ("error", "warning") and not message.text.startswith((*expected,)):
            wrong.append(message.text)

    def see(request: Request) -> None:
        if not request.url.startswith(url):
            wrong.append(f"loads {request.url}")

    browser = await _shared[-1].running()
    context = await browser.new_context(
        base_url=url,
        java_script_enabled=scripts,
        viewport={"width": CHEAP_PHONE["width"], "height": CHEAP_PHONE["height"]},
        has_touch=True,
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        # Of every window that somebody opens.
        context.on("console", hear)
        context.on("request", see)
        yield page
    finally:
        await context.close()
    assert not wrong, wrong
