"""GET and POST /v3/leaderboard over a real store: ties, pages, surroundings, comparisons."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import HttpClient
from tests.support.engine import DAY_S, NOON_S, report

READER = token_for("reader", "read")
READER_OF_1 = token_for("reader-of-1", "read", frozenset({1}))


pytestmark = pytest.mark.psd(
    asked_of(READER, READER_OF_1),
    now_s=NOON_S + 30 * DAY_S,
    holds=[
        report(50, NOON_S, uid=1, aid=1),
        report(30, NOON_S + 20, uid=2, aid=1),
        report(10, NOON_S + 90, uid=2, aid=2),
        report(40, NOON_S + 60, uid=3, aid=1),
        report(30, NOON_S + 30, uid=4, aid=1),
    ],
)


async def asked(client: HttpClient, parameters: str, secret: str = READER.secret) -> Any:
    path = f"/v3/leaderboard?thing=steps&{parameters}"
    return await client.request("GET", path, headers=bearer(secret))


async def standings(client: HttpClient, parameters: str) -> list[tuple[int, str, int]]:
    answer = await asked(client, parameters)
    assert answer.status == 200, answer.text
    return [(row["rank"], row["uid"], row["value"]) for row in answer.json()["data"]]


async def test_a_row_tells_rank_value_when_it_was_reached_and_percentile(
    client: HttpClient,
) -> None:
    answer = await asked(client, "limit=1")
    assert answer.json()["data"] == [
        {
            "rank": 1,
            "uid": "1",
            "value": 50,
            "reached_at": "2016-04-12T12:00:00Z",
            "percentile": 75.0,
        }
    ]
    assert answer.json()["total"] == 4
    assert answer.json()["exact"] is True
    assert answer.json()["watermark"]["newest"] == "2016-04-12T12:01:30Z"


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("competition", [(1, "1", 50), (2, "2", 40), (2, "3", 40), (4, "4", 30)]),
        ("dense", [(1, "1", 50), (2, "2", 40), (2, "3", 40), (3, "4", 30)]),
        ("ordinal", [(1, "1", 50), (2, "2", 40), (3, "3", 40), (4, "4", 30)]),
        ("first_to_reach", [(1, "1", 50), (2, "3", 40), (3, "2", 40), (4, "4", 30)]),
    ],
)
async def test_ties_are_told_apart_as_asked_on_every_page(
    client: HttpClient, ties: str, expected: list[tuple[int, str, int]]
) -> None:
    assert await standings(client, f"ties={ties}") == expected
    paged = []
    cursor = ""
    while cursor is not None:
        answer = await asked(client, f"ties={ties}&limit=1" + (cursor and f"&cursor={cursor}"))
        paged += [(row["rank"], row["uid"], row["value"]) for row in answer.json()["data"]]
        cursor = answer.json()["next"]
    assert paged == expected
    assert await standings(client, f"ties={ties}&around=3&span=0") == [
        row for row in expected if row[1] == "3"
    ]


async def test_a_board_stands_as_it_stood_at_any_second(client: HttpClient) -> None:
    as_of = f"as_of={NOON_S + 60}&ties=first_to_reach"
    assert await standings(client, as_of) == [(1, "1", 50), (2, "2", 30), (3, "4", 30), (4, "3", 0)]


async def test_comparing_tells_who_overtook_whom(client: HttpClient) -> None:
    answer = await asked(client, f"compare_to={NOON_S + 60}")
    changes = [
        (row["uid"], row["previous_rank"], row["rank_change"], row["value_change"])
        for row in answer.json()["data"]
    ]
    assert changes == [("1", 1, 0, 0), ("2", 2, 0, 10), ("3", 4, 2, 40), ("4", 2, -2, 0)]
    ranged = await asked(client, f"compare_to={NOON_S}/{NOON_S + 60}")
    assert [row["previous_rank"] for row in ranged.json()["data"]] == [1, 2, 4, 2]
    assert ranged.json()["previous_range"] == {
        "start": "2016-04-12T12:00:00Z",
        "end": "2016-04-12T12:01:00Z",
    }


async def test_a_board_of_a_list_has_those_alone_also_without_data(client: HttpClient) -> None:
    assert await standings(client, "uid=3&uid=9&uid=4") == [(1, "3", 40), (2, "4", 30), (3, "9", 0)]


async def test_a_body_asks_the_same_as_parameters(client: HttpClient) -> None:
    body = msgspec.json.encode({"thing": "steps", "around": "3", "span": 1, "all": True})
    answer = await client.request("POST", "/v3/leaderboard", body, headers=bearer(READER.secret))
    assert [row["uid"] for row in answer.json()["data"]] == ["2", "3", "4"]


async def test_someone_restricted_to_owners_sees_the_others_without_data(
    client: HttpClient,
) -> None:
    answer = await asked(client, "uid=1&uid=2", READER_OF_1.secret)
    rows = [(row["uid"], row["value"], row["reached_at"]) for row in answer.json()["data"]]
    assert rows == [("1", 50, "2016-04-12T12:00:00Z"), ("2", 0, None)]
    everybody = await asked(client, "all=true", READER_OF_1.secret)
    assert (everybody.status, everybody.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("parameters", "status", "detail"),
    [
        ("limit=0", 400, "limit: '0': expected `int` >= 1"),
        ("limit=1001", 400, "limit: '1001': expected `int` <= 1000"),
        ("limit=ten", 400, "limit: 'ten': expected `int"),
        ("ties=random", 400, "ties: 'random': invalid enum value"),
        ("around=007", 400, "around: '007' is not a 64-bit integer"),
        ("around=nobody", 404, "around: 'nobody' is not on this board"),
        ("around=5", 404, "around: 5 is not on this board"),
        ("span=2", 400, "span: 2 says nothing without around"),
        ("cursor=nonsense", 400, "cursor: 'nonsense' is not one that an answer gave"),
        ("cursor=%C3%A9", 400, "cursor: "),
        ("board=x", 404, "board: 'x'"),
        ("board=x&uid=1", 400, "board: not together with uid"),
        ("all=true&uid=1", 400, "all: not together with uid"),
        ("compare_to=1/x", 400, "compare_to.end: 'x' is neither RFC 3339"),
        ("compare_to=2/1", 400, "compare_to.start: '2' must not be after compare_to.end '1'"),
        ("thing=cb", 400, "thing: 2 asked; a board is about one"),
    ],
)
async def test_a_question_without_an_answer_is_refused(
    client: HttpClient, parameters: str, status: int, detail: str
) -> None:
    answer = await asked(client, parameters)
    assert answer.status == status, answer.text
    assert detail in answer.json()["detail"]


async def test_a_cursor_is_of_the_ties_that_it_was_given_for(client: HttpClient) -> None:
    cursor = (await asked(client, "limit=1")).json()["next"]
    answer = await asked(client, f"limit=1&ties=dense&cursor={cursor}")
    assert answer.status == 400
    assert "other ties than 'dense'" in answer.json()["detail"]
