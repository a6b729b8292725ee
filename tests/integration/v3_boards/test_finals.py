"""A board that is declared final stays, and tells what the buckets say now."""

from __future__ import annotations

from typing import Any

from tests.support.clients.http_boards import NOW_S, START_S, BoardsClient, boards_on, cup, steps
from tests.support.engine import DAY_S, NOON_S, forget

HALF_DAYS: dict[str, Any] = {"windows": [{"start": NOON_S, "end": NOON_S + 9}], "order": ["1", "2"]}


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


async def test_what_has_expired_makes_a_bracket_inexact_and_a_final_unsure(
    redis_url: str,
) -> None:
    async with boards_on(redis_url, {"retention.second_s": DAY_S}) as boards:
        psd = boards.psd
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
