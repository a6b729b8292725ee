"""A user by name, from the way in to every answer: she is called as she called herself."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from psd.client import AsyncClient
from psd.users import user_of
from tests.support.clients import event_requests
from tests.support.clients.event_requests import STRUCTURED, event, statuses
from tests.support.clients.http import Answer, HttpClient
from tests.support.engine import NOON_S

ALICE = "alice@example.com"
ODD = "a/b?c=d&e#f%20+ \u00e9"
RANGE = "start=2016-04-12&end=2016-04-13"
WEEK = {"kind": "fixed", "start": "2016-04-11", "end": "2016-04-18"}


def metric(uid: str | int, value: int = 10, aid: int = 3) -> dict[str, str | int]:
    """A report at noon."""
    fields: dict[str, str | int] = {"thing": "steps", "uid": uid, "aid": aid, "value": value}
    return {**fields, "ts1": NOON_S, "ts2": NOON_S}


async def sent(client: HttpClient, method: str, path: str, body: Any = None) -> Answer:
    content = b"" if body is None else msgspec.json.encode(body)
    return await client.request(method, path, content, "application/json" if content else "")


@pytest.fixture
async def named(client: HttpClient) -> HttpClient:
    """A server whose store has two users by name and one by number."""
    events = [metric(ALICE, 30), metric(ODD, 20), metric(7, 25), metric("7", 5, 4)]
    answer = await sent(client, "POST", "/v3/events", events)
    assert answer.json()["summary"]["booked"] == 4, answer.text
    return client


async def rows(client: HttpClient, path: str) -> list[Any]:
    answer = await client.get(path)
    assert answer.status == 200, answer.text
    found: list[Any] = answer.json()["data"]
    return found


async def test_sums_and_series_take_and_show_names(named: HttpClient) -> None:
    users = f"uid={quote(ALICE)}&uid={quote(ODD, safe='')}&uid=7&uid=nobody"
    sums = await rows(named, f"/v3/sum?thing=steps&{users}&{RANGE}")
    assert [(row["uid"], row["sum"]) for row in sums] == [
        *((ALICE, 30), (ODD, 20), ("7", 30), ("nobody", 0))
    ]
    series = await rows(named, f"/v3/series?thing=steps&{users}&{RANGE}&every=day&by=uid&fill=none")
    assert [(row["uid"], row["sum"]) for row in series] == [(ALICE, 30), (ODD, 20), ("7", 30)]
    csv = await named.get(f"/v3/sum?thing=steps&uid={user_of(ALICE)}&{RANGE}&format=csv")
    assert csv.text == f"uid,thing,sum\r\n{ALICE},steps,30\r\n"


async def test_a_leaderboard_of_everybody_shows_names_and_finds_them(named: HttpClient) -> None:
    board = await rows(named, f"/v3/leaderboard?thing=steps&all=true&{RANGE}")
    assert [(row["rank"], row["uid"]) for row in board] == [(1, "7"), (1, ALICE), (3, ODD)]
    around = await rows(
        named, f"/v3/leaderboard?thing=steps&all=true&around={quote(ODD, safe='')}&span=1&{RANGE}"
    )
    assert [row["uid"] for row in around] == [ALICE, ODD]
    first = (await named.get(f"/v3/leaderboard?thing=steps&all=true&limit=2&{RANGE}")).json()
    second = await rows(
        named,
        f"/v3/leaderboard?thing=steps&all=true&limit=2&cursor={first['next']}&{RANGE}",
    )
    assert [row["uid"] for row in second] == [ODD]


async def test_activities_and_withdrawals_of_a_user_by_name(named: HttpClient) -> None:
    for name, value in ((ALICE, 30), (ODD, 20)):
        path = f"/v3/users/{quote(name, safe='')}"
        [activity] = await rows(named, f"{path}/activities")
        assert activity["sums"] == {"steps": value}
        withdrawn = await sent(named, "DELETE", f"{path}/activities/3?note=twice")
        assert (withdrawn.json()["uid"], withdrawn.json()["status"]) == (name, "withdrawn")
        assert await rows(named, f"{path}/activities") == []
        [entry] = await rows(named, f"{path}/audit")
        assert (entry["aid"], entry["note"]) == ("3", "twice")
    missing = await sent(named, "DELETE", f"/v3/users/{quote(ALICE)}/activities/99")
    assert missing.json()["detail"] == f"aid: nothing is known of activity 99 of user {ALICE}"


async def test_what_is_reported_is_told_of_names(named: HttpClient) -> None:
    answer = await sent(named, "POST", "/v3/reports", [metric(ALICE), metric("nobody")])
    assert [row["status"] for row in answer.json()["data"]] == ["booked", "absent"]


async def test_members_of_a_board_have_names(named: HttpClient) -> None:
    body = {"thing": "steps", "window": WEEK, "members": [ALICE, 7, ODD]}
    assert (await sent(named, "PUT", "/v3/boards/april", body)).status == 201
    change = {"add": ["later@example.com"], "remove": [ODD]}
    changed = await sent(named, "POST", "/v3/boards/april/members", change)
    assert changed.json() == {"added": 1, "removed": 1, "members": 3}
    members = await rows(named, "/v3/boards/april/members")
    assert {row["uid"] for row in members} == {ALICE, "7", "later@example.com"}
    standing = await rows(named, "/v3/boards/april/standing")
    assert {row["uid"]: row["value"] for row in standing} == {
        ALICE: 30,
        "7": 30,
        "later@example.com": 0,
    }
    assert (await sent(named, "POST", "/v3/boards/april/final")).status == 201
    final = await rows(named, "/v3/boards/april/final")
    assert {row["uid"] for row in final} == {ALICE, "7", "later@example.com"}
    removed = await sent(named, "DELETE", f"/v3/boards/april/members?uid={quote(ALICE)}")
    assert removed.json()["removed"] == 1


async def test_rounds_are_played_by_names(named: HttpClient) -> None:
    window = {"start": "2016-04-12", "end": "2016-04-13"}
    rounds = {"windows": [window], "order": [ODD, ALICE]}
    body = {"thing": "steps", "window": WEEK, "members": [ALICE, ODD], "rounds": rounds}
    made = await sent(named, "PUT", "/v3/boards/cup", body)
    assert made.status == 201, made.text
    bracket = (await named.get("/v3/boards/cup/bracket")).json()
    [match] = bracket["rounds"][0]["matches"]
    assert (match["first"]["uid"], match["second"]["uid"]) == (ODD, ALICE)
    assert (match["winner"], bracket["champion"]) == (ALICE, ALICE)


async def test_prometheus_has_names_for_labels(named: HttpClient) -> None:
    async def query(text: str) -> list[Any]:
        path = f"/api/v1/query?query={quote(text)}&time=2016-04-12T13:00:00Z"
        found: list[Any] = (await named.get(path)).json()["data"]["result"]
        return [(row["metric"].get("uid"), row["value"][1]) for row in found]

    assert await query(f'steps{{uid="{ALICE}"}}') == [(ALICE, "30")]
    assert await query('steps{uid="nobody"}') == [("nobody", "0")]
    assert await query("topk(1, steps)") == [("7", "30")]
    assert set(await query("steps")) == {(ALICE, "30"), (ODD, "20"), ("7", "30")}
    values = await named.get(f"/api/v1/label/uid/values?match[]={quote('steps')}")
    assert values.json()["data"] == ["7", *sorted((ALICE, ODD), key=user_of)]
    pattern = quote('steps{uid=~".*alice.*"}')
    assert (await named.get(f"/api/v1/label/uid/values?match[]={pattern}")).json()["data"] == [
        ALICE
    ]
    series = await named.get(f"/api/v1/series?match[]={quote('steps')}")
    assert {each["uid"] for each in series.json()["data"]} == {ALICE, ODD, "7"}


async def test_the_client_takes_and_gives_names(named: HttpClient) -> None:
    async with AsyncClient(named.url) as psd:
        answer = await psd.events([metric("client@example.com", 9)])
        assert answer.summary["booked"] == 1
        [row] = (await psd.sum(thing="steps", uid=["client@example.com"])).data
        assert (row.uid, row.sum) == ("client@example.com", 9)
        page = await psd.activities(ODD)
        assert [each.sums for each in page.data] == [{"steps": 20}]
        assert (await psd.withdraw(ODD, "3")).uid == ODD


async def test_a_cloud_event_may_be_of_a_name(named: HttpClient) -> None:
    named_event = event(data=event_requests.metric(uid="cloud@example.com", ts1=NOON_S, ts2=NOON_S))
    assert await statuses(named, named_event, STRUCTURED) == ["booked"]
    sums = await rows(named, f"/v3/sum?thing=steps&uid=cloud@example.com&{RANGE}")
    assert [(row["uid"], row["sum"]) for row in sums] == [("cloud@example.com", 10)]


async def test_the_routes_of_the_original_know_numbers_alone(named: HttpClient) -> None:
    refused = await named.write(metric(ALICE))
    assert (refused.status, "uid: expected `int`" in refused.text) == (400, True)
    assert (await named.get(f"/v1/query/{quote(ALICE)}/steps/all/0/9999999999")).text == "0"
    uid = user_of(ALICE)
    assert (await named.get(f"/v1/query/{uid}/steps/all/0/9999999999")).text == "30"
