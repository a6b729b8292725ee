"""The service that most of these tests call, and the reader behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.rewards.rewards_service import Client, MemoryReader, serving


@pytest.fixture
def reader() -> MemoryReader:
    return MemoryReader()


@pytest.fixture
async def client(reader: MemoryReader) -> AsyncIterator[Client]:
    async with serving(reader) as made:
        yield made
