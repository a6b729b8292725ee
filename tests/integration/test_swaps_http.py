"""/v3/swaps: what is added, corrected, and asked, now and at past seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from psd.runtime import Runtime
from psd.swaps.swap_bookings import owner_of
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import second
from tests.support.swaps.one_correction import (
    FIRST,
    RIGHT,
    ROOT,
    THIRD,
    WRONG,
    add,
    register,
    send,
    swap,
)

NOW_S = second("2020-09-06 12:00:00")

pytestmark = pytest.mark.psd(now_s=NOW_S)


async def ask(client: HttpClient, path: str) -> Any:
    answer = await client.get(ROOT + path)
    assert answer.status == 200, answer.text
    return answer.json()


@pytest.fixture
async def client(client: HttpClient) -> HttpClient:
    """With everything registered: events 1 to 8."""
    await register(client)
    return client


@pytest.fixture
async def corrected(client: HttpClient) -> HttpClient:
    """Three transactions, 9 to 11, of which the second was corrected by 12."""
    await swap(client)
    return client


async def test_a_transaction_is_answered_with_what_follows_from_it(client: HttpClient) -> None:
    await add(client, "/transactions", FIRST)
    added = await add(client, "/transactions", WRONG)
    assert (added["n"], added["warnings"]) == (10, [])
    told = added["transaction"]
    assert (told["battery_in"], told["battery_out"], told["last"]) == (1, 2, 9)
    assert (told["ride_distance"], told["energy_used"], told["efficiency"]) == (9040, 60, 150.67)
    assert (told["date"], told["by"], told["id"]) == ("2020-09-01T15:00:00Z", "anybody", "wrong")


async def test_what_is_sent_again_is_answered_as_at_first(client: HttpClient) -> None:
    added = await add(client, "/transactions", FIRST)
    again = await send(client, "POST", "/transactions", FIRST)
    assert (again.status, again.json()) == (200, added)
    other = await send(client, "POST", "/transactions", {**FIRST, "odometer": 7})
    assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")
    without_id = {name: value for name, value in FIRST.items() if name != "id"}
    assert (await add(client, "/transactions", without_id))["n"] == 10


async def test_a_correction_changes_what_follows(corrected: HttpClient) -> None:
    page = await ask(corrected, "/drivers/1/transactions")
    assert [(each["n"], each["ride_distance"]) for each in page["data"]] == [
        (11, 60),
        (12, 40),
        (9, 0),
    ]
    days = (await ask(corrected, "/drivers/D1/days"))["data"]
    assert [(each["day"], each["ride_distance"], each["last_transaction"]) for each in days] == [
        ("2020-09-01", 40, 12),
        ("2020-09-02", 60, 11),
        ("2020-09-03", 0, None),
        ("2020-09-04", 0, None),
        ("2020-09-05", 0, None),
        ("2020-09-06", 0, None),
    ]
    assert days[-1]["cumulative_ride_distance"] == 100
    chain = await ask(corrected, "/transactions/10")
    assert [each["n"] for each in chain["chain"]] == [10, 12]
    assert (chain["live"], chain["transaction"]["rejected_by"]) == (12, 12)
    assert chain["transaction"]["ride_distance"] is None
    everything = await ask(corrected, "/drivers/1/transactions?all=1")
    assert {each["n"] for each in everything["data"]} == {9, 10, 11, 12}


async def test_a_correction_that_cannot_be_is_refused(corrected: HttpClient) -> None:
    path = "/transactions/10/corrections"
    again = await send(corrected, "POST", path, {**RIGHT, "id": "again", "odometer": 1041})
    assert (again.status, again.json()["code"]) == (409, "conflict")
    assert "12 stands for it" in again.json()["detail"]
    same = await send(corrected, "POST", "/transactions/12/corrections", {**RIGHT, "id": "same"})
    assert (same.status, same.json()["code"]) == (409, "unchanged")
    nothing = await send(corrected, "POST", "/transactions/99/corrections", RIGHT)
    assert (nothing.status, nothing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"driver": "D9"}, "driver"),
        ({"driver": "D2"}, "driver"),
        ({"station": "S9"}, "station"),
        ({"battery_out": "B9"}, "battery_out"),
        ({"battery_in": "B9"}, "battery_in"),
        ({"battery_out_energy": 201}, "battery_out_energy"),
        ({"battery_out_energy": -1}, "battery_out_energy"),
        ({"battery_out_energy": "much"}, "battery_out_energy"),
        ({"odometer": None}, "odometer"),
        ({"odometer": 1.5}, "odometer"),
        ({"odo": 7}, "odo"),
        ({"date": "today"}, "date"),
        ({"date": "2199-01-01T00:00:00Z"}, "date"),
    ],
)
async def test_what_is_wrong_with_a_field_is_told_by_its_name(
    client: HttpClient, changed: Mapping[str, Any], field: str
) -> None:
    answer = await send(client, "POST", "/transactions", {**FIRST, **changed})
    assert (answer.status, [*answer.json()["fields"]]) == (422, [field])
    assert (await ask(client, "/events?after=8"))["data"] == []


async def test_a_body_that_is_no_json_is_malformed(client: HttpClient) -> None:
    assert (await send(client, "POST", "/transactions", b"driver=1")).status == 400


async def test_objects_stand_now_and_at_past_seconds(corrected: HttpClient) -> None:
    driver = await ask(corrected, "/drivers/1")
    assert (driver["phone"], driver["vehicle"], driver["serial"], driver["last"]) == (
        "D1",
        "V1",
        "B3",
        11,
    )
    noon = "?at=2020-09-01T12:00:00Z"
    assert (await ask(corrected, f"/drivers/1{noon}"))["serial"] == "B1"
    assert (await ask(corrected, f"/drivers/1{noon}"))["last"] == 9
    station = await ask(corrected, "/stations/S1")
    assert [each["serial"] for each in station["data"]] == ["B1", "B2"]
    station = await ask(corrected, f"/stations/1{noon}")
    assert [each["serial"] for each in station["data"]] == ["B2", "B3"]
    battery = await ask(corrected, "/batteries/B2")
    assert (battery["station"], battery["energy"], battery["last"]) == (1, 100, 11)
    battery = await ask(corrected, "/batteries/B2?at=2020-09-01T15:00:00Z")
    assert (battery["station"], battery["driver"], battery["energy"]) == (None, 1, 190)
    vehicle = await ask(corrected, "/vehicles/V1")
    assert (vehicle["battery"], vehicle["odometer"]) == (3, 1100)
    vehicle = await ask(corrected, f"/vehicles/V1{noon}")
    assert (vehicle["battery"], vehicle["odometer"]) == (1, 1000)
    told = [
        (each["owner"], each["energy"], each["distance"], each["efficiency"], each["charge_amount"])
        for each in battery["history"]
    ]
    assert told == [("Ann", 190, None, None, None)]
    newest = (await ask(corrected, "/batteries/B2"))["history"][0]
    assert newest == {
        "n": 11,
        "date": "2020-09-02T10:00:00Z",
        "owner": "S1",
        "station": 1,
        "driver": None,
        "energy": 100,
        "distance": 60,
        "efficiency": 0.67,
        "charge_amount": None,
    }
    history = await ask(corrected, "/batteries/2/transactions")
    assert [each["n"] for each in history["data"]] == [11, 12]


async def test_listings_go_on_behind_a_page(corrected: HttpClient) -> None:
    first = await ask(corrected, "/batteries?limit=2")
    assert [each["serial"] for each in first["data"]] == ["B1", "B2"]
    rest = await ask(corrected, f"/batteries?limit=2&cursor={first['next']}")
    assert ([each["serial"] for each in rest["data"]], rest["next"]) == (["B3"], None)
    page = await ask(corrected, "/stations/1/transactions?limit=2")
    rest = await ask(corrected, f"/stations/1/transactions?limit=2&cursor={page['next']}")
    assert [each["n"] for each in page["data"] + rest["data"]] == [11, 12, 9]
    stations = (await ask(corrected, "/stations"))["data"]
    assert [(each["name"], each["batteries"]) for each in stations] == [("S1", 2), ("S2", 0)]
    assert [each["phone"] for each in (await ask(corrected, "/drivers"))["data"]] == ["D1", "D2"]


async def test_days_are_a_table_in_another_zone(corrected: HttpClient) -> None:
    path = "/drivers/1/days?tz=Africa/Kigali&start=2020-09-01&end=2020-09-03&format=csv"
    answer = await corrected.get(ROOT + path)
    lines = answer.text.splitlines()
    assert answer.headers["Psd-Tz"] == "Africa/Kigali"
    assert lines[0].startswith("day,start,end,ride_distance,energy_used")
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["2020-09-01", "2020-08-31T22:00:00Z", "2020-09-01T22:00:00Z", "40"],
        ["2020-09-02", "2020-09-01T22:00:00Z", "2020-09-02T22:00:00Z", "60"],
    ]


async def test_days_are_told_as_they_were_in_their_midst(corrected: HttpClient) -> None:
    async def told(at: str) -> list[tuple[Any, ...]]:
        rows = (await ask(corrected, f"/drivers/1/days?at={at}"))["data"]
        fields = ("day", "ride_distance", "cumulative_ride_distance", "transactions")
        return [tuple(row[name] for name in (*fields, "last_transaction")) for row in rows]

    assert await told("2020-09-01T08:59:59Z") == [("2020-09-01", 0, 0, 0, None)]
    assert await told("2020-09-01T14:59:59Z") == [("2020-09-01", 0, 0, 1, 9)]
    assert await told("2020-09-01T15:00:00Z") == [("2020-09-01", 40, 40, 2, 12)]
    first = ("2020-09-01", 40, 40, 2, 12)
    assert await told("2020-09-02T09:59:59Z") == [first, ("2020-09-02", 0, 40, 0, None)]
    assert await told("2020-09-02T10:00:00Z") == [first, ("2020-09-02", 60, 100, 1, 11)]
    path = "/drivers/1/days?at=2020-09-01T15:00:00Z&start="
    assert (await ask(corrected, f"{path}2020-09-02"))["data"] == []
    [row] = (await ask(corrected, f"{path}2020-09-01"))["data"]
    assert (row["start"], row["end"]) == ("2020-09-01T00:00:00Z", "2020-09-02T00:00:00Z")


async def test_more_days_than_one_answer_has_are_asked_for_in_parts(client: HttpClient) -> None:
    await send(client, "PUT", "/drivers/1", {"started": "1999-01-01T00:00:00Z"})
    answer = await client.get(f"{ROOT}/drivers/1/days")
    assert answer.status == 400
    assert answer.json()["detail"] == (
        "start: 1999-01-01T00:00:00Z to 2020-09-06T12:00:01Z is more than 5000 days; "
        "ask for a part of them"
    )
    part = await ask(client, "/drivers/1/days?start=2020-09-05")
    assert [each["day"] for each in part["data"]] == ["2020-09-05", "2020-09-06"]


async def test_the_stream_is_read_from_behind_a_number(corrected: HttpClient) -> None:
    page = await ask(corrected, "/events?after=10&limit=5")
    assert [(each["n"], each["kind"]) for each in page["data"]] == [
        (11, "swap"),
        (12, "correction"),
    ]
    assert page["next"] == 12
    assert page["data"][1]["event"]["corrects"] == 10
    assert (await ask(corrected, "/events?after=12")) == {"data": [], "next": 12}


async def test_an_object_is_changed_by_what_is_said(client: HttpClient) -> None:
    answer = await send(client, "PUT", "/drivers/1", {"name2": "K"})
    assert (answer.status, answer.json()["id"]) == (200, 1)
    driver = await ask(client, "/drivers/1")
    assert (driver["name1"], driver["name2"]) == ("Ann", "K")
    assert (await send(client, "PUT", "/drivers/9", {"name2": "K"})).status == 404
    taken = await send(client, "PUT", "/batteries/1", {"serial": "B2"})
    assert taken.status == 409
    missing = await send(client, "POST", "/batteries", {"capacity": 3})
    assert (missing.status, [*missing.json()["fields"]]) == (422, ["serial"])


@pytest.mark.parametrize(
    "path",
    [
        "/drivers/9",
        "/drivers/nobody",
        "/drivers/9/days",
        "/stations/9",
        "/batteries/9",
        "/vehicles/9",
        "/transactions/9",
        "/transactions/1",
    ],
)
async def test_what_there_is_not_is_not_found(client: HttpClient, path: str) -> None:
    answer = await client.get(ROOT + path)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


async def test_another_network_is_empty(corrected: HttpClient) -> None:
    answer = await corrected.get("/v3/swaps/kigali/drivers")
    assert answer.json() == {"data": [], "next": None}
    assert (await corrected.get("/v3/swaps/Not!/drivers")).status == 404


async def test_a_warning_comes_with_what_was_taken(client: HttpClient) -> None:
    await add(client, "/transactions", FIRST)
    odd = {**THIRD, "odometer": 900, "battery_in": "B3", "battery_out": "B1"}
    told = await add(client, "/transactions", odd)
    assert {each.partition(":")[0] for each in told["warnings"]} == {
        "battery_elsewhere",
        "odometer_back",
    }
    early = {**FIRST, "id": "early", "date": "2020-08-31T23:00:00Z"}
    told = await add(client, "/transactions", early)
    assert "before_start" in " ".join(told["warnings"])
    assert (await ask(client, "/drivers/1/days"))["data"][0]["day"] == "2020-08-31"


PHONE = token_for("phone", "read", frozenset({owner_of("main", "driver", 2)}))
OFFICE = token_for("office", "read write")


@pytest.mark.psd(asked_of(PHONE, OFFICE), now_s=NOW_S)
async def test_a_token_of_one_driver_sees_that_one_alone(runtime: Runtime) -> None:
    async with serving(runtime) as office:
        office.session.headers.update(bearer(OFFICE.secret))
        await add(office, "/stations", {"name": "S1"})
        await add(office, "/batteries", {"serial": "B1", "station": "S1"})
        for name in ("1", "2"):
            await add(office, "/vehicles", {"vin": f"V{name}"})
            driver = {"phone": f"D{name}", "vehicle": f"V{name}", "started": "2020-09-01T00:00:00Z"}
            await add(office, "/drivers", driver)
        first = await add(office, "/transactions", FIRST)
        second_ = {**FIRST, "id": "second", "driver": "D2"}
        mine = await add(office, "/transactions", second_)
    async with serving(runtime) as phone:
        phone.session.headers.update(bearer(PHONE.secret))
        assert [each["phone"] for each in (await ask(phone, "/drivers"))["data"]] == ["D2"]
        assert (await ask(phone, "/drivers/2"))["last"] == mine["n"]
        assert (await ask(phone, f"/transactions/{mine['n']}"))["live"] == mine["n"]
        hidden = ["/drivers/1", "/drivers/D1/days", "/drivers/1/transactions"]
        for path in [*hidden, f"/transactions/{first['n']}"]:
            assert (await phone.get(ROOT + path)).status == 404
        for path in ("/stations", "/stations/1", "/batteries", "/events"):
            assert (await phone.get(ROOT + path)).status == 403
        assert (await send(phone, "POST", "/transactions", FIRST)).status == 403
