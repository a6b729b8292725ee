"""How a board stands, in a window that is fixed or moves with the instant."""

from __future__ import annotations

from tests.support.clients.http_boards import START_S, BoardsClient, steps
from tests.support.engine import DAY_S, NOON_S, second


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
