"""The gRPC service of rewards on a port of its own, over a reader that a test fills.

>>> reader = MemoryReader()
>>> async with serving(reader) as client:
...     reader.failure = StoreUnavailableError("redis: no answer")
...     async with refused("UNAVAILABLE", "no answer"):
...         await client.rewards.GetTotalPoints(Empty())
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

from psd.clock import ManualClock
from psd.config import AccessSettings, Settings
from psd.rewards.grpc_server import GrpcServer
from psd.rewards.grpc_service import BlacklistNote, WeekReward
from psd.rewards.proto import rewards_pb2, rewards_pb2_grpc
from tests.support.clients.access import token_for

ADDRESS = bytes(range(20))
NOW_S = 1_700_000_000
READER = token_for("phone", "read")
ADMIN = token_for("office", "admin")
OWNERS = token_for("app", "read", owners=frozenset({1}))
EXPIRED = token_for("old", "read", expires_at_s=NOW_S)
CHECKED = AccessSettings(tokens=(READER.line, ADMIN.line, OWNERS.line, EXPIRED.line))
"""Of a service that asks for one of these tokens."""


class MemoryReader:
    """A RewardsReader that holds what a test gave it; ``failure`` is raised by every method.

    While ``gate`` is cleared, who asks for all points waits, and is counted in ``waiting``.
    """

    def __init__(self) -> None:
        self.weeks: dict[int, list[WeekReward]] = {}
        self.active: dict[int, list[str]] = {}
        self.blacklist: dict[str, BlacklistNote] = {}
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

    async def blacklist_entry(self, owner: str) -> BlacklistNote | None:
        self._fail()
        return self.blacklist.get(owner)

    async def set_blacklist(self, owner: str, listed: bool, note: str, author: str) -> None:
        self._fail()
        self.authors.append(author)
        if listed:
            self.blacklist.setdefault(owner, BlacklistNote(note, NOW_S))
        else:
            self.blacklist.pop(owner, None)


class Client:
    """The generated stubs on one channel."""

    def __init__(self, channel: Any, port: int) -> None:
        self.channel = channel
        self.address = ("127.0.0.1", port)
        self.rewards = rewards_pb2_grpc.RewardsServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    async def state(self, service: str = "") -> int:
        """What the health service says of a service, or of all."""
        answer = await self.health.Check(health_pb2.HealthCheckRequest(service=service))
        status: int = answer.status
        return status


@contextlib.asynccontextmanager
async def serving(
    reader: MemoryReader, access: AccessSettings | None = None, clock: ManualClock | None = None
) -> AsyncIterator[Client]:
    """A service over the reader, and its client."""
    settings = Settings(access=access or AccessSettings())
    server = GrpcServer(settings, reader, clock, ready_every_s=0.01)
    port = await server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Client(channel, port)
    finally:
        await server.stop(1)


@contextlib.asynccontextmanager
async def refused(code: str, words: str) -> AsyncIterator[None]:
    """Expect a call to be refused with this code, and with these words among others."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() == grpc.StatusCode[code]
    assert words in caught.value.details()


def status_of(address: bytes) -> rewards_pb2.GetBlacklistStatusRequest:
    """Whether an address is listed."""
    return rewards_pb2.GetBlacklistStatusRequest(ethereum_address=address)


def listing(note: str = "", *, listed: bool = True) -> rewards_pb2.SetBlacklistStatusRequest:
    """List ADDRESS, or take it off."""
    return rewards_pb2.SetBlacklistStatusRequest(
        ethereum_address=ADDRESS, is_blacklisted=listed, note=note
    )


def between(start: Timestamp, end: Timestamp) -> rewards_pb2.GetQualifiedDevicesRequest:
    """Who was active in a range."""
    return rewards_pb2.GetQualifiedDevicesRequest(start=start, end=end)
