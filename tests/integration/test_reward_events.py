"""Activity, earnings and vehicles on their ways in: the queue, HTTP, and out of the archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.replay import Replay, Summary, Window
from psd.config import (
    ArchiveSettings,
    BookingSettings,
    QueueSettings,
    RedisSettings,
    ServerSettings,
    Settings,
)
from psd.engine.plan import Range
from psd.errors import StoreUnavailableError
from psd.rewards.vehicles import Vehicle
from psd.rewards.weeks import bounds
from psd.runtime import Runtime, open_runtime
from psd.store.keys import rewards_key
from tests.support.http import Answer, HttpClient, serving
from tests.support.keyspace import keyspace
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until
from tests.support.worker_process import psd
from tests.support.worker_stack import WorkerStack, worker_running
from workers.service import build_worker

SIGNALS, PROMOTIONS = 6, 7
WEEK = bounds(5)
T = WEEK.start
ACTIVITY = {"vehicle": 7, "integration": "Smartcar", "time": "2022-03-07T05:00:00Z"}
EARNINGS = {"vehicle": 7, "thing": "promotions", "points": 500, "time": T, "id": "p-1"}
VEHICLE = {"vehicle": 7, "owner": 42, "integrations": ["Smartcar", "AutoPi"], "time": T}
KNOWN = Vehicle(7, "42", frozenset({1, 3}))


def message(command: str, part: Any) -> bytes:
    return msgspec.json.encode({"command": command, command: part})


MESSAGES = [
    message("activity", ACTIVITY),
    msgspec.msgpack.encode(
        {"command": "activities", "activities": [{**ACTIVITY, "vehicle": n} for n in range(20, 30)]}
    ),
    message("activity", {**ACTIVITY, "id": "a", "signals": ["odometer", "soc", "vin"]}),
    message("activity", {**ACTIVITY, "vehicle": 9, "signals": ["vin"]}),
    message("earnings", EARNINGS),
    message("earnings", [{**EARNINGS, "id": "p-2", "points": -20}]),
    message("vehicle", VEHICLE),
    message("vehicles", [{"vehicle": 7, "owner": 1, "time": T - 1}, {"vehicle": 8, "vin": "A"}]),
]


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive where a process in this folder has its own by default."""
    settings = stack.settings
    stack.settings = msgspec.structs.replace(
        settings,
        archive=ArchiveSettings(folder=str(tmp_path / "archive")),
        server=msgspec.structs.replace(settings.server, port=0),
    )
    return stack


@asynccontextmanager
async def archiving(stack: WorkerStack) -> AsyncIterator[Runtime]:
    """A runtime whose process accepts events."""
    runtime = await open_runtime(stack.settings, archiving=True)
    try:
        yield runtime
    finally:
        await runtime.close()


async def work_off(stack: WorkerStack, messages: list[bytes]) -> None:
    """A worker that ends with an empty queue."""
    async with archiving(stack) as runtime:
        worker = build_worker(runtime)
        working = asyncio.create_task(worker.run())
        await stack.publish(messages)
        await wait_until("nothing is left over", stack.drained)
        worker.stop()
        await working


async def sums(runtime: Runtime, vehicle: int = 7, week: Range = WEEK) -> tuple[int, int]:
    """Signals and promotions of a vehicle in a week."""
    [owner] = await runtime.engine.sums([vehicle], [SIGNALS, PROMOTIONS], [week])
    return owner.sums[SIGNALS], owner.sums[PROMOTIONS]


async def contents(runtime: Runtime) -> dict[str, Any]:
    """Every bucket and record; not the queue, nor marks for the weekly job."""
    client = runtime.store.client
    await client.delete("psd:stream:psd", "psd:stream:psd.dlq", "psd:probe")
    return await keyspace(client)


async def assert_all_is_booked(runtime: Runtime) -> None:
    assert await sums(runtime) == (3, 480)
    assert [await sums(runtime, n) for n in (20, 29, 9)] == [(1, 0), (1, 0), (0, 0)]
    assert await runtime.registry.vehicle(7) == KNOWN
    assert await runtime.registry.vehicles([8, 9, 20, 30]) == {
        8: Vehicle(8, vin="A"),
        9: Vehicle(9),
        20: Vehicle(20),
    }


async def test_the_worker_books_every_kind_of_message(stack: WorkerStack) -> None:
    await work_off(stack, MESSAGES)
    await assert_all_is_booked(stack.runtime)
    assert await stack.letters() == []


async def test_a_second_delivery_changes_nothing(stack: WorkerStack) -> None:
    # Without a time of its own a vehicle is described anew, as of now.
    once = [body for body in MESSAGES if b"vehicles" not in body]
    await work_off(stack, once)
    before = await contents(stack.runtime)
    await work_off(stack, once)
    assert await contents(stack.runtime) == before


async def test_active_on_an_integration_is_a_sum_over_the_week(stack: WorkerStack) -> None:
    await work_off(stack, [*MESSAGES, message("activity", {**ACTIVITY, "integration": "Tesla"})])
    engine = stack.runtime.engine
    found = {}
    for atid in (1, 2, 3):
        [owner] = await engine.sums([7], [SIGNALS], [WEEK], atid=atid)
        found[atid] = owner.sums[SIGNALS]
    assert found == {1: 3, 2: 1, 3: 0}
    assert await sums(stack.runtime, week=bounds(4)) == (0, 0)


POISON = {
    message("activity", {**ACTIVITY, "integration": "Horse"}): "out_of_bounds",
    message("activity", {**ACTIVITY, "time": T - 5 * 604_800 - 1}): "invalid_time",
    message("activities", [ACTIVITY, {**ACTIVITY, "vehicle": -1}]): "out_of_bounds",
    message("earnings", {**EARNINGS, "id": None}): "missing_id",
    message("earnings", {**EARNINGS, "thing": "steps"}): "unknown_thing",
    message("vehicle", {"vehicle": "7"}): "wrong_type",
    b'{"command":"vehicle"}': "malformed",
}


async def test_what_can_never_be_booked_is_put_aside_with_its_code(stack: WorkerStack) -> None:
    await work_off(stack, [*POISON, *MESSAGES])
    assert {letter.body: letter.code for letter in await stack.letters()} == POISON
    await assert_all_is_booked(stack.runtime)


async def test_an_outage_of_the_store_loses_no_vehicle(stack: WorkerStack) -> None:
    many = [message("vehicle", {"vehicle": n, "owner": 1, "time": T}) for n in range(500)]
    seen = [message("activity", {**ACTIVITY, "vehicle": n}) for n in range(500)]

    async def are_known() -> bool:
        try:
            return len(await stack.runtime.registry.of_owner("1")) == 500
        except StoreUnavailableError:
            return False

    await stack.publish([*many, *seen])
    async with worker_running(stack):
        stack.redis.kill9()
        stack.redis.start()
        await wait_until("all are known", are_known)
        await wait_until("nothing is left over", stack.drained)
    assert await stack.letters() == []
    assert [await sums(stack.runtime, n) for n in (0, 499)] == [(1, 0), (1, 0)]


async def test_late_activity_from_the_queue_marks_the_weeks_that_were_begun(
    stack: WorkerStack,
) -> None:
    await stack.runtime.store.client.set(rewards_key("begun"), 5)
    later = [{**ACTIVITY, "time": bounds(week).start} for week in (3, 6, 7)]
    await work_off(stack, [message("activities", later), message("earnings", EARNINGS)])
    marks = await stack.runtime.store.client.hgetall(rewards_key("dirty"))
    assert sorted(int(week) for week in marks) == [3, 5]


async def test_a_lost_store_comes_back_with_its_vehicles(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, MESSAGES)
    async with archiving(stack) as runtime, serving(runtime) as client:
        assert (await post(client, "activity", {**ACTIVITY, "vehicle": 60})).status == 200
        assert (
            await post(client, "earnings", {**EARNINGS, "id": "p-3", "points": 3})
        ).status == 200
        described = [{"vehicle": 61, "minted_at": T}, {"vehicle": 7, "owner": None}]
        assert (await post(client, "vehicles", described)).status == 200
    before = await contents(stack.runtime)
    stack.redis.flush()
    code, out, err = await psd(stack, tmp_path, "replay", "--from", "1", "--to", "2100-01-01")
    assert (code, err) == (0, "")
    assert out == "11 entries read: 21 booked, 1 unchanged\n"
    assert await contents(stack.runtime) == before
    code, out, err = await psd(stack, tmp_path, "replay", "--from", "1", "--to", "2100-01-01")
    assert (code, out) == (0, "11 entries read: 19 unchanged, 3 duplicate\n")
    assert await contents(stack.runtime) == before


async def test_a_verification_passes_over_what_is_kept_of_vehicles(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await stack.runtime.store.client.set(rewards_key("begun"), 9)
    await work_off(stack, MESSAGES)
    code, out, err = await psd(stack, tmp_path, "verify")
    assert (code, err) == (0, "")
    assert "different" not in out
    await stack.runtime.store.client.delete(f"psd:{{7}}:{SIGNALS}:a:0")
    archive = str(tmp_path / "archive")
    code, out, err = await psd(stack, tmp_path, "verify", "--repair", "--archive", archive)
    assert (code, err) == (0, "")
    assert "1 repaired" in out
    await assert_all_is_booked(stack.runtime)


async def post(client: HttpClient, kind: str, body: Any) -> Answer:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.request("POST", f"/v3/{kind}", content)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[tuple[HttpClient, Runtime]]:
    settings = Settings(
        redis=RedisSettings(url=redis_url),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0, body_bytes_max=20_000),
        booking=BookingSettings(batch_reports_max=10),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        yield client, runtime
    await runtime.close()


def counts(answer: Answer) -> tuple[int, int, int, int]:
    """Booked, unchanged, duplicate and refused."""
    found = answer.json()
    return found["booked"], found["unchanged"], found["duplicate"], len(found["refused"])


async def test_activity_is_booked_by_list_object_and_line(
    client: tuple[HttpClient, Runtime],
) -> None:
    http, runtime = client
    for body, expected in (
        ([ACTIVITY, {**ACTIVITY, "vehicle": 8}], (2, 0, 0, 0)),
        ({**ACTIVITY, "id": "a"}, (1, 0, 0, 0)),
        (b'{\n"vehicle": 9,\n"integration": "Tesla",\n"time": %d\n}' % T, (1, 0, 0, 0)),
        (
            msgspec.json.encode(ACTIVITY) + b"\n" + msgspec.json.encode({**ACTIVITY, "id": "a"}),
            (0, 2, 0, 0),
        ),
        ([], (0, 0, 0, 0)),
        (b"", (0, 0, 0, 0)),
    ):
        answer = await post(http, "activity", body)
        assert (answer.status, counts(answer)) == (200, expected)
    assert [await sums(runtime, vehicle) for vehicle in (7, 8, 9)] == [(2, 0), (1, 0), (1, 0)]


async def test_earnings_are_booked_once_for_their_id(client: tuple[HttpClient, Runtime]) -> None:
    http, runtime = client
    body = [EARNINGS, {**EARNINGS, "id": "p-2", "points": -20}, EARNINGS]
    assert counts(await post(http, "earnings", body)) == (2, 0, 1, 0)
    assert counts(await post(http, "earnings", body)) == (0, 0, 3, 0)
    assert await sums(runtime) == (0, 480)


async def test_vehicles_are_kept_as_they_are_said(client: tuple[HttpClient, Runtime]) -> None:
    http, runtime = client
    assert counts(await post(http, "vehicles", [VEHICLE, {"vehicle": 8}])) == (2, 0, 0, 0)
    assert counts(await post(http, "vehicles", [VEHICLE, {"vehicle": 8}])) == (0, 2, 0, 0)
    assert await runtime.registry.vehicle(7) == KNOWN
    assert counts(await post(http, "vehicles", {"vehicle": 7, "owner": None})) == (1, 0, 0, 0)
    assert await runtime.registry.of_owner("42") == []


async def test_a_bad_element_does_not_hold_back_the_others(
    client: tuple[HttpClient, Runtime],
) -> None:
    http, runtime = client
    body = [{**ACTIVITY, "integration": "Horse"}, ACTIVITY, 5, {**ACTIVITY, "time": "soon"}, {}]
    answer = await post(http, "activity", body)
    assert (answer.status, counts(answer)) == (406, (1, 0, 0, 4))
    refused = answer.json()["refused"]
    assert [(each["index"], each["code"]) for each in refused] == [
        (0, "out_of_bounds"),
        (2, "malformed"),
        (3, "invalid_time"),
        (4, "wrong_type"),
    ]
    assert refused[0]["message"] == (
        "integration: 'Horse' is unknown; known are Smartcar, Tesla, AutoPi"
    )
    assert await sums(runtime) == (1, 0)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[1", 400, "malformed"),
        (b"[" * 5000, 422, "too_large"),
        (b"[" + b",".join([b"{}"] * 11) + b"]", 422, "too_large"),
        (b" " * 20_001, 413, ""),
    ],
)
async def test_a_body_that_is_no_list_is_a_problem(
    client: tuple[HttpClient, Runtime], body: bytes, status: int, code: str
) -> None:
    http, runtime = client
    for kind in ("activity", "earnings", "vehicles"):
        answer = await post(http, kind, body)
        assert answer.status == status
        if code:
            assert answer.content_type == "application/problem+json"
            assert answer.json()["code"] == code
    assert not [key for key in await contents(runtime) if key != "psd:schema"]


async def test_messages_about_vehicles_are_enqueued_when_they_keep_the_rules(
    client: tuple[HttpClient, Runtime],
) -> None:
    http, _ = client
    answer = await http.request(
        "POST", "/v1/enqueue", b"\n".join(each for each in MESSAGES if each[:1] == b"{")
    )
    assert (answer.status, answer.json()) == (202, {"enqueued": 7})
    answer = await http.request("POST", "/v1/enqueue", next(iter(POISON)))
    assert answer.status == 406
    assert "Horse" in answer.text


async def test_a_store_that_is_away_answers_503_and_nothing_is_lost(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    settings = Settings(
        redis=RedisSettings(url=own_redis.url, timeout_s=0.5),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
        archive=ArchiveSettings(folder=str(tmp_path / "archive")),
    )
    runtime = await open_runtime(settings, archiving=True)
    bodies = {"activity": [ACTIVITY], "earnings": [EARNINGS], "vehicles": [VEHICLE]}
    async with serving(runtime) as http:
        own_redis.kill9()
        for kind, body in bodies.items():
            answer = await post(http, kind, body)
            assert (answer.status, answer.json()["code"]) == (503, "store_unavailable")
        own_redis.start()

        async def replay(horizon_s: int) -> Summary:
            folder = tmp_path / "archive"
            replaying = Replay(folder, runtime.books, runtime.rules, runtime.clock, horizon_s)
            return await replaying.run(Window(0, 1 << 60))

        assert (await replay(86_400)).outcomes == {"booked": 3}
        # What cannot be told from a new one is left out; a change of a vehicle always can.
        again = await replay(0)
        assert (again.outcomes, again.forgotten) == ({"unchanged": 2}, 1)
        for kind, body in bodies.items():
            assert counts(await post(http, kind, body)) in ((0, 1, 0, 0), (0, 0, 1, 0))
    assert await sums(runtime) == (1, 500)
    assert await runtime.registry.vehicle(7) == KNOWN
    await runtime.close()
