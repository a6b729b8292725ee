"""What is said of meters: whenever it comes, the energy of all readings follows it."""

from __future__ import annotations

import itertools
from typing import Any

import msgpack
import pytest

from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.energy.said_of_meters import (
    EXCHANGE,
    HOUR_S,
    T0,
    half_hours,
    meter,
    of_meter,
    power,
    register,
    send,
    usage,
)

NAMELESS = {"meter": "", "uid": ""}
"""What is another with each meter."""

LATE: dict[str, tuple[list[dict[str, Any]], str]] = {
    "an exchange": (
        [
            register((0, 99_869), (HOUR_S, 99_870)),
            register((3 * HOUR_S, "0.5"), (4 * HOUR_S, 1)),
            meter(exchange=EXCHANGE),
        ],
        "2.2",
    ),
    "two exchanges between two readings": (
        [
            register((0, 10), (6 * HOUR_S, 1)),
            meter(exchange={"time": T0 + HOUR_S, "final": 11, "first": 7}),
            meter(exchange={"time": T0 + 5 * HOUR_S, "final": 9, "first": 0}),
        ],
        "4",
    ),
    "a number of digits": (
        [
            register((0, 99_990), (HOUR_S, 99_999)),
            register((2 * HOUR_S, 4)),
            meter(digits=5),
        ],
        "14",
    ),
    "a smaller fuse": (
        [register((0, 0), (HOUR_S, 50)), register((2 * HOUR_S, 2)), meter(max_kw="14")],
        "2",
    ),
    "a shorter gap": (
        [power((0, 1), (HOUR_S, 1)), power((HOUR_S + 1_800, 1)), meter(gap_max_s=1_800)],
        "0.5",
    ),
    "a gap too short for all that was taken and delivered": (
        [power((0, 2), (HOUR_S, -2), (3 * HOUR_S, 4), signed=True), meter(gap_max_s=60)],
        "0",
    ),
    "a longer gap": (
        [power((0, 2)), power((4 * HOUR_S, 2)), meter(gap_max_s=4 * HOUR_S)],
        "8",
    ),
}


@pytest.mark.parametrize("named", LATE)
async def test_what_is_said_of_a_meter_may_come_before_between_and_after_its_readings(
    client: HttpClient, named: str
) -> None:
    documents, expected = LATE[named]
    stored = set()
    for number, order in enumerate(itertools.permutations(documents)):
        name = f"m-{number}"
        for document in order:
            assert await send(client, of_meter(document, name)) == ["booked"]
        told, delivered = await usage(client, name), await usage(client, name, flow="export")
        assert told["total"]["kwh"] == expected, order
        assert delivered["total"]["kwh"] == "0"
        stored.add((str(told["gaps"]), told["total"]["estimated_mwh"], told["coverage"]))
        for document in order:
            assert await send(client, of_meter(document, name)) == ["unchanged"]
        assert await usage(client, name) == told
    assert len(stored) == 1


async def test_of_each_field_the_latest_second_stands_and_null_forgets_it(
    client: HttpClient,
) -> None:
    said = [
        meter(tz="Europe/London", plan="old"),
        meter(time=T0 + 60, plan="eco-tou", max_kw=14),
        meter(time=T0 + 120, max_kw=None, digits=6),
        meter(time=T0 + 90, digits=5, gap_max_s=900, exchange=EXCHANGE),
    ]
    answers = []
    for number, order in enumerate(itertools.permutations(said)):
        await send(client, *(of_meter(document, f"m-{number}") for document in order))
        answers.append((await client.get(f"/v3/energy/meters/m-{number}")).json() | NAMELESS)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0] == {
        **NAMELESS,
        "tz": "Europe/London",
        "plan": "eco-tou",
        "max_kw": "100",
        "digits": 6,
        "gap_max_s": 900,
        "exchanges": [
            {
                "time": "2020-11-29T10:00:00Z",
                "flow": "import",
                "register": 0,
                "final": "99870.2",
                "first": "0",
            }
        ],
        "since": {
            "digits": "2020-11-29T08:02:00Z",
            "exchange:i0:1606644000": "2020-11-29T08:01:30Z",
            "gap_max_s": "2020-11-29T08:01:30Z",
            "plan": "2020-11-29T08:01:00Z",
            "tz": "2020-11-29T08:00:00Z",
        },
        "channels": [],
        "quality": {},
    }


async def test_an_exchange_that_was_none_is_taken_back(client: HttpClient) -> None:
    await send(client, register((HOUR_S, 99_870), (3 * HOUR_S, 1)), meter(exchange=EXCHANGE))
    assert (await usage(client))["total"] == {"mwh": 1_200_000, "kwh": "1.2", "estimated_mwh": 0}
    none = EXCHANGE | {"final": None, "first": None}
    await send(client, meter(time=T0 + 1, exchange=none))
    assert (await usage(client))["total"]["estimated_mwh"] == 1_000_000
    assert (await client.get("/v3/energy/meters/m-1")).json()["exchanges"] == []


async def test_what_does_not_count_is_kept_and_no_energy_is_booked_of_it(
    client: HttpClient,
) -> None:
    rows = [[T0, T0 + 1_800, "0.5"], [T0 + 1_800, T0 + HOUR_S, 1, "estimated"]]
    beside = {"meter": "m-1", "rows": rows, "register": 3, "counts": False}
    document = {"command": "intervals", "intervals": beside}
    assert await send(client, document, power((0, 1), (HOUR_S, 1))) == ["booked", "booked"]
    assert await send(client, document) == ["unchanged"]
    assert (await usage(client))["total"]["kwh"] == "1"
    [told] = await send(client, {"command": "intervals", "intervals": beside | {"counts": True}})
    assert "has data of kind intervals beside" in told


async def test_power_that_is_corrected_to_be_taken_is_delivered_no_more(
    client: HttpClient,
) -> None:
    await send(client, power((0, 2), (HOUR_S, -2), signed=True))
    assert (await usage(client, flow="export"))["total"]["kwh"] == "0.5"
    assert (await usage(client, flow="export"))["coverage"] == round(1 / 24, 6)
    await send(client, power((HOUR_S, 2)))
    assert (await usage(client, flow="export"))["total"]["kwh"] == "0"
    assert (await usage(client))["total"]["kwh"] == "2"
    [told] = await send(client, power((0, 1), flow="export"))
    assert "has data of kind delivered" in told


async def test_whoever_was_cut_off_while_deriving_is_followed_by_the_next_reading(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, client: HttpClient
) -> None:
    def events(document: dict[str, Any]) -> list[Any]:
        return runtime.rules.events(msgpack.packb(document), T0 + 10**7, "1")

    days = [register((86_400 * day, day)) for day in range(100)]
    for document in (*days, register((86_400 * 50 + HOUR_S, 99))):
        await runtime.books.book(events(document))
    book, calls = runtime.engine.book, []

    async def away(reports: Any, fences: Any = None) -> Any:
        calls.append(len(reports))
        if len(calls) == 2:
            raise StoreUnavailableError("redis: away")
        return await book(reports, fences)

    with monkeypatch.context() as patch:
        patch.setattr(runtime.engine, "book", away)
        with pytest.raises(StoreUnavailableError):
            await runtime.books.book(events(meter(max_kw="2")))
    await runtime.books.book(events(register((86_400 * 100, 100))))
    answer = await client.get(f"/v3/energy/meters/m-1/usage?start={T0}&end={T0 + 86_400 * 100}")
    assert answer.json()["total"] == {"mwh": 10**8, "kwh": "100", "estimated_mwh": 10**8}


async def test_intervals_of_many_meters_that_come_together_are_each_metered_where_they_are(
    client: HttpClient,
) -> None:
    assert await send(client, of_meter(power((0, 1), (HOUR_S, 1)), "m-1")) == ["booked"]
    # 240 runs of one channel, more than other channels share a call with.
    scattered = [half_hours("m-2", *range(at, 864_000, 36_000)) for at in range(0, 36_000, 3_600)]
    together = [
        half_hours("m-3", 0),
        half_hours("m-1", 7_200),
        *scattered,
        half_hours("m-3", 1_800),
        half_hours("m-3", 7_200, register=1),
        half_hours("m-4", 5_400),
        half_hours("m-1", 7_200, register=1),
    ]
    refused, *booked = sorted(await send(client, *together), key=len, reverse=True)
    assert refused.startswith("register: 0 of flow import has data of kind power")
    assert booked == ["booked"] * (len(together) - 1)
    day = 24 * HOUR_S
    for name, covered_s in {"m-1": 5_400, "m-2": day // 2, "m-3": 5_400, "m-4": 1_800}.items():
        assert (await usage(client, name))["coverage"] == round(covered_s / day, 6), name
    assert [gap["start"] for gap in (await usage(client, "m-3"))["gaps"]] == [
        "2020-11-29T09:00:00Z",
        "2020-11-29T10:30:00Z",
    ]
