"""A server with small limits, on asyncio's event loop and on that of ``psd server`` (uvloop)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from psd.event_loop import new_event_loop
from tests.support.clients.limited_server import PATIENT, LimitedServer, limited_server
from tests.support.clients.raw_http import RawConnection


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of this folder runs on both."""
    return {"asyncio": asyncio.new_event_loop, "server": new_event_loop}


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[LimitedServer]:
    """No connection ends because its client is slow, as on a busy machine it may be."""
    async with limited_server(redis_url, PATIENT, idle_timeout_s=60.0) as server:
        yield server


@pytest.fixture
async def connection(server: LimitedServer) -> AsyncIterator[RawConnection]:
    async with server.raw() as connection:
        yield connection


@pytest.fixture
async def hasty_server(redis_url: str) -> AsyncIterator[LimitedServer]:
    """Whoever is slow has been too slow in less than a second."""
    async with limited_server(redis_url) as server:
        yield server


@pytest.fixture
async def hasty_connection(hasty_server: LimitedServer) -> AsyncIterator[RawConnection]:
    async with hasty_server.raw() as connection:
        yield connection
