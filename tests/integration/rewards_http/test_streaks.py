"""``/v3/streaks``: the longest ones of a week, and those that are at risk."""

from __future__ import annotations

import msgspec
import pytest

from psd.rewards import at_risk
from tests.support.rewards.reward_weeks import ADDRESS, OWNER, Served


async def test_the_board_ranks_as_a_competition_and_comes_in_parts(served: Served) -> None:
    for vehicle, weeks in ((5, (0, 1)), (6, (1,)), (7, (0, 1)), (8, (1,)), (9, (0,))):
        await served.drive_in(vehicle, "Tesla", *weeks)
    await served.compute(1)
    board = await served.ok("/v3/streaks")
    ranks = [(each["rank"], int(each["vehicle"])) for each in board["data"]]
    assert (ranks, board["week"], board["next"]) == ([(1, 5), (1, 7), (3, 6), (3, 8)], 1, None)
    assert board["data"][0] == {
        "rank": 1,
        "vehicle": "5",
        "connection_streak": 2,
        "level": 1,
        "points": 4000,
    }
    first = await served.ok("/v3/streaks?limit=3")
    await served.compute(2)
    rest = await served.ok(f"/v3/streaks?limit=3&cursor={first['next']}")
    assert first["data"] + rest["data"] == board["data"], "though week 2 was published meanwhile"
    assert (rest["week"], rest["next"]) == (1, None)
    assert (await served.ok("/v3/streaks"))["data"] == []


async def at_risk_vehicles(served: Served, query: str = "") -> list[int]:
    found: list[int] = []
    cursor = ""
    while True:
        page = await served.ok(f"/v3/streaks/at-risk?{query}{cursor}")
        found += [int(each["vehicle"]) for each in page["data"]]
        if page["next"] is None:
            return sorted(found)
        cursor = f"&cursor={page['next']}"


async def test_at_risk_is_who_was_on_last_week_and_is_not_on_yet(served: Served) -> None:
    await served.describe(1, owner=OWNER, integrations=["Tesla"])
    await served.describe(2, owner=OWNER)
    await served.describe(3, owner=OWNER, integrations=["AutoPi"])
    await served.describe(4, owner=ADDRESS)
    await served.describe(5, owner=OWNER, opted_in=False)
    for vehicle in (1, 2, 3, 4, 5, 6):
        await served.drive_in(vehicle, "Tesla", 5)
    await served.drive_in(1, "AutoPi", 6)
    await served.drive_in(2, "Tesla", 6)
    await served.compute(5)
    assert await at_risk_vehicles(served) == [1, 4, 6]
    assert await at_risk_vehicles(served, f"owner={OWNER}") == [1]
    assert await at_risk_vehicles(served, "owner=nobody") == []
    [entry] = (await served.ok(f"/v3/streaks/at-risk?owner={ADDRESS.upper().replace('X', 'x')}"))[
        "data"
    ]
    assert entry == {
        "vehicle": "4",
        "owner": ADDRESS.lower(),
        "connection_streak": 1,
        "level": 1,
        "last_activity": "2022-03-07T06:00:00Z",
        "deadline": "2022-03-21T05:00:00Z",
    }
    await served.drive_in(4, "Tesla", 6)
    assert await at_risk_vehicles(served) == [1, 6]


async def test_at_risk_looks_through_the_registry_piece_by_piece(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for vehicle in range(60):
        await served.drive_in(vehicle, "Smartcar", 5)
    everyone = list(range(60))
    assert await at_risk_vehicles(served) == everyone
    for query in ("limit=1", "limit=7", "limit=60"):
        assert await at_risk_vehicles(served, query) == everyone
    monkeypatch.setattr(at_risk, "VEHICLES_MAX", 4)
    monkeypatch.setattr(at_risk, "SHARDS_FIRST", 1)
    monkeypatch.setattr(at_risk, "SHARDS_MAX", 3)
    assert await at_risk_vehicles(served) == everyone
    assert await at_risk_vehicles(served, "limit=2") == everyone


async def test_the_streaks_come_in_every_format_and_once(served: Served) -> None:
    for vehicle in (5, 6):
        await served.drive_in(vehicle, "Tesla", 0, 1)
    await served.compute(1)
    table = await served.client.get("/v3/streaks?limit=1&format=csv")
    assert table.text.splitlines() == [
        "rank,vehicle,connection_streak,level,points",
        "1,5,2,1,4000",
    ]
    told = await served.client.get("/v3/streaks?limit=1")
    around = (table.headers["Psd-Week"], table.headers["Psd-Next"])
    assert around == ("1", told.json()["next"])
    known = {"If-None-Match": told.headers["Etag"]}
    again = await served.client.request("GET", "/v3/streaks?limit=1", headers=known)
    assert (again.status, again.text) == (304, "")
    await served.drive_in(7, "Tesla", 0, 1, 2)
    await served.compute(2)
    changed = await served.client.request("GET", "/v3/streaks?limit=1", headers=known)
    assert (changed.status, changed.json()["week"]) == (200, 2)


async def test_a_statement_has_no_rows_and_is_packed_all_the_same(served: Served) -> None:
    await served.drive_in(5, "Tesla", 0)
    await served.compute(0)
    path = "/v3/vehicles/5/statement"
    async with served.client.session.get(f"{served.client.url}{path}?format=msgpack") as response:
        packed = msgspec.msgpack.decode(await response.read())
    assert packed == await served.ok(path)
    refused = await served.client.get(f"{path}?format=csv")
    assert refused.json()["detail"] == "format: 'csv' is not one of json, msgpack"
    spoken = await served.client.request("GET", path, headers={"Accept": "text/csv"})
    assert spoken.json() == packed
