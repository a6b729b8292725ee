"""Pages of users: who may see and change what, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from psd.clock import ManualClock, utc_text
from psd.engine.events import Report
from psd.times import timestamp
from psd.users import user_of
from tests.support.boards.board_site import (
    DAY_S,
    DAYS,
    START_S,
    STEPS,
    USERS,
    BoardSite,
    board_site,
)
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.servers.redis_server import RedisServer

STREAM = {"queue.kind": "stream"}


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as found:
        await found.runtime.page_deciding.add("writer", "secret", ["read", "write"])
        yield found


BOARDS: dict[str, dict[str, Any]] = {
    "fixed": {"kind": "fixed", "start": "2016-04-12T00:00:00Z", "end": "2016-04-16T00:00:00Z"},
    "rolling": {"kind": "rolling", "seconds": 2 * DAY_S},
    "daily": {"kind": "calendar", "every": "day"},
}


def window(kind: str, second: int) -> tuple[int, int]:
    """What of the week counts on a board at a second."""
    if kind == "fixed":
        return START_S + DAY_S, min(second, START_S + 5 * DAY_S)
    if kind == "rolling":
        return second - 2 * DAY_S, second
    return second // DAY_S * DAY_S, second


def best_rank(site: BoardSite, uid: int, kind: str) -> tuple[int, int]:
    """The best rank and since when, by plain Python: after own bookings, at midnights, and now."""
    end = START_S + DAYS * DAY_S + 1
    seconds = {at_s + 1 for at_s, who, _ in site.history if who == uid}
    seconds |= {*range(START_S, end, DAY_S), end}
    found = []
    for second in sorted(seconds):
        start, until = window(kind, second)
        totals = dict.fromkeys(range(1, USERS + 1), 0)
        for at_s, who, steps in site.history:
            totals[who] += steps if start <= at_s < until else 0
        if totals[uid]:
            rank = 1 + sum(each > totals[uid] for each in totals.values())
            found.append((rank, min(second, window(kind, second)[1])))
    return min(found)


async def test_the_best_rank_ever_is_that_of_plain_python_whatever_window_a_board_has(
    site: BoardSite,
) -> None:
    members = [str(uid) for uid in range(1, USERS + 1)]
    for name, kind in BOARDS.items():
        board = {"thing": "steps", "window": kind, "members": members}
        body = msgspec.json.encode(board)
        answer = await site.main.request("PUT", f"/v3/boards/{name}", body, "application/json")
        assert answer.status == 201, answer.text
    for uid in range(1, USERS + 1):
        page = await site.browser.get(f"/users/{uid}?tz=UTC")
        shown = {row[0]: (int(row[2]), timestamp(row[3])) for row in page.rows if row[0] in BOARDS}
        assert shown == {kind: best_rank(site, uid, kind) for kind in BOARDS}, uid


async def test_who_may_only_read_takes_nothing_back(site: BoardSite) -> None:
    await site.browser.sign_in("amp", "secret")
    page = await site.browser.get("/users/7?tz=UTC")
    assert page.status == 200
    assert "/activities/" not in page.text
    assert (await site.browser.get("/users/7/activities/12")).status == 403


async def test_all_that_a_first_view_loads_is_less_than_150_kb(site: BoardSite) -> None:
    page = await site.browser.get("/users/7?tz=UTC")
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(loaded) == 6
    sizes = [len((await site.main.get(each)).text.encode()) for each in loaded]
    assert len(page.text.encode()) + sum(sizes) < 150_000


async def test_a_form_of_another_session_takes_nothing_back(site: BoardSite) -> None:
    await site.browser.sign_in("writer", "secret")
    before = site.totals(START_S + 7 * 86_400)["7"]
    for form in ({}, {"csrf_token": "x" * 43}):
        assert (await site.browser.post("/users/7/activities/12", form)).status == 400
    assert f"<dd>{before:,}</dd>" in (await site.browser.get("/users/7?tz=UTC")).text
    nobody = await site.browser.get("/users/7/activities/99999")
    assert nobody.status == 404
    assert "nothing is known of activity 99999" in nobody.text


async def test_a_note_that_is_none_is_told_and_asked_for_again(site: BoardSite) -> None:
    await site.browser.sign_in("writer", "secret")
    page = await site.browser.send("/users/7/activities/12", {"note": "x" * 2_000})
    assert page.status == 200
    assert page.errors == ["note: more than 1000 bytes"]
    assert (await site.browser.get("/users/7/activities/12")).status == 200


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("year=1066", 400, "year: "),
        ("goal=0", 400, "goal: "),
        ("goal=x", 400, "goal: "),
        ("thing=nonsense", 400, "thing: "),
        ("tz=Mars/Base", 400, "Mars/Base"),
        ("start=yesterdayish", 400, "start"),
        ("end=2016-04-13", 400, "start: missing; end &#39;2016-04-13&#39; needs one"),
        ("start=2016-04-13&end=2016-04-12", 400, "must not be after end"),
        ("start=99999999999999999999", 400, "start: "),
        ("start=2016-04-11&end=2016-04-18&cursor=x", 400, "cursor: "),
        ("goal=9007199254740992", 400, "goal: "),
    ],
)
async def test_what_is_asked_wrong_is_told_by_its_name(
    site: BoardSite, query: str, status: int, told: str
) -> None:
    page = await site.browser.get(f"/users/7?{query}")
    assert (page.status, told in page.text) == (status, True), page.text


async def test_a_user_who_has_nothing_has_an_empty_year(site: BoardSite) -> None:
    page = await site.browser.get("/users/nobody%40example.com?year=2015")
    assert page.status == 200
    assert "Nothing of steps is booked in this range" in page.text
    assert page.text.count('class="s0"') == 365
    assert (await site.browser.get("/users/007")).status == 400


async def test_a_search_leads_to_the_user_also_by_name(site: BoardSite) -> None:
    moved = await site.browser.get("/users/?uid=al%2Fice")
    assert (moved.status, moved.location) == (302, "/users/al%2Fice")
    page = await site.browser.get(moved.location)
    assert page.headings[0].startswith("al/ice")
    assert (await site.browser.get("/users/?uid=007")).errors


async def test_the_search_of_the_first_page_leads_to_a_user_s_page_of_a_thing(
    site: BoardSite,
) -> None:
    first = await site.browser.get("/")
    assert 'action="/users/"' in first.text
    assert (first.inputs[:2], "steps" in first.options) == (["uid", "thing"], True)
    moved = await site.browser.get("/users/?uid=7&thing=steps")
    assert (moved.status, moved.location) == (302, "/users/7?thing=steps")
    page = await site.browser.get(moved.location)
    assert (page.status, page.headings[0]) == (200, "7 steps")
    moved = await site.browser.get("/users/?uid=7&thing=no%26such")
    assert (await site.browser.get(moved.location)).status == 400


async def test_a_named_user_of_a_name_with_marks_is_escaped(site: BoardSite) -> None:
    page = await site.browser.get("/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status == 200
    assert "<script>alert" not in page.text


async def test_the_charts_numbers_are_those_of_its_range_by_its_unit(site: BoardSite) -> None:
    answer = await site.main.get(f"/users/7/chart?start={START_S}&end={START_S + 86_400}")
    told = answer.json()
    own = [(at, steps) for at, uid, steps in site.history if uid == 7 and at < START_S + 86_400]
    expected = dict.fromkeys(range(START_S, START_S + 86_400, 3_600), 0)
    for at, steps in own:
        expected[at // 3_600 * 3_600] += steps
    assert dict(zip(told["times"], told["values"], strict=True)) == expected
    assert (told["every"], told["tz"]) == ("hour", "UTC")
    page = await site.browser.get(f"/users/7?start={START_S}&end={START_S + 86_400}")
    [table] = [link for link in page.links if link.endswith("&csv=1")]
    lines = (await site.browser.get(table)).text.splitlines()
    assert lines[0] == "start,steps"
    assert [int(line.split(",")[1]) for line in lines[1:]] == told["values"]


async def test_a_page_is_there_as_json_and_its_activities_as_csv(site: BoardSite) -> None:
    page = await site.browser.get("/users/7?year=2016&tz=UTC")
    [file] = [link for link in page.links if "&json=1" in link]
    [table] = [link for link in page.links if "/chart" not in link and "&csv=1" in link]
    told = json.loads((await site.browser.get(file)).text)
    days: dict[str, int] = {}
    for at, uid, steps in site.history:
        if uid == 7:
            date = utc_text(at)[:10]
            days[date] = days.get(date, 0) + steps
    assert (told["user"], told["thing"], told["year"], told["days"]) == ("7", "steps", 2016, days)
    assert told["longest_streak"]["days"] >= 1
    asked = f"/v3/users/7/activities?thing=steps&start={told['start']}&end={told['end']}&limit=20"
    assert told["activities"] == (await site.main.get(asked)).json()["data"]
    lines = [*csv.DictReader((await site.browser.get(table)).text.splitlines())]
    assert [(each["aid"], int(each["steps"])) for each in lines] == [
        (each["aid"], each["sums"]["steps"]) for each in told["activities"]
    ]


async def test_where_tokens_are_asked_for_one_signs_in_and_sees_ones_own(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    token = token_for("owner", "read write", frozenset({7}))
    async with board_site(redis_server.url, {**STREAM, **asked_of(token)}) as site:
        page = await site.browser.get("/users/7")
        assert page.status == 302
        assert "/auth/login" in page.location
        await site.browser.send("/auth/login", {"token": token.secret})
        assert "Withdraw" in (await site.browser.get("/users/7?tz=UTC")).text
        for path in ("/users/8", "/users/8/chart", "/users/8/activities/13"):
            assert (await site.browser.get(path)).status == 403, path
        moved = await site.browser.send("/users/7/activities/12", {"note": ""})
        assert (moved.status, moved.location) == (302, "/users/7")
        assert "Activity 12 is taken back." in (await site.browser.get("/users/7")).text


async def test_the_calendar_is_of_the_year_in_which_the_range_begins(site: BoardSite) -> None:
    for start, year in ((str(START_S), 2016), ("2015-12-31T23:30:00Z", 2015), ("-1d", 2016)):
        page = await site.browser.get(f"/users/7?start={start}")
        assert page.headings[1] == f"{year} at a glance", start
    page = await site.browser.get("/users/7?start=2015-12-31T23:30:00Z&tz=Europe/Berlin")
    assert page.headings[1] == "2016 at a glance"
    page = await site.browser.get("/users/7?year=2199&start=2016-04-11")
    assert page.headings[1] == "2199 at a glance"


async def test_a_chart_of_all_time_has_years_and_leads_nowhere_outside_of_it(
    site: BoardSite,
) -> None:
    page = await site.browser.get("/users/7?start=1970-01-01&end=2200-01-01")
    assert "By year" in page.headings
    for start, end in (("1970-01-01", "1970-01-02"), ("2199-12-31", "2200-01-01"), ("0", "1")):
        page = await site.browser.get(f"/users/7?start={start}&end={end}")
        assert page.status == 200
        for link in {link for link in page.links if "/users/7?" in link}:
            led = await site.browser.get(link)
            assert led.status == 200, (link, led.text)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_a_year_of_long_ago_and_the_streak_in_it_are_told_as_they_were(
    site: BoardSite, zone: str
) -> None:
    before = json.loads((await site.browser.get(f"/users/7?year=2016&tz={zone}&json=1")).text)
    clock = site.runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(20 * 366 * DAY_S)
    at_s = clock.now_s() - DAY_S
    await site.runtime.engine.book([Report(STEPS, 7, 0, 900, 5, at_s, at_s)])
    told = json.loads((await site.browser.get(f"/users/7?year=2016&tz={zone}&json=1")).text)
    assert sum(told["days"].values()) == sum(steps for _, uid, steps in site.history if uid == 7)
    assert (told["days"], told["longest_streak"]) == (before["days"], before["longest_streak"])
    assert told["streak"]["days"] == 1, "yesterday"


async def test_the_form_has_the_range_as_the_clocks_of_its_zone_show_it(site: BoardSite) -> None:
    page = await site.browser.get("/users/7?year=2016&tz=Europe/Berlin")
    assert 'name="start" type="text" value="2016-01-01"' in page.text
    assert 'name="end" type="text" value="2017-01-01"' in page.text
    page = await site.browser.get("/users/7?start=2016-04-12T08:00:00Z&end=-1s&tz=Europe/Berlin")
    assert 'name="start" type="text" value="2016-04-12T10:00:00+02:00"' in page.text
    again = await site.browser.get(
        "/users/7?tz=Europe/Berlin&start=2016-04-12T10:00:00%2B02:00&end=2016-04-18"
    )
    assert '<time datetime="2016-04-12T08:00:00Z">' in again.text
    assert '<time datetime="2016-04-17T22:00:00Z">' in again.text


async def test_who_sees_single_owners_is_led_to_them_and_sees_no_place_on_a_board(
    redis_server: RedisServer,
) -> None:
    redis_server.flush()
    owners = frozenset({7, user_of("al@example.com")})
    token = token_for("owner", "read", owners, names=("al@example.com",))
    every = token_for("all", "read write")
    async with board_site(redis_server.url, {**STREAM, **asked_of(token, every)}) as site:
        board = {"thing": "steps", "window": BOARDS["fixed"], "members": ["7", "8"]}
        sent = msgspec.json.encode(board)
        headers = bearer(every.secret)
        put = ("PUT", "/v3/boards/two", sent, "application/json", headers)
        assert (await site.main.request(*put)).status == 201
        await site.browser.send("/auth/login", {"token": token.secret})
        page = await site.browser.get("/")
        assert {"/users/7", "/users/al%40example.com"} <= {*page.links}
        assert "/boards/" not in page.links, "where nothing is for him"
        page = await site.browser.get("/users/7?tz=UTC")
        assert "Boards are of everybody" in page.text
        assert "/boards/two" not in page.text
        assert json.loads((await site.browser.get("/users/7?json=1")).text)["boards"] == []
        await site.browser.get("/auth/logout")
        await site.browser.send("/auth/login", {"token": every.secret})
        assert "/boards/two" in (await site.browser.get("/users/7?tz=UTC")).text
