"""Meters over HTTP: what they send, and the energy that it makes."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgpack
import msgspec
import pytest

from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

HALF_HOUR_S = 1_800


def power(points: list[Any], **others: Any) -> dict[str, Any]:
    return {"command": "power", "power": {"meter": "m-1", "points": points, **others}}


def register(points: list[Any], **others: Any) -> dict[str, Any]:
    return {"command": "register", "register": {"meter": "m-1", "points": points, **others}}


def intervals(rows: list[Any], **others: Any) -> dict[str, Any]:
    return {"command": "intervals", "intervals": {"meter": "m-1", "rows": rows, **others}}


async def send(client: HttpClient, *documents: dict[str, Any]) -> list[str]:
    body = msgspec.json.encode(documents)
    answer = await client.request("POST", "/v3/energy/readings", body, "application/json")
    assert answer.status == 200, answer.text
    return [row.get("message", row["status"]) for row in answer.json()["data"]]


async def usage(client: HttpClient, start: int | str, end: int | str, **others: Any) -> Any:
    query = urlencode({"start": start, "end": end, **others})
    answer = await client.get(f"/v3/energy/meters/m-1/usage?{query}")
    assert answer.status == 200, answer.text
    return answer.json()


async def test_a_kilowatt_for_two_hours_is_two_kilowatt_hours(client: HttpClient) -> None:
    assert await send(client, power([[T0, 1], [T0 + 7_200, "1.0"]])) == ["booked"]
    told = await usage(client, T0 - 3_600, T0 + 10_800)
    assert told == {
        "meter": "m-1",
        "flow": "import",
        "data": [
            {
                "start": "2020-11-29T07:00:00Z",
                "end": "2020-11-29T11:00:00Z",
                "mwh": 2_000_000,
                "kwh": "2",
                "estimated_mwh": 0,
            }
        ],
        "total": {"mwh": 2_000_000, "kwh": "2", "estimated_mwh": 0},
        "gaps": [
            {"start": "2020-11-29T07:00:00Z", "end": "2020-11-29T08:00:00Z"},
            {"start": "2020-11-29T10:00:00Z", "end": "2020-11-29T11:00:00Z"},
        ],
        "more_gaps": 0,
        "coverage": 0.5,
    }


async def test_readings_in_any_order_twice_and_corrected_make_the_same_energy(
    client: HttpClient,
) -> None:
    points = [[T0 + 60 * minute, str(minute % 7)] for minute in range(120)]
    draw = random.Random(7)
    shuffled = [*points, *points[10:40], [points[5][0], "99"]]
    draw.shuffle(shuffled)
    for at in range(0, len(shuffled), 13):
        await send(client, power(shuffled[at : at + 13]))
    assert await send(client, power([points[5]])) in (["booked"], ["unchanged"])
    assert await send(client, power([points[5]])) == ["unchanged"]
    exact = sum((minute % 7 + (minute + 1) % 7) * 1_000_000 * 60 for minute in range(119))
    assert (await usage(client, T0, T0 + 7_200))["total"]["mwh"] == round(exact / 7_200)


async def test_a_gap_that_is_too_long_has_no_energy_until_a_late_reading_closes_it(
    client: HttpClient,
) -> None:
    await send(client, power([[T0, 1], [T0 + 10_000, 1]]))
    told = await usage(client, T0, T0 + 10_000)
    assert (told["total"]["mwh"], told["coverage"], len(told["gaps"])) == (0, 0.0, 1)
    await send(client, power([[T0 + 5_000, 1]]))
    told = await usage(client, T0, T0 + 10_800)
    assert told["total"]["mwh"] == round(10_000_000_000 / 3_600)
    assert told["gaps"] == [{"start": "2020-11-29T10:46:40Z", "end": "2020-11-29T11:00:00Z"}]


async def test_power_of_both_signs_is_taken_and_delivered(client: HttpClient) -> None:
    points = [[T0, 2], [T0 + 3_600, -2]]
    assert "below 0" in (await send(client, power(points)))[0]
    assert await send(client, power(points, signed=True)) == ["booked"]
    for flow in ("import", "export"):
        assert (await usage(client, T0, T0 + 3_600, flow=flow))["total"]["kwh"] == "0.5"


async def test_a_register_tells_what_was_used_between_its_readings(client: HttpClient) -> None:
    points = [[T0 + 900 * at, f"{100 + at / 4:.2f}"] for at in range(9)]
    assert await send(client, register(points[::2]), register(points[1::2])) == ["booked"] * 2
    told = await usage(client, T0, T0 + 7_200, every="15m")
    assert [row["kwh"] for row in told["data"]] == ["0.25"] * 8
    assert told["coverage"] == 1


async def test_a_dip_is_left_out_and_a_reset_is_told_as_no_measurement(client: HttpClient) -> None:
    await send(client, register([[T0, 100], [T0 + 900, 95]]))
    assert (await usage(client, T0, T0 + 3_600))["total"]["estimated_mwh"] == 0
    await send(client, register([[T0 + 1_800, 101]]))
    told = await usage(client, T0, T0 + 3_600)
    assert (told["total"]["kwh"], told["total"]["estimated_mwh"]) == ("1", 0)
    await send(client, register([[T0 + 2_700, 2]]))
    told = await usage(client, T0, T0 + 3_600)
    assert (told["total"]["kwh"], told["total"]["estimated_mwh"]) == ("3", 2_000_000)


async def test_energy_of_a_long_time_is_where_the_readings_of_now_say(client: HttpClient) -> None:
    day_s = 86_400
    await send(client, register([[T0, 100], [T0 + 40 * day_s, 101]]))
    for middle, first_half in ((95, 0), ("100.5", 500_000), (95, 0)):
        await send(client, register([[T0 + 20 * day_s, middle]]))
        told = await usage(client, T0, T0 + 40 * day_s)
        assert (told["total"]["mwh"], told["total"]["estimated_mwh"]) == (10**6, 10**6)
        half = await usage(client, T0, T0 + 20 * day_s)
        assert half["total"]["mwh"] == first_half
        end = await usage(client, T0 + 40 * day_s - 300, T0 + 40 * day_s)
        assert (end["total"]["mwh"] == 10**6) is (first_half == 0)


async def test_intervals_are_measured_after_they_were_estimated(client: HttpClient) -> None:
    row = [T0, T0 + HALF_HOUR_S]
    assert await send(client, intervals([[*row, "0.5", "estimated"]])) == ["booked"]
    assert (await usage(client, T0, T0 + 3_600))["total"]["estimated_mwh"] == 500_000
    assert await send(client, intervals([[*row, "0.21"]])) == ["booked"]
    assert await send(client, intervals([[*row, 0.21, "measured"]])) == ["unchanged"]
    told = await usage(client, T0, T0 + 3_600)
    assert told["total"] == {"mwh": 210_000, "kwh": "0.21", "estimated_mwh": 0}
    assert told["coverage"] == 0.5


async def test_values_of_every_half_hour_have_gaps_where_there_is_none(client: HttpClient) -> None:
    values = {"meter": "m-1", "every_s": 1_800, "start": T0, "values": ["0.2", None, 0.3]}
    assert await send(client, {"command": "intervals", "intervals": values}) == ["booked"]
    told = await usage(client, T0, T0 + 5_400, every="30m")
    assert [row["mwh"] for row in told["data"]] == [200_000, 0, 300_000]
    assert told["gaps"] == [{"start": "2020-11-29T08:30:00Z", "end": "2020-11-29T09:00:00Z"}]


async def test_half_hours_are_those_of_the_clocks_of_a_zone(client: HttpClient) -> None:
    await send(client, intervals([[T0 + at, T0 + at + 900, 1] for at in range(0, 5_400, 900)]))
    told = await usage(client, T0, T0 + 5_400, every="30m", tz="Asia/Kathmandu")
    assert [(row["start"][11:16], row["kwh"]) for row in told["data"]] == [
        ("08:00", "1"),
        ("08:15", "2"),
        ("08:45", "2"),
        ("09:15", "1"),
    ]


async def test_days_of_23_and_25_hours_have_all_their_energy(client: HttpClient) -> None:
    london = ZoneInfo("Europe/London")
    for day, hours in ((dt.date(2020, 3, 29), 23), (dt.date(2020, 10, 25), 25)):
        midnight = dt.datetime.combine(day, dt.time(), london)
        start = int(midnight.timestamp())
        rows = [[start + 3_600 * at, start + 3_600 * (at + 1), 1] for at in range(hours)]
        await send(client, intervals(rows))
        told = await usage(client, str(day), str(day + dt.timedelta(1)), tz="Europe/London")
        assert (told["total"]["kwh"], told["coverage"]) == (str(hours), 1)
        by_day = await usage(
            client, str(day), str(day + dt.timedelta(1)), tz="Europe/London", every="day"
        )
        assert [row["kwh"] for row in by_day["data"]] == [str(hours)]


async def test_registers_of_a_meter_add_up_and_a_channel_keeps_its_kind(client: HttpClient) -> None:
    row = [T0, T0 + HALF_HOUR_S, "0.5"]
    assert await send(client, intervals([row]), intervals([row], register=1)) == ["booked"] * 2
    told = await usage(client, T0, T0 + HALF_HOUR_S)
    assert (told["total"]["kwh"], told["coverage"]) == ("1", 1)
    for other in (power([[T0, 1]]), register([[T0, 1]], register=1)):
        assert "has data of kind intervals" in (await send(client, other))[0]
    assert await usage(client, T0, T0 + HALF_HOUR_S) == told


async def test_a_message_with_one_fault_is_refused_as_a_whole(client: HttpClient) -> None:
    good = [T0, T0 + HALF_HOUR_S, 1]
    faults: list[tuple[dict[str, Any], str]] = [
        (intervals([good, [T0, T0, 1]]), "rows[1]: 1606636800 to 1606636800 is no interval"),
        (intervals([good, [T0, T0 + 60, "NaN"]]), "rows[1]: 'NaN' is not finite"),
        (intervals([good, [T0, T0 + 60, "-1"]]), "rows[1]: '-1' must lie between 0"),
        (intervals([good, [T0, T0 + 60, 1, "guessed"]]), "rows[1]: 'guessed' is no quality"),
        (intervals([good], unit="therm"), "unit: 'therm' is no unit of energy"),
        (intervals([good], register=16), "register: 16 must lie between 0 and 15"),
        (intervals([good], flow="sideways"), "sideways"),
        (intervals([good], metre=1), "metre"),
        (power([[T0, 1], [T0 + 60, "1e999"]]), "points[1]: '1E+999' is larger than"),
        (power([[T0, 1], [T0 + 60, 10**9]]), "points[1]: '1000000000' is more than 1 GW"),
        (power([[T0, 1], [T0 + 60, ""]]), "points[1]"),
        (power([[T0, 1], [10**10, 1]]), "points[1]"),
        (power([]), "points: 0 readings; 1 to 5000 are allowed"),
        (power([[T0, 1]], meter=""), "meter: a name has at least one letter"),
        (power([[T0, 1]], meter="a" * 129), "meter: "),
        (register([[T0, "1e13"]]), "points[0]: '1E+13' must lie between 0 and 10^12 kWh"),
        ({"command": "count", "count": {"thing": "ab", "value": 1, "ts": T0}}, "command: here one"),
    ]
    told = await send(client, *(document for document, _ in faults))
    for message, (_, expected) in zip(told, faults, strict=True):
        assert expected in message
    answer = await client.get(f"/v3/energy/meters/m-1/usage?start={T0}")
    assert answer.status == 404


async def test_the_queue_and_events_take_the_same_messages(
    client: HttpClient, runtime: Runtime
) -> None:
    body = msgspec.json.encode([intervals([[T0, T0 + 3_600, 1]])])
    answer = await client.request("POST", "/v3/events", body, "application/json")
    assert answer.json()["summary"]["booked"] == 1
    packed = msgpack.packb(power([[T0, 0.25], [T0 + 3_600, 0.25]], register=2))
    events = runtime.rules.events(packed, T0 + 9_000, "1")
    outcomes = await runtime.books.book(events)
    assert [outcome.status for outcome in outcomes] == ["booked"]
    assert (await usage(client, T0, T0 + 3_600))["total"]["kwh"] == "1.25"


async def test_a_preview_says_what_would_become_of_readings_and_writes_nothing(
    runtime: Runtime,
) -> None:
    def events(*documents: dict[str, Any]) -> list[Any]:
        return [
            event
            for each in documents
            for event in runtime.rules.events(msgpack.packb(each), T0 + 9_000, "1")
        ]

    some = events(power([[T0, 1]]), intervals([[T0, T0 + 60, 1]], register=1))
    for _ in range(2):
        told = await runtime.preview().book(some)
        assert [outcome.status for outcome in told] == ["booked", "booked"]
    await runtime.books.book(some)
    more = events(power([[T0, 2]]), power([[T0, 1]], register=1))
    told = await runtime.preview().book([*some, *more])
    assert [each.status for each in told] == ["unchanged", "unchanged", "booked", "refused"]


async def test_whoever_is_overtaken_between_keeping_and_booking_computes_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, client: HttpClient
) -> None:
    def events(second: int, kw: int) -> list[Any]:
        body = msgpack.packb(power([[second, kw]]))
        return runtime.rules.events(body, T0 + 9_000, "1")

    await runtime.books.book([*events(T0, 1), *events(T0 + 3_600, 1)])
    book, waiting = runtime.engine.book, [events(T0 + 2_400, 9)]

    async def overtaken(reports: Any, fences: Any = None) -> Any:
        if waiting:
            await runtime.books.book(waiting.pop())
        return await book(reports, fences)

    monkeypatch.setattr(runtime.engine, "book", overtaken)
    await runtime.books.book(events(T0 + 1_200, 5))
    told = await usage(client, T0, T0 + 3_600)
    assert told["total"]["mwh"] == 5_000_000


async def test_what_failed_between_keeping_and_booking_is_booked_when_it_comes_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, client: HttpClient
) -> None:
    body = msgpack.packb(power([[T0, 1], [T0 + 3_600, 1]]))
    events = runtime.rules.events(body, T0 + 9_000, "1")
    with monkeypatch.context() as patch:

        async def away(*_: Any) -> Any:
            raise StoreUnavailableError("redis: away")

        patch.setattr(runtime.engine, "book", away)
        with pytest.raises(StoreUnavailableError):
            await runtime.books.book(events)
    await runtime.books.book(events)
    assert (await usage(client, T0, T0 + 3_600))["total"]["kwh"] == "1"
