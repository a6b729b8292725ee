"""Challenges of head-to-head rounds: who meets whom, and who is through."""

from __future__ import annotations

from typing import Any

from tests.support.clients.http_boards import ROUNDS, START_S, BoardsClient, cup, steps
from tests.support.engine import DAY_S


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
