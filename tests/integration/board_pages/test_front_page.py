"""The page at the root, and who may see it and the boards."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path

import click
import pytest

from psd.cli.main import psd as command
from psd.observe.metrics import Metrics
from server.pages.booked_minutes import BookedMinutes, sparkline
from server.pages.state_page import State, StatePage, age
from tests.support.boards.board_site import (
    CUP,
    STREAM,
    BoardSite,
    board_site,
)
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.behind_proxy import behind
from tests.support.clients.http import serving
from tests.support.clients.pages import Browser
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer

COMMANDS = re.compile(r"<code>(psd [^<]+)</code></pre>")
TOKEN = token_for("reader", "read")


async def test_the_state_says_what_runs(site: BoardSite) -> None:
    await site.put("cup", CUP)
    page = await site.browser.get("/")
    assert page.status == 200
    for told in ("Redis", "Newest booking", "ago", "Dead letters", "Booked in a minute"):
        assert told in page.text, told
    assert "psd up --sample" not in page.text
    shown = await site.browser.get("/watch?wait=0")
    assert json.loads(shown.text)["queue_depth"] == 0
    assert "/?json=1" in page.links
    file = json.loads((await site.main.get("/?json=1")).text)
    assert file["state"] == json.loads(shown.text)
    assert file["boards"] == [{"name": "cup", "title": "The cup", "thing": "steps"}]


async def test_an_admin_is_led_to_dead_letters_and_others_are_told_the_command(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def three(*_: object) -> State:
        return State("1", "Redis 7", 0, 3, None)

    monkeypatch.setattr(StatePage, "state", three)
    redis_server.flush()
    admin = token_for("admin", "read write admin")
    async with board_site(redis_server.url, {**STREAM, **asked_of(TOKEN, admin)}) as site:
        for token, is_led in ((TOKEN, False), (admin, True)):
            await site.browser.send("/auth/login", {"token": token.secret})
            page = await site.browser.get("/")
            assert ("/ops/dead-letters/" in page.links) == is_led
            assert ("psd dlq ls" in page.text) != is_led
            await site.browser.get("/auth/logout")


@pytest.mark.parametrize("accept", ["*/*", "", "application/json, */*", "text/html;q=0"])
async def test_a_program_is_told_at_the_root_what_pointspaced_tells(
    site: BoardSite, accept: str
) -> None:
    async with Browser(site.main.url, {"Accept": accept}) as program:
        page = await program.get("/")
    assert (page.status, page.text) == (404, "404 page not found")
    assert page.headers["Content-Type"] == "text/plain"


async def test_an_empty_store_says_how_it_is_filled(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flush()
    async with (
        engine_on(redis_server.url, STREAM) as psd,
        serving(psd) as main,
        Browser(main.url) as browser,
    ):
        page = await browser.get("/")
        assert page.text.count("<pre") == 3
        assert "nothing yet" in page.text
        file = tmp_path / "steps.csv"
        file.touch()
        told = [shlex.split(html.unescape(line)) for line in COMMANDS.findall(page.text)]
        assert [words[1] for words in told] == ["up", "write", "import"]
        for _, name, *arguments in told:
            parent = click.Context(command, info_name="psd")
            known = command.get_command(parent, name)
            assert known is not None
            given = [str(file) if each == "FILE.csv" else each for each in arguments]
            known.make_context(name, given, parent=parent)
        assert (await browser.get("/boards/")).rows == []
        assert "Nobody is on this board." in (await browser.get("/board")).text


async def test_where_tokens_are_needed_people_sign_in_once_for_all_pages(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    async with board_site(redis_server.url, {**STREAM, **asked_of(TOKEN)}) as site:
        for path in ("/", "/boards/", "/board", "/boards/cup"):
            page = await site.browser.get(path)
            assert (page.status, page.location.split("?")[0]) == (302, "/auth/login"), path
        assert (await site.browser.get("/watch?wait=0")).status == 401
        await site.browser.sign_in("amp", "secret")
        for path in ("/", "/boards/", "/board", "/energy/"):
            assert (await site.browser.get(path)).status == 200, path
        await site.runtime.page_deciding.add("one", "secret", ["read"], [1])
        await site.browser.get("/auth/logout")
        await site.browser.sign_in("one", "secret")
        for path in ("/boards/", "/board", "/boards/cup"):
            assert (await site.browser.get(path)).status == 403, path
        assert (await site.browser.get("/")).status == 200


async def test_a_page_of_another_site_gets_none_of_it(site: BoardSite) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        async with Browser(site.main.url, headers) as browser:
            assert (await browser.get("/boards/")).status == 403, headers


async def test_every_page_works_below_a_path_and_has_nothing_inline(site: BoardSite) -> None:
    await site.put("cup", CUP)
    async with behind(site.main.url, "/psd") as url, Browser(f"{url}/psd") as browser:
        for path in ("/", "/boards/", "/board", "/boards/cup"):
            page = await browser.get(path)
            assert page.status == 200, path
            assert all(link.startswith(("/psd/", "?")) for link in page.links), page.links
            inline = r" style=| on\w+=|<style|<script(?! type=\"module\" src=\"/psd/static/)"
            assert not re.findall(inline, page.text), path
            assert len(page.text) < 50_000


@pytest.mark.parametrize(
    ("seconds", "told"), [(-1, "now"), (59, "59 s ago"), (3_599, "59 min ago"), (90_000, "1 d ago")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, told: str) -> None:
    assert age(seconds) == told


async def test_a_token_opens_the_pages_of_what_the_api_shows_it(redis_server: RedisServer) -> None:
    redis_server.flush()
    of_one = token_for("phone", "read", frozenset({1}))
    async with board_site(redis_server.url, {**STREAM, **asked_of(TOKEN, of_one)}) as site:
        browser = site.browser
        page = await browser.send("/auth/login?next=/boards/", {"token": "psd_wrong"})
        assert (page.status, page.location) == (302, "/auth/login")
        assert (await browser.get("/auth/login")).alerts == ["Unknown token"]
        page = await browser.send("/auth/login?next=/boards/", {"token": of_one.secret})
        assert (page.status, page.location) == (302, "/boards/")
        assert "HttpOnly" in page.headers["Set-Cookie"]
        assert (await browser.get("/boards/")).status == 403, "as in /v3"
        await browser.get("/auth/logout")
        assert (await browser.get("/boards/")).status == 302
        await browser.send("/auth/login", {"token": TOKEN.secret})
        assert (await browser.get("/boards/")).status == 200
        page = await browser.get("/swaps/auth/login")
        assert page.location == "/swaps/index", "one signs in for all"


def test_what_is_booked_in_a_minute_is_a_line() -> None:
    minutes = BookedMinutes(Metrics())
    assert (minutes.counts, sparkline(minutes.counts)) == ([], "")
    for total in (0, 400, 1_000, 1_000):
        minutes.note(total)
    assert minutes.counts == [400, 600, 0]
    assert sparkline(minutes.counts) == "0,8 50,0 100,24"
    for total in range(100):
        minutes.note(total)
    assert len(minutes.counts) == 60


async def test_a_browser_is_led_to_pages_where_there_is_none(site: BoardSite) -> None:
    for path in ("/boards", "/users", "/ops", "/rewards"):
        moved = await site.browser.get(path)
        assert (moved.status, moved.location) == (301, f"{path}/"), path
    page = await site.browser.get("/bords/<june>")
    assert (page.status, page.headings) == (404, ["File Not Found"])
    assert "path: nothing is served at /bords/" in page.text
    assert "<june>" not in page.text
    async with Browser(site.main.url, {"Accept": "*/*"}) as program:
        for path in ("/bords/", "/boards"):
            told = await program.get(path)
            assert (told.status, told.text) == (404, "404 page not found"), path
