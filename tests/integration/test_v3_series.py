"""GET and POST /v3/series over a real store: calendars, gaps, groups, limits."""

from __future__ import annotations

import msgspec
import pytest

from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.engine import DAY_S, book, report, second

BERLIN = "tz=Europe/Berlin"
SPRING = second("2017-03-26 00:30:00")
"""In the night in which the clocks of Berlin went forward, half an hour before they did."""


pytestmark = pytest.mark.psd(
    now_s=SPRING + 30 * DAY_S,
    holds=[
        report(1, SPRING, uid=1, atid=2, aid=1),
        report(2, SPRING + 3600, uid=1, atid=7, aid=2),
        report(4, SPRING + 22 * 3600, uid=2, atid=2, aid=3),
        report(8, SPRING + 3 * DAY_S, uid=1, atid=2, aid=4),
        report(5, SPRING + 3 * DAY_S, uid=2, atid=2, aid=5),
        report(-5, SPRING + 3 * DAY_S, uid=2, atid=2, aid=6),
    ],
)


async def points(client: HttpClient, parameters: str) -> list[dict[str, object]]:
    answer = await client.get(f"/v3/series?thing=steps&{parameters}")
    assert answer.status == 200, answer.text
    return answer.json()["data"]


async def test_a_day_of_a_zone_has_23_hours_when_its_clocks_go_forward(client: HttpClient) -> None:
    found = await points(
        client,
        f"uid=1&uid=2&every=day&{BERLIN}&start=2017-03-25T23:00:00Z&end=2017-03-27T22:00:00Z",
    )
    assert found == [
        {
            "start": "2017-03-25T23:00:00Z",
            "end": "2017-03-26T22:00:00Z",
            "thing": "steps",
            "sum": 3,
        },
        {
            "start": "2017-03-26T22:00:00Z",
            "end": "2017-03-27T22:00:00Z",
            "thing": "steps",
            "sum": 4,
        },
    ]


async def test_the_ends_of_a_range_cut_its_units(client: HttpClient) -> None:
    found = await points(client, f"uid=1&every=month&start={SPRING + 1}&end={SPRING + DAY_S}")
    assert [(point["start"], point["end"], point["sum"]) for point in found] == [
        ("2017-03-26T00:30:01Z", "2017-03-27T00:30:00Z", 2)
    ]


@pytest.mark.parametrize(
    ("fill", "sums"), [("zero", [3, 0, 0, 8]), ("null", [3, None, None, 8]), ("none", [3, 8])]
)
async def test_gaps_are_filled_as_asked(
    client: HttpClient, fill: str, sums: list[int | None]
) -> None:
    found = await points(
        client, f"uid=1&every=day&fill={fill}&start=2017-03-26T00:00:00Z&end=2017-03-30T00:00:00Z"
    )
    assert [point["sum"] for point in found] == sums


async def test_a_unit_whose_bookings_cancel_out_is_no_gap(client: HttpClient) -> None:
    found = await points(
        client, "uid=2&every=day&fill=none&start=2017-03-28T00:00:00Z&end=2017-03-30T00:00:00Z"
    )
    assert [point["sum"] for point in found] == [0]


async def test_points_are_told_apart_by_user_or_by_atid(client: HttpClient) -> None:
    week = "every=week&start=2017-03-20T00:00:00Z&end=2017-03-27T00:00:00Z"
    by_uid = await points(client, f"uid=2&uid=1&uid=9&by=uid&{week}")
    assert [(point["uid"], point["sum"]) for point in by_uid] == [("2", 4), ("1", 3), ("9", 0)]
    by_atid = await points(client, f"uid=1&uid=2&by=atid&{week}")
    assert [(point["atid"], point["sum"]) for point in by_atid] == [("2", 5), ("7", 2)]
    asked = await points(client, f"uid=1&by=atid&atid=7&atid=99&{week}")
    assert [(point["atid"], point["sum"]) for point in asked] == [("7", 2), ("99", 0)]


async def test_a_body_asks_the_same_as_parameters(client: HttpClient) -> None:
    asked = {"thing": "steps", "uid": ["1"], "start": SPRING, "every": "hour", "end": SPRING + 7200}
    posted = await client.request("POST", "/v3/series", msgspec.json.encode(asked))
    found = await points(client, f"uid=1&every=hour&start={SPRING}&end={SPRING + 7200}")
    assert posted.json()["data"] == found
    assert [point["sum"] for point in found] == [1, 2, 0]


async def test_an_empty_range_has_no_points(client: HttpClient) -> None:
    cut = f"uid=1&every=day&start={SPRING}&end={SPRING + 99}&as_of={SPRING}"
    assert await points(client, cut) == []
    csv = await client.get(f"/v3/series?thing=steps&{cut}&format=csv")
    assert (csv.status, csv.text) == (200, "start,end,thing,sum,partial\r\n")


@pytest.mark.parametrize(
    ("parameters", "status", "detail"),
    [
        ("uid=1&every=day", 400, "start: missing; it is needed"),
        ("uid=1&start=0", 400, "every: missing; it is needed"),
        ("uid=1&start=0&every=minute", 422, "every: 'minute' cuts this range into more than 10000"),
        ("uid=1&start=0&every=day&end=864086400", 422, "more than 10000 points"),
        (
            "uid=1&uid=2&by=uid&start=0&every=day&end=864000000",
            422,
            "every: 10000 points for each of 2 groups asked, at most 10000 points are allowed",
        ),
        ("uid=1&start=0&every=day&fill=nan", 400, "fill: 'nan': invalid enum value"),
    ],
)
async def test_a_question_without_an_answer_is_refused(
    client: HttpClient, parameters: str, status: int, detail: str
) -> None:
    answer = await client.get(f"/v3/series?thing=steps&{parameters}")
    assert answer.status == status
    assert detail in answer.json()["detail"]


async def test_ten_thousand_points_are_answered(client: HttpClient) -> None:
    found = await points(client, "uid=1&every=day&start=1990-01-01T00:00:00Z&end=1494979200")
    assert len(found) == 9998
    assert sum(int(str(point["sum"])) for point in found) == 11


@pytest.mark.parametrize("fill", ["zero", "null", "none"])
async def test_a_type_whose_bookings_cancel_out_is_a_group_whatever_fills_the_gaps(
    client: HttpClient, runtime: Runtime, fill: str
) -> None:
    events = [
        report(5, SPRING, uid=3, atid=2, aid=1),
        report(-5, SPRING + 60, uid=3, atid=2, aid=2),
        report(1, SPRING, uid=3, atid=7, aid=3),
    ]
    await book(runtime, events)
    found = await points(client, f"uid=3&every=year&by=atid&fill={fill}&start=0&end={SPRING + 99}")
    assert {(each["atid"], each["sum"]) for each in found if each["sum"] is not None} >= {
        ("2", 0),
        ("7", 1),
    }
