"""What owners see of the rewards over HTTP: the original's pages, statements, boards, risks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from psd.rewards import at_risk
from psd.rewards.decisions import Payout
from psd.rewards.tokens import WEI
from psd.rewards.weeks import bounds
from tests.support.engine import forget
from tests.support.http import HttpClient
from tests.support.redis_server import RedisServer
from tests.support.reward_weeks import Served, weeks_served

OWNER = "42"
ADDRESS = "0x" + "aB" * 20
POOL = 1_105_000 * WEI


@pytest.fixture
async def served(redis_url: str) -> AsyncIterator[Served]:
    """Six hours into nothing: week 6 is open, no vehicle is known."""
    async with weeks_served(redis_url, now_week=6) as served:
        yield served


async def a_family(served: Served) -> None:
    """Vehicle 7 is on for weeks 0 to 4, vehicle 8 for 0 and 1, week 5 is not computed."""
    await served.describe(7, owner=OWNER, integrations=["Smartcar", "AutoPi"], vin="V" * 17)
    await served.describe(8, owner=ADDRESS, integrations=["Tesla"], minted=True)
    await served.drive_in(7, "Smartcar", 0, 1, 2, 3, 4)
    await served.drive_in(7, "AutoPi", 4)
    await served.drive_in(8, "Tesla", 0, 1)
    await served.compute(4)


async def statement(served: Served, vehicle: int, week: int) -> dict[str, Any]:
    found: dict[str, Any] = await served.ok(f"/v3/vehicles/{vehicle}/statement?week={week}")
    return found


def rules(found: dict[str, Any]) -> dict[str, str]:
    assert all(each["value"] == found[each["number"]] for each in found["explanation"])
    return {each["number"]: each["rule"] for each in found["explanation"]}


async def test_a_statement_explains_every_number_of_a_week(served: Served) -> None:
    await a_family(served)
    found = await statement(served, 7, 4)
    why = rules(found)
    del found["explanation"]
    computed_at, digest = found.pop("computed_at"), found["tables"].pop("digest")
    assert computed_at == "2022-03-14T07:00:00Z"
    assert digest == served.psd.tables.digest
    seen_at = "2022-02-28T06:00:00Z"
    assert found == {
        "vehicle": 7,
        "week": 4,
        "start": "2022-02-28T05:00:00Z",
        "end": "2022-03-07T05:00:00Z",
        "connection_streak": 5,
        "disconnection_streak": 0,
        "level": 2,
        "integration_points": 7000,
        "streak_points": 1000,
        "earned_points": 0,
        "points": 8000,
        "tokens": str(POOL),
        "paid": None,
        "streak_before": {"connection": 4, "disconnection": 0, "level": 2},
        "earnings": [],
        "integrations": [
            {
                "integration": name,
                "paired": True,
                "counted": True,
                "signals": 1,
                "first_seen": seen_at,
                "last_seen": seen_at,
            }
            for name in ("Smartcar", "AutoPi")
        ],
        "tables": {"version": "2022-seed"},
        "source": "redis",
        "dirty": False,
    }
    assert why["connection_streak"] == "Connected: one more than the 4 weeks before."
    assert why["integration_points"] == "Smartcar and AutoPi together earn 7,000 (table pairs)."
    assert why["streak_points"] == "Each connected week at level 2 earns 1,000 (table levels)."


async def test_a_statement_is_of_the_newest_computed_week_unless_told(served: Served) -> None:
    await a_family(served)
    newest = await served.ok("/v3/vehicles/8/statement")
    assert (newest["week"], newest["disconnection_streak"], newest["points"]) == (4, 3, 0)
    assert "The streak drops: off for 3 weeks in a row" in rules(newest)["connection_streak"]
    paused = await statement(served, 8, 3)
    assert "it drops after 3" in rules(paused)["connection_streak"]


async def test_a_statement_tells_earnings_overrides_payments_and_late_changes(
    served: Served,
) -> None:
    await served.describe(7, owner=OWNER)
    await served.drive_in(7, "Tesla", 0, 1)
    await served.fleet.earn(1, 7, 500)
    await served.psd.ledger.override(1, 7, 12, "case 981", "alice")
    await served.compute(1)
    await served.psd.ledger.record([Payout(1, 7, "5", "r-1", bounds(3).start)])
    found = await statement(served, 7, 1)
    assert (found["earnings"], found["earned_points"]) == (
        [{"thing": "promotions", "points": 500}],
        500,
    )
    assert found["paid"] == {"tokens": "5", "request": "r-1", "paid_at": "2022-02-21T05:00:00Z"}
    why = {each["number"]: each["rule"] for each in found["explanation"]}
    assert why["connection_streak"] == "Set by hand to 12 by alice: case 981."
    assert why["earned_points"] == "Earned otherwise: promotions 500."
    assert why["paid"] == "Paid by request r-1."
    assert not found["dirty"]
    await served.fleet.earn(0, 7, 9)
    assert (await statement(served, 7, 1))["dirty"], "week 0 reaches into week 1"


async def test_a_statement_says_why_activity_did_not_count(served: Served) -> None:
    await served.describe(1, vin="V" * 17, minted_at=1_500_000_000)
    await served.describe(2, vin="V" * 17, minted_at=1_600_000_000)
    await served.describe(3, integrations=["AutoPi"])
    await served.describe(4, opted_in=False)
    await served.describe(5, integrations=["Smartcar"])
    for vehicle in (1, 2, 4):
        await served.drive_in(vehicle, "Tesla", 0)
    await served.drive_in(3, "Tesla", 0)
    await served.drive_in(3, "AutoPi", 0)
    await served.drive_in(5, "Smartcar", 0)
    await served.drive_in(5, "Tesla", 1)
    await served.compute(1)
    taken = await statement(served, 1, 0)
    assert (taken["points"], taken["integrations"][0]["counted"]) == (0, False)
    assert "VIN earned for another vehicle" in rules(taken)["connection_streak"]
    partly = await statement(served, 3, 0)
    assert [each["counted"] for each in partly["integrations"]] == [False, True]
    assert "activity on Tesla does not count" in rules(partly)["integration_points"]
    absent = await statement(served, 5, 1)
    assert rules(absent)["integration_points"].startswith("Active on Tesla, which is not paired")
    assert (await served.client.get("/v3/vehicles/4/statement?week=0")).status == 404


async def test_a_statement_outlives_the_detail_of_its_week(redis_url: str) -> None:
    flags = {"retention.second_s": 60}
    async with weeks_served(redis_url, 2, flags) as served:
        await served.drive_in(7, "Tesla", 0, 1)
        await served.compute(1)
        await forget(served.psd.store.client, "second")
        [seen] = (await statement(served, 7, 1))["integrations"]
        assert (seen["signals"], seen["first_seen"], seen["last_seen"]) == (1, None, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v3/vehicles/9/statement", 404),
        ("/v3/vehicles/7/statement?week=5", 404),
        ("/v3/vehicles/7/statement?week=x", 400),
        ("/v3/vehicles/7/statement?week=", 400),
        ("/v3/vehicles/7/statement?week=-1", 406),
        ("/v3/vehicles/7/statement?week=99999", 406),
        ("/v3/vehicles/07/statement", 400),
        ("/v3/vehicles/x/statement", 400),
        ("/v3/vehicles/-7/statement", 406),
        (f"/v3/vehicles/{2**63}/statement", 406),
        ("/v3/streaks?week=5", 404),
        ("/v3/streaks?limit=0", 406),
        ("/v3/streaks?limit=1001", 406),
        ("/v3/streaks?limit=ten", 400),
        ("/v3/streaks?cursor=", 400),
        ("/v3/streaks?cursor=%F0%9F", 400),
        ("/v3/streaks?week=3&cursor=NC4x", 400),
        ("/v3/streaks/at-risk?cursor=NTAwMC4x", 400),
        ("/v3/streaks/at-risk?cursor=!", 400),
        (f"/v3/streaks/at-risk?owner={'x' * 129}", 400),
        ("/v3/streaks/at-risk?owner=%00", 400),
    ],
)
async def test_what_v3_refuses_is_a_problem(served: Served, path: str, status: int) -> None:
    await a_family(served)
    answer = await served.client.get(path)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_before_the_first_week_is_computed_v3_knows_none(served: Served) -> None:
    for path in ("/v3/vehicles/7/statement", "/v3/streaks", "/v3/streaks?week=0"):
        assert (await served.client.get(path)).status == 404


async def test_the_board_ranks_as_a_competition_and_comes_in_parts(served: Served) -> None:
    for vehicle, weeks in ((5, (0, 1)), (6, (1,)), (7, (0, 1)), (8, (1,)), (9, (0,))):
        await served.drive_in(vehicle, "Tesla", *weeks)
    await served.compute(1)
    board = await served.ok("/v3/streaks")
    ranks = [(each["rank"], each["vehicle"]) for each in board["data"]]
    assert (ranks, board["week"], board["next"]) == ([(1, 5), (1, 7), (3, 6), (3, 8)], 1, None)
    assert board["data"][0] == {
        "rank": 1,
        "vehicle": 5,
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
        found += [each["vehicle"] for each in page["data"]]
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
        "vehicle": 4,
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


async def test_an_owner_sees_vehicles_in_the_originals_shape(served: Served) -> None:
    await a_family(served)
    await served.drive_in(7, "AutoPi", 6)
    await served.drive_in(7, "Tesla", 6)
    answer = await served.client.get(f"/v1/user?owner={OWNER}")
    weeks = [await statement(served, 7, week) for week in range(5)]
    tokens = sum(int(each["tokens"]) for each in weeks)
    expected = (
        '{"points":13000,"tokens":TOKENS,"walletBalance":null,"devices":[{"id":"7","points":13000,'
        '"tokens":TOKENS,"connectedThisWeek":true,"integrationsThisWeek":['
        '{"id":"1","vendor":"Smartcar","dataThisWeek":false,"points":0,'
        '"onChainPairingStatus":"Paired"},'
        '{"id":"2","vendor":"Tesla","dataThisWeek":true,"points":0,'
        '"onChainPairingStatus":"Unpaired"},'
        '{"id":"3","vendor":"AutoPi","dataThisWeek":true,"points":6000,'
        '"onChainPairingStatus":"Paired"}],"connectionStreak":5,'
        '"level":{"number":2,"minWeeks":4,"maxWeeks":19,"streakPoints":1000},'
        '"minted":true,"optedIn":true,"vinConfirmed":true}],'
        '"thisWeek":{"start":"2022-03-14T05:00:00Z","end":"2022-03-21T05:00:00Z"}}'
    )
    assert tokens > 2**64
    assert answer.text == expected.replace("TOKENS", str(tokens))
    assert answer.content_type == "application/json; charset=utf-8"


async def test_an_address_is_one_owner_however_it_is_written(served: Served) -> None:
    await a_family(served)
    pages = [
        (await served.client.get(f"/v1/user?owner={owner}")).text
        for owner in (ADDRESS, ADDRESS.lower(), "0X" + ADDRESS[2:].upper())
    ]
    assert pages[0] == pages[1] == pages[2]
    [device] = msgspec.json.decode(pages[0])["devices"]
    assert (device["connectionStreak"], device["disconnectionStreak"]) == (0, 3)
    assert device["integrationsThisWeek"][0]["dataThisWeek"] is False
    assert not device["connectedThisWeek"]
    assert not device["vinConfirmed"]


async def test_a_vehicle_at_the_highest_level_has_no_last_week_of_it(served: Served) -> None:
    await served.describe(7, owner=OWNER)
    await served.drive_in(7, "Tesla", 0)
    await served.psd.ledger.override(0, 7, 36, "moved", "alice")
    await served.compute(0)
    [device] = (await served.ok(f"/v1/user?owner={OWNER}"))["devices"]
    assert device["level"] == {"number": 4, "minWeeks": 36, "streakPoints": 3000}


async def test_a_vehicle_without_weeks_is_at_level_1(served: Served) -> None:
    await served.describe(7, owner=OWNER, minted=False)
    [device] = (await served.ok(f"/v1/user?owner={OWNER}"))["devices"]
    assert device == {
        "id": "7",
        "points": 0,
        "tokens": 0,
        "connectedThisWeek": False,
        "integrationsThisWeek": [],
        "connectionStreak": 0,
        "level": {"number": 1, "minWeeks": 0, "maxWeeks": 3, "streakPoints": 0},
        "minted": False,
        "optedIn": True,
        "vinConfirmed": False,
    }
    assert await served.ok(f"/v1/user/history?owner={OWNER}") == {"weeks": []}


async def test_the_history_has_every_week_newest_first_and_gaps_of_0(served: Served) -> None:
    await served.describe(7, owner=OWNER)
    await served.describe(8, owner=OWNER)
    await served.drive_in(8, "Tesla", 1)
    await served.fleet.earn(4, 9, 1)
    await served.compute(4)
    await served.fleet.earn(4, 7, 5)
    await served.compute(4)
    answer = await served.client.get(f"/v1/user/history?owner={OWNER}")
    weeks = answer.json()["weeks"]
    assert [(each["start"], each["points"]) for each in weeks] == [
        ("2022-02-28T05:00:00Z", 5),
        ("2022-02-21T05:00:00Z", 0),
        ("2022-02-14T05:00:00Z", 0),
        ("2022-02-07T05:00:00Z", 4000),
    ]
    assert answer.text.startswith(
        '{"weeks":[{"start":"2022-02-28T05:00:00Z","end":"2022-03-07T05:00:00Z","points":5,'
        '"tokens":'
    )
    assert f'"tokens":{POOL}}}' in answer.text
    assert weeks[0]["end"] == "2022-03-07T05:00:00Z"


async def test_who_has_no_vehicles_is_unknown_and_has_no_history(served: Served) -> None:
    unknown = await served.client.get("/v1/user?owner=77")
    assert (unknown.status, unknown.text) == (404, '{"code":404,"message":"User unknown."}')
    assert (await served.client.get("/v1/user/history?owner=77")).text == '{"weeks":[]}'
    unnamed = await served.client.get("/v1/user")
    assert (unnamed.status, unnamed.json()["code"]) == (400, 400)
    assert "?owner=" in unnamed.json()["message"]


async def test_a_device_tells_its_weeks_newest_first(served: Served) -> None:
    await a_family(served)
    answer = await served.client.get("/v1/aftermarket/device/8")
    weeks = answer.json()["weeks"]
    assert [each["start"][:10] for each in weeks] == [
        "2022-02-28",
        "2022-02-21",
        "2022-02-14",
        "2022-02-07",
        "2022-01-31",
    ]
    assert [each["vehicleId"] for each in weeks] == [8] * 5
    assert answer.text.endswith(
        f'"end":"2022-02-07T05:00:00Z","tokens":{POOL * 4 // 5},"vehicleId":8}}]}}'
    )
    assert await served.ok("/v1/aftermarket/device/99") == {"weeks": []}
    assert await served.ok("/v1/aftermarket/device/-8") == {"weeks": []}
    for text in ("x", "8.0", "1e3", "9" * 20):
        refused = await served.client.get(f"/v1/aftermarket/device/{text}")
        assert refused.status == 400
        assert refused.text == '{"code":400,"message":"Couldn\'t parse token id."}'


async def test_points_are_converted_by_the_newest_finished_week_of_a_time(served: Served) -> None:
    await a_family(served)
    answer = await served.client.get("/v1/rewards/convert?points=1000")
    assert answer.text == ('{"points":1000,"tokens":138125,"startOfWeek":"2022-02-28T05:00:00Z"}')
    exact = await served.client.get("/v1/rewards/convert?points=7&time=2022-02-07T04:59:59Z")
    assert exact.json()["startOfWeek"] == "2022-01-31T05:00:00Z"
    assert '"tokens":1547,' in exact.text
    third = await served.client.get("/v1/rewards/convert?points=1&time=2022-02-16T00:00:00%2B01:00")
    assert '"tokens":1105,' in third.text
    later = await served.ok("/v1/rewards/convert?points=1000&time=2030-01-01T00:00:00Z")
    assert later["startOfWeek"] == "2022-02-28T05:00:00Z"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "couldn't parse points value as a number"),
        ("points=x", 400, "couldn't parse points value as a number"),
        ("points=1.5", 400, "couldn't parse points value as a number"),
        ("points=0", 400, "points must be positive"),
        ("points=-5", 400, "points must be positive"),
        (
            "points=5&time=yesterday",
            400,
            "Invalid time format use RFC-3339 e.g. (2024-12-23T12:41:42Z)",
        ),
        (
            "points=5&time=1644210000",
            400,
            "Invalid time format use RFC-3339 e.g. (2024-12-23T12:41:42Z)",
        ),
        ("points=5&time=2021-01-01T00:00:00Z", 404, "no week has finished by then"),
    ],
)
async def test_what_cannot_be_converted_is_refused_in_the_originals_words(
    served: Served, query: str, status: int, message: str
) -> None:
    await a_family(served)
    answer = await served.client.get(f"/v1/rewards/convert?{query}")
    assert (answer.status, answer.json()) == (status, {"code": status, "message": message})


async def test_a_share_that_never_ends_is_written_to_its_last_digit(served: Served) -> None:
    await served.describe(7)
    await served.drive_in(7, "Tesla", 0)
    await served.fleet.earn(0, 7, -1000)
    await served.compute(0)
    answer = await served.client.get("/v1/rewards/convert?points=1")
    assert '"tokens":368.333333333333333333,' in answer.text


PATHS = (
    "/v3/vehicles/7/statement",
    "/v3/streaks",
    "/v3/streaks/at-risk",
    f"/v3/streaks/at-risk?owner={OWNER}",
    f"/v1/user?owner={OWNER}",
    f"/v1/user/history?owner={OWNER}",
    "/v1/rewards/convert?points=1",
    "/v1/aftermarket/device/7",
)


async def test_while_the_store_is_away_nothing_is_told(own_redis: RedisServer) -> None:
    async with weeks_served(own_redis.url, 6) as served:
        await a_family(served)
        for path in PATHS:
            assert (await served.client.get(path)).status == 200, path
        own_redis.kill9()
        for path in PATHS:
            assert await refused(served.client, path), path


async def refused(client: HttpClient, path: str) -> bool:
    answer = await client.get(path)
    assert answer.headers["Retry-After"] == "1"
    return answer.status == 503
