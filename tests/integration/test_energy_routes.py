"""What each question about readings answers to the letter, and whom it refuses and why."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from tests.support.clients.http import Answer, HttpClient

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

HALF_HOUR_S = 1_800


async def send(client: HttpClient, *documents: dict[str, Any]) -> list[str]:
    body = msgspec.json.encode(documents)
    answer = await client.request("POST", "/v3/energy/readings", body, "application/json")
    assert answer.status == 200, answer.text
    return [row.get("message", row["status"]) for row in answer.json()["data"]]


async def ask(client: HttpClient, what: str, meter: str = "m-1", **query: Any) -> Answer:
    return await client.get(f"/v3/energy/meters/{meter}/{what}?{urlencode(query)}")


def half_hours(kwh: list[str], **others: Any) -> dict[str, Any]:
    rows = [[T0 + n * HALF_HOUR_S, T0 + (n + 1) * HALF_HOUR_S, each] for n, each in enumerate(kwh)]
    return {"command": "intervals", "intervals": {"meter": "m-1", "rows": rows, **others}}


async def test_power_is_told_by_its_seconds_in_pages(client: HttpClient) -> None:
    points = [[T0 + n * 1_800, f"{n}.25"] for n in range(5)]
    random.Random(3).shuffle(points)
    sent = {"command": "power", "power": {"meter": "m-1", "points": points}}
    assert await send(client, sent) == ["booked"]
    first = (await ask(client, "readings", limit=3)).json()
    assert first == {
        "meter": "m-1",
        "flow": "import",
        "register": 0,
        "kind": "power",
        "counts": True,
        "data": [
            {"time": "2020-11-29T08:00:00Z", "kw": "0.25"},
            {"time": "2020-11-29T08:30:00Z", "kw": "1.25"},
            {"time": "2020-11-29T09:00:00Z", "kw": "2.25"},
        ],
        "next": "2020-11-29T09:00:00Z",
    }
    rest = (await ask(client, "readings", limit=3, after=first["next"])).json()
    assert [row["kw"] for row in rest["data"]] == ["3.25", "4.25"]
    assert rest["next"] is None


async def test_each_reading_of_a_register_has_its_case(client: HttpClient) -> None:
    """99,998 and 3 are rolled over by five digits; 2.9 after it dips, 900 a minute later spikes."""
    about = {"meter": "m-1", "time": T0, "digits": 5, "max_kw": 100}
    assert await send(client, {"command": "meter", "meter": about}) == ["booked"]
    shown = [
        (0, "99990", None),
        (3_600, "99998", "normal"),
        (7_200, "3", "rollover"),
        (10_800, "2.9", "dip"),
        (14_400, "4", "normal"),
        (14_460, "900", "spike"),
        (18_000, "5", "normal"),
        (21_600, "0.5", "reset"),
        (21_660, "700", "suspect"),
    ]
    points = [[T0 + at, value] for at, value, _ in shown]
    sent = {"command": "register", "register": {"meter": "m-1", "points": points}}
    assert await send(client, sent) == ["booked"]
    told = (await ask(client, "readings")).json()
    assert [row["kwh"] for row in told["data"]] == [value for _, value, _ in shown]
    assert [row.get("case") for row in told["data"]] == [case for _, _, case in shown]


async def test_intervals_are_told_by_their_ends_with_their_quality(client: HttpClient) -> None:
    estimated = half_hours(["0.1", "0.2"], quality="estimated", register=3)
    assert await send(client, half_hours(["0.5"]), estimated) == ["booked", "booked"]
    measured = half_hours(["0.15"], register=3)
    assert await send(client, measured) == ["booked"]
    told = (await ask(client, "readings", register=3)).json()
    assert told["data"] == [
        {"end": "2020-11-29T08:30:00Z", "kwh": "0.15", "quality": "measured"},
        {"end": "2020-11-29T09:00:00Z", "kwh": "0.2", "quality": "estimated"},
    ]
    assert (told["kind"], told["counts"], told["next"]) == ("intervals", True, None)


async def test_what_does_not_count_is_told_whole(client: HttpClient) -> None:
    sent = half_hours(["0.5", "0.25"], counts=False, flow="export")
    assert await send(client, sent) == ["booked"]
    told = (await ask(client, "readings", flow="export")).json()
    assert told["counts"] is False
    assert told["data"] == [
        {
            "time": "2020-11-29T08:00:00Z",
            "end": "2020-11-29T08:30:00Z",
            "kwh": "0.5",
            "quality": "measured",
        },
        {
            "time": "2020-11-29T08:30:00Z",
            "end": "2020-11-29T09:00:00Z",
            "kwh": "0.25",
            "quality": "measured",
        },
    ]


async def test_one_register_has_its_own_energy_and_gaps(client: HttpClient) -> None:
    day, night = ["0.1", "0.2", "0.3", "0.4"], ["1", "2"]
    assert await send(client, half_hours(day), half_hours(night, register=1)) == ["booked"] * 2
    wide = {
        "meter": "m-1",
        "register": 1,
        "rows": [[T0 + 3_600, T0 + 3_600 * 26, "7", "estimated"]],
    }
    assert await send(client, {"command": "intervals", "intervals": wide}) == ["booked"]
    query = {"start": T0, "end": T0 + 3_600 * 28, "every": "30m"}
    by_register = [(await ask(client, "usage", register=n, **query)).json() for n in (0, 1)]
    both = (await ask(client, "usage", **query)).json()
    assert [each["register"] for each in by_register] == [0, 1]
    assert "register" not in both
    assert [each["total"]["kwh"] for each in (*by_register, both)] == ["1", "10", "11"]
    assert [each["total"]["estimated_mwh"] for each in by_register] == [0, 7_000_000]
    for place, row in enumerate(both["data"]):
        assert row["mwh"] == sum(each["data"][place]["mwh"] for each in by_register)
    assert [row["kwh"] for row in by_register[0]["data"][:4]] == day
    assert by_register[0]["gaps"] == [
        {"start": "2020-11-29T10:00:00Z", "end": "2020-11-30T12:00:00Z"}
    ]
    assert by_register[1]["gaps"] == [
        {"start": "2020-11-30T10:00:00Z", "end": "2020-11-30T12:00:00Z"}
    ]


async def test_a_register_of_thousands_of_bookings_has_all_of_them(client: HttpClient) -> None:
    """More than one reading of bookings: 5,000 are read at a time."""
    for start in range(0, 6_000, 3_000):
        rows = [
            [T0 - 10**7 + (start + n) * 600, T0 - 10**7 + (start + n + 1) * 600, "0.001"]
            for n in range(3_000)
        ]
        listed = [
            {"command": "intervals", "intervals": {"meter": "m-1", "register": n, "rows": rows}}
            for n in (2, 5)
        ]
        assert await send(client, *listed) == ["booked", "booked"]
    query = {"start": T0 - 10**7, "end": T0, "register": 5}
    assert (await ask(client, "usage", **query)).json()["total"]["kwh"] == "6"


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("readings", {"register": 1}, 404, "register 1"),
    ("readings", {"register": 16}, 406, "register: 16 must lie between 0 and 15"),
    ("readings", {"register": "day"}, 400, "register"),
    ("readings", {"flow": "exports"}, 400, "flow"),
    ("readings", {"after": "yesterday-ish"}, 400, "after"),
    ("readings", {"limit": 0}, 406, "limit"),
    ("readings", {"limit": 5_001}, 406, "limit"),
    ("readings", {"from": "2020-01-01"}, 400, "from"),
    ("usage", {}, 400, "start"),
    ("usage", {"start": "soon"}, 400, "start"),
    ("usage", {"start": T0, "end": "late"}, 400, "end"),
    ("usage", {"start": T0, "every": "fortnight"}, 400, "every"),
    ("usage", {"start": T0, "tz": "Europe/Londom"}, 400, "tz"),
    ("usage", {"start": T0, "flow": "both"}, 400, "flow"),
    ("usage", {"start": T0, "register": 2}, 404, "register: 2"),
    ("usage", {"start": T0, "register": -1}, 406, "register: -1"),
    ("usage", {"start": T0, "register": 16}, 406, "register: 16 must lie between 0 and 15"),
    ("usage", {"start": T0, "step": "1h"}, 400, "step"),
    ("usage", {"start": "1970-01-02", "end": T0, "every": "5m"}, 422, "every"),
]


@pytest.mark.parametrize(("what", "query", "status", "told"), REFUSED)
async def test_a_question_that_cannot_be_answered_names_what_is_wrong(
    client: HttpClient, what: str, query: dict[str, Any], status: int, told: str
) -> None:
    assert await send(client, half_hours(["0.5"])) == ["booked"]
    answer = await ask(client, what, **query)
    assert answer.status == status, answer.text
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("what", ["readings", "usage?start=1", "cost?start=1", "compare?start=1"])
async def test_a_meter_that_never_sent_anything_is_not_there(client: HttpClient, what: str) -> None:
    answer = await client.get(f"/v3/energy/meters/nobody/{what}")
    assert answer.status == 404, answer.text
    assert "nobody" in answer.json()["detail"]
