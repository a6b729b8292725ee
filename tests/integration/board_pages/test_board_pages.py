"""The pages of boards: what stands on them."""

from __future__ import annotations

import csv
import json

import pytest

from psd.clock import utc_text
from psd.engine.plan import Range
from server.pages.board_tables import Crossing, TimePath, edges_of, overtakes, passed, time_path
from server.pages.overtaking import EDGES, Overtaking, RaceScope
from tests.support.boards.board_site import (
    CUP,
    DAY_S,
    DAYS,
    START_S,
    STEPS,
    STREAM,
    USERS,
    BoardSite,
    board_site,
)
from tests.support.servers.redis_server import RedisServer

END_S = START_S + DAYS * DAY_S


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
    await site.put("cup", CUP)
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
