"""How the gRPC server starts, tells its health and what it serves, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from psd.config import Settings
from psd.errors import StartError, StoreUnavailableError
from psd.rewards.grpc_server import GrpcServer, serve_until_signal
from tests.support.rewards.rewards_service import CHECKED, Client, MemoryReader, serving
from tests.support.servers.ports import free_ports
from tests.support.waiting import wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


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
    [port] = free_ports(1)
    reader.gate.clear()
    server = GrpcServer(Settings(), reader)
    running = asyncio.create_task(serve_until_signal(server, "127.0.0.1", port, 10))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(channel, port)
        call = asyncio.ensure_future(client.rewards.GetTotalPoints(Empty(), wait_for_ready=True))
        await wait_until("the call is under way", lambda: reader.waiting == 1)
        os.kill(os.getpid(), signal.SIGTERM)

        async def refuses() -> bool:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await client.rewards.GetAverageTokens(Empty(), timeout=60)
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
        call = asyncio.ensure_future(Client(channel, port).rewards.GetTotalPoints(Empty()))
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
    assert "install pointspace[rewards]" in done.stdout


def test_the_reader_is_implemented_without_the_extra() -> None:
    program = "import sys; sys.modules['grpc'] = None; import psd.rewards.grpc_service"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
