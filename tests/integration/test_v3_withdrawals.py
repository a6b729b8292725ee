"""Taking an activity back, over HTTP and through the queue, and who did that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.reader import read_entries
from psd.engine.events import TIME_END_S
from psd.runtime import Runtime
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.activities import NOON, listed, withdraw
from tests.support.clients.http import HttpClient, serving, total
from tests.support.engine import NOON_S, book, engine_on, report
from tests.support.stored.keyspace import keyspace

TOKENS = {
    "admin": token_for("admin", "admin"),
    "reader-of-1": token_for("reader-of-1", "read", frozenset({1})),
    "reader-of-2": token_for("reader-of-2", "read", frozenset({2})),
    "writer-of-2": token_for("writer-of-2", "write", frozenset({2})),
}


async def test_a_withdrawn_activity_is_gone_from_every_answer(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(4, thing=2), report(7, aid=4)])
    answer = await withdraw(client, query="?note=counted+twice")
    taken = {"bookings": 1, "first": NOON, "last": NOON, "atid": "2"}
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


async def test_others_see_nothing_and_withdraw_nothing(redis_url: str) -> None:
    flags = {"queue.kind": "stream", **asked_of(*TOKENS.values())}
    async with engine_on(redis_url, flags) as runtime, serving(runtime) as client:
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
        ({"uid": 1.5, "aid": 3}, "wrong_type", "withdraw.uid: "),
        ({"uid": "01", "aid": 3}, "wrong_type", "uid: "),
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
