"""A driver's day, a station's week and a battery's life are sums, series and boards like all else.

Who an owner is, the rows of /v3/swaps tell by ``uid``; the example is that of docs/swaps.md.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.clients.http import HttpClient
from tests.support.engine import second
from tests.support.swaps.one_correction import FIRST, RIGHT, ROOT, THIRD, WRONG, add, register

NOW_S = second("2020-09-06 12:00:00")

pytestmark = pytest.mark.psd(now_s=NOW_S)

DAYS = "start=2020-09-01&end=2020-09-03"


@pytest.fixture
async def client(client: HttpClient) -> HttpClient:
    """Three transactions, the second of them with a zero too many."""
    await register(client)
    for body in (FIRST, WRONG, THIRD):
        await add(client, "/transactions", body)
    return client


async def correct(client: HttpClient) -> None:
    await add(client, "/transactions/10/corrections", RIGHT)


async def get(client: HttpClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status == 200, answer.text
    return answer.json()


async def names(client: HttpClient, kind: str, key: str) -> dict[str, str]:
    """What people call the owners of a kind, by uid."""
    rows = (await get(client, f"{ROOT}/{kind}"))["data"]
    return {each["uid"]: each[key] for each in rows}


async def uid_of(client: HttpClient, kind: str, key: str, name: str) -> str:
    found = await names(client, kind, key)
    return next(uid for uid, each in found.items() if each == name)


async def by_day(client: HttpClient, thing: str, uid: str) -> list[int]:
    asked = f"thing={thing}&uid={uid}&{DAYS}&every=day"
    return [each["sum"] for each in (await get(client, f"/v3/series?{asked}"))["data"]]


async def sum_of(client: HttpClient, thing: str, uid: str, range_: str = DAYS) -> int:
    [row] = (await get(client, f"/v3/sum?thing={thing}&uid={uid}&{range_}"))["data"]
    return int(row["sum"])


async def test_a_drivers_days_are_a_series_below_zero_too(client: HttpClient) -> None:
    uid = await uid_of(client, "drivers", "phone", "D1")
    assert await by_day(client, "ride_distance", uid) == [9040, -8940]
    assert await sum_of(client, "ride_distance", uid) == 100
    assert await sum_of(client, "ride_distance", uid, "start=2020-09-02&end=2020-09-03") == -8940
    await correct(client)
    assert await by_day(client, "ride_distance", uid) == [40, 60]
    assert await by_day(client, "ride_energy", uid) == [60, 90]
    assert await by_day(client, "swaps", uid) == [2, 1]
    days = (await get(client, f"{ROOT}/drivers/1/days"))["data"][:2]
    assert [each["ride_distance"] for each in days] == [40, 60]


async def test_a_stations_week_is_a_series_and_its_batteries_are_types(client: HttpClient) -> None:
    await correct(client)
    uid = await uid_of(client, "stations", "name", "S1")
    week = f"thing=swaps&uid={uid}&start=2020-08-31&end=2020-09-07"
    [told] = (await get(client, f"/v3/series?{week}&every=week"))["data"]
    assert (told["start"], told["sum"]) == ("2020-08-31T00:00:00Z", 3)
    battery = await uid_of(client, "batteries", "serial", "B2")
    assert await sum_of(client, "swaps", uid, f"atid={battery}&{DAYS}") == 1


async def test_a_batterys_life_is_a_sum(client: HttpClient) -> None:
    await add(client, "/transactions", {**THIRD, "id": "back", "date": "2020-09-03T10:00:00Z"})
    await add(
        client,
        "/transactions",
        {**THIRD, "id": "again", "battery_in": None, "date": "2020-09-04T10:00:00Z"},
    )
    uid = await uid_of(client, "batteries", "serial", "B3")
    life = "start=0&end=2100-01-01"
    # B3 came in with 100, and went out with 170 in the same transaction and the one behind it.
    rows = (await get(client, f"{ROOT}/batteries/B3/transactions"))["data"]
    charged = [each["charge_amount"] or 0 for each in rows if each["battery_out"] == 3]
    assert await sum_of(client, "battery_charge", uid, life) == sum(charged)
    assert await sum_of(client, "swaps", uid, life) == len(charged) == 3


async def test_drivers_are_ranked_also_those_who_went_back(client: HttpClient) -> None:
    await add(client, "/vehicles", {"vin": "V2"})
    body = {"vehicle": "V2", "date": "2020-08-31T00:00:00Z"}
    path = f"{ROOT}/drivers/2"
    answer = await client.request("PUT", path, msgspec.json.encode(body), "application/json")
    assert answer.status in (200, 201), answer.text
    second_driver = {**FIRST, "driver": "D2", "station": "S2", "battery_out": None}
    for number, odometer in enumerate((500, 470)):
        told = {
            **second_driver,
            "id": f"d2 {number}",
            "battery_in": "B2" if number else None,
            "battery_out": "B3" if number else "B2",
            "odometer": odometer,
            "date": f"2020-09-0{number + 1}T20:00:00Z",
        }
        await add(client, "/transactions", told)
    await correct(client)
    called = await names(client, "drivers", "phone")
    board = f"/v3/leaderboard?thing=ride_distance&{DAYS}"
    told = (await get(client, board))["data"]
    assert [(each["rank"], called[each["uid"]], each["value"]) for each in told] == [
        (1, "D1", 100),
        (2, "D2", -30),
    ]
    around = (await get(client, f"{board}&around={told[1]['uid']}&limit=1"))["data"]
    assert [each["value"] for each in around] == [100, -30]
