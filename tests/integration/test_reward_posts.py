"""Activity, earnings and vehicles over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from psd.archive.replay import AcceptedTimes, Replay, ReplaySummary
from psd.config import (
    ArchiveSettings,
    BookingSettings,
    QueueSettings,
    RedisSettings,
    ServerSettings,
    Settings,
)
from psd.rewards.part import RewardsPart
from psd.runtime import Runtime, open_runtime
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.engine import PATIENCE_S
from tests.support.rewards.reward_events import (
    ACTIVITY,
    EARNINGS,
    KNOWN,
    MESSAGES,
    POISON,
    VEHICLE,
    T,
    contents,
    post,
    sums,
)
from tests.support.servers.redis_server import RedisServer


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
    assert await runtime.part(RewardsPart).registry.vehicle(7) == KNOWN
    assert counts(await post(http, "vehicles", {"vehicle": 7, "owner": None})) == (1, 0, 0, 0)
    assert await runtime.part(RewardsPart).registry.of_owner("42") == []


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
        redis=RedisSettings(url=own_redis.url, timeout_s=PATIENCE_S),
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

        async def replay(horizon_s: int) -> ReplaySummary:
            folder = tmp_path / "archive"
            replaying = Replay(folder, runtime.books, runtime.rules, runtime.clock, horizon_s)
            return await replaying.run(AcceptedTimes(0, 1 << 60))

        # What was answered by a 503 has no number in the archive: nothing was done.
        assert (await replay(86_400)).outcomes == {}
        for kind, body in bodies.items():
            assert (await post(http, kind, body)).status == 200
        # What cannot be told from a new one is left out; a change of a vehicle always can.
        again = await replay(0)
        assert (again.outcomes, again.forgotten) == ({"unchanged": 2}, 1)
        for kind, body in bodies.items():
            assert counts(await post(http, kind, body)) in ((0, 1, 0, 0), (0, 0, 1, 0))
    assert await sums(runtime) == (1, 500)
    assert await runtime.part(RewardsPart).registry.vehicle(7) == KNOWN
    await runtime.close()
