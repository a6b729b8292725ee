"""Who is on a board: members come and go, up to as many as are allowed."""

from __future__ import annotations

import pytest

from psd.queries.boards import store as boards_store
from psd.queries.requests import LeaderboardQuery
from tests.support.clients.http_boards import ROUNDS, START_S, WEEK, BoardsClient, steps


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
    for path in ("/a/members", "/a/members?uid=1&all=true", "/a/members?uid=01"):
        assert (await boards.refused("DELETE", path))[:2] == (400, "bad_query")
    for body in ({"add": [1], "remove": ["1"]}, {"add": ["01"]}, {"added": [1]}, {"add": 1}):
        assert (await boards.refused("POST", "/a/members", body))[0] == 400, body
    assert (await boards.refused("POST", "/none/members", {"add": [1]}))[0] == 404
    assert await boards.psd.boards.members("a") == []


async def test_members_come_and_are_listed_as_csv(boards: BoardsClient) -> None:
    await boards.put("a")
    body = '\ufeffuid,name\r\n7,ann\r\n\r\n"8",\n-9,x\n'.encode()
    answer = await boards.http.request("POST", "/v3/boards/a/members", body, "text/csv")
    assert answer.json() == {"added": 3, "removed": 0, "members": 3}
    listed = await boards.ask("GET", "/a/members?format=csv&limit=2")
    assert listed.text == "uid\r\n-9\r\n7\r\n"
    assert listed.headers["Psd-Total"] == "3"
    assert listed.headers["Psd-Next"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"7\n-0\n", "line 2: uid: '-0' is not a 64-bit integer as psd writes it"),
        (b"+7\n8\n", "line 1: uid: '+7' is not a 64-bit integer as psd writes it"),
        (b"08\n8\n", "line 1: uid: '08' is not a 64-bit integer as psd writes it"),
        (b'7\n"8\n9\n', "line 2: row: a quote is opened and never closed"),
        (b"uid,name\n7,ann\n8\n", "line 3: row: 1 cells, but 2 in the first row"),
        (b"7\n8,\xff\n", "line 2: row: not UTF-8 (byte 0xff)"),
    ],
)
async def test_a_csv_with_a_wrong_line_is_refused_whole(
    boards: BoardsClient, body: bytes, detail: str
) -> None:
    await boards.put("a", 1)
    wrong = await boards.http.request("POST", "/v3/boards/a/members", body, "text/csv")
    assert (wrong.status, wrong.json()["detail"][: len(detail)]) == (400, detail)
    assert await boards.psd.boards.members("a") == [1]


async def test_the_limits_are_told(boards: BoardsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await boards.put("a")
    many = [*range(10_001)]
    assert (await boards.refused("POST", "/a/members", {"add": many}))[0] == 400
    half = {"add": many[:6000], "remove": [*range(20_000, 26_000)]}
    assert (await boards.refused("POST", "/a/members", half))[:2] == (422, "too_large")
    body = "\n".join(map(str, many)).encode()
    answer = await boards.http.request("POST", "/v3/boards/a/members", body, "text/csv")
    assert answer.status == 422
    monkeypatch.setattr(boards.psd.boards, "_most", 10)
    assert (await boards.ask("POST", "/a/members", {"add": [*range(10)]})).status == 200
    full = await boards.refused("POST", "/a/members", {"add": [10]})
    assert full == (422, "too_large", "members: 11 members would be on it, at most 10 are allowed")
    swap = await boards.ask("POST", "/a/members", {"add": [10], "remove": [0]})
    assert swap.json() == {"added": 1, "removed": 1, "members": 10}
    monkeypatch.setattr(boards_store, "BOARDS_MAX", 1)
    assert (await boards.refused("PUT", "/b", WEEK))[:2] == (409, "conflict")
    assert (await boards.ask("PUT", "/a", WEEK)).status == 200


async def test_thousands_of_members_are_ranked_and_twenty_thousand_are_enough(
    boards: BoardsClient,
) -> None:
    await boards.put("big")
    await steps(boards.psd, 77, 5, START_S)
    for start in range(0, 20_000, 10_000):
        added = {"add": [*range(start, start + 10_000)]}
        assert (await boards.ask("POST", "/big/members", added)).status == 200
    # Not over HTTP, whose deadline a busy machine may miss.
    page = await boards.psd.queries.leaderboard(LeaderboardQuery(board="big", limit=2))
    assert (page.total, page.data[0].uid) == (20_000, "77")
    final = await boards.psd.finals.declare("big", "ops")
    assert (final.total, final.data[0].uid, final.changed) == (20_000, "77", 0)
    assert (await boards.refused("POST", "/big/members", {"add": [20_000]}))[0] == 422
    for method, body in (("PUT", {**WEEK, "rounds": ROUNDS}), ("PATCH", {"rounds": ROUNDS})):
        told = await boards.refused(method, "/big", body)
        too_many = "members: 20000 on this board, at most 4096 are allowed"
        assert told == (422, "too_large", too_many)
    listed = await boards.json("/big/members?limit=1")
    assert (listed["total"], listed["data"]) == (20_000, [{"uid": "0"}])
