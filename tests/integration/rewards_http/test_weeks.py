"""``/v3/rewards`` and the weeks of a vehicle: states, owners, and what tables would have done."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import pytest

from psd.rewards import what_if
from psd.rewards.changed_tables import changed_tables
from psd.rewards.part import RewardsPart
from psd.rewards.participants import RunSources
from psd.rewards.settings import RewardsSettings
from psd.rewards.sources.choice import open_sources
from psd.rewards.tables import Tables
from tests.support.rewards.reward_weeks import ADDRESS, OWNER, POOL, Served, a_family

WEEKS = 6
TABLES = (
    "weeks_off_to_drop = 5",
    "weeks_off_to_drop = 1",
    'tokens.split = "floor"\ntokens.pool_wei = "1000003"',
    'version = "flat"\nlevels = [{weeks_min = 0, points = 10}, {weeks_min = 2, points = 70}]',
    "pairs = []\nintegrations = [{id = 1, name = 'a', points = 9}, "
    "{id = 2, name = 'b', points = 0}, {id = 3, name = 'c', points = 7}]",
)


def asked(*tables: str, **more: int) -> str:
    pairs = [*(("tables", each) for each in tables), *more.items()]
    return f"/v3/rewards/what-if?{urlencode(pairs)}"


async def test_weeks_are_told_with_their_states_the_newest_first_and_in_parts(
    served: Served,
) -> None:
    await a_family(served)
    told = await served.ok("/v3/rewards/weeks")
    assert [each["week"] for each in told["data"]] == [4, 3, 2, 1, 0]
    assert {each["status"] for each in told["data"]} == {"Finished"}
    newest = told["data"][0]
    assert (newest["vehicles"], newest["points"], newest["pool"]) == (2, 8_000, str(POOL))
    await served.drive_in(8, "Tesla", 2)
    told = await served.ok("/v3/rewards/weeks")
    assert [each["dirty"] for each in told["data"]] == [0, 0, 1, 0, 0]
    first = await served.ok("/v3/rewards/weeks?limit=3")
    rest = await served.ok(f"/v3/rewards/weeks?limit=3&cursor={first['next']}")
    assert (first["data"] + rest["data"], rest["next"]) == (told["data"], None)


async def test_an_owner_s_vehicles_and_weeks_are_those_of_the_original_s_pages(
    served: Served,
) -> None:
    await a_family(served)
    await served.drive_in(7, "AutoPi", 6)
    for owner in (OWNER, ADDRESS, "nobody"):
        history = await served.ok(f"/v3/rewards/history?owner={owner}")
        original = await served.ok(f"/v1/user/history?owner={owner}")
        told = [{**each, "week": None, "tokens": int(each["tokens"])} for each in history["data"]]
        assert told == [{**each, "week": None} for each in original["weeks"]]
    [seven] = (await served.ok(f"/v3/rewards/vehicles?owner={OWNER}"))["data"]
    [device] = (await served.ok(f"/v1/user?owner={OWNER}"))["devices"]
    assert seven == {
        "vehicle": "7",
        "connection_streak": 5,
        "disconnection_streak": 0,
        "level": 2,
        "points": device["points"],
        "tokens": str(device["tokens"]),
        "paired": ["Smartcar", "AutoPi"],
        "active": ["AutoPi"],
        "connected": True,
    }
    assert await served.ok("/v3/rewards/vehicles?owner=nobody") == {
        "owner": "nobody",
        "week": None,
        "data": [],
    }
    weeks = await served.ok("/v3/vehicles/7/weeks")
    assert [each["week"] for each in weeks["data"]] == [4, 3, 2, 1, 0]
    assert (await served.ok("/v3/vehicles/99/weeks"))["data"] == []
    assert (await served.client.get("/v3/rewards/vehicles")).status == 400


async def a_fleet(served: Served, draw: random.Random) -> None:
    """Forty vehicles with all that can be said of one, six weeks."""
    names = ("Smartcar", "Tesla", "AutoPi")
    for vehicle in range(1, 41):
        said: dict[str, Any] = {"owner": vehicle % 7}
        if vehicle % 3 == 0:
            said["integrations"] = draw.sample(names, draw.randint(1, 2))
        if vehicle % 10 == 4:
            said["opted_in"] = False
        if vehicle % 8 == 1:
            said |= {"vin": f"{vehicle // 16:017}", "minted_at": 1_640_000_000 + vehicle}
        await served.describe(vehicle, **said)
        for week in range(WEEKS):
            for name in names:
                if draw.random() < 0.3:
                    await served.fleet.drive(week, vehicle, name)
            if draw.random() < 0.1:
                await served.fleet.earn(week, vehicle, draw.choice((-300, 500)))
    await served.psd.part(RewardsPart).ledger.override(2, 5, 21, "as agreed", "ops")
    await served.compute(WEEKS - 1)


def sources_by(served: Served, tables: Tables) -> RunSources:
    """Psd's own buckets, read by tables that are tried."""
    psd = served.psd
    signals = psd.settings.things["signals"].id
    return open_sources((), psd.settings.of(RewardsSettings), psd.engine, signals, tables)


@pytest.mark.parametrize("first", [0, 3])
async def test_other_tables_make_of_weeks_what_a_trial_makes_of_what_was_booked(
    served: Served, first: int
) -> None:
    await a_fleet(served, random.Random(first))
    rewards = served.psd.part(RewardsPart)
    for text in TABLES:
        tables: Tables = changed_tables(text, rewards.tables)
        trial = await rewards.job.trial(tables, sources_by(served, tables), range(first, WEEKS))
        told = await served.ok(asked(text, first=first, last=WEEKS - 1))
        numbers = [
            (each["week"], each["connected"], each["points"], each["tokens"])
            for each in told["data"]
        ]
        assert numbers == [
            (after.week, after.connected, after.points, str(after.distributed))
            for after in (each.after for each in trial)
        ], text
        assert [(each["tokens_gained"], each["tokens_lost"]) for each in told["data"]] == [
            (str(each.tokens_gained), str(each.tokens_lost)) for each in trial
        ], text
        found = await rewards.what_if.tried([tables], first, WEEKS - 1)
        for mine, theirs in zip(found[0], trial, strict=True):
            assert (mine.rows_changed, mine.examples) == (theirs.rows_changed, theirs.examples)


async def test_tables_are_tried_side_by_side_and_change_nothing(served: Served) -> None:
    await a_family(served)
    before = await served.ok("/v3/rewards/weeks")
    told = await served.ok(asked(*TABLES[:3]))
    assert [each["number"] for each in told["tables"]] == [1, 2, 3]
    assert [(each["week"], each["number"]) for each in told["data"]] == [
        (week, number) for number in (1, 2, 3) for week in (1, 2, 3, 4)
    ]
    same = await served.ok(asked("weeks_off_to_drop = 3"))
    assert (same["examples"], {each["rows_changed"] for each in same["data"]}) == ([], {0})
    table = await served.client.get(asked(TABLES[0]) + "&format=csv")
    assert table.text.startswith("week,number,rows_changed,connected,")
    assert await served.ok("/v3/rewards/weeks") == before


REFUSED = {
    "weeks_off_to_drop = 0": "weeks_off_to_drop: 0 must be 1 or more",
    "weeks_off = 5": "unknown field `weeks_off`",
    "x = [": "tables: ",
    'earnings = ["promotions"]': "earnings: they are known as one sum a week",
    'pairs = []\nintegrations = [{id = 9, name = "New", points = 1}]': "their numbers are",
    "levels = [{weeks_min = 3, points = 1}]": "levels: weeks_min [3] must begin with 0",
    f'tokens.pool_wei = "{"9" * 70}"': "tokens.pool_wei: more than 60 digits",
    "tokens.decay = [9, 99999999999]": "tokens.decay: past 1,000,000,000",
    f"# {'x' * 4_100}": "tables: more than 4000 bytes",
}


async def test_tables_that_are_none_are_refused_by_key_and_rule(served: Served) -> None:
    await a_family(served)
    for text, told in REFUSED.items():
        answer = await served.client.get(asked(text))
        assert (answer.status, told in answer.text) == (400, True), answer.text


async def test_weeks_that_cannot_be_tried_are_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await served.client.get(asked(TABLES[0]))).status == 404
    await a_family(served)
    for more, status, told in (
        ({"first": 3, "last": 1}, 400, "first: 3 is after week 1"),
        ({"first": 3, "last": 9}, 404, "9 was never computed"),
    ):
        answer = await served.client.get(asked(TABLES[0], **more))
        assert (answer.status, told in answer.text) == (status, True), answer.text
    assert (await served.client.get(asked(*TABLES[:4]))).status == 400
    assert (await served.client.get("/v3/rewards/what-if")).status == 400
    monkeypatch.setattr(what_if, "WEEKS_MAX", 2)
    assert "more than 2 weeks" in (await served.client.get(asked(TABLES[0], first=0))).text
    monkeypatch.setattr(what_if, "ROWS_MAX", 7)
    answer = await served.client.get(asked(*TABLES[:3], first=3))
    assert (answer.status, "psd rewards what-if" in answer.text) == (422, True), answer.text
