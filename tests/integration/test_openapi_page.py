"""The page of the reference: complete, and with nothing on it that comes from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from tests.support.clients.http import HttpClient
from tests.support.clients.reference import document_of, header, operations


class Page(HTMLParser):
    """The tags of a page, its links, and what they may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.cards: set[str] = set()
        self.scripts: list[str] = []
        self._is_script = False
        self.foreign: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._is_script = tag == "script"
        for name, value in attrs:
            if tag == "details" and name == "id" and value:
                self.cards.add(value)
            if name == "id" and value:
                self.ids.append(value)
            if name == "href" and value:
                self.links.add(value)
            if name in ("src", "srcset", "action", "style") or name.startswith("on"):
                self.foreign.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)


async def test_the_page_needs_nothing_from_elsewhere_and_runs_its_own_script_alone(
    client: HttpClient,
) -> None:
    answer = await client.get("/docs")
    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    assert not page.tags & {"link", "img", "iframe", "object", "embed", "form", "base"}
    assert page.foreign == []
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    rule = header(answer, "Content-Security-Policy")
    assert rule.startswith("default-src 'none'; style-src 'sha256-")
    [script] = page.scripts
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{mark}';" in rule
    assert "unsafe" not in rule


async def test_a_link_to_a_route_leads_to_its_card_which_is_opened(client: HttpClient) -> None:
    """That the script does so was looked at in a browser: this holds what it relies on."""
    page = Page((await client.get("/docs")).text)
    document = await document_of(client)
    routes = {operation["operationId"] for _, _, operation in operations(document)}
    assert routes <= page.cards
    assert {f"#{name}" for name in routes} <= page.links
    [script] = page.scripts
    for needed in ("getElementById", "HTMLDetailsElement", ".open = true", '"hashchange"'):
        assert needed in script
    assert "</" not in script, "it would end the script"


async def test_the_page_shows_every_route_and_every_shape(client: HttpClient) -> None:
    document = await document_of(client)
    text = (await client.get("/docs")).text
    for _, path, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in text, path
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in text, name


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_who_has_it_already_is_told_so(client: HttpClient, path: str) -> None:
    first = await client.get(path)
    again = await client.request("GET", path, headers={"If-None-Match": header(first, "ETag")})
    assert (again.status, again.text) == (304, "")
