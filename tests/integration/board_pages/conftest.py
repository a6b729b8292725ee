"""A site of a week of steps, for whoever looks at its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.boards.board_site import STREAM, BoardSite, board_site
from tests.support.servers.redis_server import RedisServer


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[BoardSite]:
    redis_server.flush()
    async with board_site(redis_server.url, STREAM) as found:
        yield found
