"""The server that the tests of named boards ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clients.http_boards import BoardsClient, boards_on


@pytest.fixture
async def boards(redis_url: str) -> AsyncIterator[BoardsClient]:
    async with boards_on(redis_url) as boards:
        yield boards
