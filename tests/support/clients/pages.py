"""A browser for tests of pages, without any script: cookies, forms, and what a person sees.

>>> async with Browser(url) as browser:
...     await browser.sign_in("amp", "secret")
...     page = await browser.get("/drivers/")
...     assert page.headings == ["Drivers"] and page.items == ["1 Ann K"]
...     moved = await browser.send("/transactions/new/1/", {"driver_id": "1"})
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Self

import aiohttp
import msgspec
from yarl import URL

EMPTY = frozenset({"input", "link", "meta", "br", "img"})
"""Elements that have no end."""

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What browsers say that they take."""


class Page(msgspec.Struct):
    """What came back, and what stands on it; a text is told without the blanks around it."""

    status: int
    location: str
    headers: Mapping[str, str]
    text: str
    headings: list[str] = []
    items: list[str] = []
    rows: list[list[str]] = []
    inputs: list[str] = []
    options: list[str] = []
    selected: list[str] = []
    values: list[str] = []
    errors: list[str] = []
    alerts: list[str] = []
    links: list[str] = []
    struck: list[list[str]] = []
    csrf_token: str = ""


class Browser:
    """One person's, at one site; redirects are answers like any other."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self._headers = {"Accept": ACCEPT, **(headers or {})}

    async def __aenter__(self) -> Self:
        # A browser takes the machine that it runs on for secure.
        here = URL(self.url).origin()
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=here)
        self._session = aiohttp.ClientSession(cookie_jar=jar, headers=self._headers)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Page:
        """Look at a page."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, form: Mapping[str, str]) -> Page:
        """Send exactly these fields."""
        return await self._ask("POST", path, form)

    async def upload(self, path: str, form: Mapping[str, str], name: str, content: bytes) -> Page:
        """Send these fields and a file, as a form with files does."""
        data = aiohttp.FormData(form)
        data.add_field(name, io.BytesIO(content), filename="file")
        return await self._ask("POST", path, data)

    async def send(self, path: str, form: Mapping[str, str]) -> Page:
        """Look at a form and send it with these fields, as one does."""
        page = await self.get(path)
        return await self.post(path, {"csrf_token": page.csrf_token, **form})

    async def sign_in(self, name: str, password: str, path: str = "/auth/login") -> Page:
        """Sign in."""
        return await self.send(path, {"username": name, "password": password})

    async def _ask(
        self, method: str, path: str, form: Mapping[str, str] | aiohttp.FormData | None
    ) -> Page:
        async with self._session.request(
            method, URL(self.url + path, encoded=True), data=form, allow_redirects=False
        ) as answer:
            text = await answer.text()
            location = answer.headers.get("Location", "")
            page = Page(answer.status, location, answer.headers.copy(), text)
        if "html" in answer.content_type:
            Reader(page).feed(text)
        return page


class Reader(HTMLParser):
    """Fills a page with what it shows; what is in the navigation is left out."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._open: list[tuple[str, dict[str, str]]] = []
        self._said: list[list[str]] = []
        self._row: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        found = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._page.links.append(found.get("href", ""))
        if tag == "tr":
            self._row = []
        self._field(tag, found)
        if tag not in EMPTY:
            self._open.append((tag, found))
            self._said.append([])

    def _field(self, tag: str, found: dict[str, str]) -> None:
        page = self._page
        if tag == "option":
            page.options.append(found["value"])
            if "selected" in found:
                page.selected.append(found["value"])
        if tag not in ("input", "select", "textarea") or "name" not in found:
            return
        if found.get("type") == "hidden":
            if found["name"] == "csrf_token":
                page.csrf_token = found["value"]
            return
        page.inputs.append(found["name"])
        if found.get("type") in ("number", "datetime-local"):
            page.values.append(found.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self._open, f"{tag} ends and never began"
        opened, found = self._open.pop()
        assert opened == tag, f"{opened} is closed by {tag}"
        said = self._said.pop()
        text = " ".join("".join(said).split())
        if self._said:
            self._said[-1] += said
        if any(each == "nav" for each, _ in self._open):
            return
        self._note(tag, found, text, "".join(said).strip())

    def _note(self, tag: str, found: dict[str, str], text: str, exact: str) -> None:
        page, classes = self._page, found.get("class", "").split()
        if tag in ("h1", "h2"):
            page.headings.append(exact)
        elif tag == "li":
            page.items.append(text)
        elif tag == "td":
            self._row.append(text)
        elif tag == "tr" and self._row:
            (page.struck if "rejected" in classes else page.rows).append(self._row)
        elif "help-block" in classes:
            page.errors.append(text)
        elif "alert" in classes:
            page.alerts.append(text)

    def handle_data(self, data: str) -> None:
        """A text."""
        if self._said:
            self._said[-1].append(data)
