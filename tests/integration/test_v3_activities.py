"""The activities of a user over HTTP: listing them, taking one back, and who did that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.reader import read_entries
from psd.archive.replay import Replay, Window
from psd.clock import SystemClock
from psd.config import (
    AccessSettings,
    ArchiveSettings,
    QueueSettings,
    RedisSettings,
    ServerSettings,
    Settings,
)
from psd.engine.events import TIME_END_S
from psd.runtime import Runtime, open_runtime
from tests.support.access import bearer, token_for
from tests.support.audits import audit_of
from tests.support.engine import NOON_S, book, forget, report
from tests.support.http import Answer, HttpClient, serving
from tests.support.keyspace import keyspace

NOON = "2016-04-12T12:00:00Z"
TOKENS = {
    "admin": token_for("admin", "admin"),
    "reader-of-1": token_for("reader-of-1", "read", frozenset({1})),
    "reader-of-2": token_for("reader-of-2", "read", frozenset({2})),
    "writer-of-2": token_for("writer-of-2", "write", frozenset({2})),
}
ALL_TIME = Window(0, 1 << 60)


def settings_of(redis_url: str, folder: Path, **others: Any) -> Settings:
    return Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
        archive=ArchiveSettings(folder=str(folder)),
        **others,
    )


@pytest.fixture
async def runtime(redis_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    runtime = await open_runtime(settings_of(redis_url, tmp_path / "archive"), archiving=True)
    yield runtime
    await runtime.close()


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[HttpClient]:
    async with serving(runtime) as client:
        yield client


async def withdraw(client: HttpClient, aid: int = 3, body: bytes = b"", query: str = "") -> Answer:
    return await client.request("DELETE", f"/v3/users/1/activities/{aid}{query}", body)


async def total(client: HttpClient) -> int:
    return int((await client.get(f"/v1/query/1/steps/all/0/{TIME_END_S}")).text)


async def listed(client: HttpClient, query: str = "") -> list[str]:
    answer = await client.get(f"/v3/users/1/activities{query}")
    assert answer.status == 200, answer.text
    return [row["aid"] for row in answer.json()["data"]]


async def test_activities_are_told_with_what_they_have_in_the_range(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(25, NOON_S + 60, NOON_S), report(4, thing=2)])
    await book(runtime, [report(7, NOON_S + 30, aid=2**62, atid=9)])
    answer = await client.get(f"/v3/users/1/activities?start={NOON}&end={NOON_S + 61}")
    assert answer.json() == {
        "data": [
            {
                "aid": "3",
                "atid": 2,
                "sums": {"steps": 25, "calories": 4},
                "bookings": 3,
                "first": NOON,
                "last": "2016-04-12T12:01:00Z",
            },
            {
                "aid": str(2**62),
                "atid": 9,
                "sums": {"steps": 7},
                "bookings": 1,
                "first": "2016-04-12T12:00:30Z",
                "last": "2016-04-12T12:00:30Z",
            },
        ],
        "next": None,
        "exact": True,
        "range": {"start": NOON, "end": "2016-04-12T12:01:01Z"},
        "watermark": {"newest": "2016-04-12T12:01:00Z", "queue_depth": 0},
    }
    assert await listed(client, f"?start={NOON_S + 1}&end={NOON_S + 31}") == [str(2**62)]
    assert await listed(client, f"?end={NOON_S}") == []
    assert await listed(client, "?thing=calories") == ["3"]
    assert await listed(client, "?atid=9&atid=5") == [str(2**62)]


async def test_a_table_has_a_row_for_each_activity_and_thing(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(4, thing=2), report(7, NOON_S + 1, aid=4)])
    answer = await client.get("/v3/users/1/activities?format=csv&limit=1")
    assert answer.text.splitlines() == [
        "aid,atid,thing,sum,bookings,first,last",
        f"3,2,steps,10,2,{NOON},{NOON}",
        f"3,2,calories,4,2,{NOON},{NOON}",
    ]
    assert answer.headers["Psd-Next"]
    assert (await client.get("/v3/users/1/activities?format=xml")).json()["code"] == "bad_query"


async def test_a_closed_range_is_not_sent_twice(client: HttpClient, runtime: Runtime) -> None:
    await book(runtime, [report(10)])
    path = f"/v3/users/1/activities?end={NOON_S + 60}"
    tag = (await client.get(path)).headers["Etag"]
    assert (await client.request("GET", path, headers={"If-None-Match": tag})).status == 304
    await book(runtime, [report(3, NOON_S + 5, aid=4)])
    assert (await client.request("GET", path, headers={"If-None-Match": tag})).status == 200
    assert "Etag" not in (await client.get("/v3/users/1/activities")).headers


async def test_pages_are_in_the_order_of_first_bookings_and_join_without_a_gap(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(1, NOON_S + n // 3, aid=100 - n) for n in range(20)])
    expected = sorted(range(20), key=lambda n: (n // 3, 100 - n))
    found: list[str] = []
    following = ""
    for _ in range(7):
        answer = (await client.get(f"/v3/users/1/activities?limit=3{following}")).json()
        found += [row["aid"] for row in answer["data"]]
        following = f"&cursor={answer['next']}"
        await book(runtime, [report(5, NOON_S - 60, aid=500)])
    assert found == [str(100 - n) for n in expected]
    assert answer["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        *("thing=floors", "start=never", "limit=0", "limit=1001", "limit=x", "cursor=x", "atid=01"),
        *(f"start={NOON_S + 1}&end={NOON_S}", "cursor=MTQ2MDQ2MjcwMA", "other=1", "thing=signals"),
    ],
)
async def test_a_question_that_breaks_a_rule_is_refused(client: HttpClient, query: str) -> None:
    answer = await client.get(f"/v3/users/1/activities?{query}")
    assert answer.json()["code"] == "bad_query"
    assert answer.json()["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "path", ["/v3/users/x/activities", "/v3/users/01/audit", "/v3/users/1/audit?cursor=MTIy"]
)
async def test_a_path_or_cursor_that_is_none_is_refused(client: HttpClient, path: str) -> None:
    assert (await client.get(path)).json()["code"] == "bad_query"


async def test_a_withdrawn_activity_is_gone_from_every_answer(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(4, thing=2), report(7, aid=4)])
    answer = await withdraw(client, query="?note=counted+twice")
    taken = {"bookings": 1, "first": NOON, "last": NOON, "atid": 2}
    assert (answer.status, answer.json()) == (
        200,
        {
            "uid": "1",
            "aid": "3",
            "status": "withdrawn",
            "taken": [
                {"thing": "steps", "sum": 10, **taken},
                {"thing": "calories", "sum": 4, **taken},
            ],
        },
    )
    assert await total(client) == 7
    assert await listed(client) == ["4"]
    assert await book(runtime, [report(99)]) == ["withdrawn"]
    again = await withdraw(client)
    assert (again.status, again.json()["status"], again.json()["taken"]) == (200, "unchanged", [])


async def test_an_activity_that_nobody_reported_is_not_found_and_leaves_no_trace(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    await book(runtime, [report(aid=4)])
    before = await keyspace(runtime.store.client)
    answer = await withdraw(client)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert await keyspace(runtime.store.client) == before
    assert list(read_entries(tmp_path / "archive", 0, 1 << 60)) == []


async def test_a_vehicle_of_the_same_number_keeps_its_activity(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(1, aid=3, thing=6), report(10)])
    assert runtime.settings.things["signals"].id == 6
    assert (await withdraw(client)).status == 200
    assert (await client.get(f"/v1/query/1/signals/all/0/{TIME_END_S}")).text == "1"


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b'{"note":"a"}', "", 200),
        (b'{"note":"a"}', "?note=b", 400),
        (b'{"note":5}', "", 400),
        (b'{"notes":"a"}', "", 400),
        (b"[", "", 400),
        (b"", "?other=1", 400),
        (b"", f"?note={'x' * 1001}", 422),
    ],
)
async def test_a_note_comes_in_the_url_or_in_a_json_object(
    client: HttpClient, runtime: Runtime, body: bytes, query: str, status: int
) -> None:
    await book(runtime, [report()])
    answer = await withdraw(client, body=body, query=query)
    assert answer.status == status, answer.text
    assert await total(client) == (0 if status == 200 else 10)


async def test_the_audit_tells_who_withdrew_what_the_newest_first(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(n, NOON_S + n, aid=n) for n in range(1, 6)])
    for aid in range(1, 6):
        await withdraw(client, aid, query=f"?note=no.{aid}")
    first = (await client.get("/v3/users/1/audit?limit=3")).json()
    second = (await client.get(f"/v3/users/1/audit?limit=3&cursor={first['next']}")).json()
    assert [row["note"] for row in first["data"] + second["data"]] == [
        f"no.{aid}" for aid in (5, 4, 3, 2, 1)
    ]
    assert second["next"] is None
    row = second["data"][0]
    assert {name: row[name] for name in ("action", "aid", "by")} == {
        "action": "withdraw",
        "aid": "2",
        "by": "anybody",
    }
    assert [each["sum"] for each in row["taken"]] == [2]


async def test_others_see_nothing_and_withdraw_nothing(redis_url: str, tmp_path: Path) -> None:
    access = AccessSettings(tokens=tuple(token.line for token in TOKENS.values()))
    runtime = await open_runtime(settings_of(redis_url, tmp_path / "archive", access=access))
    async with serving(runtime) as client:
        await book(runtime, [report(), report(aid=4)])
        own = bearer(TOKENS["admin"].secret)
        path = "/v3/users/1/activities"
        assert (await client.request("DELETE", f"{path}/4", headers=own)).status == 200
        for route in (path, "/v3/users/1/audit"):
            seen = await client.request("GET", route, headers=bearer(TOKENS["reader-of-1"].secret))
            assert len(seen.json()["data"]) == 1
            other = bearer(TOKENS["reader-of-2"].secret)
            foreign = await client.request("GET", f"{route}?limit=5", headers=other)
            missing = route.replace("/1/", "/77/")
            absent = await client.request("GET", f"{missing}?limit=5", headers=own)
            assert foreign.json()["data"] == absent.json()["data"] == []
            assert foreign.json().get("watermark") == absent.json().get("watermark")
        for uid, aid in ((1, 3), (1, 99), (77, 3)):
            answer = await client.request(
                "DELETE",
                f"/v3/users/{uid}/activities/{aid}",
                headers=bearer(TOKENS["writer-of-2"].secret),
            )
            assert answer.status == 403
    await runtime.close()


async def test_a_replay_withdraws_again_whatever_the_order(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    reports = [
        {"thing": "steps", "uid": 1, "aid": aid, "value": aid, "ts2": NOON_S} for aid in (3, 4)
    ]
    for fields in reports:
        await client.write(fields)
    await withdraw(client, 3, query="?note=twice")
    await client.write(reports[0] | {"value": 99})
    await client.write(reports[0] | {"ts2": NOON_S + 9})
    before = await keyspace(runtime.store.client)
    folder = tmp_path / "archive"
    for _ in range(2):
        replay = Replay(folder, runtime.books, runtime.rules, SystemClock(), 0)
        summary = await replay.run(ALL_TIME)
        assert (summary.refused, summary.forgotten) == (0, 0)
        assert await keyspace(runtime.store.client) == before
    await runtime.store.client.delete(*(key for key in before if key.startswith("psd:{1}")))
    replay = Replay(folder, runtime.books, runtime.rules, SystemClock(), 0)
    await replay.run(ALL_TIME)
    after = await keyspace(runtime.store.client)
    log = "psd:{1}:log"
    assert {k: v for k, v in after.items() if k != log} == {
        k: v for k, v in before.items() if k != log
    }
    [(_, told)], [(_, was)] = after[log], before[log]
    assert {**told, b"took": b""} == {**was, b"took": b""}


async def test_an_audit_brings_a_lost_mark_back_from_the_archive(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    for aid in (3, 4):
        await client.write({"thing": "steps", "uid": 1, "aid": aid, "value": aid, "ts2": NOON_S})
    await withdraw(client, 3)
    before = await keyspace(runtime.store.client)
    await forget(runtime.store.client, "activity")
    async with audit_of(runtime) as audits:
        await audits.run(repair=True, archive=tmp_path / "archive")
    after = await keyspace(runtime.store.client)
    assert {k: v for k, v in after.items() if ":1:" in k} == {
        k: v for k, v in before.items() if ":1:" in k
    }
    assert await book(runtime, [report()]) == ["withdrawn"]


async def test_an_audit_brings_a_lost_mark_back_from_the_log(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(5, aid=4)])
    await withdraw(client)
    store = runtime.store.client
    before = await keyspace(store)
    await store.hdel("psd:{1}:1:a:0", b"\x03")
    async with audit_of(runtime) as audits:
        [found] = await audits.differences(repair=True)
        assert found.startswith("psd:{1}:1:a:0 aid 3: nothing, should be withdrawn")
        assert await audits.differences() == []
    assert await keyspace(store) == before


async def test_an_audit_names_a_log_that_is_none(runtime: Runtime) -> None:
    await book(runtime, [report(10)])
    await runtime.store.client.set("psd:{1}:log", "x")
    async with audit_of(runtime) as audits:
        [each] = await audits.run(repair=True)
    assert each.outcome == "found"
    assert [str(d).split()[0] for d in each.differences] == ["psd:{1}:log:"]


async def test_an_audit_takes_out_what_stands_beside_a_mark(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(5, aid=4)])
    await withdraw(client)
    store = runtime.store.client
    before = await keyspace(store)
    leaf = "psd:{1}:1:l:201604"
    await store.set("psd:{1}:1:r:3:405684", b"\x01")
    await store.hset("psd:{1}:1:r:3", "all", b"\x01\x01\x01\x01")
    await store.set(leaf, before[leaf] + before[leaf][1:5] + b"\x03\x0a")
    async with audit_of(runtime) as audits:
        found = await audits.differences(repair=True)
        assert {each.split()[0] for each in found} == {
            leaf,
            "psd:{1}:1:r:3",
            "psd:{1}:1:r:3:405684:",
        }
        assert await audits.differences() == []
    assert await keyspace(store) == before
    assert await total(client) == 5


async def test_a_withdrawal_may_come_through_the_queue(runtime: Runtime) -> None:
    message = {"command": "withdraw", "withdraw": {"uid": 1, "aid": 3, "note": "n", "by": "b"}}
    await book(runtime, [report()])
    events = runtime.rules.events(msgspec.json.encode(message), NOON_S, "m1")
    assert [each.status for each in await runtime.books.book(events)] == ["booked"]
    assert [each.status for each in await runtime.books.book(events)] == ["unchanged"]
    [entry] = await runtime.engine.withdrawals(1, 9)
    assert (entry.by, entry.note, entry.time_s) == ("b", "n", NOON_S)


@pytest.mark.parametrize(
    ("fields", "code", "start"),
    [
        (None, "malformed", "withdraw: missing"),
        ({"aid": 3}, "wrong_type", "uid: missing"),
        ({"uid": 1}, "wrong_type", "aid: missing"),
        ({"uid": "1", "aid": 3}, "wrong_type", "withdraw.uid: "),
        ({"uid": 1, "aid": 2**63}, "wrong_type", "aid: "),
        ({"uid": 1, "aid": 3, "note": "x" * 1001}, "too_large", "note: "),
        ({"uid": 1, "aid": 3, "by": "x" * 257}, "too_large", "by: "),
    ],
)
async def test_a_message_that_names_no_activity_is_refused(
    client: HttpClient, fields: Any, code: str, start: str
) -> None:
    body = msgspec.json.encode({"command": "withdraw", "withdraw": fields})
    [row] = (await client.request("POST", "/v3/events", body)).json()["data"]
    assert row["code"] == code
    assert row["message"].startswith(start)
