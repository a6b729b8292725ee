"""The RewardsService over its wire: each call, its errors, who may ask, health, reflection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from psd.clock import ManualClock
from psd.config import AccessSettings, Settings
from psd.errors import ConfigError, ShapeError, StartError, StoreUnavailableError
from psd.rewards.grpc_server import GrpcServer, serve_until_signal
from psd.rewards.grpc_service import BlacklistEntry, WeekReward, check_grpc_exposure
from psd.rewards.proto import rewards_pb2, rewards_pb2_grpc
from tests.support.access import Token, token_for
from tests.support.waiting import wait_until

ADDRESS = bytes(range(20))
OWNER = "0x000102030405060708090a0b0c0d0e0f10111213"
NOW_S = 1_700_000_000
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class MemoryReader:
    """A RewardsReader that holds what a test gave it; ``failure`` is raised by every method."""

    def __init__(self) -> None:
        self.weeks: dict[int, list[WeekReward]] = {}
        self.active: dict[int, list[str]] = {}
        self.blacklist: dict[str, BlacklistEntry] = {}
        self.authors: list[str] = []
        self.ranges: list[tuple[int, int]] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def ready(self) -> bool:
        self._fail()
        return True

    async def total_points(self) -> int:
        self._fail()
        self.waiting += 1
        await self.gate.wait()
        return 2**60

    async def average_tokens(self) -> int:
        self._fail()
        return 151

    async def device_rewards(self, vehicle: int) -> list[WeekReward]:
        self._fail()
        return self.weeks.get(vehicle, [])

    async def qualified(self, start_s: int, end_s: int) -> AsyncIterator[tuple[int, list[str]]]:
        self.ranges.append((start_s, end_s))
        for each in self.active.items():
            yield each
        self._fail()

    async def blacklist_entry(self, owner: str) -> BlacklistEntry | None:
        self._fail()
        return self.blacklist.get(owner)

    async def set_blacklist(self, owner: str, listed: bool, note: str, author: str) -> None:
        self._fail()
        self.authors.append(author)
        if listed:
            self.blacklist.setdefault(owner, BlacklistEntry(note, NOW_S))
        else:
            self.blacklist.pop(owner, None)


class Client:
    """The generated stubs on one channel."""

    def __init__(self, channel: Any) -> None:
        self.rewards = rewards_pb2_grpc.RewardsServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    async def state(self, service: str = "") -> int:
        answer = await self.health.Check(health_pb2.HealthCheckRequest(service=service))
        return answer.status


@contextlib.asynccontextmanager
async def serving(
    reader: MemoryReader, access: AccessSettings | None = None, clock: ManualClock | None = None
) -> AsyncIterator[Client]:
    settings = Settings(access=access or AccessSettings())
    server = GrpcServer(settings, reader, clock, ready_every_s=0.01)
    port = await server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Client(channel)
    finally:
        await server.stop(1)


@pytest.fixture
def reader() -> MemoryReader:
    return MemoryReader()


@pytest.fixture
async def client(reader: MemoryReader) -> AsyncIterator[Client]:
    async with serving(reader) as made:
        yield made


@contextlib.asynccontextmanager
async def refused(code: str, words: str) -> AsyncIterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() == grpc.StatusCode[code]
    assert words in caught.value.details()


def bearer(token: Token) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token.secret}"),)


def status_of(address: bytes) -> rewards_pb2.GetBlacklistStatusRequest:
    return rewards_pb2.GetBlacklistStatusRequest(ethereum_address=address)


def listing(note: str = "", *, listed: bool = True) -> rewards_pb2.SetBlacklistStatusRequest:
    return rewards_pb2.SetBlacklistStatusRequest(
        ethereum_address=ADDRESS, is_blacklisted=listed, note=note
    )


def between(start: Timestamp, end: Timestamp) -> rewards_pb2.GetQualifiedDevicesRequest:
    return rewards_pb2.GetQualifiedDevicesRequest(start=start, end=end)


# What it answers


async def test_totals_and_averages_are_the_readers(client: Client) -> None:
    assert (await client.rewards.GetTotalPoints(Empty())).totalPoints == 2**60
    assert (await client.rewards.GetAverageTokens(Empty())).averageTokens == 151


async def test_a_vehicle_is_told_week_by_week_in_tokens(
    client: Client, reader: MemoryReader
) -> None:
    reader.weeks[7] = [
        WeekReward(date(2022, 2, 7), 15 * 10**17, 1, 0, ["Smartcar", "AutoPi"]),
        WeekReward(date(2022, 2, 14), 0, 1, 1, []),
    ]
    answer = await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id="7"))
    assert (answer.id, answer.tokens) == ("7", 1.5)
    weeks = [
        (each.end_date, each.tokens, each.connection_streak, each.disconnection_streak)
        for each in answer.weeks
    ]
    assert weeks == [("2022-02-07", 1.5, 1, 0), ("2022-02-14", 0.0, 1, 1)]
    assert list(answer.weeks[0].integration_ids) == ["Smartcar", "AutoPi"]


async def test_a_vehicle_without_a_row_has_no_weeks(client: Client) -> None:
    answer = await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id="8"))
    assert (answer.id, answer.tokens, len(answer.weeks)) == ("8", 0.0, 0)


@pytest.mark.parametrize("text", ["", "2AbcDeviceId", "-1", "07", "1.0", "9" * 19, "\u0667"])
async def test_an_id_that_is_no_vehicle_is_refused(client: Client, text: str) -> None:
    async with refused("INVALID_ARGUMENT", "is no vehicle"):
        await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id=text))


async def test_qualified_vehicles_come_one_by_one(client: Client, reader: MemoryReader) -> None:
    reader.active = {7: ["Tesla"], 9: ["Smartcar", "AutoPi"]}
    call = client.rewards.GetQualifiedDevices(
        between(Timestamp(seconds=100, nanos=1), Timestamp(seconds=200))
    )
    found = [(each.id, list(each.integration_ids)) async for each in call]
    assert found == [("7", ["Tesla"]), ("9", ["Smartcar", "AutoPi"])]
    # Second 100 began before the start, so the first that counts is 101.
    assert reader.ranges == [(101, 200)]


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0, 0), (200, 100), (-1, 100), (100, 7_258_118_401)]
)
async def test_a_range_that_does_not_grow_or_leaves_the_calendar_is_refused(
    client: Client, reader: MemoryReader, start_s: int, end_s: int
) -> None:
    async with refused("INVALID_ARGUMENT", "must grow"):
        request = between(Timestamp(seconds=start_s), Timestamp(seconds=end_s))
        [each async for each in client.rewards.GetQualifiedDevices(request)]
    assert reader.ranges == []


async def test_a_stream_that_breaks_ends_with_the_error(
    client: Client, reader: MemoryReader
) -> None:
    reader.active = {7: ["Tesla"]}
    reader.failure = StoreUnavailableError("redis: no answer")
    seen = []
    async with refused("UNAVAILABLE", "redis: no answer"):
        request = between(Timestamp(seconds=1), Timestamp(seconds=2))
        async for each in client.rewards.GetQualifiedDevices(request):
            seen.append(each.id)
    assert seen == ["7"]


# The blacklist


async def test_an_address_that_is_not_listed_has_an_empty_note_and_time_zero(
    client: Client,
) -> None:
    answer = await client.rewards.GetBlacklistStatus(status_of(ADDRESS))
    assert (answer.is_blacklisted, answer.note) == (False, "")
    assert answer.HasField("created_at")
    assert answer.created_at.seconds == 0


async def test_listing_twice_keeps_the_first_note_and_time(
    client: Client, reader: MemoryReader
) -> None:
    await client.rewards.SetBlacklistStatus(listing("first"))
    await client.rewards.SetBlacklistStatus(listing("second"))
    answer = await client.rewards.GetBlacklistStatus(status_of(ADDRESS))
    assert (answer.is_blacklisted, answer.note) == (True, "first")
    assert answer.created_at.seconds == NOW_S
    assert list(reader.blacklist) == [OWNER]


async def test_taking_an_address_off_may_be_repeated(client: Client, reader: MemoryReader) -> None:
    await client.rewards.SetBlacklistStatus(listing("first"))
    await client.rewards.SetBlacklistStatus(listing(listed=False))
    await client.rewards.SetBlacklistStatus(listing(listed=False))
    assert reader.blacklist == {}


@pytest.mark.parametrize("length", [0, 19, 21])
async def test_an_address_has_20_bytes(client: Client, reader: MemoryReader, length: int) -> None:
    async with refused("INVALID_ARGUMENT", f"ethereum_address: {length} bytes"):
        await client.rewards.GetBlacklistStatus(status_of(bytes(length)))
    async with refused("INVALID_ARGUMENT", f"ethereum_address: {length} bytes"):
        await client.rewards.SetBlacklistStatus(
            rewards_pb2.SetBlacklistStatusRequest(
                ethereum_address=bytes(length), is_blacklisted=True
            )
        )
    assert reader.authors == []


async def test_a_note_that_is_too_long_lists_nobody(client: Client, reader: MemoryReader) -> None:
    async with refused("INVALID_ARGUMENT", "note: 1001 characters"):
        await client.rewards.SetBlacklistStatus(listing("x" * 1001))
    assert reader.authors == []


# Errors


async def test_a_store_that_is_away_is_unavailable_and_no_zero(
    client: Client, reader: MemoryReader
) -> None:
    reader.failure = StoreUnavailableError("redis: no answer")
    for call, request in (
        (client.rewards.GetTotalPoints, Empty()),
        (client.rewards.GetAverageTokens, Empty()),
        (client.rewards.GetDeviceRewards, rewards_pb2.GetDeviceRewardsRequest(id="7")),
        (client.rewards.GetBlacklistStatus, status_of(ADDRESS)),
        (client.rewards.SetBlacklistStatus, listing()),
    ):
        async with refused("UNAVAILABLE", "redis: no answer"):
            await call(request)


async def test_an_error_of_the_store_does_not_show_its_keys(
    client: Client, reader: MemoryReader
) -> None:
    reader.failure = ShapeError("psd:secret key")
    async with refused("INTERNAL", "internal error: bad_shape"):
        await client.rewards.GetTotalPoints(Empty())


# Who may ask

READER = token_for("phone", "read")
ADMIN = token_for("office", "admin")
OWNERS = token_for("app", "read", owners=frozenset({1}))
EXPIRED = token_for("old", "read", expires_at_s=NOW_S)
CHECKED = AccessSettings(tokens=(READER.line, ADMIN.line, OWNERS.line, EXPIRED.line))


async def test_with_tokens_every_call_needs_one(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        ask = client.rewards.GetTotalPoints
        assert (await ask(Empty(), metadata=bearer(READER))).totalPoints == 2**60
        async with refused("UNAUTHENTICATED", "a token is needed"):
            await ask(Empty())
        async with refused("UNAUTHENTICATED", "token: not known"):
            await ask(Empty(), metadata=bearer(token_for("stranger", "read")))
        async with refused("UNAUTHENTICATED", "token: expired"):
            await ask(Empty(), metadata=bearer(EXPIRED))
        async with refused("UNAUTHENTICATED", "expected once"):
            await ask(Empty(), metadata=bearer(READER) * 2)
        async with refused("UNAUTHENTICATED", "expected once"):
            await ask(Empty(), metadata=(("authorization", f"Basic {READER.secret}"),))


async def test_a_stream_needs_a_token_too(reader: MemoryReader) -> None:
    async with (
        serving(reader, CHECKED, ManualClock(NOW_S)) as client,
        refused("UNAUTHENTICATED", "a token is needed"),
    ):
        request = between(Timestamp(seconds=1), Timestamp(seconds=2))
        [each async for each in client.rewards.GetQualifiedDevices(request)]
    assert reader.ranges == []


async def test_the_blacklist_is_an_admins_to_set(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        async with refused("PERMISSION_DENIED", "scope admin"):
            await client.rewards.SetBlacklistStatus(listing(), metadata=bearer(READER))
        assert reader.authors == []
        await client.rewards.SetBlacklistStatus(listing("why"), metadata=bearer(ADMIN))
        assert reader.authors == ["office"]
        status = await client.rewards.GetBlacklistStatus(
            status_of(ADDRESS), metadata=bearer(READER)
        )
        assert status.is_blacklisted is True


async def test_a_token_of_single_owners_is_refused(reader: MemoryReader) -> None:
    async with (
        serving(reader, CHECKED, ManualClock(NOW_S)) as client,
        refused("PERMISSION_DENIED", "a token of all owners"),
    ):
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(OWNERS))


async def test_a_token_taken_out_of_the_file_is_refused_without_a_restart(
    reader: MemoryReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.rewards.grpc_service.READ_TOKENS_EVERY_S", 0)
    file = tmp_path / "tokens"
    file.write_text(READER.line)
    access = AccessSettings(tokens_file=str(file))
    async with serving(reader, access, ManualClock(NOW_S)) as client:
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))
        file.write_text("half a li")
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))
        file.write_text(ADMIN.line)
        async with refused("UNAUTHENTICATED", "token: not known"):
            await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))


def test_other_machines_are_not_served_without_tokens() -> None:
    with pytest.raises(ConfigError, match=r"rewards\.grpc_host = '0\.0\.0\.0'"):
        check_grpc_exposure(AccessSettings(), "0.0.0.0")
    with pytest.raises(ConfigError, match="gRPC reads no JWTs"):
        check_grpc_exposure(AccessSettings(jwks="https://login.example/keys"), "0.0.0.0")
    with pytest.raises(ConfigError, match="remove one of both"):
        check_grpc_exposure(msgspec.structs.replace(CHECKED, insecure=True), "127.0.0.1")
    assert check_grpc_exposure(CHECKED, "0.0.0.0") == ""
    assert check_grpc_exposure(AccessSettings(), "127.0.0.1") == ""
    assert "everyone" in check_grpc_exposure(AccessSettings(insecure=True), "0.0.0.0")
    assert "refused" in check_grpc_exposure(AccessSettings(jwks="https://x"), "127.0.0.1")


# Health, reflection, start and stop


async def test_health_follows_the_reader_and_needs_no_token(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED) as client:
        assert await client.state() == SERVING
        assert await client.state("rewards.RewardsService") == SERVING
        reader.failure = StoreUnavailableError("redis: no answer")

        async def fallen() -> bool:
            return await client.state("rewards.RewardsService") == NOT_SERVING

        async def risen() -> bool:
            return await client.state() == SERVING

        await wait_until("health follows the store down", fallen)
        reader.failure = None
        await wait_until("health follows the store up", risen)


async def test_reflection_lists_the_services_and_needs_no_token(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED) as client:

        async def questions() -> AsyncIterator[Any]:
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        async for answer in client.reflection.ServerReflectionInfo(questions()):
            names = [each.name for each in answer.list_services_response.service]
            assert names == [
                "grpc.health.v1.Health",
                "grpc.reflection.v1alpha.ServerReflection",
                "rewards.RewardsService",
            ]
            break


async def test_a_port_that_is_taken_is_told(reader: MemoryReader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = GrpcServer(Settings(), reader)
        with pytest.raises(StartError, match="cannot be listened on"):
            await server.start("127.0.0.1", taken.getsockname()[1])
        await server.stop(0)


async def test_a_signal_lets_calls_under_way_end(reader: MemoryReader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reader.gate.clear()
    server = GrpcServer(Settings(), reader)
    running = asyncio.create_task(serve_until_signal(server, "127.0.0.1", port, 10))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(channel)
        call = asyncio.ensure_future(client.rewards.GetTotalPoints(Empty(), wait_for_ready=True))
        await wait_until("the call is under way", lambda: reader.waiting == 1)
        os.kill(os.getpid(), signal.SIGTERM)

        async def refuses() -> bool:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await client.rewards.GetAverageTokens(Empty(), timeout=5)
                return False
            return True

        await wait_until("new calls are refused", refuses)
        reader.gate.set()
        assert (await call).totalPoints == 2**60
        await running


async def test_a_call_that_outlasts_the_grace_is_cut_off(reader: MemoryReader) -> None:
    reader.gate.clear()
    server = GrpcServer(Settings(), reader)
    port = await server.start("127.0.0.1", 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = asyncio.ensure_future(Client(channel).rewards.GetTotalPoints(Empty()))
        await wait_until("the call is under way", lambda: reader.waiting == 1)
        await server.stop(0.05)
        with pytest.raises(grpc.aio.AioRpcError):
            await call


@pytest.mark.parametrize("module", ["psd.rewards.grpc_server", "psd.rewards.sources.descriptions"])
def test_a_missing_package_is_told_with_the_extra_that_brings_it(module: str) -> None:
    program = f"""
import sys
sys.modules["grpc"] = None
from psd.errors import ConfigError
try:
    import {module}
except ConfigError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "install psd[rewards]" in done.stdout


def test_the_reader_is_implemented_without_the_extra() -> None:
    program = "import sys; sys.modules['grpc'] = None; import psd.rewards.grpc_service"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
