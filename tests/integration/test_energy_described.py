"""Meters are described by PUT, listed, and known to the questions of /v3."""

from __future__ import annotations

from typing import Any

from tests.support.clients.http import HttpClient
from tests.support.energy.said_of_meters import (
    EXCHANGE,
    HOUR_S,
    T0,
    meter,
    of_meter,
    power,
    put,
    register,
    send,
    usage,
)


async def test_a_meter_is_described_by_put_and_shows_its_channels(client: HttpClient) -> None:
    assert (await client.get("/v3/energy/meters/m-1")).status == 404
    answer = await put(client, "m-1", tz="Europe/Berlin", max_kw="14", time=T0)
    assert (answer.status, answer.json()["max_kw"], answer.json()["channels"]) == (201, "14", [])
    assert (await put(client, "m-1", plan="eco", time=T0)).status == 200
    await send(
        client,
        register((0, 10), (HOUR_S, "10.5"), register=1),
        power((0, 1), (HOUR_S, -1), signed=True),
        register((0, 7), counts=False, register=2),
    )
    told = (await client.get("/v3/energy/meters/m-1")).json()
    assert (told["tz"], told["plan"]) == ("Europe/Berlin", "eco")
    newest = {"time": "2020-11-29T09:00:00Z"}
    assert told["channels"] == [
        {"flow": "import", "register": 0, "kind": "power", "counts": True}
        | {"newest": newest | {"kw": "-1"}},
        {"flow": "import", "register": 1, "kind": "register", "counts": True}
        | {"newest": newest | {"kwh": "10.5"}},
        {"flow": "import", "register": 2, "kind": "register", "counts": False}
        | {"newest": {"time": "2020-11-29T08:00:00Z", "kwh": "7"}},
        {"flow": "export", "register": 0, "kind": "power", "counts": True, "newest": None},
    ]
    none = {"estimated_mwh": 0, "interpolated_mwh": 0, "derived_mwh": 0}
    assert told["quality"] == {
        "import": {"measured_mwh": 750_000} | none,
        "export": {"measured_mwh": 250_000} | none,
    }
    day = await usage(client, every="day")
    assert [row["start"] for row in day["data"]][1] == "2020-11-29T23:00:00Z"


async def test_what_is_wrong_of_a_meter_is_told_by_its_field(client: HttpClient) -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"tz": "Europe/Atlantis"}, "tz: 'Europe/Atlantis' is no time zone"),
        ({"max_kw": 0}, "max_kw: '0' must lie above 0"),
        ({"max_kw": "NaN"}, "max_kw"),
        ({"digits": 13}, "digits: 13 must lie between 1 and 12"),
        ({"gap_max_s": 0}, "gap_max_s: 0 must lie between 1"),
        ({"plan": ""}, "plan: '' must have 1 to 128 bytes"),
        ({"colour": "blue"}, "colour"),
        ({"exchange": EXCHANGE | {"final": None}}, "exchange: give final and first"),
        ({"exchange": EXCHANGE | {"unit": "therm"}}, "'therm' is no unit of energy"),
        ({"exchange": EXCHANGE | {"first": -1}}, "exchange.first: '-1' must lie between"),
        ({"exchange": EXCHANGE | {"time": 10**11}}, "exchange.time"),
    ]
    for said, expected in faults:
        answer = await put(client, "m-1", **said)
        assert (answer.status, expected in answer.text) == (422, True), answer.text
    assert (await client.get("/v3/energy/meters/m-1")).status == 404


async def test_meters_are_listed_by_name_behind_one(client: HttpClient) -> None:
    names = [f"m-{number}" for number in range(12)] + ["ä b/c"]
    await send(client, *(of_meter(power((0, 1)), name) for name in names[::2]))
    await send(client, *(of_meter(meter(tz="Europe/London"), name) for name in names[1::2]))
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await client.get(f"/v3/energy/meters?limit=5&after={after}")).json()
        found += [row["meter"] for row in page["data"]]
        after = page["next"]
    assert found == sorted(names, key=lambda name: name.encode())
    answer = await client.get("/v3/energy/meters/%C3%A4%20b%2Fc")
    assert answer.json()["meter"] == "ä b/c"


async def test_meters_are_added_up_and_ranked_by_their_own_numbers(client: HttpClient) -> None:
    used = {"m-1": 1_000_000, "m-2": 2_500_000, "m-3": 1_500_000}
    kws = {name: mwh / 10**6 for name, mwh in used.items()}
    sent = [of_meter(power((0, kw), (HOUR_S, kw)), name) for name, kw in kws.items()]
    assert await send(client, *sent) == ["booked"] * 3
    rows = (await client.get("/v3/energy/meters")).json()["data"]
    named = {row["uid"]: row["meter"] for row in rows}
    assert (await client.get("/v3/energy/meters/m-2")).json()["uid"] == rows[1]["uid"]
    asked = "&".join(f"uid={uid}" for uid in named)
    asked = f"thing=energy_import&start={T0}&end={T0 + HOUR_S}&{asked}"
    board = (await client.get(f"/v3/leaderboard?{asked}")).json()
    assert [(named[row["uid"]], row["value"]) for row in board["data"]] == [
        (name, used[name]) for name in ("m-2", "m-3", "m-1")
    ]
    sums = (await client.get(f"/v3/sum?{asked}")).json()["data"]
    assert {named[row["uid"]]: row["sum"] for row in sums} == used


async def test_whoever_speaks_twice_within_a_second_has_the_last_word(client: HttpClient) -> None:
    """Of one second the greater value stands, whatever is said first: 14 and nothing, 9 and 14."""
    for said, max_kw in (("14", "14"), ("9", "9"), (None, "100"), ("20", "20"), ("3", "3")):
        answer = await put(client, "m-1", max_kw=said)
        assert answer.status in (200, 201), answer.text
        assert answer.json()["max_kw"] == max_kw
