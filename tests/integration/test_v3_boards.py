"""Named boards over HTTP: CRUD with versions, members, standings, brackets and finals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from psd.clock import ManualClock
from psd.errors import NotFoundError
from psd.queries.boards import store as boards_store
from psd.queries.requests import LeaderboardQuery
from psd.runtime import Runtime
from psd.store.keys import boards_key, kind_of
from tests.support.engine import DAY_S, NOON_S, book, engine_on, forget, report, second
from tests.support.http import Answer, HttpClient, serving

START_S = second("2016-04-12 00:00:00")
WEEK = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": "2016-04-12T00:00:00Z", "end": "2016-04-19T00:00:00Z"},
}
SPAN = {"start": 5, "end": 9}
NOW_S = START_S + 30 * DAY_S


class BoardsClient:
    """A server, and the words in which the tests speak with it."""

    def __init__(self, client: HttpClient, psd: Runtime, clock: ManualClock) -> None:
        self.http = client
        self.psd = psd
        self.clock = clock

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        content = body if isinstance(body, bytes) else b"" if body is None else encode(body)
        return await self.http.request(method, f"/v3/boards{path}", content, headers=headers)

    async def put(self, name: str, *members: int, **fields: Any) -> Answer:
        body = {**WEEK, "members": [str(uid) for uid in members], **fields}
        answer = await self.ask("PUT", f"/{name}", body)
        assert answer.status in (200, 201), answer.text
        return answer

    async def json(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        answer = await self.ask(method, path, body)
        assert answer.content_type == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status
        return answer.status, problem["code"], problem["detail"]


encode = msgspec.json.encode


@pytest.fixture
async def boards(redis_url: str) -> AsyncIterator[BoardsClient]:
    clock = ManualClock(NOW_S)
    flags = {"queue.kind": "stream", "server.port": 0}
    async with engine_on(redis_url, flags, clock) as psd, serving(psd) as client:
        yield BoardsClient(client, psd, clock)


async def steps(psd: Runtime, uid: int, value: int, second_s: int, aid: int = 1) -> None:
    assert await book(psd, [report(value, second_s, uid=uid, aid=aid)]) == ["booked"]


async def test_a_board_is_made_shown_replaced_and_taken_away(boards: BoardsClient) -> None:
    made = await boards.put("april", 11, 22, title="April", note="with a cup")
    assert made.status == 201
    assert made.json() == {
        "name": "april",
        "revision": 1,
        "members": 2,
        "made_at": "2016-05-12T00:00:00Z",
        "changed_at": "2016-05-12T00:00:00Z",
        "changed_by": "anybody",
        "title": "April",
        "atid": [],
        "ties": "competition",
        "rounds": None,
        "note": "with a cup",
        **WEEK,
    }
    shown = await boards.ask("GET", "/april")
    assert (shown.text, shown.headers["Etag"]) == (made.text, made.headers["Etag"])
    replaced = await boards.ask("PUT", "/april", {**WEEK, "ties": "dense"})
    assert replaced.status == 200
    assert replaced.json() == {
        **made.json(),
        "revision": 2,
        "title": "",
        "note": "",
        "ties": "dense",
    }
    assert (await boards.ask("DELETE", "/april")).status == 204
    assert (await boards.refused("GET", "/april"))[:2] == (404, "not_found")
    assert (await boards.refused("DELETE", "/april"))[:2] == (404, "not_found")


async def test_the_same_definition_again_is_no_new_version(boards: BoardsClient) -> None:
    first = await boards.put("a", 1)
    again = await boards.put("a", 1)
    assert first.text == again.text
    assert first.headers["Etag"] == again.headers["Etag"]


async def test_a_patch_replaces_fields_and_null_is_the_default(boards: BoardsClient) -> None:
    await boards.put("a", 1, title="old", atid=["2"], ties="dense")
    rolling = {"kind": "rolling", "seconds": 60}
    answer = await boards.ask("PATCH", "/a", {"title": "new", "ties": None, "window": rolling})
    found = answer.json()
    assert (found["title"], found["ties"], found["window"]) == ("new", "competition", rolling)
    assert (found["atid"], found["members"], found["revision"]) == (["2"], 1, 2)
    assert (await boards.refused("PATCH", "/none", {}))[0] == 404
    for body in ({"thing": "floors"}, {"thing": None}, {"members": []}, {"window": {"kind": "x"}}):
        assert (await boards.refused("PATCH", "/a", body))[:2] == (400, "bad_query"), body
    assert (await boards.refused("PATCH", "/a", b"[]"))[:2] == (400, "malformed")
    assert (await boards.json("/a")) == found


async def test_only_the_version_that_was_read_is_changed(boards: BoardsClient) -> None:
    first = (await boards.put("a", 1)).headers["Etag"]
    second_tag = (await boards.ask("PATCH", "/a", {"title": "b"})).headers["Etag"]
    assert first != second_tag
    for method, body in (("PUT", WEEK), ("PATCH", {"title": "c"}), ("DELETE", None)):
        answer = await boards.ask(method, "/a", body, {"If-Match": first})
        assert (answer.status, answer.json()["code"]) == (412, "changed")
        answer = await boards.ask(method, "/a", body, {"If-Match": "W/x"})
        assert (answer.status, answer.json()["code"]) == (400, "bad_query")
    answer = await boards.ask("PATCH", "/a", {"title": "c"}, {"If-Match": second_tag})
    assert answer.json()["title"] == "c"
    assert (await boards.ask("PUT", "/a", WEEK, {"If-None-Match": "*"})).status == 412
    assert (await boards.ask("PUT", "/b", WEEK, {"If-Match": "*"})).status == 412
    assert (await boards.ask("PUT", "/b", WEEK, {"If-None-Match": "*"})).status == 201
    assert (await boards.ask("PUT", "/b", WEEK, {"If-Match": "*"})).status == 200
    # A board of the same name that is made anew is another one, whatever its revision.
    await boards.ask("DELETE", "/b")
    anew = (await boards.put("b")).headers["Etag"]
    assert anew.endswith('-1"')
    assert (await boards.ask("DELETE", "/b", None, {"If-Match": anew})).status == 204


async def test_changes_at_the_same_time_do_not_undo_each_other(boards: BoardsClient) -> None:
    await boards.put("a")
    fields = ({"title": "t"}, {"note": "n"}, {"ties": "dense"}, {"atid": ["7"]})
    answers = await asyncio.gather(*(boards.ask("PATCH", "/a", each) for each in fields))
    assert [answer.status for answer in answers] == [200] * 4
    found = await boards.json("/a")
    assert (found["title"], found["note"], found["ties"], found["atid"]) == (
        "t",
        "n",
        "dense",
        ["7"],
    )
    assert found["revision"] == 5


async def test_boards_are_listed_by_name_in_pages(boards: BoardsClient) -> None:
    assert await boards.json("") == {"data": [], "next": None}
    for name in ("b", "a", "c.1", "c-2", "c_3"):
        await boards.put(name, 1, 2)
    names, cursor = [], ""
    while cursor is not None:
        page = await boards.json(f"?limit=2&cursor={cursor}")
        assert all(row["members"] == 2 for row in page["data"])
        names += [row["name"] for row in page["data"]]
        cursor = page["next"]
    assert names == ["a", "b", "c-2", "c.1", "c_3"]


async def test_members_come_and_go(boards: BoardsClient) -> None:
    await boards.put("a", 5)
    large = [2**63 - 1, -(2**63)]
    added = await boards.ask("POST", "/a/members", {"add": [7, "6", *large], "remove": ["5", 99]})
    assert added.json() == {"added": 4, "removed": 1, "members": 4}
    again = await boards.ask("POST", "/a/members", {"add": [7, 6], "remove": [5]})
    assert again.json() == {"added": 0, "removed": 0, "members": 4}
    page = await boards.json("/a/members?limit=3")
    assert [row["uid"] for row in page["data"]] == [str(-(2**63)), "6", "7"]
    assert page["total"] == 4
    rest = await boards.json(f"/a/members?limit=3&cursor={page['next']}")
    assert rest == {"data": [{"uid": str(2**63 - 1)}], "next": None, "total": 4}
    removed = await boards.ask("DELETE", "/a/members?uid=6&uid=7&uid=8")
    assert removed.json() == {"added": 0, "removed": 2, "members": 2}
    cleared = await boards.ask("DELETE", "/a/members?all=true")
    assert cleared.json() == {"added": 0, "removed": 2, "members": 0}
    for path in ("/a/members", "/a/members?uid=1&all=true", "/a/members?uid=x"):
        assert (await boards.refused("DELETE", path))[:2] == (400, "bad_query")
    for body in ({"add": [1], "remove": ["1"]}, {"add": ["01"]}, {"added": [1]}, {"add": 1}):
        assert (await boards.refused("POST", "/a/members", body))[0] == 400, body
    assert (await boards.refused("POST", "/none/members", {"add": [1]}))[0] == 404
    assert await boards.psd.boards.members("a") == []


async def test_members_come_and_are_listed_as_csv(boards: BoardsClient) -> None:
    await boards.put("a")
    body = '\ufeffuid,name\r\n7,ann\r\n\r\n"8"\n-9,x\n'.encode()
    answer = await boards.http.request("POST", "/v3/boards/a/members", body, "text/csv")
    assert answer.json() == {"added": 3, "removed": 0, "members": 3}
    listed = await boards.ask("GET", "/a/members?format=csv&limit=2")
    assert listed.text == "uid\r\n-9\r\n7\r\n"
    assert listed.headers["Psd-Total"] == "3"
    assert listed.headers["Psd-Next"]
    wrong = await boards.http.request("POST", "/v3/boards/a/members", b"7\nx\n", "text/csv")
    assert wrong.status == 400
    assert "'x'" in wrong.json()["detail"]


async def test_the_limits_are_told(boards: BoardsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await boards.put("a")
    many = [*range(10_001)]
    assert (await boards.refused("POST", "/a/members", {"add": many}))[0] == 400
    half = {"add": many[:6000], "remove": [*range(20_000, 26_000)]}
    assert (await boards.refused("POST", "/a/members", half))[:2] == (422, "too_large")
    body = "\n".join(map(str, many)).encode()
    answer = await boards.http.request("POST", "/v3/boards/a/members", body, "text/csv")
    assert answer.status == 422
    monkeypatch.setattr(boards_store, "members_max", lambda _definition: 10)
    assert (await boards.ask("POST", "/a/members", {"add": [*range(10)]})).status == 200
    full = await boards.refused("POST", "/a/members", {"add": [10]})
    assert full == (422, "too_large", "members: 11 members would be on it, at most 10 are allowed")
    swap = await boards.ask("POST", "/a/members", {"add": [10], "remove": [0]})
    assert swap.json() == {"added": 1, "removed": 1, "members": 10}
    monkeypatch.setattr(boards_store, "BOARDS_MAX", 1)
    assert (await boards.refused("PUT", "/b", WEEK))[:2] == (409, "conflict")
    assert (await boards.ask("PUT", "/a", WEEK)).status == 200


@pytest.mark.parametrize("name", ["A", "a%20b", "-a", "a" * 65, "%C3%BC", "a%2Fb"])
async def test_a_name_of_other_letters_is_refused(boards: BoardsClient, name: str) -> None:
    assert (await boards.refused("PUT", f"/{name}", WEEK))[:2] == (400, "bad_query")
    assert (await boards.refused("GET", f"/{name}"))[:2] == (400, "bad_query")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "thing"),
        ({**WEEK, "thing": "floors"}, "thing"),
        ({**WEEK, "window": {"kind": "fixed", "start": 9, "end": 9}}, "window"),
        ({**WEEK, "window": {"kind": "rolling", "seconds": 0}}, "window"),
        ({**WEEK, "window": {"kind": "calendar", "every": "month", "tz": "Mars"}}, "tz"),
        ({**WEEK, "atid": ["x"]}, "atid"),
        ({**WEEK, "ties": "coin"}, "ties"),
        ({**WEEK, "members": ["x"]}, "members"),
        ({**WEEK, "rounds": {"windows": []}}, "rounds"),
        (
            {**WEEK, "rounds": {"windows": [{"start": 5, "end": 9}, {"start": 8, "end": 12}]}},
            "rounds",
        ),
        (
            {
                **WEEK,
                "rounds": {"windows": [{"start": 5, "end": 9}], "order": [1], "seeded_by": "a"},
            },
            "rounds.order",
        ),
        ({**WEEK, "more": 1}, "more"),
    ],
)
async def test_a_definition_that_contradicts_itself_is_refused(
    boards: BoardsClient, body: Any, field: str
) -> None:
    status, code, detail = await boards.refused("PUT", "/a", body)
    assert (status, code) == (400, "bad_query")
    assert detail.startswith(field), detail
    assert (await boards.refused("GET", "/a"))[0] == 404


async def test_the_standing_is_that_of_the_members_in_the_window_at_any_instant(
    boards: BoardsClient,
) -> None:
    await boards.put("a", 1, 2, 3)
    psd = boards.psd
    await steps(psd, 1, 50, START_S + 100)
    await steps(psd, 2, 70, START_S + DAY_S)
    await steps(psd, 1, 900, START_S - 1, aid=2)
    await steps(psd, 9, 999, START_S + 5)
    await steps(psd, 3, 500, START_S + 8 * DAY_S)
    found = await boards.json("/a/standing")
    assert [(row["rank"], row["uid"], row["value"]) for row in found["data"]] == [
        (1, "2", 70),
        (2, "1", 50),
        (3, "3", 0),
    ]
    assert found["range"] == {"start": "2016-04-12T00:00:00Z", "end": "2016-04-19T00:00:00Z"}
    assert (found["exact"], found["total"], found["next"]) == (True, 3, None)
    assert found["watermark"] == {"newest": "2016-04-20T00:00:00Z", "queue_depth": 0}
    assert found["data"][0]["reached_at"] == "2016-04-13T00:00:00Z"
    early = await boards.json(f"/a/standing?as_of={START_S + DAY_S}&limit=1")
    assert [row["uid"] for row in early["data"]] == ["1"]
    rest = await boards.json(f"/a/standing?as_of={START_S + DAY_S}&cursor={early['next']}")
    assert [row["uid"] for row in rest["data"]] == ["2", "3"]
    changed = await boards.json(f"/a/standing?compare_to={START_S + DAY_S}")
    assert [row["rank_change"] for row in changed["data"]][:2] == [1, -1]
    around = await boards.json("/a/standing?around=1&span=0")
    assert [row["uid"] for row in around["data"]] == ["1"]
    same = await boards.http.get("/v3/leaderboard?board=a")
    assert same.json()["data"] == found["data"]
    table = await boards.ask("GET", "/a/standing?format=csv")
    assert table.text.splitlines()[1].startswith("1,2,70,")
    assert (await boards.refused("GET", "/none/standing"))[:2] == (404, "not_found")
    assert (await boards.refused("GET", "/a/standing?around=9"))[:2] == (404, "not_found")
    assert (await boards.refused("GET", "/a/standing?thing=steps"))[:2] == (400, "bad_query")


async def test_rolling_and_calendar_windows_move_with_the_instant(boards: BoardsClient) -> None:
    await boards.put("hour", 1, window={"kind": "rolling", "seconds": 3600})
    berlin = {"kind": "calendar", "every": "day", "tz": "Europe/Berlin"}
    await boards.put("today", 1, window=berlin)
    await steps(boards.psd, 1, 10, NOON_S)
    after = await boards.json(f"/hour/standing?as_of={NOON_S + 3600}")
    assert [row["value"] for row in after["data"]] == [10]
    later = await boards.json(f"/hour/standing?as_of={NOON_S + 3601}")
    assert [row["value"] for row in later["data"]] == [0]
    midnight_s = second("2016-04-12 22:00:00")
    for at_s, value in ((midnight_s - 1, 10), (midnight_s, 0)):
        found = await boards.json(f"/today/standing?as_of={at_s}")
        assert [row["value"] for row in found["data"]] == [value]


ROUNDS = {
    "windows": [
        {"start": START_S + day * DAY_S, "end": START_S + (day + 1) * DAY_S} for day in (1, 2, 3)
    ]
}


def played(found: Any) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Each round's state and matches: uids, scores, who wins."""
    rounds = []
    for each in found["rounds"]:
        matches = []
        for match in each["matches"]:
            first, other = match["first"], match["second"] or {}
            scores = (first["score"], other.get("score"))
            matches.append((first["uid"], other.get("uid"), *scores, match["winner"]))
        rounds.append((each["state"], matches))
    return rounds


def bye(uid: str, winner: str | None = None) -> tuple[Any, ...]:
    return (uid, None, None, None, winner)


async def cup(boards: BoardsClient) -> None:
    """Five members, seeded 1 to 5 by their steps of the first day."""
    await boards.put("cup", 1, 2, 3, 4, 5, rounds=ROUNDS)
    for uid in (1, 2, 3, 4, 5):
        await steps(boards.psd, uid, 100 - uid, START_S + 60)


async def test_a_bracket_is_played_round_by_round(boards: BoardsClient) -> None:
    await cup(boards)
    psd, day = boards.psd, [START_S + n * DAY_S for n in range(5)]
    await steps(psd, 4, 10, day[1] + 100, aid=2)
    await steps(psd, 5, 30, day[1] + 200, aid=2)
    for uid, at_s in ((1, 500), (5, 300)):
        await steps(psd, uid, 20, day[2] + at_s, aid=3)
    await steps(psd, 2, 8, day[2] + 100, aid=3)
    await steps(psd, 5, 1, day[3] + 100, aid=4)
    before = await boards.json(f"/cup/bracket?as_of={day[1] - 1}")
    assert (before["contenders"], before["champion"]) == (0, None)
    assert [each["matches"] for each in before["rounds"]] == [[], [], []]
    under_way = await boards.json(f"/cup/bracket?as_of={day[1] + 150}")
    assert under_way["rounds"][0]["matches"][1]["ahead"] == "4"
    assert played(under_way)[0] == (
        "under_way",
        [bye("1"), ("4", "5", 10, 0, None), bye("2"), bye("3")],
    )
    found = await boards.json("/cup/bracket")
    assert played(found) == [
        (
            "over",
            [bye("1", "1"), ("4", "5", 10, 30, "5"), bye("2", "2"), bye("3", "3")],
        ),
        # 1 and 5 have as much; 5 had it earlier.
        ("over", [("1", "5", 20, 20, "5"), ("2", "3", 8, 0, "2")]),
        ("over", [("2", "5", 0, 1, "5")]),
    ]
    assert found["champion"] == "5"
    assert found["rounds"][1]["matches"][0]["first"]["reached_at"] == "2016-04-14T00:08:20Z"
    assert (found["exact"], found["seeded_by"]) == (True, "board cup")
    # A late report changes it all: 4 wins its first match.
    await steps(psd, 4, 50, day[1] + 300, aid=9)
    late = await boards.json("/cup/bracket")
    assert played(late)[1][1][0] == ("1", "4", 20, 0, "1")
    assert late["champion"] == "1"


async def test_a_field_is_seeded_by_another_board_or_an_order(boards: BoardsClient) -> None:
    await boards.put("season", window={"kind": "rolling", "seconds": DAY_S}, ties="first_to_reach")
    rounds = {**ROUNDS, "seeded_by": "season"}
    await boards.put("cup", 1, 2, 3, rounds=rounds)
    await steps(boards.psd, 3, 5, START_S + 10)
    await steps(boards.psd, 2, 5, START_S + 20)
    found = await boards.json("/cup/bracket")
    assert [uid for uid, *_ in played(found)[0][1]] == ["3", "2"]
    assert found["seeded_by"] == "board season"
    await boards.ask("DELETE", "/season")
    status, _, detail = await boards.refused("GET", "/cup/bracket")
    assert (status, detail) == (404, "rounds.seeded_by: there is no board 'season'")
    await boards.put("cup", 1, 2, 3, rounds={**ROUNDS, "order": ["2", 7, 3]})
    early = await boards.json("/cup/bracket?as_of=0")
    assert (early["seeded_by"], early["seeded_at"]) == ("order", None)
    assert [(one, two) for one, two, *_ in played(early)[0][1]] == [("2", None), ("3", "1")]


async def test_a_board_without_rounds_has_no_bracket(boards: BoardsClient) -> None:
    await boards.put("a", 1)
    assert (await boards.refused("GET", "/a/bracket"))[:2] == (400, "bad_query")


async def test_a_final_stays_and_tells_what_the_buckets_say_now(boards: BoardsClient) -> None:
    await boards.put("a", 1, 2, 3)
    psd = boards.psd
    await steps(psd, 1, 50, START_S + 100)
    await steps(psd, 2, 40, START_S + 200)
    assert (await boards.refused("GET", "/a/final"))[:2] == (404, "not_found")
    boards.clock.advance(START_S + DAY_S - NOW_S)
    assert (await boards.refused("POST", "/a/final"))[:2] == (409, "conflict")
    boards.clock.advance(NOW_S - START_S - DAY_S)
    declared = await boards.ask("POST", "/a/final")
    assert declared.status == 201
    found = declared.json()
    assert (found["declared_by"], found["declared_at"]) == ("anybody", "2016-05-12T00:00:00Z")
    assert found["as_of"] == "2016-04-19T00:00:00Z"
    assert [(row["rank"], row["uid"], row["value"]) for row in found["data"]] == [
        (1, "1", 50),
        (2, "2", 40),
        (3, "3", 0),
    ]
    assert found["data"][0]["reached_at"] == "2016-04-12T00:01:40Z"
    assert (found["changed"], found["differences"]) == (0, [])
    assert await boards.json("/a/final") == found
    await steps(psd, 2, 20, START_S + 300, aid=2)
    await boards.ask("POST", "/a/members", {"remove": [1]})
    late = await boards.json("/a/final")
    assert late["data"] == found["data"]
    assert late["changed"] == 2
    assert late["differences"] == [
        {"uid": "2", "rank": 2, "value": 40, "rank_now": 1, "value_now": 60},
        {"uid": "1", "rank": 1, "value": 50, "rank_now": 2, "value_now": 50},
    ]
    page = await boards.json("/a/final?limit=1")
    rest = await boards.json(f"/a/final?limit=9&cursor={page['next']}")
    assert [*page["data"], *rest["data"]] == found["data"]
    assert (await boards.refused("POST", "/a/final"))[:2] == (409, "conflict")
    again = await boards.ask("POST", "/a/final", {"replace": True, "as_of": START_S + 250})
    assert [(row["uid"], row["value"]) for row in again.json()["data"]] == [("2", 40), ("3", 0)]
    await boards.ask("DELETE", "/a")
    await boards.put("a", 1)
    assert (await boards.refused("GET", "/a/final"))[:2] == (404, "not_found")


async def test_a_final_of_a_bracket_keeps_its_field_and_its_winner(boards: BoardsClient) -> None:
    await cup(boards)
    await steps(boards.psd, 5, 30, START_S + DAY_S, aid=2)
    found = (await boards.ask("POST", "/cup/final")).json()
    assert found["as_of"] == "2016-04-19T00:00:00Z"
    assert found["champion"] == "1"
    assert found["rounds"] == (await boards.json("/cup/bracket"))["rounds"]
    assert (found["matches_changed"], found["match_differences"]) == (0, [])
    await steps(boards.psd, 4, 40, START_S + DAY_S, aid=2)
    # Seeded anew, 3 would be first.
    await steps(boards.psd, 3, 1000, START_S, aid=2)
    late = await boards.json("/cup/final")
    assert (late["rounds"], late["champion"]) == (found["rounds"], "1")
    assert late["matches_changed"] == 2
    first, _ = late["match_differences"]
    assert (first["round"], first["match"]) == (1, 2)
    assert (first["declared"]["winner"], first["now"]["winner"]) == ("5", "4")
    assert (await boards.json("/cup/bracket"))["rounds"] != late["rounds"]


async def test_a_final_of_a_window_that_moves_on_names_its_instant(boards: BoardsClient) -> None:
    await boards.put("a", 1, window={"kind": "calendar", "every": "month"})
    assert (await boards.refused("POST", "/a/final"))[:2] == (400, "bad_query")
    found = await boards.ask("POST", "/a/final", {"as_of": "2016-04-30T23:59:59Z"})
    assert found.json()["range"] == {"start": "2016-04-01T00:00:00Z", "end": "2016-04-30T23:59:59Z"}


HALF_DAYS: dict[str, Any] = {"windows": [{"start": NOON_S, "end": NOON_S + 9}], "order": ["1", "2"]}


async def test_what_has_expired_makes_a_bracket_inexact_and_a_final_unsure(
    redis_url: str,
) -> None:
    flags = {"queue.kind": "stream", "server.port": 0, "retention.second_s": DAY_S}
    clock = ManualClock(NOW_S)
    async with engine_on(redis_url, flags, clock) as psd, serving(psd) as client:
        boards = BoardsClient(client, psd, clock)
        await boards.put("cup", 1, 2, rounds=HALF_DAYS)
        await boards.put("noon", 1, 2, window={"kind": "fixed", **HALF_DAYS["windows"][0]})
        await steps(psd, 1, 5, NOON_S)
        await steps(psd, 2, 7, NOON_S + 60)
        assert (await boards.json("/cup/bracket"))["champion"] == "1"
        declared = (await boards.ask("POST", "/cup/final")).json()
        assert (declared["exact"], declared["champion"]) == (True, "1")
        await forget(psd.store.client, "second")
        found = await boards.json("/cup/bracket")
        # The whole day, which is all that is left, was won by 2.
        assert (found["exact"], found["resolution"], found["champion"]) == (False, "day", "2")
        final = await boards.json("/cup/final")
        assert final["rounds"] == declared["rounds"]
        assert (final["exact"], final["resolution"]) == (False, "day")
        assert (final["matches_changed"], final["match_differences"]) == (None, [])
        # The standing of whole days is still told.
        assert final["changed"] == 0
        assert (await boards.refused("POST", "/noon/final"))[:2] == (410, "detail_expired")


async def keys_of(psd: Runtime) -> set[str]:
    """Every key, on one server or on all nodes of a cluster."""
    told = await psd.store.reads.each_node([("SCAN", 0, "COUNT", 100_000)])
    return {key.decode() for [[_, keys]] in told.values() for key in keys}


async def test_every_key_of_a_board_is_known_and_ends_with_it(boards: BoardsClient) -> None:
    before = await keys_of(boards.psd)
    await boards.put("a", 1, 2)
    await boards.ask("POST", "/a/final")
    made = await keys_of(boards.psd) - before
    kinds = {getattr(kind_of(key), "name", None) for key in made}
    assert kinds == {"boards", "board members", "board final"}
    await boards.ask("DELETE", "/a")
    assert await keys_of(boards.psd) == before


async def test_what_a_killed_removal_left_ends_with_the_next_one(boards: BoardsClient) -> None:
    store = boards.psd.boards
    await boards.put("a", 1)
    dead = await store.get("a")
    await boards.psd.store.writes.call_all(
        [
            ("HDEL", boards_key("definitions"), "a"),
            ("SADD", boards_key("dropped"), f"a:{dead.id}"),
        ]
    )
    await boards.put("a", 2)
    assert await store.members("a") == [2]
    await boards.put("b")
    await boards.ask("DELETE", "/b")
    assert not await keys_of(boards.psd) & {f"{dead.root}:members", boards_key("dropped")}
    assert await store.members("a") == [2]


async def test_members_of_a_board_that_is_taken_away_meanwhile_leave_nothing(
    boards: BoardsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boards.put("a")
    store = boards.psd.boards
    stale = await store.get("a")
    await store.drop("a")

    async def known(_name: str) -> Any:
        return stale

    monkeypatch.setattr(store, "get", known)
    with pytest.raises(NotFoundError):
        await store.change_members("a", [1])
    assert f"{stale.root}:members" not in await keys_of(boards.psd)


async def test_thousands_of_members_are_ranked_and_a_hundred_thousand_are_enough(
    boards: BoardsClient,
) -> None:
    await boards.put("big")
    await steps(boards.psd, 77, 5, START_S)
    for start in range(0, 100_000, 10_000):
        added = {"add": [*range(start, start + 10_000)]}
        assert (await boards.ask("POST", "/big/members", added)).status == 200
        if start == 10_000:
            # Not over HTTP, whose deadline a busy machine may miss.
            page = await boards.psd.queries.leaderboard(LeaderboardQuery(board="big", limit=2))
            assert (page.total, page.data[0].uid) == (20_000, "77")
            final = await boards.psd.finals.declare("big", "ops")
            assert (final.total, final.data[0].uid, final.changed) == (20_000, "77", 0)
    assert (await boards.refused("POST", "/big/members", {"add": [100_000]}))[0] == 422
    for method, body in (("PUT", {**WEEK, "rounds": ROUNDS}), ("PATCH", {"rounds": ROUNDS})):
        told = await boards.refused(method, "/big", body)
        too_many = "members: 100000 on this board, at most 4096 are allowed"
        assert told == (422, "too_large", too_many)
    listed = await boards.json("/big/members?limit=1")
    assert (listed["total"], listed["data"]) == (100_000, [{"uid": "0"}])
