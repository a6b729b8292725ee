"""Calls of those who show no token: few at once, not for long, and never in the way of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from psd.clock import ManualClock
from psd.config import AccessSettings
from psd.rewards import grpc_server
from psd.rewards.grpc_limits import STRANGERS_MAX, CallPlaces
from tests.support.rewards.rewards_service import (
    CHECKED,
    NOW_S,
    READER,
    Client,
    MemoryReader,
    refused,
    serving,
)
from tests.support.waiting import wait_until

BEARER = (("authorization", f"Bearer {READER.secret}"),)
POINTS = "/rewards.RewardsService/GetTotalPoints"
CHECK = "/grpc.health.v1.Health/Check"
FLOOD = 300


@pytest.fixture
async def checked(reader: MemoryReader) -> AsyncIterator[Client]:
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        yield client


def watch(client: Client, metadata: tuple[tuple[str, str], ...] = ()) -> Any:
    return client.health.Watch(health_pb2.HealthCheckRequest(), metadata=metadata)


def reflect(client: Client) -> Any:
    async def questions() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        await asyncio.Event().wait()

    return client.reflection.ServerReflectionInfo(questions())


@pytest.mark.parametrize("opened", [watch, reflect])
@pytest.mark.parametrize("access", [CHECKED, AccessSettings()], ids=["tokens", "open"])
async def test_streams_of_strangers_keep_nobody_out_and_the_newest_are_kept(
    reader: MemoryReader, opened: Any, access: AccessSettings
) -> None:
    async with serving(reader, access, ManualClock(NOW_S)) as client:
        streams = []
        for _ in range(FLOOD):
            streams.append(opened(client))
            await streams[-1].read()
        await wait_until(
            "all but the newest have made room",
            lambda: sum(stream.done() for stream in streams) == FLOOD - STRANGERS_MAX,
        )
        assert not any(stream.done() for stream in streams[-STRANGERS_MAX:])
        assert await streams[0].code() == grpc.StatusCode.UNAVAILABLE
        answer = await client.rewards.GetTotalPoints(Empty(), metadata=BEARER)
        assert answer.totalPoints == 2**60
        assert await client.state() == health_pb2.HealthCheckResponse.SERVING
        for stream in streams:
            stream.cancel()


async def test_a_watch_with_a_token_makes_room_for_no_stranger(checked: Client) -> None:
    known = watch(checked, BEARER)
    await known.read()
    others = [watch(checked) for _ in range(3 * STRANGERS_MAX)]
    for other in others:
        # A client learns of an end only behind the messages before it.
        await other.read()
    await wait_until(
        "strangers made room", lambda: sum(each.done() for each in others) == 2 * STRANGERS_MAX
    )
    assert not known.done()
    for stream in (known, *others):
        stream.cancel()


async def test_a_strangers_stream_ends_in_time_and_a_known_one_goes_on(
    reader: MemoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_server, "CallPlaces", partial(CallPlaces, stranger_s=0.2))
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        known, stranger = watch(client, BEARER), watch(client)
        await known.read()
        await stranger.read()
        assert await stranger.code() == grpc.StatusCode.UNAVAILABLE
        assert not known.done()
        known.cancel()


@pytest.mark.parametrize(("method", "metadata"), [(CHECK, ()), (CHECK, BEARER), (POINTS, BEARER)])
async def test_a_call_whose_message_never_comes_ends(
    reader: MemoryReader,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    metadata: tuple[tuple[str, str], ...],
) -> None:
    monkeypatch.setattr(grpc_server, "CallPlaces", partial(CallPlaces, message_timeout_s=0.2))
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        silent = client.channel.stream_stream(method)(metadata=metadata)
        assert await silent.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        ended = client.channel.stream_stream(method)(metadata=metadata)
        await ended.done_writing()
        assert await ended.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert await ended.details() == "the message is missing"


async def test_nothing_of_a_strangers_message_is_read(
    checked: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for metadata in ((), (("authorization", "Bearer psd_x"),)):
        async with refused("UNAUTHENTICATED", "token"):
            await checked.channel.unary_unary(POINTS)(b"\xff" * 60_000, metadata=metadata)
        waiting = checked.channel.stream_stream(POINTS)(metadata=metadata)
        assert await waiting.code() == grpc.StatusCode.UNAUTHENTICATED, "no message is waited for"
    assert not caplog.records


async def test_a_message_that_is_none_is_the_senders_fault_and_no_line_in_the_log(
    checked: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for method, metadata in ((CHECK, ()), (POINTS, BEARER)):
        async with refused("INVALID_ARGUMENT", "malformed"):
            await checked.channel.unary_unary(method)(b"\xff" * 60, metadata=metadata)
    async with refused("RESOURCE_EXHAUSTED", "larger than max"):
        await checked.channel.unary_unary(CHECK)(b"\x0a" * 70_000)
    assert not caplog.records


async def test_a_message_that_unpacks_past_the_limit_is_refused(checked: Client) -> None:
    bomb = health_pb2.HealthCheckRequest(service="x" * 30_000_000)
    async with refused("RESOURCE_EXHAUSTED", "larger than max"):
        await checked.health.Check(bomb, compression=grpc.Compression.Gzip)


async def test_calls_of_those_who_are_known_have_a_limit_of_their_own(
    checked: Client, reader: MemoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.rewards.grpc_limits.CALLS_MAX", 2)
    reader.gate.clear()
    held = [checked.rewards.GetTotalPoints(Empty(), metadata=BEARER) for _ in range(2)]
    await wait_until("both are under way", lambda: reader.waiting == 2)
    async with refused("RESOURCE_EXHAUSTED", "more than 2 calls"):
        await checked.rewards.GetTotalPoints(Empty(), metadata=BEARER)
    assert await checked.state() == health_pb2.HealthCheckResponse.SERVING
    reader.gate.set()
    assert [(await call).totalPoints for call in held] == [2**60] * 2


async def test_connections_have_a_limit_below_that_of_descriptors(
    reader: MemoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_server, "CONNECTIONS_MAX", 3)
    async with serving(reader) as client:
        assert await client.state() == health_pb2.HealthCheckResponse.SERVING
        opened = [await asyncio.open_connection(*client.address) for _ in range(4)]
        ended = [asyncio.create_task(until_end(stream)) for stream, _ in opened]
        await wait_until("those too many are closed", lambda: sum(e.done() for e in ended) >= 2)
        assert await client.state() == health_pb2.HealthCheckResponse.SERVING
        for task, (_, writer) in zip(ended, opened, strict=True):
            writer.close()
            task.cancel()


async def until_end(stream: asyncio.StreamReader) -> None:
    try:
        while await stream.read(1000):
            pass
    except ConnectionError:
        return
