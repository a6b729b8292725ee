"""The pages of boards and of the state: what stands on them, and who may see it."""

from __future__ import annotations

import csv
import html
import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import pytest

from psd.cli.main import psd as command
from psd.clock import utc_text
from psd.engine.plan import Range
from psd.observe.metrics import Metrics
from server.pages.board_tables import Crossing, TimePath, edges_of, overtakes, passed, time_path
from server.pages.booked_minutes import BookedMinutes, sparkline
from server.pages.overtaking import EDGES, Overtaking, RaceScope
from server.pages.state_page import State, StatePage, age
from tests.support.boards.board_site import (
    DAY_S,
    DAYS,
    START_S,
    STEPS,
    USERS,
    BoardSite,
    board_site,
)
from tests.support.clients.access import asked_of, token_for
from tests.support.clients.behind_proxy import behind
from tests.support.clients.http import serving
from tests.support.clients.pages import Browser
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer

END_S = START_S + DAYS * DAY_S
COMMANDS = re.compile(r"<code>(psd [^<]+)</code></pre>")
TOKEN = token_for("reader", "read")
STREAM = {"queue.kind": "stream"}
CUP = {
    "thing": "steps",
    "title": "The cup",
    "window": {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"},
    "rounds": {
        "order": ["1", "2", "3"],
        "windows": [
            {"start": "2016-04-12T00:00:00Z", "end": "2016-04-13T00:00:00Z"},
            {"start": "2016-04-13T00:00:00Z", "end": "2016-04-14T00:00:00Z"},
        ],
    },
    "members": ["1", "2", "3"],
}


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as found:
        yield found


async def put(site: BoardSite, name: str, board: dict[str, Any]) -> None:
    body = json.dumps(board).encode()
    answer = await site.main.request("PUT", f"/v3/boards/{name}", body, "application/json")
    assert answer.status == 201, answer.text


async def test_what_a_page_shows_is_what_v3_answers(site: BoardSite) -> None:
    asked = "thing=steps&start=2016-04-11&as_of=2016-04-15T06:00:00Z&compare_to=2016-04-14&limit=5"
    page = await site.browser.get(f"/board?{asked}")
    told = (await site.main.get(f"/v3/leaderboard?{asked}")).json()
    assert [(row[0], row[2], row[3]) for row in page.rows] == [
        (str(row["rank"]), row["uid"], f"{row['value']:,}") for row in told["data"]
    ]
    file = json.loads((await site.browser.get(f"/board?{asked}&json=1")).text)
    assert file["data"] == told["data"]
    lines = [*csv.DictReader((await site.browser.get(f"/board?{asked}&csv=1")).text.splitlines())]
    assert [line["uid"] for line in lines] == [row["uid"] for row in told["data"]]
    assert [int(line["rank_change"]) for line in lines] == [
        row["rank_change"] for row in told["data"]
    ]


async def test_a_page_leads_to_the_next_and_around_a_user(site: BoardSite) -> None:
    ranked = [uid for uid, _ in site.ranking(END_S)]
    page = await site.browser.get(site.path)
    assert [row[1] for row in page.rows] == ranked[:10]
    [more] = [link for link in page.links if "cursor=" in link]
    page = await site.browser.get(f"/board{more}")
    assert [row[1] for row in page.rows] == ranked[10:]
    page = await site.browser.get(f"{site.path}&around={ranked[6]}&span=1")
    assert [row[1] for row in page.rows] == ranked[5:8]
    assert f'<tr data-uid="{ranked[6]}" class="own">' in page.text
    page = await site.browser.get(f"{site.path}&uid=1,2,3&ties=dense")
    assert len(page.rows) == 3


async def test_a_named_board_has_its_rounds(site: BoardSite) -> None:
    await put(site, "cup", CUP)
    page = await site.browser.get("/boards/")
    assert [row[:2] for row in page.rows] == [["The cup", "steps"]]
    assert "/boards/cup" in page.links
    assert (
        (await site.browser.get("/boards/?csv=1"))
        .text.splitlines()[1]
        .startswith("cup,The cup,steps,3,")
    )
    listed = json.loads((await site.browser.get("/boards/?json=1")).text)
    assert listed["data"] == (await site.main.get("/v3/boards")).json()["data"]
    page = await site.browser.get("/boards/cup")
    told = (await site.main.get("/v3/boards/cup/bracket")).json()
    assert (f"<strong>{told['champion']}</strong> has won." in page.text) is True
    scores = [
        f"{each['uid']} {each['score']:,}"
        for round_ in told["rounds"]
        for match in round_["matches"]
        for each in (match["first"], match["second"])
        if each is not None and each["score"] is not None
    ]
    assert [item for item in page.items if " passed " not in item and " " in item] == scores
    page = await site.browser.get("/boards/cup?as_of=2016-04-12T12:00:00Z")
    assert "under way" in page.text
    assert (await site.browser.get("/boards/nobody")).status == 404


async def test_what_cannot_be_asked_is_told_beside_its_form(site: BoardSite) -> None:
    for query, told in (
        ("start=yesterweek", "start: "),
        ("thing=hats", "thing: "),
        ("limit=0", "limit: "),
        ("limit=101", "limit: 101: a page has up to 100 rows"),
        ("colour=red", "colour: unknown"),
        ("around=99", "around: "),
        ("compare_to=x", "compare_to: "),
        ("thing=steps,distance", "thing: "),
        ("uid=x%00", "uid: "),
    ):
        page = await site.browser.get(f"/board?{query}")
        assert (page.status, len(page.alerts)) == (200, 1), query
        assert told in page.alerts[0], query
        assert "as_of" in page.inputs


async def test_overtakes_are_those_of_plain_python_to_the_second(
    redis_server: RedisServer,
) -> None:
    for seed in range(3):
        redis_server.flush()
        async with board_site(redis_server.url, STREAM, seed) as site:
            users = {str(uid): uid for uid in range(1, USERS + 1)}
            for until in (START_S + 3 * DAY_S + 12_345, END_S):
                scope = RaceScope(STEPS, None, Range(START_S, until))
                found = await Overtaking(site.runtime.engine).newest(users, scope)
                told = [(each.uid, each.other, each.at) for each in found]
                wanted = newest_of_a_piece(site, users, until)
                assert told == wanted, (seed, until)


def newest_of_a_piece(
    site: BoardSite, users: dict[str, int], until: int
) -> list[tuple[str, str, str]]:
    """Of several of a pair within one piece only that counts which stands at its end."""
    edges = edges_of(START_S, until, EDGES)
    found = []
    for one, other, second in site.overtakes({*users}, until):
        end = next(edge for edge in edges[1:] if edge > second)
        start = max(edge for edge in edges if edge <= second)
        at_start, at_end = site.totals(start), site.totals(end)
        if at_end[one] > at_end[other] and not at_start[one] > at_start[other]:
            later = [
                s
                for a, b, s in site.overtakes({one, other}, end)
                if (a, b) == (one, other) and s > second
            ]
            if not later:
                found.append((one, other, utc_text(second)))
    return found[:12]


async def test_the_state_says_what_runs(site: BoardSite) -> None:
    await put(site, "cup", CUP)
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
    await put(site, "cup", CUP)
    async with behind(site.main.url, "/psd") as url, Browser(f"{url}/psd") as browser:
        for path in ("/", "/boards/", "/board", "/boards/cup"):
            page = await browser.get(path)
            assert page.status == 200, path
            assert all(link.startswith(("/psd/", "?")) for link in page.links), page.links
            inline = r" style=| on\w+=|<style|<script(?! type=\"module\" src=\"/psd/static/)"
            assert not re.findall(inline, page.text), path
            assert len(page.text) < 50_000


@pytest.mark.parametrize(
    ("start", "end", "newest", "path"),
    [
        (START_S, END_S, END_S - 5, TimePath(START_S, END_S, 3_600)),
        (START_S, START_S + 100, None, TimePath(START_S, START_S + 100, 1)),
        (0, END_S, END_S - 1, TimePath(END_S - 30 * DAY_S, END_S, 21_600)),
        (START_S, END_S, START_S - 9, TimePath(START_S, START_S + 1, 1)),
    ],
)
def test_a_time_machine_goes_through_what_is_booked(
    start: int, end: int, newest: int | None, path: TimePath
) -> None:
    assert time_path(Range(start, end), newest) == path


def test_who_only_comes_level_has_passed_nobody() -> None:
    edges = [0, 10, 20, 30]
    assert overtakes(edges, {"a": [3, 0, 0], "b": [0, 3, 0]}) == []
    assert overtakes(edges, {"a": [3, 0, 0], "b": [0, 3, 1]}) == [Crossing("b", "a", 20, 30)]
    assert overtakes(edges, {"a": [0, 5, 0], "b": [0, 0, 6]}) == [Crossing("b", "a", 20, 30)]
    assert passed(edges, [1, 0, 9], [0, 2, 0]) == (20, 30)


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


async def test_several_values_of_a_parameter_are_all_asked_for(site: BoardSite) -> None:
    page = await site.browser.get("/board?thing=steps&uid=1&uid=2&uid=3&start=2016-04-11")
    answer = await site.main.get("/v3/leaderboard?thing=steps&uid=1&uid=2&uid=3&start=2016-04-11")
    assert [row[1] for row in page.rows] == [each["uid"] for each in answer.json()["data"]]
    assert len(page.rows) == 3
    page = await site.browser.get("/board?thing=steps&as_of=2016-04-12&as_of=2016-04-13")
    assert "as_of: " in page.alerts[0]


async def test_a_board_without_a_name_says_with_what_it_is_compared(site: BoardSite) -> None:
    asked = "/board?thing=steps&start=2016-04-14&end=2016-04-16&compare_to="
    page = await site.browser.get(f"{asked}2016-04-15")
    assert ', compared with <time datetime="2016-04-15T00:00:00Z">' in page.text
    page = await site.browser.get(f"{asked}2016-04-12/2016-04-14")
    other = '<time datetime="2016-04-12T00:00:00Z">2016-04-12T00:00:00Z</time> to <time'
    assert f", compared with {other}" in page.text


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
