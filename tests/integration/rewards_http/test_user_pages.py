"""The original's pages of an owner and of a device, in the original's shape."""

from __future__ import annotations

import msgspec

from psd.rewards.part import RewardsPart
from tests.support.rewards.reward_weeks import ADDRESS, OWNER, POOL, Served, a_family, statement


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
    await served.psd.part(RewardsPart).ledger.override(0, 7, 36, "moved", "alice")
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
